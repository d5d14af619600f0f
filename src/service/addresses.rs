//! Where the service, its sandbox and the SDK's script are reached.

use std::net::SocketAddr;

use crate::config::{Config, Gateway};

/// Plain http is allowed to this machine and in development only: what is there is a sandbox.
pub(super) fn is_stand_alone_sandbox(config: &Config) -> bool {
    matches!(&config.kiwoom.gateway, Gateway::Remote { base_url, .. } if base_url.scheme() == "http")
}

/// Where browsers reach the service: `PUBLIC_URL`, else this machine's own name.
pub(super) fn public_url(config: &Config, address: SocketAddr) -> String {
    if let Some(url) = &config.public_url {
        return url.as_str().trim_end_matches('/').to_owned();
    }
    let reachable = reachable(address);
    let local = reachable.ip().is_loopback();
    let host = if local { format!("localhost:{}", address.port()) } else { reachable.to_string() };
    format!("http://{host}")
}

/// The SDK's script (protocol section 3).
pub(super) fn sdk_url(config: &Config, public_url: &str) -> String {
    match &config.kiwoom.gateway {
        Gateway::Sandbox => format!("{public_url}/sandbox/sdk.js"),
        Gateway::Remote { base_url, .. } if is_stand_alone_sandbox(config) => {
            format!("{base_url}/sdk.js")
        }
        Gateway::Remote { .. } => {
            "https://ssl-v2.kiwoompay.co.kr/sdk/v1/latest/kiwoompayEnc.js".to_owned()
        }
    }
}

/// An address that this machine can connect to, for one that listens everywhere.
pub(super) fn reachable(address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        SocketAddr::from(([127, 0, 0, 1], address.port()))
    } else {
        address
    }
}
