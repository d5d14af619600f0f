//! Delivering again: one event, or those of a time, to one endpoint or to all.

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::context::{AppState, Context};
use crate::events::endpoints::request::Types;
use crate::events::endpoints::store as endpoints;
use crate::events::publish::publish_all;
use crate::events::queue::{self, Again};
use crate::events::read::{EventDetail, detail};
use crate::events::store;
use crate::http::answer::{self, Answer, Success};
use crate::http::error::{ApiError, Code};
use crate::http::extract::{Body, Fields, FromFields, OptionalBody, PathId};
use crate::rules::event_types::all_named;
use crate::rules::ids::{EventId, WebhookEndpointId};
use crate::rules::text::Text;

/// Where to deliver an event again.
#[derive(ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = Redelivery)]
pub struct OneRequest {
    /// To this endpoint, whatever its types. Left out: to `MERCHANT_WEBHOOK_URL` whatever its types, and to
    /// each endpoint that takes the type.
    endpoint_id: Option<WebhookEndpointId>,
}

impl FromFields for OneRequest {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        Some(Self { endpoint_id: f.optional("endpointId") })
    }
}

/// Which events to deliver again.
#[derive(ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RedeliverRequest {
    /// Those that happened then or later.
    since: DateTime<Utc>,
    /// And before then. Default: up to now.
    until: Option<DateTime<Utc>>,
    /// Of these types only, `payment.*` for all of an object. Default: of those that the receiver takes.
    types: Option<Types>,
    /// Of these only those that the receiver never took: `given_up`. Default `false`: all.
    undelivered_only: Option<bool>,
    /// To this endpoint. Default: to every one that is on.
    endpoint_id: Option<WebhookEndpointId>,
}

impl FromFields for RedeliverRequest {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        let since = f.required("since");
        Some(Self {
            until: f.optional("until"),
            types: f.optional("types"),
            undelivered_only: f.optional("undeliveredOnly"),
            endpoint_id: f.optional("endpointId"),
            since: since?,
        })
    }
}

/// What will be delivered again.
#[derive(Serialize, ToSchema)]
pub struct Redelivered {
    /// How many deliveries; those that waited anyway are not counted.
    events: u64,
}

/// A receiver and the types that it takes; `None`: all.
type Target = (WebhookEndpointId, Option<Vec<&'static str>>);

/// Deliver an event again.
///
/// With the same id, whatever its type.
#[utoipa::path(
    post, path = "/events/{id}/redeliver", operation_id = "redeliverEvent",
    tag = "events", params(("id" = String, Path)), request_body = Option<OneRequest>,
    responses(
        (status = 200, description = "It will be delivered", body = Success<EventDetail>),
    )
)]
pub async fn one(
    State(ctx): State<AppState>,
    PathId(id): PathId,
    OptionalBody(request): OptionalBody<OneRequest>,
) -> Answer {
    let targets = targets(&ctx, request.endpoint_id).await?;
    let id = EventId::parse(&id);
    let event = store::find(&ctx.pool, id).await?.ok_or(ApiError::from(Code::EventNotFound))?;
    for (endpoint, types) in targets {
        let is_asked_for = request.endpoint_id.is_some();
        let takes = types.is_none_or(|types| types.contains(&&*event.kind));
        if is_asked_for || endpoint == WebhookEndpointId::ENVIRONMENT || takes {
            queue::redeliver(&ctx.pool, endpoint, id).await?;
        }
    }
    detail(&ctx, id).await
}

/// Deliver the events since an instant again.
///
/// Each with the same id and in order: for a receiver that lost them. One that has taken an event
/// knows it by its id. Of the types that the receiver takes.
#[utoipa::path(
    post, path = "/events/redeliver", operation_id = "redeliverEvents", tag = "events",
    request_body = RedeliverRequest,
    responses(
        (status = 200, description = "They will be delivered", body = Success<Redelivered>),
    )
)]
pub async fn since(State(ctx): State<AppState>, Body(request): Body<RedeliverRequest>) -> Answer {
    let targets = targets(&ctx, request.endpoint_id).await?;
    publish_all(&ctx).await?;
    let asked = request.types.map(|types| all_named(&types.0));
    let mut events = 0;
    for (endpoint, taken) in targets {
        let again = Again {
            since: request.since,
            until: request.until,
            types: asked.as_deref().or(taken.as_deref()),
            given_up_only: request.undelivered_only.unwrap_or_default(),
        };
        events += queue::redeliver_all(&ctx.pool, endpoint, &again).await?;
    }
    Ok(answer::ok(Redelivered { events }))
}

/// The receiver that was asked for, or all that are on.
async fn targets(ctx: &Context, asked: Option<WebhookEndpointId>) -> Result<Vec<Target>, ApiError> {
    let mut targets = Vec::new();
    if let Some(webhook) = &ctx.config.merchant_webhook {
        targets.push((WebhookEndpointId::ENVIRONMENT, webhook.types.clone()));
    }
    for row in endpoints::all(&ctx.pool).await? {
        let types = row.types.map(|words| all_named(&words));
        if row.url.is_some() && (row.enabled || asked.is_some()) {
            targets.push((row.id, types));
        }
    }
    if let Some(asked) = asked {
        targets.retain(|(id, _)| *id == asked);
        return if targets.is_empty() {
            Err(Code::WebhookEndpointNotFound.into())
        } else {
            Ok(targets)
        };
    }
    if targets.is_empty() {
        let ko = "설정되지 않았고 웹훅 엔드포인트도 없어 보낼 곳이 없습니다.";
        let en = "Not set, and there is no webhook endpoint: there is nowhere to deliver to.";
        return Err(ApiError::invalid_field("MERCHANT_WEBHOOK_URL", Text::new(ko, en)));
    }
    Ok(targets)
}
