//! `kiwoom-billing listen`.

use std::time::Duration;

use clap::Args;
use kiwoom_clock::{Clock, kst};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::value::RawValue;
use standardwebhooks::Webhook;
use url::Url;

use crate::commands::client::{Client, ServiceArguments};
use crate::commands::{Done, Failure};
use crate::config::Config;
use crate::events::new_secret;
use crate::events::receiver::{Receiver, Route};

const PAUSE: Duration = Duration::from_millis(500);

/// Whose events, and where they go.
#[derive(Args)]
pub struct Arguments {
    /// Where each event is posted to, as `MERCHANT_WEBHOOK_URL` would be
    #[arg(long, value_name = "URL")]
    forward_to: Url,
    #[command(flatten)]
    service: ServiceArguments,
    /// Signs the deliveries; left out: one for this run, which is printed
    #[arg(long, env = "MERCHANT_WEBHOOK_SECRET", hide_env_values = true, value_name = "whsec_…")]
    secret: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    items: Vec<Box<RawValue>>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct Event {
    id: String,
    r#type: String,
}

/// Posts what happens from now on to `--forward-to`, signed, and prints a line for each, until it is
/// interrupted. For development: nothing is tried again.
pub async fn run(config: Config, asked: Arguments) -> Done {
    if config.is_production() {
        return Err("개발용 명령입니다. 운영 환경에서는 MERCHANT_WEBHOOK_URL을 설정해 주세요 (for development: \
            in production set MERCHANT_WEBHOOK_URL)"
            .into());
    }
    let secret = asked.secret.unwrap_or_else(|| new_secret().expose_secret().to_owned());
    let signer = Webhook::new(&secret).map_err(|_| "--secret: whsec_…")?;
    let receiver = Receiver::new(
        asked.forward_to.clone(),
        Route { proxy: None, private: true },
        vec![signer],
    )?;
    let service = Client::new(asked.service, &config)?;
    let mut cursor = newest(&service).await?;
    println!("{} → {}", service.base, asked.forward_to);
    println!("시크릿 (secret): {secret}");
    loop {
        let page: Page =
            service.get(&format!("events?limit=100{}", after(cursor.as_ref()))).await?;
        for item in &page.items {
            let event: Event = serde_json::from_str(item.get())?;
            let told = match receiver.send(&event.id, item.get().to_owned(), None).await {
                Ok(status) => status.to_string(),
                Err(failure) => failure,
            };
            let now = kst(Clock::system().now()).format("%H:%M:%S");
            println!("{now}  {}  {}  → {told}", event.r#type, event.id);
        }
        let is_all = page.items.is_empty();
        cursor = page.next_cursor.or(cursor);
        if is_all {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

fn after(cursor: Option<&String>) -> String {
    cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default()
}

/// From where on events are new; `None` before the first one.
async fn newest(service: &Client) -> Result<Option<String>, Failure> {
    let newest: Page = service.get("events?order=newest&limit=1").await?;
    if newest.next_cursor.is_some() {
        return Ok(newest.next_cursor);
    }
    let only: Page = service.get("events?limit=1").await?;
    Ok(only.next_cursor)
}
