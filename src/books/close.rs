//! Closes the days of the books: a closed day never changes, and is read from its sums.

use sqlx::Connection;

use crate::context::Context;

/// Closes the days before today, unless that is done. A process that is writing a movement is waited
/// for, for two seconds; then it is left to the next pass.
pub async fn close(ctx: &Context) -> sqlx::Result<()> {
    let today = ctx.clock.today();
    let mut db = ctx.pool.acquire().await?;
    let is_closed =
        sqlx::query_scalar("select coalesce(through >= $1::date - 1, false) from movements_closed");
    if is_closed.bind(today).fetch_one(&mut *db).await? {
        return Ok(());
    }
    let mut tx = db.begin().await?;
    // The first time it is of all days that there are.
    sqlx::query("set local statement_timeout = 0").execute(&mut *tx).await?;
    let close = sqlx::query("select close_movements($1)").bind(today);
    close.execute(&mut *tx).await?;
    tx.commit().await
}
