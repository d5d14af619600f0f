//! `kiwoom-billing listen`.

use std::time::Duration;

use aes_gcm::aead::{Generate, Key};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use kiwoom_clock::{Clock, kst};
use reqwest::Client;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use standardwebhooks::Webhook;
use url::Url;

use crate::commands::{Done, Failure, own_service};
use crate::config::Config;
use crate::events::receiver::Receiver;
use crate::kiwoom::outgoing::{causes, through};

const PAUSE: Duration = Duration::from_millis(500);
const TIMEOUT: Duration = Duration::from_secs(10);

/// Whose events, and where they go.
#[derive(Args)]
pub struct Arguments {
    /// Where each event is posted to, as `MERCHANT_WEBHOOK_URL` would be
    #[arg(long, value_name = "URL")]
    forward_to: Url,
    /// The service; left out: the one on this machine
    #[arg(long, value_name = "URL")]
    url: Option<Url>,
    /// API key with the scope read, when the service needs one
    #[arg(long, env = "KIWOOM_BILLING_API_KEY", hide_env_values = true, value_name = "KEY")]
    api_key: Option<String>,
    /// Signs the deliveries; left out: one for this run, which is printed
    #[arg(long, env = "MERCHANT_WEBHOOK_SECRET", hide_env_values = true, value_name = "whsec_…")]
    secret: Option<String>,
}

#[derive(Deserialize)]
struct Answer<T> {
    data: T,
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
    let secret = asked.secret.unwrap_or_else(|| {
        format!("whsec_{}", STANDARD.encode(Key::<aes_gcm::Aes256Gcm>::generate()))
    });
    let signer = Webhook::new(&secret).map_err(|_| "--secret: whsec_…")?;
    let receiver = Receiver::new(asked.forward_to.clone(), None, vec![signer])?;
    let service = Service::new(asked.url.unwrap_or(own_service(&config)?), asked.api_key)?;
    let mut cursor = service.newest().await?;
    println!("{} → {}", service.base, asked.forward_to);
    println!("시크릿 (secret): {secret}");
    loop {
        let page: Page =
            service.get(&format!("events?limit=100{}", after(cursor.as_ref()))).await?;
        for item in &page.items {
            let event: Event = serde_json::from_str(item.get())?;
            let told = match receiver.send(&event.id, item.get().to_owned()).await {
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

struct Service {
    client: Client,
    base: Url,
    api_key: Option<String>,
}

impl Service {
    fn new(base: Url, api_key: Option<String>) -> reqwest::Result<Self> {
        let client = through(&base, None, Client::builder().timeout(TIMEOUT))?.build()?;
        Ok(Self { client, base, api_key })
    }

    /// From where on events are new; `None` before the first one.
    async fn newest(&self) -> Result<Option<String>, Failure> {
        let newest: Page = self.get("events?order=newest&limit=1").await?;
        if newest.next_cursor.is_some() {
            return Ok(newest.next_cursor);
        }
        let only: Page = self.get("events?limit=1").await?;
        Ok(only.next_cursor)
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let base = self.base.as_str().trim_end_matches('/');
        let request = self.client.get(format!("{base}/{path}"));
        let request = match &self.api_key {
            Some(key) => request.bearer_auth(key),
            None => request,
        };
        let answer = request.send().await.map_err(causes)?;
        let (status, text) = (answer.status(), answer.text().await.map_err(causes)?);
        if !status.is_success() {
            return Err(text.into());
        }
        Ok(serde_json::from_str::<Answer<T>>(&text)?.data)
    }
}
