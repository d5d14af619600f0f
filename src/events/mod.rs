//! Telling the merchant's backend: events by cursor, signed deliveries, notices, and the audit trail.
//!
//! The database writes an event in the transaction of the change itself (migration 0006). After the
//! commit one process at a time gives it a position and the object as the API shows it
//! ([`publish`]), so that a reader who goes on from a position misses nothing.

mod audit;
mod backlog;
mod comeback;
pub mod couriers;
pub mod deliver;
mod endpoints;
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
use tokio::time::{MissedTickBehavior, interval};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::context::AppState;
pub use backlog::{Backlog, backlog};
use deliver::Courier;
pub use endpoints::new_secret;
pub use queue::CLAIM;

const PAUSE: Duration = Duration::from_millis(500);

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
    loop {
        ticks.tick().await;
        match publish::publish(ctx).await {
            Ok(()) => published.send_replace(()),
            Err(error) => tracing::warn!(%error, "events wait for a later turn"),
        }
    }
}
