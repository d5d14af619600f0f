//! Three loops: one charges what is due, one does what has to be done besides, one forgets what is too
//! old, so that none waits for another. In the sandbox also the walk of the moved clock.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use thiserror::Error;
use tokio::sync::watch;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

use crate::billing::renewals;
use crate::books;
use crate::context::{AppState, Context};
use crate::events::notices;
use crate::payments::{checkout, links, recovery};
use crate::service::{clock_file, retention};
use crate::storage::failover_guard::{Charging, Why};

/// A walk whose due work does not get done gives up after this time.
const WALK_PATIENCE: Duration = Duration::from_mins(2);
const WALK_POLL: Duration = Duration::from_millis(20);

/// The steps of a pass, as metrics name them.
pub const STEPS: [&str; 6] = ["charging", "recovery", "expiry", "links", "notices", "closing"];

/// Why a walk ended early.
#[derive(Debug, Error)]
pub enum WalkError {
    /// Work that was due stayed undone.
    #[error("work that is due at {0} does not get done")]
    Stuck(DateTime<Utc>),
    /// The time-travel guard.
    #[error("{0}")]
    Paused(Why),
    /// The database.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// The clock's file in `DATA_DIR`.
    #[error("the clock cannot be saved: {0}")]
    Save(#[from] std::io::Error),
}

/// Runs until the service is told to stop. What fails is logged, and tried again.
pub async fn run(ctx: AppState) {
    let charging = async {
        let mut turns = Turns::new(&ctx);
        while turns.next(&ctx).await {
            drop(charge(&ctx).await);
            finished("charging", &ctx);
        }
    };
    let besides = async {
        let mut turns = Turns::new(&ctx);
        while turns.next(&ctx).await {
            drop(upkeep(&ctx).await);
            finished("upkeep", &ctx);
        }
    };
    tokio::join!(charging, besides, retention::run(&ctx));
}

fn finished(name: &'static str, ctx: &Context) {
    let now = Duration::from_millis(ctx.clock.host_now().timestamp_millis().unsigned_abs());
    metrics::gauge!("kiwoom_billing_schedule_finished_timestamp_seconds", "loop" => name)
        .set(now.as_secs_f64());
}

/// When it is time for another pass.
struct Turns {
    ticks: Interval,
    wake: watch::Receiver<()>,
}

impl Turns {
    fn new(ctx: &Context) -> Self {
        let mut ticks = interval(ctx.config.schedule.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { ticks, wake: ctx.wake.subscribe() }
    }

    /// False once the service is told to stop.
    async fn next(&mut self, ctx: &Context) -> bool {
        tokio::select! {
            () = ctx.draining.cancelled() => false,
            _ = self.ticks.tick() => true,
            _ = self.wake.changed() => true,
        }
    }
}

/// Charges what is due.
async fn charge(ctx: &Context) -> sqlx::Result<()> {
    let _one_at_a_time = ctx.charging.lock().await;
    step("charging", charge_due(ctx).await)
}

async fn charge_due(ctx: &Context) -> sqlx::Result<()> {
    if ctx.config.schedule.enabled && ctx.guard.may_charge(&ctx.pool).await? {
        renewals::run_due(ctx).await?;
    }
    Ok(())
}

/// Finds calls that were cut short, expires orders, gives notices, closes the days of the books. A step
/// that fails does not keep the others; the first error is returned.
async fn upkeep(ctx: &Context) -> sqlx::Result<()> {
    let _one_at_a_time = ctx.upkeep.lock().await;
    let steps = [
        step("recovery", recovery::recover(ctx).await),
        step("expiry", expire(ctx).await),
        step("links", links::expire(ctx).await),
        step("notices", notices::give(ctx).await),
        step("closing", books::close(ctx).await),
    ];
    steps.into_iter().collect()
}

fn step(name: &'static str, done: sqlx::Result<()>) -> sqlx::Result<()> {
    debug_assert!(STEPS.contains(&name), "{name}");
    if let Err(error) = &done {
        metrics::counter!("kiwoom_billing_schedule_failures_total", "step" => name).increment(1);
        tracing::error!(step = name, %error, "a step of the schedule failed, the next pass tries again");
    }
    done
}

async fn expire(ctx: &Context) -> sqlx::Result<()> {
    let mut tx = ctx.begin().await?;
    checkout::expire(&mut tx, ctx.clock.now()).await?;
    tx.commit().await
}

/// Moves the clock to `target`, stopping at every due moment on the way, in order, and letting
/// everything happen at its own time. Work that other processes do is waited for.
pub async fn walk(ctx: &Context, target: DateTime<Utc>) -> Result<(), WalkError> {
    let mut progress = Instant::now();
    loop {
        if ctx.config.schedule.enabled
            && let Charging::Paused(why) = ctx.guard.look(&ctx.pool).await?
        {
            return Err(WalkError::Paused(why));
        }
        let next = next_due(ctx).await?.filter(|at| *at <= target);
        let under_way = renewals::charges_under_way(&ctx.pool).await?;
        if under_way || next.is_some_and(|at| at <= ctx.clock.now()) {
            if progress.elapsed() > WALK_PATIENCE {
                return Err(WalkError::Stuck(ctx.clock.now()));
            }
            if under_way {
                tokio::time::sleep(WALK_POLL).await;
            }
        } else {
            progress = Instant::now();
        }
        match next {
            Some(at) => advance(ctx, at)?,
            None if under_way => {}
            None => return Ok(advance(ctx, target)?),
        }
        upkeep(ctx).await?;
        charge(ctx).await?;
    }
}

fn advance(ctx: &Context, instant: DateTime<Utc>) -> std::io::Result<()> {
    ctx.clock.advance_to(instant);
    clock_file::save(&ctx.config.data_dir.join("sandbox"), &ctx.clock)
}

async fn next_due(ctx: &Context) -> sqlx::Result<Option<DateTime<Utc>>> {
    let charge =
        if ctx.config.schedule.enabled { renewals::next_due(&ctx.pool).await? } else { None };
    let expiry = checkout::next_expiry(&ctx.pool).await?;
    let link = links::next_expiry(&ctx.pool).await?;
    let notice = notices::next(ctx).await?;
    Ok([charge, expiry, link, notice].into_iter().flatten().min())
}

/// The walk as the sandbox calls it. It goes on when the caller leaves.
pub fn walker(ctx: AppState, target: DateTime<Utc>) -> Walk {
    Box::pin(async move {
        let tasks = ctx.tasks.clone();
        let walk = tasks.spawn(async move { walk(&ctx, target).await });
        let walked = walk.await.map_err(|error| error.to_string())?;
        walked.map_err(|error| error.to_string())
    })
}

/// A walk under way.
pub type Walk = BoxFuture<'static, Result<(), String>>;
