//! `kiwoom-billing health`.

use std::time::Duration;

use crate::commands::{Done, own_service};
use crate::config::Config;
use crate::kiwoom::outgoing::through;

/// Asks the service on this machine whether it is ready.
pub async fn run(config: Config) -> Done {
    let url = own_service(&config)?.join("/health/ready")?;
    let client = through(&url, None, reqwest::Client::builder())?.build()?;
    let response = client.get(url).timeout(Duration::from_secs(3)).send().await?;
    if response.status().is_success() { Ok(()) } else { Err(response.text().await?.into()) }
}
