//! When KiwoomPay may be called: a turn for each call. Two limits, each where it belongs.
//!
//! - The pace: so many calls a second for each CPID and method (protocol section 2.2), over all
//!   processes on one database ([`turns`]), for step 1 and for step 2. Nobody leads, and nobody holds a
//!   connection while waiting.
//! - Calls in flight: so many at once in this process, so that a gateway that hangs costs a bounded
//!   number of tasks and everything else goes on.
//!
//! A caller who waits for an answer takes the next moment there is. The schedule, which nobody waits
//! for, has one moment at a time in each process, and none that is far away; after some seconds it
//! queues like everybody.

mod turns;

use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use thiserror::Error;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::rules::contract::Contract;
use turns::Turns;

/// Longest wait for the turns of a call before the caller is told to come back later.
const MAX_WAIT: Duration = Duration::from_secs(20);
/// So long the schedule lets others go first.
const PATIENCE: Duration = Duration::from_secs(10);
/// A moment that is further away is none for the schedule.
const AHEAD: Duration = Duration::from_secs(1);
/// A turn that is used later than this is lost: it would collide with those that follow.
const MAX_LATE: Duration = Duration::from_millis(20);
/// Calls that callers wait for, in this process, waiting for their turn included. The schedule has
/// its own number beside it (`renewals::CONCURRENCY`), so that neither keeps the other out.
const MAX_IN_FLIGHT: usize = 64;
/// A burst passes: so long, and so many, wait for a place among these. No more, so that those who need
/// no gateway find a place among the requests.
const PLACE_WAIT: Duration = Duration::from_secs(1);
const MAX_WAITING: usize = 32;

/// See the module.
pub struct Pace {
    /// `None` = no limit.
    turns: Option<Turns>,
    in_flight: Arc<Semaphore>,
    waiting: Semaphore,
    /// Held by the call of the schedule that is the next one.
    next_scheduled: Mutex<()>,
}

/// The right to one call of one method under one contract. What calls the gateway takes it by value, and only this
/// module makes it. It counts as in flight until it is dropped.
pub struct Turn {
    contract: Arc<Contract>,
    method: &'static str,
    /// With how long step 2 may wait for one.
    turns: Option<(Turns, Duration)>,
    _in_flight: Option<OwnedSemaphorePermit>,
    _counted: Counted,
}

impl Turn {
    fn new(
        contract: &Arc<Contract>,
        method: &'static str,
        turns: Option<(Turns, Duration)>,
        in_flight: Option<OwnedSemaphorePermit>,
    ) -> Self {
        let counted = Counted::new(metrics::gauge!("kiwoom_billing_gateway_calls_in_flight"));
        let contract = contract.clone();
        Self { contract, method, turns, _in_flight: in_flight, _counted: counted }
    }

    /// PAYMETHOD of the call.
    pub fn method(&self) -> &'static str {
        self.method
    }

    /// The contract of the call.
    pub fn contract(&self) -> &Contract {
        &self.contract
    }

    /// When step 2 may be sent, which has a pace of its own: how long step 1 takes differs from call to
    /// call.
    pub async fn step_2(&self) -> Result<Instant, NoTurn> {
        let Some((turns, patience)) = &self.turns else { return Ok(Instant::now()) };
        let row = format!("{} 2", self.method);
        turns.reserve(&self.contract.cpid, &row, *patience).await?.ok_or_else(too_busy)
    }
}

/// One of what a gauge shows, until it is dropped.
struct Counted(metrics::Gauge);

impl Counted {
    fn new(gauge: metrics::Gauge) -> Self {
        gauge.increment(1.0);
        Self(gauge)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

/// Why there is no turn. Nothing was sent.
#[derive(Debug, Error)]
pub enum NoTurn {
    /// Too many calls are in flight, or the next turn is too far away.
    #[error("too many calls")]
    TooBusy,
    /// The database that keeps the turns.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl Pace {
    /// `per_sec` calls a second for each CPID and method; 0 = no limit.
    pub fn new(pool: &PgPool, per_sec: u32) -> Self {
        Self {
            turns: Turns::new(pool, per_sec),
            in_flight: Arc::new(Semaphore::new(MAX_IN_FLIGHT)),
            waiting: Semaphore::new(MAX_WAITING),
            next_scheduled: Mutex::default(),
        }
    }

    /// A turn for a call that somebody waits for.
    pub async fn interactive(
        &self,
        contract: &Arc<Contract>,
        method: &'static str,
    ) -> Result<Turn, NoTurn> {
        let mut turn = self.unpaced(contract, method).await?;
        if let Some(turns) = &self.turns {
            let left = queue(turns, &contract.cpid, method).await?;
            turn.turns = Some((turns.clone(), left));
        }
        Ok(turn)
    }

    /// A turn for a call of the schedule.
    pub async fn scheduled(
        &self,
        contract: &Arc<Contract>,
        method: &'static str,
    ) -> Result<Turn, NoTurn> {
        let Some(turns) = &self.turns else { return Ok(Turn::new(contract, method, None, None)) };
        // The others wait here, and cost the database nothing.
        let _next = self.next_scheduled.lock().await;
        let left = give_way(turns, &contract.cpid, method).await?;
        Ok(Turn::new(contract, method, Some((turns.clone(), left)), None))
    }

    /// A turn for a call that KiwoomPay sets no pace for.
    pub async fn unpaced(
        &self,
        contract: &Arc<Contract>,
        method: &'static str,
    ) -> Result<Turn, NoTurn> {
        let place = self.place().await.ok_or_else(too_busy)?;
        Ok(Turn::new(contract, method, None, Some(place)))
    }

    /// A place among the calls in flight, after a short wait.
    async fn place(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(place) = self.in_flight.clone().try_acquire_owned() {
            return Some(place);
        }
        let _waiting = self.waiting.try_acquire().ok()?;
        timeout(PLACE_WAIT, self.in_flight.clone().acquire_owned()).await.ok()?.ok()
    }
}

/// Waits for the next moment that nobody has taken. A process that was stopped meanwhile has missed its
/// moment, as all others that waited in it have: each takes another. How much longer it could have waited.
async fn queue(turns: &Turns, cpid: &str, method: &str) -> Result<Duration, NoTurn> {
    let _waiting = Counted::new(metrics::gauge!("kiwoom_billing_gateway_calls_waiting"));
    let give_up = Instant::now() + MAX_WAIT;
    loop {
        let left = give_up.saturating_duration_since(Instant::now());
        let at = turns.reserve(cpid, method, left).await?.ok_or_else(too_busy)?;
        if is_in_time(at).await {
            return Ok(give_up.saturating_duration_since(at));
        }
    }
}

/// Waits for a moment that is near, and in the end as callers do.
async fn give_way(turns: &Turns, cpid: &str, method: &str) -> Result<Duration, NoTurn> {
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        match turns.reserve(cpid, method, AHEAD).await? {
            Some(at) if is_in_time(at).await => return Ok(MAX_WAIT),
            Some(_) => {}
            None => {
                let free = turns.until_free(cpid, method).await?;
                sleep(free.min(PATIENCE).saturating_sub(AHEAD / 2)).await;
            }
        }
    }
    queue(turns, cpid, method).await
}

/// Waits until then; whether it is not much later now.
async fn is_in_time(at: Instant) -> bool {
    sleep_until(at).await;
    at.elapsed() <= MAX_LATE
}

fn too_busy() -> NoTurn {
    metrics::counter!("kiwoom_billing_pace_refused_total").increment(1);
    NoTurn::TooBusy
}
