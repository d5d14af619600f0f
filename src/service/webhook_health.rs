//! `GET /webhook/health`.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use crate::context::AppState;
use crate::http::answer::{self, Success};
use crate::http::description::words;
use crate::service::figures::Figures;
use kiwoom_clock::rfc3339_kst;

words!(
    /// How notifications are doing.
    NotificationHealth,
    ["ok", "degraded"]
);
words!(
    /// Whether the database answers.
    DatabaseHealth,
    ["ok", "unavailable"]
);

/// How the notifications are doing. Figures are at most a second old.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookHealth {
    /// `ok`, or `degraded` when some of KiwoomPay's were rejected or left to a person, an outcome is
    /// unknown or the database is gone.
    #[schema(value_type = NotificationHealth)]
    status: &'static str,
    /// `ok` or `unavailable`.
    #[schema(value_type = DatabaseHealth)]
    database: &'static str,
    #[schema(required, format = DateTime)]
    last_notification_at: Option<String>,
    notifications24h: i64,
    rejected24h: i64,
    /// Kept and left to a person: money that was not asked for so, and failures of card charges.
    review24h: i64,
    unknown_outcomes: i64,
}

/// Tell how notifications are doing.
///
/// Figures of the last 24 hours, at most a second old.
#[utoipa::path(
    get, path = "/webhook/health", operation_id = "getWebhookHealth", tag = "webhook",
    responses(
        (status = 200, description = "The state", body = Success<WebhookHealth>),
        (status = 503, description = "The database is gone", body = Success<WebhookHealth>),
    )
)]
pub async fn show(
    State(ctx): State<AppState>,
    Extension(figures): Extension<Arc<Figures>>,
) -> Response {
    let reading = match figures.recent(&ctx).await {
        Ok(reading) => reading,
        Err(error) => {
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
            return answer::with_status(StatusCode::SERVICE_UNAVAILABLE, body);
        }
    };
    let told = &reading.notifications;
    let is_degraded =
        told.rejected > told.from_strangers || told.review > 0 || reading.unknown.count > 0;
    let body = WebhookHealth {
        status: if is_degraded { "degraded" } else { "ok" },
        database: "ok",
        last_notification_at: told.last_at.map(rfc3339_kst),
        notifications24h: told.received,
        rejected24h: told.rejected,
        review24h: told.review,
        unknown_outcomes: reading.unknown.count,
    };
    answer::with_status(StatusCode::OK, body)
}
