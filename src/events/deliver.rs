//! Deliveries to one endpoint.
//!
//! An event may come twice (same `webhook-id`), never out of order within its subscription unless one
//! before it was refused, and is not lost: it is tried for more than four days, then given up and shown
//! as such.

use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::access::trace::Trace;
use crate::events::PAUSE;
use crate::events::comeback::Comeback;
use crate::events::queue::{self, Claimed, Outcome, Told};
use crate::events::read::EventBody;
use crate::events::receiver::Receiver;
use crate::events::store::{self, DeliveryState};
use crate::rules::ids::WebhookEndpointId;

const AT_ONCE: usize = 16;
const SWEEP: Duration = Duration::from_mins(1);
/// Longer than a try takes, so that no two processes tell the same event at once.
const LEASE_SECS: f64 = 30.0;
/// Seconds after each failed try; after the last one it is given up. Together 4 days and 3 hours.
const BACK_OFF: [f64; 12] = [
    5.0, 30.0, 120.0, 600.0, 3_600.0, 7_200.0, 14_400.0, 28_800.0, 43_200.0, 86_400.0, 86_400.0,
    86_400.0,
];

/// Carries events to one endpoint.
pub struct Courier {
    endpoint: WebhookEndpointId,
    receiver: Arc<Receiver>,
    types: Option<Vec<&'static str>>,
}

/// What a try says of the receiver.
#[derive(Clone, Copy)]
enum Tried {
    Taken,
    Failed,
    /// It refused this event, or the try does not count.
    SaysNothing,
}

type UnderWay = JoinSet<sqlx::Result<Tried>>;

impl Courier {
    /// To `receiver`, these types only.
    pub fn new(
        endpoint: WebhookEndpointId,
        receiver: Receiver,
        types: Option<Vec<&'static str>>,
    ) -> Self {
        Self { endpoint, receiver: Arc::new(receiver), types }
    }

    /// Delivers what is due, and goes on doing so until `stop`; sooner when told that something was
    /// published. Each delivery is on its way by itself: one that takes long has one of the places, and
    /// nobody waits for it. What is on its way when it stops comes to its end.
    pub async fn run(
        self,
        pool: PgPool,
        mut published: watch::Receiver<()>,
        stop: CancellationToken,
    ) {
        let (mut under_way, mut comeback) = (UnderWay::new(), Comeback::default());
        let (mut ticks, mut sweeps) = (interval(PAUSE), interval(SWEEP));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        sweeps.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let done = tokio::select! {
                () = stop.cancelled() => break,
                _ = sweeps.tick() => queue::sweep(&pool, self.endpoint).await,
                _ = ticks.tick() => self.enlist(&pool).await,
                Ok(()) = published.changed() => {
                    ticks.reset();
                    self.enlist(&pool).await
                }
                Some(first) = under_way.join_next() => {
                    self.learn(&pool, &mut comeback, first, &mut under_way).await
                }
            };
            let sent = self.send_due(&pool, &mut under_way).await;
            if let Err(error) = done.and(sent) {
                tracing::warn!(endpoint = %self.endpoint, %error, "deliveries wait for a later turn");
                ticks.tick().await;
            }
        }
        while under_way.join_next().await.is_some() {}
    }

    async fn enlist(&self, pool: &PgPool) -> sqlx::Result<()> {
        while queue::enlist(pool, self.endpoint, self.types.as_deref()).await? {}
        Ok(())
    }

    /// Fills the places that are free.
    async fn send_due(&self, pool: &PgPool, under_way: &mut UnderWay) -> sqlx::Result<()> {
        loop {
            let free = AT_ONCE.saturating_sub(under_way.len());
            if free == 0 {
                return Ok(());
            }
            let limit = i64::try_from(free).unwrap_or(1);
            let (claimed, behind) = queue::claim(pool, self.endpoint, limit, LEASE_SECS).await?;
            for claimed in claimed {
                under_way.spawn(tell(pool.clone(), self.receiver.clone(), claimed));
            }
            if behind == 0 {
                return Ok(());
            }
        }
    }

    /// What the tries that are over say of the receiver.
    async fn learn(
        &self,
        pool: &PgPool,
        comeback: &mut Comeback,
        first: Result<sqlx::Result<Tried>, JoinError>,
        under_way: &mut UnderWay,
    ) -> sqlx::Result<()> {
        let others = std::iter::from_fn(|| under_way.try_join_next());
        let (mut is_back, mut failure) = (false, Ok(()));
        for tried in std::iter::once(first).chain(others) {
            match tried {
                Ok(Ok(Tried::Taken)) => is_back |= comeback.taken(Instant::now()),
                Ok(Ok(Tried::Failed)) => comeback.failed(),
                Ok(Ok(Tried::SaysNothing)) => {}
                Ok(Err(error)) => failure = Err(error),
                Err(error) => tracing::error!(%error, "a delivery ended badly"),
            }
        }
        if is_back {
            let events = queue::hurry(pool, self.endpoint).await?;
            let text = "the receiver takes events, those that failed are tried now";
            tracing::info!(endpoint = %self.endpoint, events, "{text}");
        }
        failure
    }
}

async fn tell(pool: PgPool, receiver: Arc<Receiver>, claimed: Claimed) -> sqlx::Result<Tried> {
    let Some(event) = store::find(&pool, claimed.event_id).await? else {
        return Ok(Tried::SaysNothing);
    };
    let trace = event.traceparent.as_deref().and_then(Trace::parse);
    let (span, trace) = Trace::begin(trace, |trace_id| {
        tracing::info_span!(
            "delivery",
            trace_id,
            event = %claimed.event_id,
            endpoint = %claimed.endpoint_id,
        )
    });
    let body = serde_json::to_string(&EventBody::from(event)).unwrap_or_default();
    try_once(&pool, &receiver, claimed, body, trace).instrument(span).await
}

async fn try_once(
    pool: &PgPool,
    receiver: &Receiver,
    claimed: Claimed,
    body: String,
    trace: Trace,
) -> sqlx::Result<Tried> {
    let id = claimed.event_id.to_string();
    let started = Instant::now();
    let (status, failure) = match receiver.send(&id, body, Some(trace)).await {
        Ok(status) => (Some(status), None),
        Err(failure) => (None, Some(failure)),
    };
    let told = Told {
        millis: i32::try_from(started.elapsed().as_millis()).unwrap_or(i32::MAX),
        status: status.and_then(|status| i16::try_from(status).ok()),
        failure,
    };
    let outcome = outcome(claimed, status);
    log(&told, outcome, claimed);
    queue::record(pool, claimed, &told, outcome).await?;
    Ok(match outcome {
        Outcome { state: DeliveryState::Delivered, .. } => Tried::Taken,
        Outcome { refused: true, .. } => Tried::SaysNothing,
        _ if claimed.is_extra => Tried::SaysNothing,
        _ => Tried::Failed,
    })
}

/// What follows from the status of the answer. A refusal is of this event: that the receiver is busy
/// (408, 425, 429) is none.
fn outcome(claimed: Claimed, status: Option<u16>) -> Outcome {
    let refused = status.is_some_and(|s| (400..500).contains(&s) && ![408, 425, 429].contains(&s));
    if status.is_some_and(|status| (200..300).contains(&status)) {
        return Outcome { state: DeliveryState::Delivered, refused, pause_secs: 0.0 };
    }
    let tried = usize::try_from(claimed.attempts).unwrap_or(0);
    let (state, pause_secs) = match BACK_OFF.get(tried) {
        // When it is tried next is planned already.
        _ if claimed.is_extra => (DeliveryState::Waiting, 0.0),
        Some(pause) => (DeliveryState::Waiting, *pause),
        None => (DeliveryState::GivenUp, 0.0),
    };
    Outcome { state, refused, pause_secs }
}

fn log(told: &Told, outcome: Outcome, claimed: Claimed) {
    let Outcome { state, refused, .. } = outcome;
    metrics::counter!("kiwoom_billing_deliveries_total", "state" => state.name()).increment(1);
    let (id, endpoint) = (claimed.event_id.to_string(), claimed.endpoint_id.to_string());
    let Told { millis, status, failure } = told;
    match state {
        DeliveryState::Delivered => tracing::debug!(id, endpoint, millis, "event delivered"),
        DeliveryState::GivenUp => {
            tracing::error!(alert = true, id, endpoint, status, failure, "event given up");
        }
        DeliveryState::Waiting if refused => {
            let text = "event refused, tried again later; others do not wait for it";
            tracing::warn!(id, endpoint, status, "{text}");
        }
        DeliveryState::Waiting => {
            let text = "event not delivered, tried again later";
            tracing::warn!(id, endpoint, status, failure, "{text}");
        }
    }
}
