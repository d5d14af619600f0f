//! `kiwoom-billing health`.

use std::net::SocketAddr;
use std::time::Duration;

use crate::commands::Done;
use crate::config::Config;
use crate::kiwoom::outgoing::through;

/// Asks the service on this machine whether it is ready.
pub async fn run(config: Config) -> Done {
    let host = if config.host.is_unspecified() { [127, 0, 0, 1].into() } else { config.host };
    let url = format!("http://{}/health/ready", SocketAddr::new(host, config.port)).parse()?;
    let client = through(&url, None, reqwest::Client::builder())?.build()?;
    let response = client.get(url).timeout(Duration::from_secs(3)).send().await?;
    if response.status().is_success() { Ok(()) } else { Err(response.text().await?.into()) }
}
