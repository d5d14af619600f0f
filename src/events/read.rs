//! `GET /events`: what happened, oldest first, from a cursor on, or newest first; and one event with
//! its delivery.

use axum::extract::State;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::context::AppState;
use crate::events::audit::ObjectId;
use crate::events::lists::{self, Filter, From as Direction};
use crate::events::publish::publish_all;
use crate::events::store::{self, Attempt, Delivery, DeliveryState, Event, Object};
use crate::http::answer::{self, Answer, Limit, Success, wrong_cursor};
use crate::http::description::{self, described, words};
use crate::http::error::{ApiError, Code};
use crate::http::extract::{Fields, FromField, FromFields, PathId, Query, one_of};
use crate::rules::event_types::TYPES;
use crate::rules::ids::{EventId, SubscriptionId, WebhookEndpointId};
use crate::rules::text::Text;
use kiwoom_clock::rfc3339_kst;

words!(
    /// What an event is of.
    EventObject,
    ["billing_key", "subscription", "payment", "order", "refund", "customer", "webhook_endpoint", "link"]
);

/// An event: in the list, and as the body of its delivery.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventBody {
    id: String,
    /// What happened to what: `payment.approved`, `subscription.past_due`.
    r#type: String,
    /// When, by the clock that the charges follow.
    #[schema(format = DateTime)]
    timestamp: String,
    /// `billing_key`, `subscription`, `payment`, `order`, `refund`, `customer`, `webhook_endpoint` or `link`:
    /// what `data` is.
    #[schema(value_type = EventObject)]
    object: Object,
    #[schema(required)]
    subscription_id: Option<String>,
    /// The object as its own route showed it then.
    #[schema(value_type = Option<Object>, required)]
    data: Option<Box<RawValue>>,
    /// `true`: made by `kiwoom-billing trigger` in development, nothing has happened. Else left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    test: Option<bool>,
}

impl From<Event> for EventBody {
    fn from(event: Event) -> Self {
        Self {
            id: event.id.to_string(),
            r#type: event.kind,
            timestamp: rfc3339_kst(event.created_at),
            object: event.object,
            subscription_id: event.subscription_id.map(|id| id.to_string()),
            data: event.data.map(|json| json.0),
            test: event.test.then_some(true),
        }
    }
}

/// A part of the stream of events.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventPage {
    items: Vec<EventBody>,
    /// Where to go on reading, also when there is nothing more yet; `null` before the first event.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// Which events to list.
pub struct ListRequest {
    filter: Filter,
    limit: Limit,
    order: Order,
    cursor: Option<i64>,
}

#[derive(Clone, Copy, Default)]
enum Order {
    #[default]
    OldestFirst,
    NewestFirst,
}

const ORDERS: [(&str, Order); 2] = [("oldest", Order::OldestFirst), ("newest", Order::NewestFirst)];

described!(Order as "EventOrder", description::one_of(ORDERS.map(|(word, _)| word)));

impl FromField for Order {
    fn from_field(value: &Value) -> Result<Self, Text> {
        one_of(value, &ORDERS)
    }
}

const DELIVERIES: [(&str, DeliveryState); 3] = [
    ("waiting", DeliveryState::Waiting),
    ("delivered", DeliveryState::Delivered),
    ("given_up", DeliveryState::GivenUp),
];

described!(
    DeliveryState as "EventDelivery",
    description::one_of(DELIVERIES.map(|(word, _)| word))
);

impl FromField for DeliveryState {
    fn from_field(value: &Value) -> Result<Self, Text> {
        one_of(value, &DELIVERIES)
    }
}

impl FromFields for ListRequest {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        let filter = Filter {
            kind: f.optional::<Type>("type").map(|kind| kind.0),
            subscription_id: f.optional("subscriptionId"),
            object_id: f.optional::<ObjectId>("objectId").map(|id| id.0),
            delivery: f.optional("delivery"),
            endpoint_id: f.optional("endpointId"),
            ..Filter::default()
        };
        let limit = f.optional("limit").unwrap_or_default();
        let order = f.optional("order").unwrap_or_default();
        Some(Self { filter, limit, order, cursor: f.optional::<Position>("cursor").map(|c| c.0) })
    }
}

/// A type of event.
#[derive(Clone, Copy)]
pub struct Type(pub &'static str);

described!(Type as "EventType", description::one_of(TYPES.iter().copied()));

impl FromField for Type {
    fn from_field(value: &Value) -> Result<Self, Text> {
        let words: Vec<_> = TYPES.iter().map(|word| (*word, Self(word))).collect();
        one_of(value, &words)
    }
}

/// A place in the stream of events: at most 13 digits, which is never reached. A number of more may
/// be that of a card, and would be sent back.
pub struct Position(pub i64);

described!(Position, description::matching("^[0-9]{1,13}$"));

impl FromField for Position {
    fn from_field(value: &Value) -> Result<Self, Text> {
        let digits = value.as_str().filter(|text| text.len() <= 13);
        let digits = digits.filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
        let position = digits.and_then(|text| text.parse().ok());
        position.map(Self).ok_or_else(wrong_cursor)
    }
}

/// List events.
///
/// Oldest first. Keep `nextCursor` and go on from it: nothing is missed, nothing comes twice. With
/// `order=newest` the newest come first, and `nextCursor` is `null` on the last page.
#[utoipa::path(
    get, path = "/events", operation_id = "listEvents", tag = "events",
    params(
        ("cursor" = inline(Option<Position>), Query),
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 100),
        ("type" = inline(Option<Type>), Query),
        ("subscriptionId" = inline(Option<SubscriptionId>), Query),
        ("objectId" = inline(Option<ObjectId>), Query,
            description = "`pay_…`, `sub_…`, `ref_…`, `bk_…`, `link_…` or `we_…`"),
        ("delivery" = inline(Option<DeliveryState>), Query,
            description = "How a delivery stands; without a receiver there is none"),
        ("endpointId" = inline(Option<WebhookEndpointId>), Query,
            description = "Delivered to this one, or to be; `delivery` is then its delivery"),
        ("order" = inline(Option<Order>), Query),
    ),
    responses(
        (status = 200, description = "Events", body = Success<EventPage>),
    )
)]
pub async fn list(State(ctx): State<AppState>, Query(request): Query<ListRequest>) -> Answer {
    publish_all(&ctx).await?;
    let ListRequest { filter, limit, order, cursor } = request;
    if matches!(order, Order::NewestFirst) {
        let from = Direction::Before(cursor.unwrap_or(i64::MAX));
        let events = lists::list(&ctx.reading, &filter, from, limit.fetch()).await?;
        let cursor = |event: &Event| event.position.to_string();
        return Ok(answer::ok(limit.page(events, cursor, EventBody::from)));
    }
    let from = Direction::After(cursor.unwrap_or(0));
    let events = lists::list(&ctx.reading, &filter, from, limit.rows()).await?;
    let last = events.last().map(|event| event.position).or(cursor);
    Ok(answer::ok(EventPage {
        items: events.into_iter().map(EventBody::from).collect(),
        next_cursor: last.map(|position| position.to_string()),
    }))
}

/// An event with how it was delivered.
#[derive(Serialize, ToSchema)]
pub struct EventDetail {
    #[serde(flatten)]
    event: EventBody,
    /// That to `MERCHANT_WEBHOOK_URL`; `null` when there was none.
    #[schema(required)]
    delivery: Option<DeliveryBody>,
    /// To each endpoint, also to those that were deleted since.
    deliveries: Vec<EndpointDeliveryBody>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct EndpointDeliveryBody {
    endpoint_id: String,
    #[serde(flatten)]
    delivery: DeliveryBody,
}

#[derive(Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DeliveryBody {
    /// `waiting`, `delivered` or `given_up`.
    state: DeliveryState,
    /// While it waits: when it is tried next. `null` where one before it, of the same subscription, waits.
    #[schema(required, format = DateTime)]
    next_at: Option<String>,
    /// Whether the receiver has refused it (4xx): those behind it do not wait for it.
    refused: bool,
    /// In order of time; all of them, also those before a redelivery.
    attempts: Vec<AttemptBody>,
}

#[derive(Clone, Serialize, ToSchema)]
#[schema(as = DeliveryAttemptBody)]
struct AttemptBody {
    #[schema(format = DateTime)]
    at: String,
    millis: i32,
    /// HTTP status of the answer.
    #[schema(required)]
    status: Option<i16>,
    /// Why there was no answer.
    #[schema(required)]
    failure: Option<String>,
}

impl DeliveryBody {
    /// `attempts`: of the event, to whichever endpoint.
    fn new(delivery: Delivery, attempts: &[Attempt]) -> Self {
        let next = delivery.next_at.filter(|_| delivery.state == DeliveryState::Waiting);
        let attempts = attempts.iter().filter(|a| a.endpoint_id == delivery.endpoint_id);
        let attempt = |a: &Attempt| AttemptBody {
            at: rfc3339_kst(a.attempted_at),
            millis: a.millis,
            status: a.status,
            failure: a.failure.clone(),
        };
        Self {
            state: delivery.state,
            next_at: next.map(rfc3339_kst),
            refused: delivery.refused,
            attempts: attempts.map(attempt).collect(),
        }
    }
}

/// Get an event.
///
/// An event and its delivery log.
#[utoipa::path(
    get, path = "/events/{id}", operation_id = "getEvent",
    tag = "events", params(("id" = String, Path)),
    responses(
        (status = 200, description = "The event", body = Success<EventDetail>),
    )
)]
pub async fn show(State(ctx): State<AppState>, PathId(id): PathId) -> Answer {
    detail(&ctx, EventId::parse(&id)).await
}

/// An event and its delivery log.
pub async fn detail(ctx: &AppState, id: EventId) -> Answer {
    let event = store::find(&ctx.pool, id).await?.ok_or(ApiError::from(Code::EventNotFound))?;
    let attempts = store::attempts(&ctx.pool, id).await?;
    let (mut delivery, mut deliveries) = (None, Vec::new());
    for row in store::deliveries(&ctx.pool, id).await? {
        let body = DeliveryBody::new(row, &attempts);
        if row.endpoint_id == WebhookEndpointId::ENVIRONMENT {
            delivery = Some(body.clone());
        }
        let endpoint_id = row.endpoint_id.to_string();
        deliveries.push(EndpointDeliveryBody { endpoint_id, delivery: body });
    }
    Ok(answer::ok(EventDetail { event: event.into(), delivery, deliveries }))
}
