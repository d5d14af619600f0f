//! SQL of what waits for its delivery.
//!
//! Only the first event of a stream is due, those behind it wait at `infinity`. Whoever ends the wait
//! of a first one, or adds one behind it, lets the first one that is left be due in a statement of its
//! own after the commit ([`wake`]): of two that overlap, the one that commits last sees both.

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use crate::events::store::DeliveryState;
use crate::rules::ids::EventId;

/// SQL: the first one that waits in the stream of `$row`, of those that were not refused. By its order,
/// so that one row of the index is read, not the whole stream.
macro_rules! first_of {
    ($row:literal) => {
        concat!(
            "(select first.event_id from event_deliveries as first where first.stream = ",
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

/// From where on events are delivered: a shop that sets a receiver for the first time is not flooded
/// with its history.
pub async fn begin(pool: &PgPool) -> sqlx::Result<()> {
    let query = sqlx::query(
        "insert into delivery_cursor (position) select coalesce(max(position), 0) from events
         on conflict (only_row) do nothing",
    );
    query.execute(pool).await.map(drop)
}

/// How many events are put on the list at once. Written out in the statement, as is that the cursor is
/// one row: PostgreSQL plans for thousands of rows otherwise, and compiles the plan for a second (JIT).
macro_rules! batch {
    () => {
        500
    };
}

/// Puts the next published events on the list, of these types only. Whether there may be more.
pub async fn enlist(pool: &PgPool, types: Option<&[&str]>) -> sqlx::Result<bool> {
    let query = sqlx::query_as(concat!(
        "with cursor as (select position from delivery_cursor limit 1 for update skip locked),
         published as (
            select after.* from cursor, lateral (
                select id, type, stream, position from events
                where position > cursor.position order by position limit ",
        batch!(),
        ") as after),
         moved as (
            update delivery_cursor set position = (select max(position) from published)
            where exists (select from published)),
         enlisted as (
            insert into event_deliveries (event_id, stream, position, next_at)
            select id, stream, position, ",
        due!(),
        " from published as next where $1::text[] is null or type = any($1)
            on conflict (event_id) do nothing
            returning stream, next_at)
         select (select count(*) from published),
            coalesce(array_agg(distinct stream) filter (where next_at = 'infinity'), '{}')
         from enlisted",
    ));
    let (looked_at, behind): (i64, Vec<Uuid>) = query.bind(types).fetch_one(pool).await?;
    wake(pool, &behind).await?;
    Ok(looked_at == batch!())
}

/// Lets the first one of each of these streams be due, unless it waits for a time of its own.
pub async fn wake(pool: &PgPool, streams: &[Uuid]) -> sqlx::Result<()> {
    if streams.is_empty() {
        return Ok(());
    }
    let query = sqlx::query(concat!(
        "update event_deliveries set next_at = now()
         from unnest($1::uuid[]) as woken (stream)
         where event_id = ",
        first_of!("woken"),
        " and next_at = 'infinity'"
    ));
    query.bind(streams).execute(pool).await.map(drop)
}

/// [`wake`] for every stream in which anything waits: for a process that died before it could.
pub async fn sweep(pool: &PgPool) -> sqlx::Result<()> {
    let query = sqlx::query(concat!(
        "with recursive streams as (
            (select stream from event_deliveries where state = 'waiting' order by stream limit 1)
            union all
            select (select stream from event_deliveries
                where state = 'waiting' and stream > streams.stream order by stream limit 1)
            from streams where stream is not null)
         update event_deliveries set next_at = now() from streams where event_id = ",
        first_of!("streams"),
        " and next_at = 'infinity'"
    ));
    query.execute(pool).await.map(drop)
}

/// An event to be told now.
#[derive(Clone, Copy, sqlx::FromRow)]
pub struct Claimed {
    pub event_id: EventId,
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
    limit: i64,
    lease_secs: f64,
) -> sqlx::Result<(Vec<Claimed>, usize)> {
    let query = sqlx::query_as::<_, Claimed>(concat!(
        "with due as (
            select event_id, ",
        "not refused and event_id <> ",
        first_of!("event_deliveries"),
        " as is_behind from event_deliveries
            where state = 'waiting' and next_at <= now()
                and (leased_until is null or leased_until < now())
            order by next_at limit $1 for update skip locked)
         update event_deliveries as d
         set leased_until = case when not is_behind then now() + make_interval(secs => $2) end,
            next_at = case when is_behind then 'infinity' else next_at end
         from due where d.event_id = due.event_id
         returning d.event_id, stream, attempts, planned_at is not null as is_extra, is_behind"
    ));
    let taken = query.bind(limit).bind(lease_secs).fetch_all(pool).await?;
    let (behind, claimed): (Vec<_>, Vec<_>) = taken.into_iter().partition(|row| row.is_behind);
    let streams: Vec<Uuid> = behind.iter().map(|row| row.stream).collect();
    wake(pool, &streams).await?;
    Ok((claimed, behind.len()))
}

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
            insert into delivery_attempts (event_id, millis, status, failure)
            values ($1, $2, $3, $4))
         update event_deliveries
         set state = $5, refused = refused or $6, leased_until = null, planned_at = null,
            attempts = attempts + case when planned_at is null then 1 else 0 end,
            next_at = coalesce(planned_at, now() + make_interval(secs => $7))
         where event_id = $1",
    );
    let query = query.bind(claimed.event_id).bind(told.millis).bind(told.status);
    let query = query.bind(&told.failure).bind(outcome.state).bind(outcome.refused);
    query.bind(outcome.pause_secs).execute(pool).await?;
    if outcome.refused || outcome.state != DeliveryState::Waiting {
        wake(pool, &[claimed.stream]).await?;
    }
    Ok(())
}

/// The receiver has come back: whatever waits after tries that failed is tried now, and again when it
/// would have been. What was refused is not: that the receiver is back says nothing of it.
pub async fn hurry(pool: &PgPool) -> sqlx::Result<u64> {
    let query = sqlx::query(
        "update event_deliveries set planned_at = next_at, next_at = now()
         where state = 'waiting' and next_at > now() and next_at < 'infinity'
            and attempts > 0 and not refused
            and (leased_until is null or leased_until < now())",
    );
    query.execute(pool).await.map(|done| done.rows_affected())
}

/// Has an event delivered (again), with all tries ahead of it. One that is under way stays that.
pub async fn redeliver(pool: &PgPool, id: EventId) -> sqlx::Result<()> {
    let query = sqlx::query(
        "insert into event_deliveries (event_id, stream, position)
         select id, stream, position from events where id = $1
         on conflict (event_id) do update
         set state = 'waiting', attempts = 0, next_at = now(), refused = false, planned_at = null",
    );
    query.bind(id).execute(pool).await.map(drop)
}

/// Has all events of these types since then delivered again, or of these only those that were given
/// up. How many; those that waited anyway are not counted.
pub async fn redeliver_since(
    pool: &PgPool,
    since: DateTime<Utc>,
    given_up_only: bool,
    types: Option<&[&str]>,
) -> sqlx::Result<u64> {
    let query = sqlx::query(concat!(
        "insert into event_deliveries (event_id, stream, position, next_at)
         select id, stream, position, ",
        due!(),
        " from events as next
         where created_at >= $1 and position is not null
            and ($3::text[] is null or type = any($3))
            and (not $2 or exists (select from event_deliveries
                where event_id = next.id and state = 'given_up'))
         on conflict (event_id) do update
         set state = 'waiting', attempts = 0, next_at = excluded.next_at, leased_until = null,
            refused = false, planned_at = null
         where event_deliveries.state <> 'waiting'",
    ));
    let done = query.bind(since).bind(given_up_only).bind(types).execute(pool).await?;
    sweep(pool).await?;
    Ok(done.rows_affected())
}
