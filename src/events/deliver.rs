//! Deliveries to `MERCHANT_WEBHOOK_URL`, signed by the Standard Webhooks scheme.
//!
//! An event may come twice (same `webhook-id`), never out of order within its subscription, and is
//! not lost: it is tried for more than four days, then given up and shown as such.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use reqwest::{Client, redirect};
use sqlx::PgPool;
use standardwebhooks::{
    HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook,
};
use tokio::time::Instant;
use url::Url;

use crate::config::MerchantWebhook;
use crate::events::read::EventBody;
use crate::events::store::{self, Claimed, DeliveryState, Told};
use crate::kiwoom::outgoing::through;
use kiwoom_clock::Clock;

const TIMEOUT: Duration = Duration::from_secs(10);
const AT_ONCE: usize = 16;
/// Longer than a try takes, so that no two processes tell the same event at once.
const LEASE_SECS: f64 = 30.0;
/// Seconds after each failed try; after the last one it is given up. Together 4 days and 3 hours.
const BACK_OFF: [f64; 12] = [
    5.0, 30.0, 120.0, 600.0, 3_600.0, 7_200.0, 14_400.0, 28_800.0, 43_200.0, 86_400.0, 86_400.0,
    86_400.0,
];

/// Carries events to the merchant's backend.
pub struct Courier {
    client: Client,
    url: Url,
    signer: Webhook,
}

impl Courier {
    /// `None` when the secret cannot be read; the settings have checked it.
    pub fn new(webhook: &MerchantWebhook) -> reqwest::Result<Option<Self>> {
        // A redirect would carry events to a host that nobody named.
        let client = Client::builder().timeout(TIMEOUT).redirect(redirect::Policy::none());
        let client = client.user_agent("kiwoom-billing");
        let client = through(&webhook.url, webhook.proxy.as_ref(), client)?.build()?;
        let signer = webhook.signer();
        Ok(signer.map(|signer| Self { client, url: webhook.url.clone(), signer }))
    }

    /// Delivers all that is due.
    pub async fn deliver(&self, pool: &PgPool) -> sqlx::Result<()> {
        let at_once = i64::try_from(AT_ONCE).unwrap_or(1);
        loop {
            let claimed = store::claim(pool, at_once, LEASE_SECS).await?;
            if claimed.is_empty() {
                return Ok(());
            }
            let told = stream::iter(claimed).map(|claimed| self.tell(pool, claimed));
            told.buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await?;
        }
    }

    async fn tell(&self, pool: &PgPool, claimed: Claimed) -> sqlx::Result<()> {
        let id = claimed.event_id;
        let Some(event) = store::find(pool, id).await? else { return Ok(()) };
        let body = serde_json::to_string(&EventBody::from(event)).unwrap_or_default();
        let started = Instant::now();
        let (status, failure) = match self.send(&id.to_string(), body).await {
            Ok(status) => (Some(status), None),
            Err(failure) => (None, Some(failure)),
        };
        let told = Told {
            millis: i32::try_from(started.elapsed().as_millis()).unwrap_or(i32::MAX),
            status: status.and_then(|status| i16::try_from(status).ok()),
            failure,
        };
        let taken = status.is_some_and(|status| (200..300).contains(&status));
        let tried = usize::try_from(claimed.attempts).unwrap_or(0);
        let (state, pause) = match BACK_OFF.get(tried) {
            _ if taken => (DeliveryState::Delivered, 0.0),
            Some(pause) => (DeliveryState::Waiting, *pause),
            None => (DeliveryState::GivenUp, 0.0),
        };
        log(&told, state, &id.to_string());
        store::record(pool, id, &told, (state, pause)).await
    }

    /// The receiver lives in real time, whatever the sandbox's clock shows: it refuses a signature
    /// that is five minutes off.
    async fn send(&self, id: &str, body: String) -> Result<u16, String> {
        let now = Clock::system().now().timestamp();
        let signature = self.signer.sign(id, now, body.as_bytes()).map_err(|e| e.to_string())?;
        let request = self.client.post(self.url.clone()).body(body);
        let request = request
            .header("content-type", "application/json")
            .header(HEADER_WEBHOOK_ID, id)
            .header(HEADER_WEBHOOK_TIMESTAMP, now.to_string())
            .header(HEADER_WEBHOOK_SIGNATURE, signature);
        let answer = request.send().await;
        answer.map(|answer| answer.status().as_u16()).map_err(|error| match error {
            error if error.is_timeout() => "timeout".to_owned(),
            error if error.is_connect() => "no connection".to_owned(),
            error => error.without_url().to_string(),
        })
    }
}

fn log(told: &Told, state: DeliveryState, id: &str) {
    metrics::counter!("kiwoom_billing_deliveries_total", "state" => state.name()).increment(1);
    let Told { millis, status, failure } = told;
    match state {
        DeliveryState::Delivered => tracing::debug!(id, millis, "event delivered"),
        DeliveryState::GivenUp => {
            tracing::error!(alert = true, id, status, failure, "event given up");
        }
        DeliveryState::Waiting => {
            tracing::warn!(id, status, failure, "event not delivered, tried again later");
        }
    }
}
