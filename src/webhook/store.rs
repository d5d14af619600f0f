//! SQL of notifications: one row for all copies of the same one.

use chrono::{DateTime, Duration, Utc};
use sqlx::PgPool;
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
}

/// Counts another copy, or keeps the first one.
pub async fn keep(pool: &PgPool, entry: &Entry<'_>) -> sqlx::Result<Kept> {
    let query = sqlx::query_as(
        "insert into notifications (id, fingerprint, kind, verdict, order_no, transaction_id,
            amount, occurred_at, raw, first_at, last_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)
         on conflict on constraint notifications_fingerprint_key do update
         set copies = notifications.copies + 1, last_at = excluded.last_at
         returning id, verdict",
    );
    query
        .bind(Uuid::now_v7())
        .bind(entry.fingerprint)
        .bind(entry.kind)
        .bind(entry.verdict)
        .bind(entry.told.map(|t| &t.order_no))
        .bind(entry.told.map(|t| &t.transaction_id))
        .bind(entry.told.map(|t| t.amount))
        .bind(entry.told.and_then(|t| t.occurred_at))
        .bind(entry.raw)
        .bind(entry.now)
        .fetch_one(pool)
        .await
}

/// What has been applied stays so: a cancellation found too early may have been applied by its
/// payment since.
pub async fn set_verdict(pool: &PgPool, id: Uuid, verdict: Verdict) -> sqlx::Result<()> {
    let query =
        sqlx::query("update notifications set verdict = $2 where id = $1 and verdict <> 'applied'");
    query.bind(id).bind(verdict).execute(pool).await.map(drop)
}

/// What `GET /webhook/health` counts.
#[derive(sqlx::FromRow)]
pub struct Counts {
    pub last_at: Option<DateTime<Utc>>,
    pub received: i64,
    pub rejected: i64,
}

pub async fn counts(pool: &PgPool, now: DateTime<Utc>) -> sqlx::Result<Counts> {
    let query = sqlx::query_as(
        "select (select max(last_at) from notifications where kind <> 'source') as last_at,
            coalesce(sum(copies) filter (where kind <> 'source'), 0)::bigint as received,
            coalesce(sum(copies) filter (where verdict not in ('applied', 'waiting')), 0)::bigint
                as rejected
         from notifications where last_at > $1",
    );
    query.bind(now - Duration::hours(24)).fetch_one(pool).await
}
