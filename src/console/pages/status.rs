//! 상태: health, database, API keys, effective settings, versions.

use askama::Template;
use axum::Router;
use axum::routing::get;
use serde::Deserialize;

use crate::console::Shared;
use crate::console::failed::Failed;
use crate::console::frame::{Console, Page};

/// The routes.
pub fn routes() -> Router<Shared> {
    Router::new().route("/status", get(show))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ready {
    database: String,
    gateway: String,
    unknown_outcomes: i64,
    #[serde(default)]
    merchant_settings: Vec<MerchantSetting>,
    scheduled_charging: String,
    paused_because: Option<String>,
    outcome_journal: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MerchantSetting {
    setting: String,
    result_code: String,
    waiting_subscriptions: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    version: String,
    now: String,
    public_url: String,
    process: i64,
    processes: Vec<i64>,
    database: Database,
    api_keys: Vec<Key>,
    settings: Vec<Setting>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Database {
    version: String,
    name: String,
    role: String,
    size: i64,
    migration: i64,
    migration_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Key {
    id: String,
    name: String,
    scopes: Vec<String>,
    created_at: String,
    expires_at: Option<String>,
    revoked_at: Option<String>,
    usable: bool,
}

impl Key {
    fn state(&self) -> &'static str {
        match (self.usable, self.revoked_at.is_some()) {
            (true, _) => "usable",
            (false, true) => "revoked",
            (false, false) => "expired",
        }
    }
}

#[derive(Deserialize)]
struct Setting {
    name: String,
    value: String,
}

#[derive(Template)]
#[template(path = "status/show.html")]
struct ShowPage<'a> {
    c: &'a Console,
    status: Status,
    health: Result<Ready, Failed>,
}

async fn show(c: Console) -> Page {
    let status: Status = c.get("/status").await?;
    // One that cannot take payments still says so here.
    let health = c.get("/health/ready").await;
    c.page(&ShowPage { c: &c, status, health })
}
