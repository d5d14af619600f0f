//! SQL of the right to answer an `Idempotency-Key`, and of the answer.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

/// The right to answer a key. A process that was taken for dead, and whose request another one has
/// taken over, holds a claim of the past: it may neither replace the answer nor free the key.
#[derive(Clone, Copy, Debug, sqlx::FromRow)]
pub struct Claim {
    /// Of the key's row, and of what the request makes.
    pub id: Uuid,
    /// Since when the request is this process's.
    pub started_at: DateTime<Utc>,
}

impl Claim {
    /// Keeps the answer: its HTTP status and its body. Whether the claim still stood.
    pub async fn answer(
        self,
        db: impl PgExecutor<'_>,
        status: u16,
        body: &[u8],
    ) -> sqlx::Result<bool> {
        let query = sqlx::query(
            "update idempotency_keys set status = $3, body = $4
             where id = $1 and started_at = $2 and status is null",
        );
        let query = query.bind(self.id).bind(self.started_at);
        let query = query.bind(i16::try_from(status).unwrap_or(i16::MAX)).bind(body);
        Ok(query.execute(db).await?.rows_affected() > 0)
    }
}

/// Whether the request that makes the payment or refund `$1` is still that of the process `$2`: a
/// subquery that gives no row for a request without an `Idempotency-Key`.
macro_rules! own_request {
    () => {
        "select sender = $2 and status is null from idempotency_keys where id = $1 for share"
    };
}

pub(crate) use own_request;

/// Whether the request that makes the payment or refund `id` is still this process's, until the
/// transaction ends. One without an `Idempotency-Key` always is; one with a key has its id, and may
/// have been taken over while this process was stopped, and answered.
pub async fn is_own_request(db: &mut PgConnection, id: Uuid, sender: i32) -> sqlx::Result<bool> {
    let query = sqlx::query_scalar(own_request!());
    let own: Option<bool> = query.bind(id).bind(sender).fetch_optional(db).await?;
    Ok(own.unwrap_or(true))
}
