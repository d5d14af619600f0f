//! When KiwoomPay may be called: a turn for each call. Two limits, each where it belongs.
//!
//! - The pace: so many calls a second for each CPID and method (protocol section 2.2), over all
//!   processes on one database. The next free moment of a method is a row of `gateway_turns`; one
//!   statement takes it and moves it on, by the database's own clock. Nobody leads, and nobody
//!   holds a connection while waiting.
//! - Calls in flight: so many at once in this process, so that a gateway that hangs costs a bounded
//!   number of tasks and everything else goes on.
//!
//! A caller who waits for an answer takes the next moment there is. The schedule, which nobody
//! waits for, takes only one that is free now; after some seconds it queues like everybody.

use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::rules::contract::Contract;

/// Longest wait for a turn before the caller is told to come back later.
const MAX_WAIT: Duration = Duration::from_secs(20);
/// So long the schedule lets others go first.
const PATIENCE: Duration = Duration::from_secs(10);
/// The calls of one second are spread over this much more, because calls do not arrive as evenly
/// as they are sent: two that are this much too close still do not exceed the rate.
const JITTER: Duration = Duration::from_millis(150);
/// A turn that is used later than this is lost: it would collide with those that follow.
const MAX_LATE: Duration = Duration::from_millis(100);
/// Calls that callers wait for, in this process, waiting for their turn included. The schedule has
/// its own number beside it (`renewals::CONCURRENCY`), so that neither keeps the other out.
const MAX_IN_FLIGHT: usize = 64;
/// A burst passes: so long, and so many, wait for a place among these. No more, so that those who need
/// no gateway find a place among the requests.
const PLACE_WAIT: Duration = Duration::from_secs(1);
const MAX_WAITING: usize = 32;

/// See the module.
pub struct Pace {
    pool: PgPool,
    /// From one call of a method to the next; `None` = no limit.
    interval: Option<Duration>,
    in_flight: Arc<Semaphore>,
    waiting: Semaphore,
}

/// The right to one call of one method under one contract. What calls the gateway takes it by value, and only this
/// module makes it. It counts as in flight until it is dropped.
pub struct Turn {
    contract: Arc<Contract>,
    method: &'static str,
    _in_flight: Option<OwnedSemaphorePermit>,
    _counted: Counted,
}

impl Turn {
    fn new(
        contract: &Arc<Contract>,
        method: &'static str,
        in_flight: Option<OwnedSemaphorePermit>,
    ) -> Self {
        let counted = Counted::new(metrics::gauge!("kiwoom_billing_gateway_calls_in_flight"));
        Self { contract: contract.clone(), method, _in_flight: in_flight, _counted: counted }
    }

    /// PAYMETHOD of the call.
    pub fn method(&self) -> &'static str {
        self.method
    }

    /// The contract of the call.
    pub fn contract(&self) -> &Contract {
        &self.contract
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
        let interval = (per_sec > 0).then(|| (Duration::from_secs(1) + JITTER) / per_sec);
        let in_flight = Arc::new(Semaphore::new(MAX_IN_FLIGHT));
        Self { pool: pool.clone(), interval, in_flight, waiting: Semaphore::new(MAX_WAITING) }
    }

    /// A turn for a call that somebody waits for.
    pub async fn interactive(
        &self,
        contract: &Arc<Contract>,
        method: &'static str,
    ) -> Result<Turn, NoTurn> {
        let turn = self.unpaced(contract, method).await?;
        self.queue(&contract.cpid, method).await?;
        Ok(turn)
    }

    /// A turn for a call of the schedule.
    pub async fn scheduled(
        &self,
        contract: &Arc<Contract>,
        method: &'static str,
    ) -> Result<Turn, NoTurn> {
        let turn = || Turn::new(contract, method, None);
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            if self.reserve(&contract.cpid, method, Duration::ZERO).await?.is_some() {
                return Ok(turn());
            }
            sleep(self.until_free(&contract.cpid, method).await?).await;
        }
        self.queue(&contract.cpid, method).await?;
        Ok(turn())
    }

    /// A turn for a call that KiwoomPay sets no pace for.
    pub async fn unpaced(
        &self,
        contract: &Arc<Contract>,
        method: &'static str,
    ) -> Result<Turn, NoTurn> {
        let place = self.place().await.ok_or_else(too_busy)?;
        Ok(Turn::new(contract, method, Some(place)))
    }

    /// A place among the calls in flight, after a short wait.
    async fn place(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(place) = self.in_flight.clone().try_acquire_owned() {
            return Some(place);
        }
        let _waiting = self.waiting.try_acquire().ok()?;
        timeout(PLACE_WAIT, self.in_flight.clone().acquire_owned()).await.ok()?.ok()
    }

    /// Waits for the next moment that nobody has taken. A process that was stopped meanwhile has
    /// missed its moment, as all others that waited in it have: each takes another.
    async fn queue(&self, cpid: &str, method: &'static str) -> Result<(), NoTurn> {
        let _waiting = Counted::new(metrics::gauge!("kiwoom_billing_gateway_calls_waiting"));
        let give_up = Instant::now() + MAX_WAIT;
        loop {
            let left = give_up.saturating_duration_since(Instant::now());
            let wait = self.reserve(cpid, method, left).await?.ok_or_else(too_busy)?;
            let at = Instant::now() + wait;
            sleep_until(at).await;
            if self.interval.is_none() || at.elapsed() <= MAX_LATE {
                return Ok(());
            }
        }
    }

    /// Takes the next moment unless it is further away than `max_wait`; how far away it is. A clock
    /// of the database that went back, as in a failover, would keep everybody out: a moment that
    /// nobody can have taken counts for nothing.
    async fn reserve(
        &self,
        cpid: &str,
        method: &'static str,
        max_wait: Duration,
    ) -> Result<Option<Duration>, NoTurn> {
        let Some(interval) = self.interval else { return Ok(Some(Duration::ZERO)) };
        let query = sqlx::query_scalar(
            "insert into gateway_turns as t (cpid, method, next_at)
             values ($1, $2, clock_timestamp() + make_interval(secs => $3))
             on conflict on constraint gateway_turns_pkey do update
             set next_at = make_interval(secs => $3) + case
                when t.next_at between clock_timestamp()
                    and clock_timestamp() + make_interval(secs => $5) then t.next_at
                else clock_timestamp() end
             where t.next_at <= clock_timestamp() + make_interval(secs => $4)
                or t.next_at > clock_timestamp() + make_interval(secs => $5)
             returning extract(epoch from
                next_at - make_interval(secs => $3) - clock_timestamp())::float8",
        );
        let query = query.bind(cpid).bind(method).bind(interval.as_secs_f64());
        let query = query.bind(max_wait.as_secs_f64()).bind((MAX_WAIT * 2).as_secs_f64());
        let secs: Option<f64> = query.fetch_optional(&self.pool).await?;
        Ok(secs.map(|secs| Duration::try_from_secs_f64(secs).unwrap_or_default()))
    }

    /// How long until the next moment that nobody has taken, and a little longer: not all who wait
    /// for it need ask at once.
    async fn until_free(&self, cpid: &str, method: &'static str) -> Result<Duration, NoTurn> {
        let query = sqlx::query_scalar(
            "select extract(epoch from next_at - clock_timestamp())::float8
             from gateway_turns where cpid = $1 and method = $2",
        );
        let secs: Option<f64> = query.bind(cpid).bind(method).fetch_optional(&self.pool).await?;
        let wait = Duration::try_from_secs_f64(secs.unwrap_or(0.0)).unwrap_or_default();
        let jitter = self.interval.unwrap_or_default() / 4;
        Ok(wait.min(PATIENCE) + jitter.mul_f64(fastrand::f64()))
    }
}

fn too_busy() -> NoTurn {
    metrics::counter!("kiwoom_billing_pace_refused_total").increment(1);
    NoTurn::TooBusy
}
