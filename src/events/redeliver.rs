//! Delivering again: one event, or all since an instant.

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::config::MerchantWebhook;
use crate::context::{AppState, Context};
use crate::events::publish::publish;
use crate::events::queue;
use crate::events::read::{EventDetail, detail};
use crate::http::answer::{self, Answer, Success};
use crate::http::error::ApiError;
use crate::http::extract::{Body, Fields, FromFields, PathId};
use crate::rules::ids::EventId;
use crate::rules::text::Text;

/// Which events to deliver again.
#[derive(ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RedeliverRequest {
    /// Those that happened then or later.
    since: DateTime<Utc>,
    /// Of these only those that the receiver never took: `given_up`. Default `false`: all.
    undelivered_only: Option<bool>,
}

impl FromFields for RedeliverRequest {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        let (since, undelivered_only) = (f.required("since"), f.optional("undeliveredOnly"));
        Some(Self { since: since?, undelivered_only })
    }
}

/// What will be delivered again.
#[derive(Serialize, ToSchema)]
pub struct Redelivered {
    /// How many events; those that waited anyway are not counted.
    events: u64,
}

/// Delivers an event again, with the same id, whatever its type.
#[utoipa::path(
    post, path = "/events/{id}/redeliver", operation_id = "redeliverEvent",
    tag = "events", params(("id" = String, Path)),
    responses(
        (status = 200, description = "It will be delivered", body = Success<EventDetail>),
    )
)]
pub async fn one(State(ctx): State<AppState>, PathId(id): PathId) -> Answer {
    needs_receiver(&ctx)?;
    let id = EventId::parse(&id);
    queue::redeliver(&ctx.pool, id).await?;
    detail(&ctx, id).await
}

/// Delivers all events since an instant again, each with the same id and in order: for a receiver that
/// lost them. One that has taken an event knows it by its id. Of the types of `MERCHANT_WEBHOOK_EVENTS`.
#[utoipa::path(
    post, path = "/events/redeliver", operation_id = "redeliverEvents", tag = "events",
    request_body = RedeliverRequest,
    responses(
        (status = 200, description = "They will be delivered", body = Success<Redelivered>),
    )
)]
pub async fn since(State(ctx): State<AppState>, Body(request): Body<RedeliverRequest>) -> Answer {
    let types = needs_receiver(&ctx)?.types.as_deref();
    publish(&ctx).await?;
    let given_up_only = request.undelivered_only.unwrap_or_default();
    let events = queue::redeliver_since(&ctx.pool, request.since, given_up_only, types).await?;
    Ok(answer::ok(Redelivered { events }))
}

fn needs_receiver(ctx: &Context) -> Result<&MerchantWebhook, ApiError> {
    ctx.config.merchant_webhook.as_ref().ok_or_else(|| {
        let ko = "설정되지 않아 보낼 곳이 없습니다.";
        let reason = Text::new(ko, "Not set: there is nowhere to deliver to.");
        ApiError::invalid_field("MERCHANT_WEBHOOK_URL", reason)
    })
}
