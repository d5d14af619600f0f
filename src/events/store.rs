//! SQL of events, and of how their deliveries stand.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::value::RawValue;
use sqlx::PgPool;
use sqlx::postgres::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use crate::rules::ids::{EventId, SubscriptionId, WebhookEndpointId};
use crate::storage::database::errors::has_code;

/// What an event is of, as it is stored and shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Object {
    BillingKey,
    Subscription,
    Payment,
    Order,
    Refund,
    Customer,
    WebhookEndpoint,
    Link,
}

/// A row as an event keeps it: each column's JSON as the database wrote it, whose numbers keep every
/// digit.
pub type StoredRow = BTreeMap<String, Box<RawValue>>;

/// How a delivery stands, as it is stored and shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum DeliveryState {
    Waiting,
    Delivered,
    GivenUp,
}

impl DeliveryState {
    /// As it is written in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::GivenUp => "given_up",
        }
    }
}

/// SQL: the columns of [`Event`], but for its data.
macro_rules! event_columns {
    () => {
        "id, type, object, object_id, subscription_id, actor, request_id, reason, before, after, \
         created_at, position, test, traceparent"
    };
}

/// SQL: events with their data. A subquery: joined, all of `event_data` would be read along.
macro_rules! events {
    () => {
        concat!(
            "select ",
            event_columns!(),
            ", coalesce(events.data, (select told.data from event_data as told
                where told.position = events.position)) as data from events"
        )
    };
}

/// SQL: the last position that is published.
macro_rules! published {
    () => {
        "(select coalesce(max(position), 0) from event_data)"
    };
}
pub(super) use {event_columns, events, published};

/// A row of `events`.
#[derive(sqlx::FromRow)]
pub struct Event {
    pub id: EventId,
    #[sqlx(rename = "type")]
    pub kind: String,
    pub object: Object,
    pub object_id: Uuid,
    pub subscription_id: Option<SubscriptionId>,
    pub actor: String,
    pub request_id: Option<String>,
    pub reason: Option<String>,
    pub before: Option<Json<StoredRow>>,
    pub after: Option<Json<StoredRow>>,
    pub created_at: DateTime<Utc>,
    pub position: i64,
    pub data: Option<Json<Box<RawValue>>>,
    /// Made by `kiwoom-billing trigger`: nothing has happened.
    pub test: bool,
    /// The request that made the change, as `traceparent` names it.
    pub traceparent: Option<String>,
}

/// A row of `event_deliveries`.
#[derive(Clone, Copy, sqlx::FromRow)]
pub struct Delivery {
    pub endpoint_id: WebhookEndpointId,
    pub state: DeliveryState,
    /// `None` while one before it waits.
    pub next_at: Option<DateTime<Utc>>,
    pub refused: bool,
}

/// A row of `delivery_attempts`.
#[derive(sqlx::FromRow)]
pub struct Attempt {
    pub endpoint_id: WebhookEndpointId,
    pub attempted_at: DateTime<Utc>,
    pub millis: i32,
    pub status: Option<i16>,
    pub failure: Option<String>,
}

/// Whether this transaction may publish: one at a time, over all processes. The one before it may have
/// looked before the caller's own change was committed, so it is waited for, but not for long.
pub async fn may_publish(db: &mut PgConnection) -> sqlx::Result<bool> {
    let now = sqlx::query_scalar("select pg_try_advisory_xact_lock(hashtext('events'))");
    Ok(now.fetch_one(&mut *db).await? || after_the_one_at_it(db).await?)
}

/// False when its end did not come in time.
async fn after_the_one_at_it(db: &mut PgConnection) -> sqlx::Result<bool> {
    sqlx::query("set local lock_timeout = '2s'").execute(&mut *db).await?;
    let turn = sqlx::query("select pg_advisory_xact_lock(hashtext('events'))");
    if let Err(error) = turn.execute(&mut *db).await {
        return if has_code(&error, &["55P03"]) { Ok(false) } else { Err(error) };
    }
    // As each connection begins; the default is the database's own.
    let back = sqlx::query("set local lock_timeout = '10s'");
    back.execute(db).await.map(|_| true)
}

/// How far events can be published now.
#[derive(sqlx::FromRow)]
pub struct Horizon {
    /// The last position that was given.
    pub given: i64,
    /// Of all up to this one it is known whether they are committed.
    pub settled: i64,
    /// The processes of PostgreSQL whose transactions have written events and have not ended.
    pub pids: Vec<i32>,
}

/// The last position that was given, when it is published: there is nothing to do.
pub async fn all_published(pool: &PgPool) -> sqlx::Result<Option<i64>> {
    let query = sqlx::query_scalar(concat!(
        "select given from pg_sequence_last_value('event_positions') as given where given <= ",
        published!()
    ));
    query.fetch_optional(pool).await
}

pub async fn horizon(db: &mut PgConnection) -> sqlx::Result<Horizon> {
    sqlx::query_as("select given, settled, pids from event_horizon()").fetch_one(db).await
}

/// The next events to publish, in their order.
pub async fn unpublished(
    db: &mut PgConnection,
    horizon: &Horizon,
    limit: i64,
) -> sqlx::Result<Vec<Event>> {
    let query = sqlx::query_as(concat!(
        "select ",
        event_columns!(),
        ", data from events where position > ",
        published!(),
        " and position <= $1 order by position limit $2"
    ));
    query.bind(horizon.settled).bind(limit).fetch_all(db).await
}

/// Publishes the events at `positions`, with their data; `None` for what has its own.
pub async fn insert_data(
    db: &mut PgConnection,
    positions: &[i64],
    data: &[Option<String>],
) -> sqlx::Result<()> {
    let query = sqlx::query(
        "insert into event_data (position, data)
         select position, data::json from unnest($1::bigint[], $2::text[]) as new (position, data)",
    );
    query.bind(positions).bind(data).execute(db).await.map(drop)
}

/// A published event, or one of a test.
pub async fn find(pool: &PgPool, id: EventId) -> sqlx::Result<Option<Event>> {
    let query = sqlx::query_as(concat!(
        events!(),
        " where id = $1 and (test or position <= ",
        published!(),
        ")"
    ));
    query.bind(id).fetch_optional(pool).await
}

/// How the deliveries of an event stand, that to the receiver of the settings first.
pub async fn deliveries(pool: &PgPool, id: EventId) -> sqlx::Result<Vec<Delivery>> {
    let query = sqlx::query_as(
        "select endpoint_id, state, nullif(next_at, 'infinity') as next_at, refused
         from event_deliveries where event_id = $1 order by endpoint_id",
    );
    query.bind(id).fetch_all(pool).await
}

/// The delivery log of an event.
pub async fn attempts(pool: &PgPool, id: EventId) -> sqlx::Result<Vec<Attempt>> {
    let query = sqlx::query_as(
        "select endpoint_id, attempted_at, millis, status, failure from delivery_attempts
         where event_id = $1 order by seq",
    );
    query.bind(id).fetch_all(pool).await
}
