//! Cards that are ended for good: no subscription asks them for money again.

use chrono::{DateTime, Utc};
use sqlx::postgres::PgConnection;

use crate::rules::ids::BillingKeyId;

/// The card of this billing key was refused for good. One that is deleted, or ended already, stays as
/// it is.
pub(super) async fn end(
    db: &mut PgConnection,
    id: BillingKeyId,
    (code, message): (&str, &str),
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    let query = sqlx::query(
        "update billing_keys set inactive_at = $2, inactive_code = $3, inactive_message = $4
         where id = $1 and status = 'active' and inactive_at is null",
    );
    let ended = query.bind(id).bind(now).bind(code).bind(message).execute(db).await?;
    if ended.rows_affected() > 0 {
        tracing::warn!(billing_key = %id, code, "a card is ended for good");
    }
    Ok(())
}
