//! `GET /audit`: who did what, why, and what it changed.

use std::collections::BTreeMap;

use axum::extract::State;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use sqlx::types::Json;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::context::AppState;
use crate::events::lists::{self, Filter, From as Direction};
use crate::events::publish::publish_all;
use crate::events::read::Position;
use crate::events::store::{Event, Object, StoredRow};
use crate::http::answer::{self, Answer, Limit, Page, Success};
use crate::http::description::{self, described};
use crate::http::extract::{Fields, FromField, FromFields, Query, text};
use crate::rules::ids::{
    BillingKeyId, PaymentId, PaymentLinkId, RefundId, SubscriptionId, WebhookEndpointId,
};
use crate::rules::text::Text;
use kiwoom_clock::rfc3339_kst;

/// Not the caller's: how the work is shared out, secrets, and what follows from the paid time.
const HIDDEN: &[&str] = &[
    "autokey",
    "data_key",
    "leased_by",
    "leased_until",
    "next_attempt_at",
    "sender",
    "sent_at",
    "renewal_noticed",
    "expiry_noticed",
    "confirmed_by",
    "pending_rise",
    "begins",
    "first_period",
    "kept",
    "undo",
    "undo_labels",
    "next_segment",
    "next_charge",
    "canceled_on",
    "period_kind",
    "period_reason",
    "next_charge_date",
    "next_charge_start",
    "next_charge_end",
    "next_charge_amount",
    "next_charge_reason",
    "rise_on",
    "rise_amount",
    "consent_from",
    "consent_id",
    "legacy_end",
    "legacy_pause",
    "revision",
];

/// A change.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditBody {
    id: String,
    #[schema(format = DateTime)]
    at: String,
    /// Id of the API key, `open` (no keys in development), `scheduler` or `kiwoompay`.
    actor: String,
    #[schema(required)]
    request_id: Option<String>,
    /// As the type of the event.
    action: String,
    object_id: String,
    #[schema(required)]
    reason: Option<String>,
    /// Each field that changed: `{"before":…,"after":…}`.
    #[schema(value_type = Object)]
    changes: BTreeMap<String, Change>,
}

/// A field before and after, `null` where there was none.
#[derive(Serialize)]
struct Change {
    before: Option<Box<RawValue>>,
    after: Option<Box<RawValue>>,
}

impl From<Event> for AuditBody {
    fn from(event: Event) -> Self {
        let prefix = match event.object {
            Object::BillingKey => BillingKeyId::PREFIX,
            Object::Subscription => SubscriptionId::PREFIX,
            Object::Refund => RefundId::PREFIX,
            Object::Payment | Object::Order => PaymentId::PREFIX,
            Object::Customer => "",
            Object::WebhookEndpoint => WebhookEndpointId::PREFIX,
            Object::Link => PaymentLinkId::PREFIX,
        };
        Self {
            id: event.id.to_string(),
            at: rfc3339_kst(event.created_at),
            actor: event.actor,
            request_id: event.request_id,
            action: event.kind,
            object_id: format!("{prefix}{}", event.object_id),
            reason: event.reason,
            changes: changes(event.before, event.after),
        }
    }
}

fn changes(
    before: Option<Json<StoredRow>>,
    after: Option<Json<StoredRow>>,
) -> BTreeMap<String, Change> {
    let after = after.map(|row| row.0).unwrap_or_default();
    // Only what was changed is kept.
    let before = before.map(|row| after.clone().into_iter().chain(row.0).collect());
    let (before, after) = (as_answered(before.unwrap_or_default()), as_answered(after));
    let names = before.keys().chain(after.keys().filter(|name| !before.contains_key(*name)));
    let changed = names.filter(|name| !HIDDEN.contains(&name.as_str())).filter_map(|name| {
        let side = |row: &StoredRow| row.get(name).cloned().filter(|json| json.get() != "null");
        let change = Change { before: side(&before), after: side(&after) };
        let (was, is) = (change.before.as_deref(), change.after.as_deref());
        let differs = was.map(RawValue::get) != is.map(RawValue::get);
        differs.then(|| (camel_case(name), change))
    });
    changed.collect()
}

/// A price that is no rise holds for who asks, though it waits for its day: as in the answers.
fn as_answered(mut row: StoredRow) -> StoredRow {
    let told = row.remove("told");
    let told: Option<StoredRow> = told.and_then(|told| serde_json::from_str(told.get()).ok());
    for (name, value) in told.unwrap_or_default() {
        row.entry(name).or_insert(value);
    }
    let text = |name: &str| row.get(name).map(|json| json.get()).filter(|text| *text != "null");
    let is_rise = text("rise_amount").is_some() && text("rise_on") != text("trial_end");
    if is_rise || text("pending_amount").is_none() {
        return row;
    }
    for (pending, name) in
        [("pending_amount", "amount"), ("pending_tax_free_amount", "tax_free_amount")]
    {
        if let Some(value) = row.remove(pending) {
            row.insert(name.to_owned(), value);
        }
    }
    row
}

pub(super) fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |text, word| {
        let (initial, rest) = word.split_at(word.len().min(1));
        text + &initial.to_uppercase() + rest
    })
}

/// What to list.
pub struct AuditRequest {
    filter: Filter,
    limit: Limit,
    before: i64,
}

impl FromFields for AuditRequest {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        let filter = Filter {
            object_id: f.optional::<ObjectId>("objectId").map(|id| id.0),
            actor: f.optional::<ActorName>("actor").map(|actor| actor.0),
            changes_only: true,
            ..Filter::default()
        };
        let limit = f.optional("limit").unwrap_or_default();
        let before = f.optional::<Position>("cursor").map_or(i64::MAX, |cursor| cursor.0);
        Some(Self { filter, limit, before })
    }
}

/// `pay_…`, `sub_…`, `ref_…`, `bk_…`, `link_…` or `we_…`; anything else names nothing.
pub struct ObjectId(pub Uuid);

described!(ObjectId, description::text(100));

impl FromField for ObjectId {
    fn from_field(value: &Value) -> Result<Self, Text> {
        let id = text(value, 100)?;
        let uuid = id.split_once('_').and_then(|(_, uuid)| Uuid::try_parse(uuid).ok());
        Ok(Self(uuid.unwrap_or_default()))
    }
}

struct ActorName(String);

described!(ActorName, description::text(100));

impl FromField for ActorName {
    fn from_field(value: &Value) -> Result<Self, Text> {
        text(value, 100).map(Self)
    }
}

/// List the audit trail.
///
/// Every change, newest first. Entries can be added, never altered.
#[utoipa::path(
    get, path = "/audit", operation_id = "listAuditEntries", tag = "events",
    params(
        ("objectId" = inline(Option<ObjectId>), Query),
        ("actor" = inline(Option<ActorName>), Query),
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 100),
        ("cursor" = inline(Option<Position>), Query),
    ),
    responses(
        (status = 200, description = "A page", body = Success<Page<AuditBody>>),
    )
)]
pub async fn list(State(ctx): State<AppState>, Query(request): Query<AuditRequest>) -> Answer {
    publish_all(&ctx).await?;
    let from = Direction::Before(request.before);
    let limit = request.limit;
    let events = lists::list(&ctx.reading, &request.filter, from, limit.fetch()).await?;
    let cursor = |event: &Event| event.position.to_string();
    Ok(answer::ok(limit.page(events, cursor, AuditBody::from)))
}
