//! How a request with an `Idempotency-Key` ends.

use axum::body::Bytes;
use axum::http::StatusCode;
use sqlx::PgPool;
use uuid::Uuid;

use crate::payments::store::claims::Claim;

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
    let stood = match end {
        End::Answered(status, body) => claim.answer(pool, status.as_u16(), body).await?,
        End::GivenUp | End::CameToNothing => {
            let query = sqlx::query(
                "update idempotency_keys set sender = $3, id = $4
                 where id = $1 and started_at = $2 and status is null",
            );
            let anew = matches!(end, End::CameToNothing);
            let id = if anew { Uuid::now_v7() } else { claim.id };
            let query = query.bind(claim.id).bind(claim.started_at).bind(NO_SENDER).bind(id);
            query.execute(pool).await?.rows_affected() > 0
        }
    };
    if !stood {
        tracing::warn!(id = %claim.id, "a request was taken over, or has its answer: another is not kept");
    }
    Ok(())
}
