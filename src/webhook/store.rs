//! SQL of notifications: one row for all copies of the same one.

use chrono::{DateTime, Duration, Utc};
use sha2::{Digest, Sha256};
use sqlx::{PgExecutor, PgPool};
use uuid::Uuid;

use crate::kiwoom::notification::Notification;
use crate::webhook::ingest::{Kind, Verdict};

/// A notification to be kept.
pub struct Entry<'a> {
    pub fingerprint: &'a [u8],
    pub kind: Kind,
    pub verdict: Verdict,
    pub told: Option<&'a Notification>,
    pub raw: &'a str,
    pub now: DateTime<Utc>,
}

/// A kept notification.
#[derive(sqlx::FromRow)]
pub struct Kept {
    pub id: Uuid,
    pub verdict: Verdict,
    pub first_at: DateTime<Utc>,
}

macro_rules! keeping {
    ($conflict:literal) => {
        concat!(
            "insert into notifications (id, fingerprint, kind, verdict, order_no, transaction_id,
                amount, occurred_at, raw, first_at, last_at, cpid)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11)
             on conflict on constraint notifications_fingerprint_key ",
            $conflict,
            " returning id, verdict, first_at"
        )
    };
}

/// Counts another copy, or keeps the first one.
pub async fn keep(db: impl PgExecutor<'_>, entry: &Entry<'_>) -> sqlx::Result<Kept> {
    let sql =
        keeping!("do update set copies = notifications.copies + 1, last_at = excluded.last_at");
    write(db, sql, entry).await?.ok_or(sqlx::Error::RowNotFound)
}

/// Keeps the first one; `None` for another copy.
pub async fn keep_new(db: impl PgExecutor<'_>, entry: &Entry<'_>) -> sqlx::Result<Option<Kept>> {
    write(db, keeping!("do nothing"), entry).await
}

async fn write(
    db: impl PgExecutor<'_>,
    sql: &'static str,
    entry: &Entry<'_>,
) -> sqlx::Result<Option<Kept>> {
    // What strangers write there is not known to be a CPID.
    let about_us = entry.told.filter(|_| entry.verdict != Verdict::Merchant);
    sqlx::query_as(sql)
        .bind(Uuid::now_v7())
        .bind(entry.fingerprint)
        .bind(entry.kind)
        .bind(entry.verdict)
        .bind(entry.told.and_then(|t| t.order_no.as_deref()))
        .bind(entry.told.map(|t| &t.transaction_id))
        .bind(entry.told.and_then(Notification::amount))
        .bind(entry.told.and_then(|t| t.occurred_at))
        .bind(entry.raw)
        .bind(entry.now)
        .bind(about_us.map(|t| &t.cpid))
        .fetch_optional(db)
        .await
}

/// A notification without a date is sent again for half an hour, and no longer (protocol section 4).
const RESENT: Duration = Duration::minutes(40);

/// As [`keep`] for a cancellation without a date: what comes after the last re-send of an equal one
/// tells of another one.
pub async fn keep_undated(pool: &PgPool, entry: &Entry<'_>) -> sqlx::Result<Kept> {
    let mut tx = pool.begin().await?;
    // Two copies at once are to find one another.
    let lock = sqlx::query(
        "select pg_advisory_xact_lock(hashtext('undated'), hashtext(encode($1, 'hex')))",
    );
    lock.bind(entry.fingerprint).execute(&mut *tx).await?;
    let query = sqlx::query_scalar(
        "select fingerprint from notifications
         where kind = 'cancellation' and occurred_at is null and verdict <> 'merchant'
            and transaction_id = $1 and order_no is not distinct from $2 and amount = $3
            and first_at > $4
         order by first_at desc limit 1",
    );
    let earlier: Option<Vec<u8>> = query
        .bind(entry.told.map(|t| &t.transaction_id))
        .bind(entry.told.and_then(|t| t.order_no.as_deref()))
        .bind(entry.told.and_then(Notification::amount))
        .bind(entry.now - RESENT)
        .fetch_optional(&mut *tx)
        .await?;
    let fingerprint = earlier.unwrap_or_else(|| {
        let at = entry.now.timestamp_micros().to_be_bytes();
        Sha256::digest([entry.fingerprint, &at].concat()).to_vec()
    });
    let kept = keep(&mut *tx, &Entry { fingerprint: &fingerprint, ..*entry }).await?;
    tx.commit().await?;
    Ok(kept)
}

/// What has been applied stays so: a cancellation found too early may have been applied by its
/// payment since. That one waits is no news about a verdict that is younger than `kept`.
pub async fn set_verdict(pool: &PgPool, kept: &Kept, verdict: Verdict) -> sqlx::Result<()> {
    let query = sqlx::query(
        "update notifications set verdict = $2
         where id = $1 and verdict <> 'applied' and ($2 <> 'waiting' or verdict = $3)",
    );
    query.bind(kept.id).bind(verdict).bind(kept.verdict).execute(pool).await.map(drop)
}

/// The notifications of 24 hours.
#[derive(sqlx::FromRow)]
pub struct Notifications {
    /// When the last one came.
    pub last_at: Option<DateTime<Utc>>,
    /// From KiwoomPay's addresses, copies too.
    pub received: i64,
    /// Answered with FAIL.
    pub rejected: i64,
    /// Of the rejected those that did not come from KiwoomPay's addresses.
    pub from_strangers: i64,
    /// Kept, and left to a person.
    pub review: i64,
}

/// Those up to `now`.
pub async fn notifications(pool: &PgPool, now: DateTime<Utc>) -> sqlx::Result<Notifications> {
    let query = sqlx::query_as(
        "select (select max(last_at) from notifications where kind <> 'source') as last_at,
            coalesce(sum(copies) filter (where kind <> 'source'), 0)::bigint as received,
            coalesce(sum(copies) filter (where verdict not in
                ('applied', 'waiting', 'unexpected', 'review')), 0)::bigint as rejected,
            coalesce(sum(copies) filter (where kind = 'source'), 0)::bigint as from_strangers,
            count(*) filter (where verdict in ('unexpected', 'review')) as review
         from notifications where last_at > $1",
    );
    query.bind(now - Duration::hours(24)).fetch_one(pool).await
}
