//! The moments at which a method may be called, kept in `gateway_turns` for all processes on one
//! database: one statement takes the next one and moves it on, by the database's own clock.

use std::time::Duration;

use sqlx::PgPool;
use tokio::time::Instant;

use super::MAX_WAIT;

/// The calls of one second are spread over this much more: two of which one is this much late still do
/// not exceed the rate.
const JITTER: Duration = Duration::from_millis(40);

/// See the module.
#[derive(Clone)]
pub(super) struct Turns {
    pool: PgPool,
    /// From one call of a method to the next.
    interval: Duration,
}

impl Turns {
    /// `per_sec` calls a second for each CPID and method; 0 = no limit, and none are kept.
    pub(super) fn new(pool: &PgPool, per_sec: u32) -> Option<Self> {
        let interval = (Duration::from_secs(1) + JITTER).checked_div(per_sec)?;
        Some(Self { pool: pool.clone(), interval })
    }

    /// Takes the next moment unless it is further away than `max_wait`. A clock of the database that
    /// went back, as in a failover, would keep everybody out: a moment that nobody can have taken
    /// counts for nothing.
    pub(super) async fn reserve(
        &self,
        cpid: &str,
        method: &str,
        max_wait: Duration,
    ) -> sqlx::Result<Option<Instant>> {
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
        let query = query.bind(cpid).bind(method).bind(self.interval.as_secs_f64());
        let query = query.bind(max_wait.as_secs_f64()).bind((MAX_WAIT * 2).as_secs_f64());
        let secs: Option<f64> = query.fetch_optional(&self.pool).await?;
        Ok(secs.map(|secs| Instant::now() + seconds(secs)))
    }

    /// How long until the next moment that nobody has taken.
    pub(super) async fn until_free(&self, cpid: &str, method: &str) -> sqlx::Result<Duration> {
        let query = sqlx::query_scalar(
            "select extract(epoch from next_at - clock_timestamp())::float8
             from gateway_turns where cpid = $1 and method = $2",
        );
        let secs: Option<f64> = query.bind(cpid).bind(method).fetch_optional(&self.pool).await?;
        Ok(seconds(secs.unwrap_or(0.0)))
    }
}

fn seconds(secs: f64) -> Duration {
    Duration::try_from_secs_f64(secs).unwrap_or_default()
}
