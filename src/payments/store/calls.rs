//! SQL of calls that move money, charges and refunds alike: which were cut short.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use crate::rules::ids::{PaymentId, RefundId};

/// Longer than an intent may be sent, by any process (`intent::Since::in_time`).
const FRESH: Duration = Duration::from_secs(5);

/// Seconds after an intent by which its call has ended, when it takes at most `timeout`.
pub fn call_secs(timeout: Duration) -> f64 {
    (FRESH + timeout).as_secs_f64()
}

/// The call of the payment or refund `id` has ended without an answer: its process sends nothing for
/// it any more.
pub async fn call_ended(pool: &PgPool, id: Uuid) -> sqlx::Result<()> {
    let query = sqlx::query(
        "with payment as (update payments set sender = null where id = $1)
         update refunds set sender = null where id = $1",
    );
    query.bind(id).execute(pool).await.map(drop)
}

/// Whether the payment or refund `id` may be sent or its call be under way yet, though it is unknown:
/// its process was taken for dead, and may only stand still or have lost its way to the database. What
/// is settled by hand now could land after. A call takes at most `timeout`; none is under way when
/// its process was seen to end.
pub async fn may_be_sent_yet(pool: &PgPool, id: Uuid, timeout: Duration) -> sqlx::Result<bool> {
    let query = sqlx::query_scalar(
        "select exists (
            select from (
                select sender, sent_at from payments where id = $1
                union all
                select sender, sent_at from refunds where id = $1) call
            where sender is not null and sent_at > now() - make_interval(secs => case
                when exists (select from processes where number = sender and ended_at is not null)
                then $2 else $2 + $3 end))",
    );
    query.bind(id).bind(FRESH.as_secs_f64()).bind(timeout.as_secs_f64()).fetch_one(pool).await
}

/// Payments whose state was left `sending` by a process that is gone, or for longer than any call
/// may take.
pub async fn orphans(pool: &PgPool, alive: &[i32], secs: f64) -> sqlx::Result<Vec<PaymentId>> {
    let query = sqlx::query_scalar(
        "select id from payments where state = 'sending'
           and (sender <> all($1) or sent_at < now() - make_interval(secs => $2)) limit 1000",
    );
    query.bind(alive).bind(secs).fetch_all(pool).await
}

/// As [`orphans`], for refunds.
pub async fn orphan_refunds(
    pool: &PgPool,
    alive: &[i32],
    secs: f64,
) -> sqlx::Result<Vec<RefundId>> {
    let query = sqlx::query_scalar(
        "select id from refunds where state = 'sending'
           and (sender <> all($1) or sent_at < now() - make_interval(secs => $2)) limit 1000",
    );
    query.bind(alive).bind(secs).fetch_all(pool).await
}

/// Payments and refunds of which nobody knows what became.
#[derive(sqlx::FromRow)]
pub struct UnknownOutcomes {
    /// How many.
    pub count: i64,
    /// Won.
    pub amount: i64,
    /// When the oldest was sent.
    pub oldest: Option<DateTime<Utc>>,
}

/// All whose outcome is unknown, those whose call has ended unrecorded too.
pub async fn unknown_outcomes(pool: &PgPool) -> sqlx::Result<UnknownOutcomes> {
    let query = sqlx::query_as(
        "select count(*) as count, coalesce(sum(amount), 0)::bigint as amount, min(sent_at) as oldest
         from (select amount, sent_at from payments
                where state = 'unknown' or (state = 'sending' and call_ends_by < now())
             union all
             select amount, sent_at from refunds
                where state = 'unknown' or (state = 'sending' and call_ends_by < now())) as unknown",
    );
    query.fetch_one(pool).await
}

/// The last charge that the books know of, and how many outcomes are unknown: where the comparison
/// with KiwoomPay's merchant pages begins.
pub async fn last_known(pool: &PgPool) -> sqlx::Result<(Option<String>, i64)> {
    let last = sqlx::query_scalar(
        "select to_char(created_at at time zone 'Asia/Seoul', 'YYYY-MM-DD HH24:MI:SS') || ' '
            || order_no
         from payments order by created_at desc limit 1",
    );
    Ok((last.fetch_optional(pool).await?, unknown_outcomes(pool).await?.count))
}
