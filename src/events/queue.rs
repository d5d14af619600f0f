//! SQL of what waits for its delivery to an endpoint, each of which has streams of its own.
//!
//! Only the first event of a stream is due, those behind it wait at `infinity`. Whoever ends the wait
//! of a first one, or adds one behind it, lets the first one that is left be due in a statement of its
//! own after the commit ([`wake`]): of two that overlap, the one that commits last sees both.

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use crate::events::store::{DeliveryState, published};
use crate::rules::ids::{EventId, WebhookEndpointId};

/// SQL: the first one that waits for the endpoint `$1` in the stream of `$row`, of those that were not
/// refused. By its order, so that one row of the index is read, not the whole stream.
macro_rules! first_of {
    ($row:literal) => {
        concat!(
            "(select first.event_id from event_deliveries as first
             where first.endpoint_id = $1 and first.stream = ",
            $row,
            ".stream and first.state = 'waiting' and not first.refused
             order by first.position limit 1)"
        )
    };
}

/// SQL: when each of several that are added together, `next`, is tried.
macro_rules! due {
    () => {
        concat!(
            "case when row_number() over (partition by next.stream order by next.position) = 1
                and ",
            first_of!("next"),
            " is null then now() else 'infinity' end"
        )
    };
}

/// From where on events are delivered to the receiver of the settings: a shop that sets one for the first
/// time is not flooded with its history.
pub async fn begin(pool: &PgPool) -> sqlx::Result<()> {
    let query = sqlx::query(concat!(
        "update webhook_endpoints set position = ",
        published!(),
        " where id = $1 and position is null",
    ));
    query.bind(WebhookEndpointId::ENVIRONMENT).execute(pool).await.map(drop)
}

/// How many events are put on the list at once. Written out in the statement: PostgreSQL plans for
/// thousands of rows otherwise, and compiles the plan for a second (JIT).
macro_rules! batch {
    () => {
        500
    };
}

/// Puts the next published events on the endpoint's list, of these types only, unless it is off or deleted
/// by now. Whether there may be more.
pub async fn enlist(
    pool: &PgPool,
    endpoint: WebhookEndpointId,
    types: Option<&[&str]>,
) -> sqlx::Result<bool> {
    let query = sqlx::query_as(concat!(
        "with cursor as (
            select position from webhook_endpoints
            where id = $1 and position is not null and enabled and deleted_at is null
            for no key update skip locked),
         published as (
            select after.* from cursor, lateral (
                select id, type, stream, position from events
                where position > cursor.position and position <= ",
        published!(),
        " order by position limit ",
        batch!(),
        ") as after),
         moved as (
            update webhook_endpoints set position = (select max(position) from published)
            where id = $1 and exists (select from published)),
         enlisted as (
            insert into event_deliveries (event_id, endpoint_id, stream, position, next_at)
            select id, $1, stream, position, ",
        due!(),
        " from published as next where $2::text[] is null or type = any($2)
            on conflict (event_id, endpoint_id) do nothing
            returning stream, next_at)
         select (select count(*) from published),
            coalesce(array_agg(distinct stream) filter (where next_at = 'infinity'), '{}')
         from enlisted",
    ));
    let query = query.bind(endpoint).bind(types);
    let (looked_at, behind): (i64, Vec<Uuid>) = query.fetch_one(pool).await?;
    wake(pool, endpoint, &behind).await?;
    Ok(looked_at == batch!())
}

/// Lets the first one of each of these streams be due, unless it waits for a time of its own.
async fn wake(pool: &PgPool, endpoint: WebhookEndpointId, streams: &[Uuid]) -> sqlx::Result<()> {
    if streams.is_empty() {
        return Ok(());
    }
    let query = sqlx::query(concat!(
        "update event_deliveries set next_at = now()
         from unnest($2::uuid[]) as woken (stream)
         where endpoint_id = $1 and event_id = ",
        first_of!("woken"),
        " and next_at = 'infinity'"
    ));
    query.bind(endpoint).bind(streams).execute(pool).await.map(drop)
}

/// [`wake`] for every stream in which anything waits: for a process that died before it could.
pub async fn sweep(pool: &PgPool, endpoint: WebhookEndpointId) -> sqlx::Result<()> {
    let query = sqlx::query(concat!(
        "with recursive streams as (
            (select stream from event_deliveries
                where endpoint_id = $1 and state = 'waiting' order by stream limit 1)
            union all
            select (select stream from event_deliveries
                where endpoint_id = $1 and state = 'waiting' and stream > streams.stream
                order by stream limit 1)
            from streams where stream is not null)
         update event_deliveries set next_at = now() from streams
         where endpoint_id = $1 and event_id = ",
        first_of!("streams"),
        " and next_at = 'infinity'"
    ));
    query.bind(endpoint).execute(pool).await.map(drop)
}

/// An event to be told now.
#[derive(Clone, Copy, sqlx::FromRow)]
pub struct Claimed {
    pub event_id: EventId,
    pub endpoint_id: WebhookEndpointId,
    pub stream: Uuid,
    /// How often it was tried in vain, as far as it counts.
    pub attempts: i32,
    /// A try that does not count: the receiver has come back.
    pub is_extra: bool,
    /// One before it waits: it was put back.
    is_behind: bool,
}

/// Takes so many of those that are due. How many of them were put back, because one before them
/// waits: an older version and a redelivery do not look.
pub async fn claim(
    pool: &PgPool,
    endpoint: WebhookEndpointId,
    limit: i64,
    lease_secs: f64,
) -> sqlx::Result<(Vec<Claimed>, usize)> {
    let query = sqlx::query_as::<_, Claimed>(CLAIM);
    let query = query.bind(endpoint).bind(limit).bind(lease_secs);
    let taken = query.fetch_all(pool).await?;
    let (behind, claimed): (Vec<_>, Vec<_>) = taken.into_iter().partition(|row| row.is_behind);
    let streams: Vec<Uuid> = behind.iter().map(|row| row.stream).collect();
    wake(pool, endpoint, &streams).await?;
    Ok((claimed, behind.len()))
}

/// [`claim`] of the endpoint `$1`. It reads an index from its beginning, however much waits.
pub const CLAIM: &str = concat!(
    "with due as (
        select event_id, not refused and event_id <> ",
    first_of!("event_deliveries"),
    " as is_behind from event_deliveries
        where endpoint_id = $1 and state = 'waiting' and next_at <= now()
            and (leased_until is null or leased_until < now())
        order by next_at limit $2 for update skip locked)
     update event_deliveries as d
     set leased_until = case when not is_behind then now() + make_interval(secs => $3) end,
        next_at = case when is_behind then 'infinity' else next_at end
     from due where d.event_id = due.event_id and d.endpoint_id = $1
     returning d.event_id, d.endpoint_id, stream, attempts, planned_at is not null as is_extra,
        is_behind"
);

/// What came of a try.
pub struct Told {
    pub millis: i32,
    pub status: Option<i16>,
    pub failure: Option<String>,
}

/// What follows from it.
#[derive(Clone, Copy)]
pub struct Outcome {
    pub state: DeliveryState,
    /// Those behind it do not wait for it any more.
    pub refused: bool,
    /// Until the next try.
    pub pause_secs: f64,
}

/// Writes a try into the log, and what follows. One that does not count leaves the next ones where
/// they were.
pub async fn record(
    pool: &PgPool,
    claimed: Claimed,
    told: &Told,
    outcome: Outcome,
) -> sqlx::Result<()> {
    let query = sqlx::query(
        "with attempt as (
            insert into delivery_attempts (event_id, endpoint_id, millis, status, failure)
            values ($1, $8, $2, $3, $4))
         update event_deliveries
         set state = case when state = 'waiting' then $5 else state end,
            refused = refused or $6, leased_until = null, planned_at = null,
            attempts = attempts + case when planned_at is null then 1 else 0 end,
            next_at = coalesce(planned_at, now() + make_interval(secs => $7))
         where event_id = $1 and endpoint_id = $8",
    );
    let query = query.bind(claimed.event_id).bind(told.millis).bind(told.status);
    let query = query.bind(&told.failure).bind(outcome.state).bind(outcome.refused);
    query.bind(outcome.pause_secs).bind(claimed.endpoint_id).execute(pool).await?;
    if outcome.refused || outcome.state != DeliveryState::Waiting {
        wake(pool, claimed.endpoint_id, &[claimed.stream]).await?;
    }
    Ok(())
}

/// The receiver has come back: whatever waits after tries that failed is tried now, and again when it
/// would have been. What was refused is not: that the receiver is back says nothing of it.
pub async fn hurry(pool: &PgPool, endpoint: WebhookEndpointId) -> sqlx::Result<u64> {
    let query = sqlx::query(
        "update event_deliveries set planned_at = next_at, next_at = now()
         where endpoint_id = $1 and state = 'waiting' and next_at > now() and next_at < 'infinity'
            and attempts > 0 and not refused
            and (leased_until is null or leased_until < now())",
    );
    query.bind(endpoint).execute(pool).await.map(|done| done.rows_affected())
}

/// Has an event delivered (again), with all tries ahead of it. One that is under way stays that.
pub async fn redeliver(
    pool: &PgPool,
    endpoint: WebhookEndpointId,
    id: EventId,
) -> sqlx::Result<()> {
    let query = sqlx::query(
        "insert into event_deliveries (event_id, endpoint_id, stream, position)
         select id, $1, stream, position from events where id = $2
         on conflict (event_id, endpoint_id) do update
         set state = 'waiting', attempts = 0, next_at = now(), refused = false, planned_at = null",
    );
    query.bind(endpoint).bind(id).execute(pool).await.map(drop)
}

/// Which events to deliver again.
pub struct Again<'a> {
    /// Those that happened then or later.
    pub since: DateTime<Utc>,
    /// And before then.
    pub until: Option<DateTime<Utc>>,
    pub types: Option<&'a [&'a str]>,
    pub given_up_only: bool,
}

/// Has these events delivered again. How many; those that waited anyway are not counted.
pub async fn redeliver_all(
    pool: &PgPool,
    endpoint: WebhookEndpointId,
    again: &Again<'_>,
) -> sqlx::Result<u64> {
    let query = sqlx::query(concat!(
        "insert into event_deliveries (event_id, endpoint_id, stream, position, next_at)
         select id, $1, stream, position, ",
        due!(),
        " from events as next
         where created_at >= $2 and position + 0 <= ",
        published!(),
        " and ($3::timestamptz is null or created_at < $3)
            and ($4::text[] is null or type = any($4))
            and (not $5 or exists (select from event_deliveries
                where event_id = next.id and endpoint_id = $1 and state = 'given_up'))
         on conflict (event_id, endpoint_id) do update
         set state = 'waiting', attempts = 0, next_at = excluded.next_at, leased_until = null,
            refused = false, planned_at = null
         where event_deliveries.state <> 'waiting'",
    ));
    let query = query.bind(endpoint).bind(again.since).bind(again.until);
    let done = query.bind(again.types).bind(again.given_up_only).execute(pool).await?;
    sweep(pool, endpoint).await?;
    Ok(done.rows_affected())
}
