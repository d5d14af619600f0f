//! Forgets what has been kept for as long as the settings say, a little at a time.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::billing::forgotten;
use crate::context::Context;

const INTERVAL: Duration = Duration::from_mins(1);
/// Rows at once, and how often in a row: a backlog of years takes hours, and holds nobody up.
const BATCH: i32 = 1_000;
const BATCHES: usize = 20;

/// What is forgotten, each by itself.
pub const KINDS: [&str; 5] = ["answers", "deliveries", "events", "notifications", "names"];

/// Runs until the service is told to stop. What fails is logged, and tried again.
pub(super) async fn run(ctx: &Context) {
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = ctx.draining.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if let Err(error) = forgotten::forget_deleted(ctx).await {
            tracing::error!(%error, "AUTOKEYs of deleted keys were not forgotten, the next pass tries again");
        }
        for kind in KINDS {
            if let Err(error) = forget(ctx, kind).await {
                tracing::error!(kind, %error, "what is too old was not forgotten, the next pass tries again");
            }
        }
    }
}

/// Forgets what of this kind is too old; how many rows. Answers and deliveries live in real time, the
/// rest in the service's.
pub async fn forget(ctx: &Context, kind: &'static str) -> sqlx::Result<u64> {
    let keep = ctx.config.retention;
    let (days, now) = match kind {
        "answers" => (keep.answers, ctx.clock.host_now()),
        "deliveries" => (keep.deliveries, ctx.clock.host_now()),
        "events" => (keep.events, ctx.clock.now()),
        "notifications" => (keep.notifications, ctx.clock.now()),
        _ => (keep.names, ctx.clock.now()),
    };
    let Some(days) = days else { return Ok(0) };
    let mut forgotten = 0;
    for _ in 0..BATCHES {
        let query = sqlx::query_scalar("select forget($1, $2, $3)").bind(kind);
        let query = query.bind(now - chrono::Duration::days(days)).bind(BATCH);
        let done: i32 = query.fetch_one(&ctx.pool).await?;
        forgotten += u64::from(done.unsigned_abs());
        if done < BATCH {
            break;
        }
    }
    metrics::counter!("kiwoom_billing_forgotten_total", "kind" => kind).increment(forgotten);
    Ok(forgotten)
}
