//! `KIWOOM_*`: which gateway, and how it is spoken to.

use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use crate::config::read::Reader;
use crate::config::{Gateway, KiwoomConfig, codes_file};

/// `KIWOOM_*`; the sandbox where development has neither merchant nor gateway.
pub(super) fn read(r: &mut Reader, production: bool) -> Option<KiwoomConfig> {
    let gateway = gateway(r, production);
    let sandboxed = gateway.as_ref().is_none_or(Gateway::is_sandbox);
    let known = ["1", "2", "13", "14", "18"];
    let bill_type = r.text("KIWOOM_BILL_TYPE").unwrap_or_else(|| "14".to_owned());
    if !known.contains(&bill_type.as_str()) {
        r.wrong::<()>("KIWOOM_BILL_TYPE", "one of 1, 2, 13, 14, 18");
    }
    let codes = codes_file::read(r);
    let sdk_mode = if production { "REAL" } else { "DEV" };
    let sdk_mode = r.text("KIWOOM_SDK_MODE").unwrap_or_else(|| sdk_mode.to_owned());
    let timeout_secs = r.number("KIWOOM_TIMEOUT_SECS", 1..=300, 35);
    let rate_per_sec = r.number("KIWOOM_RATE_PER_SEC", 0..=1000, if sandboxed { 0 } else { 3 });
    Some(KiwoomConfig {
        gateway: gateway?,
        bill_type,
        codes,
        sdk_mode,
        timeout: Duration::from_secs(timeout_secs),
        rate_per_sec,
    })
}

/// In development the sandbox takes KiwoomPay's place until CPID and key are both there.
fn gateway(r: &mut Reader, production: bool) -> Option<Gateway> {
    let base_url = r.base_url(production);
    let key_name = if production { "KIWOOM_PROD_AUTH_KEY" } else { "KIWOOM_TEST_AUTH_KEY" };
    let cpid = r.cpid(production);
    let auth_key = r.auth_key(key_name, production);
    let is_sandbox = base_url
        .as_ref()
        .map_or(cpid.is_none() || auth_key.is_none(), |url| url.scheme() == "http");
    if !production && is_sandbox && r.text("KIWOOM_PROD_AUTH_KEY").is_some() {
        return r.wrong(
            "APP_ENV",
            "production beside KIWOOM_PROD_AUTH_KEY; for a sandbox, leave out KIWOOM_PROD_AUTH_KEY",
        );
    }
    let (api, agent) = if production {
        ("https://api.kiwoompay.co.kr", "https://agent.kiwoompay.co.kr")
    } else {
        ("https://apitest.kiwoompay.co.kr", "https://agenttest.kiwoompay.co.kr")
    };
    let (cpid, auth_key) = match (cpid, auth_key, &base_url) {
        (Some(cpid), Some(key), _) => (cpid, key),
        // Another process's sandbox: it has the built-in sandbox's merchant.
        (None, None, Some(url)) if !production && url.scheme() == "http" => {
            (kiwoom_sandbox::CPID.to_owned(), SecretString::from(kiwoom_sandbox::AUTH_KEY))
        }
        (_, _, None) if !production => return Some(Gateway::Sandbox),
        (_, _, Some(_)) if !production => {
            return r.wrong("KIWOOM_BASE_URL", "a gateway only together with KIWOOM_CPID and key");
        }
        _ => return None,
    };
    let agent_url = match &base_url {
        Some(url) if url.scheme() == "http" => url.clone(),
        _ => Url::parse(agent).ok()?,
    };
    let base_url = base_url.or_else(|| Url::parse(api).ok())?;
    Some(Gateway::Remote { base_url, agent_url, cpid, auth_key })
}

impl Gateway {
    /// The merchant id (CPID); the sandbox has one of its own.
    pub fn cpid(&self) -> &str {
        match self {
            Self::Sandbox => kiwoom_sandbox::CPID,
            Self::Remote { cpid, .. } => cpid,
        }
    }
}
