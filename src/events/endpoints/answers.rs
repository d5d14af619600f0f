//! An endpoint as the API and its events show it.

use kiwoom_clock::rfc3339_kst;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use url::Url;
use utoipa::ToSchema;

use crate::config::MerchantWebhook;
use crate::events::endpoints::store::{Endpoint, Health};

/// A receiver of events.
#[derive(Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookEndpointBody {
    id: String,
    /// Events are posted there. In events, and of `MERCHANT_WEBHOOK_URL`, without its query.
    #[schema(required)]
    url: Option<String>,
    #[schema(required)]
    description: Option<String>,
    /// Only these are delivered, `payment.*` for all of an object; `null`: all.
    #[schema(required)]
    types: Option<Vec<String>>,
    /// While it is off nothing is tried; what happens meanwhile is delivered when it is on again.
    enabled: bool,
    /// Until when deliveries are signed with the secret of before, too.
    #[schema(required, format = DateTime)]
    previous_secret_until: Option<String>,
    #[schema(format = DateTime)]
    created_at: String,
}

impl From<Endpoint> for WebhookEndpointBody {
    fn from(row: Endpoint) -> Self {
        Self {
            id: row.id.to_string(),
            url: row.url,
            description: row.description,
            types: row.types,
            enabled: row.enabled,
            previous_secret_until: row.previous_secret_until.map(rfc3339_kst),
            created_at: rfc3339_kst(row.created_at),
        }
    }
}

impl WebhookEndpointBody {
    /// The receiver of the settings.
    pub fn of_settings(row: Endpoint, webhook: &MerchantWebhook) -> Self {
        let types = webhook.types.as_ref();
        let types = types.map(|types| types.iter().map(|kind| (*kind).to_owned()).collect());
        let mut url: Url = webhook.url.clone();
        url.set_query(None);
        Self { url: Some(url.into()), types, ..row.into() }
    }
}

/// A receiver of events, and how it fares.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookEndpointDetail {
    #[serde(flatten)]
    endpoint: WebhookEndpointBody,
    /// `api`: made here. `environment`: `MERCHANT_WEBHOOK_URL`, which only the settings change.
    source: &'static str,
    health: WebhookEndpointHealth,
}

impl WebhookEndpointDetail {
    /// Of the settings, or else of the API.
    pub fn new(endpoint: WebhookEndpointBody, is_of_settings: bool, health: Health) -> Self {
        let source = if is_of_settings { "environment" } else { "api" };
        Self { endpoint, source, health: health.into() }
    }
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct WebhookEndpointHealth {
    /// When a delivery was last answered with 2xx.
    #[schema(required, format = DateTime)]
    last_success_at: Option<String>,
    /// When a delivery was last answered otherwise, or not at all.
    #[schema(required, format = DateTime)]
    last_failure_at: Option<String>,
    /// `HTTP 500`, `timeout`, `no connection`, `private address` and the like.
    #[schema(required)]
    last_failure: Option<String>,
    /// Deliveries that are still tried.
    waiting: i64,
    /// Deliveries that are not tried any more.
    given_up: i64,
}

impl From<Health> for WebhookEndpointHealth {
    fn from(health: Health) -> Self {
        let status = health.status.map(|status| format!("HTTP {status}"));
        Self {
            last_success_at: health.last_success.map(rfc3339_kst),
            last_failure_at: health.last_failure.map(rfc3339_kst),
            last_failure: status.or(health.failure),
            waiting: health.waiting,
            given_up: health.given_up,
        }
    }
}

/// A receiver of events with its secret, which no other answer has.
#[derive(Serialize, ToSchema)]
pub struct WebhookEndpointWithSecret {
    #[serde(flatten)]
    endpoint: WebhookEndpointBody,
    /// Deliveries are signed with it. Absent when the answer is given again under its `Idempotency-Key`.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

impl WebhookEndpointWithSecret {
    /// As it is answered once.
    pub fn new(endpoint: WebhookEndpointBody, secret: &SecretString) -> Self {
        Self { endpoint, secret: Some(secret.expose_secret().to_owned()) }
    }

    /// As it is kept, for when it is asked for again.
    pub fn without_secret(&self) -> Self {
        Self { endpoint: self.endpoint.clone(), secret: None }
    }
}
