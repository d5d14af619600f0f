//! Looks every two seconds at what may change under a running service: whether the schedule may
//! charge, and whether what is sent can be recorded, in the database or else in `DATA_DIR`.

use std::time::Duration;

use crate::context::AppState;

const INTERVAL: Duration = Duration::from_secs(2);
/// A request to the object store costs money.
const KEEPING: Duration = Duration::from_secs(30);

/// Runs until the service is told to stop. A database that is away is reported by others.
pub async fn run(ctx: AppState) {
    loop {
        tokio::select! {
            () = ctx.stop.cancelled() => return,
            () = tokio::time::sleep(INTERVAL) => {}
        }
        if let Err(error) = ctx.rights.check(&ctx.pool).await {
            tracing::debug!(%error, "the rights of the role were not looked at");
        }
        ctx.journal.check();
        if let Err(error) = ctx.guard.may_charge(&ctx.pool).await {
            tracing::debug!(%error, "the database was not looked at");
        }
    }
}

/// Keeps what is known of the database at `HIGH_WATER_MARK_URL`, until the service is told to stop.
pub async fn keep_high_water_mark(ctx: AppState) {
    loop {
        ctx.guard.keep().await;
        tokio::select! {
            () = ctx.stop.cancelled() => return,
            () = tokio::time::sleep(KEEPING) => {}
        }
    }
}
