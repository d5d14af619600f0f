//! SQL of events, and of how their deliveries stand.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::value::RawValue;
use sqlx::postgres::PgConnection;
use sqlx::types::Json;
use sqlx::{PgPool, Postgres, QueryBuilder};
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
pub(super) use published;

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
#[derive(Clone, Copy, sqlx::FromRow)]
pub struct Horizon {
    /// The last position that was given.
    pub given: i64,
    /// Of all up to this one it is known whether they are committed.
    pub settled: i64,
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
    sqlx::query_as("select given, settled from event_horizon()").fetch_one(db).await
}

/// The processes of PostgreSQL whose transactions have written events and have not ended.
pub async fn writing(pool: &PgPool) -> sqlx::Result<Vec<i32>> {
    let query = sqlx::query_scalar(
        "select pid from pg_locks
         where locktype = 'advisory' and objsubid = 2 and classid = 'event_positions'::regclass
            and database = (select oid from pg_database where datname = current_database())
            and pid is not null
         order by pid",
    );
    query.fetch_all(pool).await
}

/// The next events to publish, in their order.
pub async fn unpublished(
    db: &mut PgConnection,
    horizon: Horizon,
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

/// What a list of events is narrowed to.
#[derive(Debug, Default)]
pub struct Filter {
    pub kind: Option<&'static str>,
    pub subscription_id: Option<SubscriptionId>,
    pub object_id: Option<Uuid>,
    pub actor: Option<String>,
    pub delivery: Option<DeliveryState>,
    /// Without those that tell of no change.
    pub changes_only: bool,
    /// Of whose deliveries; without one, of any endpoint that was not deleted.
    pub endpoint_id: Option<WebhookEndpointId>,
}

/// Which way a list goes, and from where.
#[derive(Clone, Copy, Debug)]
pub enum From {
    /// Oldest first, after this position.
    After(i64),
    /// Newest first, before this position.
    Before(i64),
}

/// Published events.
pub async fn list(
    pool: &PgPool,
    filter: &Filter,
    from: From,
    limit: i64,
) -> sqlx::Result<Vec<Event>> {
    let of_deliveries = filter.delivery.is_some() || filter.endpoint_id.is_some();
    let mut sql: QueryBuilder<Postgres> = QueryBuilder::new(concat!(events!(), " where "));
    // What is delivered is published.
    if !of_deliveries {
        sql.push(concat!("position <= ", published!(), " and "));
    }
    let column = push_first(&mut sql, filter, from);
    if let Some(id) = filter.subscription_id.filter(|_| column != "subscription_id") {
        sql.push(" and subscription_id = ").push_bind(id);
    }
    if let Some(kind) = filter.kind.filter(|_| column != "type") {
        sql.push(" and type = ").push_bind(kind);
    }
    if let Some(actor) = filter.actor.as_ref().filter(|_| column != "actor") {
        sql.push(" and actor = ").push_bind(actor);
    }
    if filter.changes_only {
        sql.push(" and not test");
    }
    if of_deliveries {
        sql.push(" and id in (select event_id from event_deliveries where endpoint_id ");
        match filter.endpoint_id {
            Some(id) => sql.push("= ").push_bind(id),
            None => sql.push("in (select id from webhook_endpoints where deleted_at is null)"),
        };
        match filter.delivery {
            Some(state) => sql.push(" and state = ").push_bind(state),
            // Each has an index of its own.
            None => {
                sql.push(" and (state = 'waiting' or state = 'delivered' or state = 'given_up')")
            }
        };
        sql.push(")");
    }
    let direction = if matches!(from, From::After(_)) { "" } else { " desc" };
    let first = if column == "position" { String::new() } else { format!("{column}{direction}, ") };
    sql.push(format!(" order by {first}position{direction} limit ")).push_bind(limit);
    sql.build_query_as().fetch_all(pool).await
}

/// Adds the position, and the first filter that narrows to few, as one with it: so only the index of both
/// has the order. For `=` the planner would rather read all events in theirs, and take the first ones to be
/// near. The column.
fn push_first(sql: &mut QueryBuilder<Postgres>, filter: &Filter, from: From) -> &'static str {
    let (first, last) = match from {
        From::After(position) => (position, i64::MAX),
        From::Before(position) => (-1, position - 1),
    };
    if let Some(id) = filter.object_id {
        push_between(sql, "object_id", id, (first, last))
    } else if let Some(id) = filter.subscription_id {
        sql.push("subscription_id is not null and ");
        push_between(sql, "subscription_id", id, (first, last))
    } else if let Some(kind) = filter.kind {
        push_between(sql, "type", kind, (first, last))
    } else if let Some(actor) = &filter.actor {
        push_between(sql, "actor", actor.clone(), (first, last))
    } else {
        sql.push("position > ").push_bind(first).push(" and position <= ").push_bind(last);
        "position"
    }
}

/// Of those whose `column` is `value`, the positions after the first up to the last one.
fn push_between<T>(
    sql: &mut QueryBuilder<Postgres>,
    column: &'static str,
    value: T,
    (first, last): (i64, i64),
) -> &'static str
where
    T: Clone + Send + sqlx::Type<Postgres> + for<'a> sqlx::Encode<'a, Postgres> + 'static,
{
    sql.push("(").push(column).push(", position) > (").push_bind(value.clone());
    sql.push(", ").push_bind(first).push(") and (").push(column).push(", position) <= (");
    sql.push_bind(value).push(", ").push_bind(last).push(")");
    column
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
