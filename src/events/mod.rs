//! Telling the merchant's backend: events by cursor, signed deliveries, notices, and the audit trail.
//!
//! The database writes an event with its position in the transaction of the change itself (migrations
//! 0006, 0051). After the commit one process at a time adds the object as the API shows it ([`publish`]),
//! in the order of positions: a reader who goes on from one misses nothing.

mod audit;
mod backlog;
mod comeback;
pub mod couriers;
pub mod deliver;
mod endpoints;
mod lists;
pub mod notices;
pub mod objects;
mod public_only;
pub mod publish;
mod queue;
mod read;
pub mod receiver;
pub mod redeliver;
mod store;
mod test_event;

use std::time::Duration;

use sqlx::PgPool;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::context::AppState;
pub use backlog::{Backlog, backlog};
use deliver::Courier;
pub use endpoints::new_secret;
pub use queue::CLAIM;
use store::Horizon;

const PAUSE: Duration = Duration::from_millis(500);
/// Longer than a transaction of a running service lasts: it waits ten seconds for a lock. An import may last
/// longer.
const HELD_UP: Duration = Duration::from_secs(15);

/// The routes.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(read::list))
        .routes(routes!(read::show))
        .routes(routes!(redeliver::since))
        .routes(routes!(redeliver::one))
        .routes(routes!(test_event::make))
        .routes(routes!(audit::list))
        .merge(endpoints::routes())
}

/// What is published from now on is to be delivered to the receiver of the settings, by this process or by
/// another one.
pub async fn begin(pool: &PgPool) -> sqlx::Result<()> {
    queue::begin(pool).await
}

/// Publishes and delivers until the service is told to stop, neither waiting for the other. A delivery
/// that is cut short by that is made again, here or by another process.
pub async fn run(ctx: AppState, courier: Option<Courier>) {
    let published = watch::Sender::new(());
    let delivering = couriers::run(&ctx, courier, &published);
    tokio::select! {
        () = ctx.draining.cancelled() => {}
        ((), ()) = async { tokio::join!(publishing(&ctx, &published), delivering) } => {}
    }
}

async fn publishing(ctx: &AppState, published: &watch::Sender<()>) {
    let mut ticks = interval(PAUSE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut reached, mut since) = (0, Instant::now());
    loop {
        ticks.tick().await;
        match publish::publish(ctx).await {
            Ok(horizon) => {
                published.send_replace(());
                let Some(Horizon { given, settled, pids }) = horizon else { continue };
                if settled == given || settled != reached {
                    (reached, since) = (settled, Instant::now());
                } else if since.elapsed() > HELD_UP {
                    since = Instant::now();
                    tracing::error!(
                        alert = true,
                        ?pids,
                        "transactions that do not end keep events from being published"
                    );
                }
            }
            Err(error) => tracing::warn!(%error, "events wait for a later turn"),
        }
    }
}
