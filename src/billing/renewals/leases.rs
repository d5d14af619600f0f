//! Which process works on which due subscription, and for how long. Who has lost its lease neither
//! sends nor writes.

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use sqlx::postgres::PgConnection;

use crate::payments::store::paid_time::{self, Loaded};
use crate::rules::ids::SubscriptionId;
use crate::rules::schedule::Rules;
use crate::storage::live_processes;

/// A due subscription that process `owner` alone works on, for as long as the lease holds.
#[derive(Clone, Copy, Debug, sqlx::FromRow)]
pub struct Lease {
    pub id: SubscriptionId,
    #[sqlx(rename = "leased_by")]
    pub owner: i32,
    #[sqlx(rename = "leased_until")]
    pub until: DateTime<Utc>,
}

/// Takes up to `limit` due subscriptions for process `owner` alone, oldest first. A lease ends by
/// the database's own clock, which nobody moves, or with its process. The first claim of a pass also
/// takes what this process has from an earlier pass: one that failed, or whose claim's answer was
/// lost, and nobody works on that.
pub async fn claim(
    pool: &PgPool,
    now: DateTime<Utc>,
    limit: i64,
    (owner, lease_secs): (i32, f64),
    is_first: bool,
) -> sqlx::Result<Vec<Lease>> {
    let alive = live_processes::alive(pool).await?;
    let query = sqlx::query_as(
        "with due as (
            select id from subscriptions
            where next_attempt_at <= $1
               and (leased_until is null or leased_until < now() or leased_by <> all($5)
                    or leased_by = $3 and $6)
            order by next_attempt_at limit $2 for update skip locked)
         update subscriptions
         set leased_by = $3, leased_until = now() + make_interval(secs => $4)
         from due where subscriptions.id = due.id
         returning subscriptions.id, leased_by, leased_until",
    );
    let query = query.bind(now).bind(limit).bind(owner).bind(lease_secs).bind(alive);
    query.bind(is_first).fetch_all(pool).await
}

/// The subscription, locked until the transaction ends; `None` when the lease is lost: it ran out,
/// a caller's charge ended it, or another process has the next one. Each lease ends at a moment of
/// its own, which tells it from a later one of the same process. What is `known` of it is read again
/// only when somebody has written it since.
pub async fn lock(
    db: &mut PgConnection,
    lease: Lease,
    known: Option<Loaded>,
    rules: &Rules,
) -> sqlx::Result<Option<Loaded>> {
    let query = sqlx::query_scalar(
        "select revision from subscriptions where id = $1 and status <> 'incomplete'
            and leased_by = $2 and leased_until = $3 and leased_until > clock_timestamp()
         for update",
    );
    let query = query.bind(lease.id).bind(lease.owner).bind(lease.until);
    let Some(revision) = query.fetch_optional(&mut *db).await? else { return Ok(None) };
    paid_time::locked(db, lease.id, (known, revision), rules).await
}

/// Gives a claimed subscription back untouched.
pub async fn release(pool: &PgPool, lease: Lease) -> sqlx::Result<()> {
    let query = sqlx::query(
        "update subscriptions set leased_until = null
         where id = $1 and leased_by = $2 and leased_until = $3",
    );
    query.bind(lease.id).bind(lease.owner).bind(lease.until).execute(pool).await.map(drop)
}
