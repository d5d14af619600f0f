//! `GET /health/live`, `GET /health/ready`, `GET /metrics`.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, State};
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use kiwoom_clock::rfc3339_kst;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::config::Gateway;
use crate::context::{AppState, Context};
use crate::http::answer::{self, Answer, Success};
use crate::http::error::{Code, ErrorBody};
use crate::payments::store::{merchant_settings, unknown_outcomes};
use crate::service::{status, telemetry};
use crate::storage::failover_guard::Charging;

/// Routes that need no API key.
pub fn open_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(live)).routes(routes!(ready))
}

/// Routes that need one.
pub fn keyed_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(metrics)).routes(routes!(status::show))
}

/// The process is there.
#[derive(Serialize, ToSchema)]
struct Live {
    /// `ok`.
    status: &'static str,
}

/// The service can take payments.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Ready {
    /// `ok`.
    status: &'static str,
    /// `ok`.
    database: &'static str,
    /// `sandbox` or `kiwoompay`.
    gateway: &'static str,
    /// When the gateway last answered this process, by the machine's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    gateway_answered_at: Option<String>,
    /// Payments and refunds whose outcome is unknown.
    unknown_outcomes: i64,
    /// What KiwoomPay refuses calls for, until it is mended.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    merchant_settings: Vec<MerchantSetting>,
    /// `on`; `off` by `SCHEDULER_ENABLED`; `paused`; `unguarded` when the database hides which one it
    /// is.
    scheduled_charging: &'static str,
    /// Why it is paused. `replaced`: the database was restored or failed over; `paused`: an operator
    /// paused it, or the database went back in time; both until `kiwoom-billing resume-charging`.
    /// `clock`: this machine's clock and the database's differ, until they agree. `unread`: the object
    /// at `HIGH_WATER_MARK_URL` has not been read yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    paused_because: Option<&'static str>,
    /// `unwritable` while `DATA_DIR` takes nothing: an outcome that the database does not take would be
    /// lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome_journal: Option<&'static str>,
}

/// A part of the merchant's set-up that does not fit the contract.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct MerchantSetting {
    /// What has to be mended.
    setting: String,
    /// RESULTCODE of the refusals.
    result_code: String,
    /// Subscriptions whose charge waits for it, of the 1,000 that are due first.
    waiting_subscriptions: i64,
}

/// Whether the process runs.
#[utoipa::path(
    get, path = "/health/live", operation_id = "getLiveness", tag = "operations",
    responses((status = 200, description = "It does", body = Success<Live>))
)]
async fn live(State(ctx): State<AppState>, parts: Parts) -> Response {
    if let Some(ConnectInfo(peer)) = parts.extensions.get::<ConnectInfo<SocketAddr>>() {
        ctx.forwarding.observe(peer.ip(), &parts.headers);
    }
    answer::ok(Live { status: "ok" })
}

/// Whether the service can take payments: the database answers and the service is not stopping.
#[utoipa::path(
    get, path = "/health/ready", operation_id = "getReadiness", tag = "operations",
    responses(
        (status = 200, description = "It can", body = Success<Ready>),
        (status = 503, description = "Not now", body = ErrorBody),
    )
)]
async fn ready(State(ctx): State<AppState>) -> Answer {
    if ctx.draining.is_cancelled() {
        return Err(Code::ShuttingDown.into());
    }
    ctx.rights.may_record()?;
    let unknown_outcomes = unknown_outcomes(&ctx.pool).await?;
    let merchant_settings = merchant_settings(&ctx).await?;
    let gateway = match ctx.config.kiwoom.gateway {
        Gateway::Sandbox => "sandbox",
        Gateway::Remote { .. } => "kiwoompay",
    };
    let (scheduled_charging, paused_because) = scheduled_charging(&ctx).await?;
    Ok(answer::ok(Ready {
        status: "ok",
        database: "ok",
        gateway,
        gateway_answered_at: ctx
            .kiwoom
            .last_answer()
            .map(|ago| rfc3339_kst(ctx.clock.host_now() - ago)),
        unknown_outcomes,
        merchant_settings,
        scheduled_charging,
        paused_because,
        outcome_journal: (!ctx.journal.is_writable()).then_some("unwritable"),
    }))
}

/// What subscriptions wait for, and what this process was refused for otherwise.
async fn merchant_settings(ctx: &Context) -> sqlx::Result<Vec<MerchantSetting>> {
    let waiting = merchant_settings::waiting(&ctx.pool).await?;
    let mut found: Vec<MerchantSetting> = waiting
        .into_iter()
        .map(|waits| MerchantSetting {
            setting: waits.merchant_setting,
            result_code: waits.failure_code,
            waiting_subscriptions: waits.subscriptions,
        })
        .collect();
    for problem in ctx.kiwoom.set_up().problems() {
        let is_told = |told: &MerchantSetting| {
            told.setting == problem.setting && told.result_code == problem.code
        };
        if !found.iter().any(is_told) {
            let (setting, result_code) = (problem.setting.to_owned(), problem.code);
            found.push(MerchantSetting { setting, result_code, waiting_subscriptions: 0 });
        }
    }
    Ok(found)
}

async fn scheduled_charging(ctx: &Context) -> sqlx::Result<(&'static str, Option<&'static str>)> {
    if !ctx.config.schedule.enabled {
        return Ok(("off", None));
    }
    Ok(match ctx.guard.look(&ctx.pool).await? {
        Charging::On => ("on", None),
        Charging::Paused(why) => ("paused", Some(why.name())),
        Charging::Unguarded => ("unguarded", None),
    })
}

/// Counters in Prometheus's text format.
#[utoipa::path(
    get, path = "/metrics", operation_id = "getMetrics", tag = "operations",
    responses((status = 200, description = "Metrics", body = String, content_type = "text/plain"))
)]
async fn metrics(State(ctx): State<AppState>) -> Answer {
    if let Ok(count) = unknown_outcomes(&ctx.pool).await {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        metrics::gauge!("kiwoom_billing_unknown_outcomes").set(f64::from(count));
    }
    if let Ok(found) = merchant_settings(&ctx).await {
        let count = u32::try_from(found.len()).unwrap_or(u32::MAX);
        metrics::gauge!("kiwoom_billing_merchant_settings_to_mend").set(f64::from(count));
    }
    if let Ok((charging, _)) = scheduled_charging(&ctx).await {
        let paused = f64::from(u8::from(charging == "paused"));
        metrics::gauge!("kiwoom_billing_scheduled_charging_paused").set(paused);
    }
    let passing_on = u32::try_from(ctx.forwarding.passing_on()).unwrap_or(u32::MAX);
    metrics::gauge!("kiwoom_billing_disbelieved_proxies").set(f64::from(passing_on));
    let handle = telemetry::metrics();
    handle.run_upkeep();
    let content_type = "text/plain; version=0.0.4; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, content_type)], handle.render()).into_response())
}
