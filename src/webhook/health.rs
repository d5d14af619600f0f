//! `GET /webhook/health`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use crate::context::AppState;
use crate::http::answer::{self, Success};
use crate::payments::store::unknown_outcomes;
use crate::webhook::store;
use kiwoom_clock::rfc3339_kst;

/// How the notifications are doing.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookHealth {
    /// `ok`, or `degraded` when some were rejected or left to a person, an outcome is unknown or the
    /// database is gone.
    status: &'static str,
    /// `ok` or `unavailable`.
    database: &'static str,
    #[schema(required)]
    last_notification_at: Option<String>,
    notifications24h: i64,
    rejected24h: i64,
    /// Kept and left to a person: money that was not asked for so, and failures of card charges.
    review24h: i64,
    unknown_outcomes: i64,
}

/// 웹훅 상태 확인.
#[utoipa::path(
    get, path = "/webhook/health", operation_id = "getWebhookHealth", tag = "webhook",
    responses(
        (status = 200, description = "The state", body = Success<WebhookHealth>),
        (status = 503, description = "The database is gone", body = Success<WebhookHealth>),
    )
)]
pub async fn health(State(ctx): State<AppState>) -> Response {
    let counts = store::counts(&ctx.pool, ctx.clock.now()).await;
    let unknown = unknown_outcomes(&ctx.pool).await;
    let (status, body) = match (counts, unknown) {
        (Ok(counts), Ok(unknown_outcomes)) => {
            let degraded = counts.rejected > 0 || counts.review > 0 || unknown_outcomes > 0;
            let body = WebhookHealth {
                status: if degraded { "degraded" } else { "ok" },
                database: "ok",
                last_notification_at: counts.last_at.map(rfc3339_kst),
                notifications24h: counts.received,
                rejected24h: counts.rejected,
                review24h: counts.review,
                unknown_outcomes,
            };
            (StatusCode::OK, body)
        }
        (Err(error), _) | (_, Err(error)) => {
            tracing::warn!(%error, "webhook health: no database");
            let body = WebhookHealth {
                status: "degraded",
                database: "unavailable",
                last_notification_at: None,
                notifications24h: 0,
                rejected24h: 0,
                review24h: 0,
                unknown_outcomes: 0,
            };
            (StatusCode::SERVICE_UNAVAILABLE, body)
        }
    };
    answer::with_status(status, body)
}
