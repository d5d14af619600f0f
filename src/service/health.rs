//! `GET /health/live`, `GET /health/ready`, `GET /metrics`.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::config::Gateway;
use crate::context::{AppState, Context};
use crate::http::answer::{self, Answer, Success};
use crate::http::error::{Code, ErrorBody};
use crate::payments::store::unknown_outcomes;
use crate::service::telemetry;
use crate::storage::failover_guard::Charging;

/// Routes that need no API key.
pub fn open_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(live)).routes(routes!(ready))
}

/// Routes that need one.
pub fn keyed_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(metrics))
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
    /// Payments and refunds whose outcome is unknown.
    unknown_outcomes: i64,
    /// `on`; `off` by `SCHEDULER_ENABLED`; `paused`; `unguarded` when the database hides which one it
    /// is.
    scheduled_charging: &'static str,
    /// Why it is paused. `replaced`: the database was restored or failed over; `paused`: an operator
    /// paused it, or the database went back in time; both until `kiwoom-billing resume-charging`.
    /// `clock`: this machine's clock and the database's differ, until they agree.
    #[serde(skip_serializing_if = "Option::is_none")]
    paused_because: Option<&'static str>,
    /// `unwritable` while `DATA_DIR` takes nothing: an outcome that the database does not take would be
    /// lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome_journal: Option<&'static str>,
}

/// Whether the process runs.
#[utoipa::path(
    get, path = "/health/live", operation_id = "getLiveness", tag = "operations",
    responses((status = 200, description = "It does", body = Success<Live>))
)]
async fn live() -> Response {
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
    let gateway = match ctx.config.kiwoom.gateway {
        Gateway::Sandbox => "sandbox",
        Gateway::Remote { .. } => "kiwoompay",
    };
    let (scheduled_charging, paused_because) = scheduled_charging(&ctx).await?;
    Ok(answer::ok(Ready {
        status: "ok",
        database: "ok",
        gateway,
        unknown_outcomes,
        scheduled_charging,
        paused_because,
        outcome_journal: (!ctx.journal.is_writable()).then_some("unwritable"),
    }))
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
    if let Ok((charging, _)) = scheduled_charging(&ctx).await {
        let paused = f64::from(u8::from(charging == "paused"));
        metrics::gauge!("kiwoom_billing_scheduled_charging_paused").set(paused);
    }
    let handle = telemetry::metrics();
    handle.run_upkeep();
    let content_type = "text/plain; version=0.0.4; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, content_type)], handle.render()).into_response())
}
