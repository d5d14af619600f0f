//! `GET /health/live`, `GET /health/ready`, `GET /metrics`.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{ConnectInfo, State};
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use kiwoom_clock::rfc3339_kst;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::context::AppState;
use crate::http::answer::{self, Answer, Success};
use crate::http::description::words;
use crate::http::error::{Code, ErrorBody};
use crate::service::figures::{Figures, MerchantSetting, Reading};
use crate::service::{status, telemetry, webhook_health};
use crate::storage::failover_guard::Charging;

/// Routes that need no API key.
pub fn open_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(live))
        .routes(routes!(ready))
        .routes(routes!(webhook_health::show))
}

/// Routes that need one.
pub fn keyed_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(metrics)).routes(routes!(status::show))
}

words!(
    /// Nothing is wrong.
    Fine,
    ["ok"]
);
words!(
    /// Whom payments go to.
    GatewayName,
    ["sandbox", "kiwoompay"]
);
words!(
    /// Whether renewals are charged.
    ScheduledCharging,
    ["on", "off", "paused", "unguarded"]
);

/// The process is there.
#[derive(Serialize, ToSchema)]
struct Live {
    #[schema(value_type = Fine)]
    status: &'static str,
}

/// The service can take payments. Figures are at most a second old.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Ready {
    #[schema(value_type = Fine)]
    status: &'static str,
    #[schema(value_type = Fine)]
    database: &'static str,
    /// `sandbox` or `kiwoompay`.
    #[schema(value_type = GatewayName)]
    gateway: &'static str,
    /// When the gateway last answered this process, by the machine's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    gateway_answered_at: Option<String>,
    /// Payments and refunds whose outcome is unknown.
    unknown_outcomes: i64,
    /// What KiwoomPay refuses calls for, until it is mended.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    merchant_settings: Vec<MerchantSetting>,
    /// `on`; `off` by `SCHEDULER_ENABLED`; `paused`; `unguarded` when the database hides which one it
    /// is.
    #[schema(value_type = ScheduledCharging)]
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

/// Tell whether the process runs.
///
/// 200 as long as it does.
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

/// Tell whether payments can be taken.
///
/// The database answers and the service is not stopping.
#[utoipa::path(
    get, path = "/health/ready", operation_id = "getReadiness", tag = "operations",
    responses(
        (status = 200, description = "It can", body = Success<Ready>),
        (status = 503, description = "Not now", body = ErrorBody),
    )
)]
async fn ready(State(ctx): State<AppState>, Extension(figures): Extension<Arc<Figures>>) -> Answer {
    if ctx.draining.is_cancelled() {
        return Err(Code::ShuttingDown.into());
    }
    ctx.rights.may_record()?;
    let reading = figures.recent(&ctx).await?;
    let (scheduled_charging, paused_because) = scheduled_charging(&reading);
    Ok(answer::ok(Ready {
        status: "ok",
        database: "ok",
        gateway: ctx.config.kiwoom.gateway.name(),
        gateway_answered_at: ctx
            .kiwoom
            .last_answer()
            .map(|ago| rfc3339_kst(ctx.clock.host_now() - ago)),
        unknown_outcomes: reading.unknown.count,
        merchant_settings: reading.merchant_settings.clone(),
        scheduled_charging,
        paused_because,
        outcome_journal: (!ctx.journal.is_writable()).then_some("unwritable"),
    }))
}

fn scheduled_charging(reading: &Reading) -> (&'static str, Option<&'static str>) {
    match &reading.charging {
        None => ("off", None),
        Some(Charging::On) => ("on", None),
        Some(Charging::Paused(why)) => ("paused", Some(why.name())),
        Some(Charging::Unguarded) => ("unguarded", None),
    }
}

/// Get the metrics.
///
/// Counters, gauges and histograms in Prometheus's text format.
#[utoipa::path(
    get, path = "/metrics", operation_id = "getMetrics", tag = "operations",
    responses((status = 200, description = "Metrics", body = String, content_type = "text/plain"))
)]
async fn metrics(
    State(ctx): State<AppState>,
    Extension(figures): Extension<Arc<Figures>>,
) -> Response {
    // Without the database the gauges stay as they were, and the counters are shown all the same.
    let reading = figures.now(&ctx).await;
    telemetry::gauges::show(&ctx, reading.ok().as_deref());
    let content_type = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, content_type)], telemetry::metrics().render()).into_response()
}
