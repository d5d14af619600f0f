//! How a request with an `Idempotency-Key` ends.

use axum::body::Bytes;
use axum::http::StatusCode;
use sqlx::PgPool;
use uuid::Uuid;

use super::Claim;

/// A sender that never lives: numbers of processes begin at 1.
const NO_SENDER: i32 = 0;

/// How a request with a key ended.
pub(super) enum End {
    /// With an answer that is kept.
    Answered(StatusCode, Bytes),
    /// Without one. The next request with the key goes on from what this one did: a key that were
    /// free again would have it done a second time.
    GivenUp,
    /// Without one, and what it made is settled: the next request with the key makes something else.
    CameToNothing,
}

/// Stores the answer, or gives the claim up.
pub(super) async fn finish(pool: &PgPool, claim: Claim, end: &End) -> sqlx::Result<()> {
    let query = match end {
        End::Answered(status, body) => {
            let query = sqlx::query(
                "update idempotency_keys set status = $3, body = $4
                 where id = $1 and started_at = $2 and status is null",
            );
            let query = query.bind(claim.id).bind(claim.started_at);
            query.bind(i16::try_from(status.as_u16()).unwrap_or(i16::MAX)).bind(&**body)
        }
        End::GivenUp | End::CameToNothing => {
            let query = sqlx::query(
                "update idempotency_keys set sender = $3, id = $4
                 where id = $1 and started_at = $2 and status is null",
            );
            let anew = matches!(end, End::CameToNothing);
            let id = if anew { Uuid::now_v7() } else { claim.id };
            query.bind(claim.id).bind(claim.started_at).bind(NO_SENDER).bind(id)
        }
    };
    let done = query.execute(pool).await?;
    if done.rows_affected() == 0 {
        tracing::warn!(id = %claim.id, "a request was taken over: its second answer is kept");
    }
    Ok(())
}
