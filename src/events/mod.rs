//! Telling the merchant's backend: events by cursor, signed deliveries, notices, and the audit trail.
//!
//! The database writes an event in the transaction of the change itself (migration 0006). After the
//! commit one process at a time gives it a position and the object as the API shows it
//! ([`publish`]), so that a reader who goes on from a position misses nothing.

mod audit;
mod backlog;
mod comeback;
pub mod deliver;
pub mod notices;
pub mod publish;
mod queue;
mod read;
pub mod receiver;
pub mod redeliver;
mod store;

use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::context::AppState;
pub use backlog::{Backlog, backlog};
use deliver::Courier;

const PAUSE: Duration = Duration::from_millis(500);

/// The routes.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(read::list))
        .routes(routes!(read::show))
        .routes(routes!(redeliver::since))
        .routes(routes!(redeliver::one))
        .routes(routes!(audit::list))
}

/// Publishes and delivers until the service is told to stop, neither waiting for the other. A delivery
/// that is cut short by that is made again, here or by another process.
pub async fn run(ctx: AppState, courier: Option<Courier>) {
    let published = Notify::new();
    let delivering = async {
        if let Some(courier) = &courier {
            courier.run(&ctx.pool, &published).await;
        }
    };
    tokio::select! {
        () = ctx.draining.cancelled() => {}
        ((), ()) = async { tokio::join!(publishing(&ctx, &published), delivering) } => {}
    }
}

async fn publishing(ctx: &AppState, published: &Notify) {
    let mut ticks = interval(PAUSE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match publish::publish(ctx).await {
            Ok(()) => published.notify_one(),
            Err(error) => tracing::warn!(%error, "events wait for a later turn"),
        }
    }
}
