//! Keeps the calls of each method under KiwoomPay's limit: 5 a second for each CPID and method,
//! 3 recommended (protocol section 2.2). One process, one CPID; the limit is per process.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::{DefaultKeyedRateLimiter, Quota};

use super::error::GatewayError;

/// Longest wait for a turn before the caller is told to come back later.
const MAX_WAIT: Duration = Duration::from_secs(20);

pub(super) struct Pace(Option<DefaultKeyedRateLimiter<&'static str>>);

impl Pace {
    /// `per_sec` calls a second for each method; 0 = no limit.
    pub(super) fn new(per_sec: u32) -> Self {
        // No burst: a bucket of one, so that any second holds at most `per_sec` calls.
        let quota = |n: NonZeroU32| Quota::per_second(n).allow_burst(NonZeroU32::MIN);
        Self(NonZeroU32::new(per_sec).map(|n| DefaultKeyedRateLimiter::keyed(quota(n))))
    }

    /// Waits for a turn.
    pub(super) async fn turn(&self, method: &'static str) -> Result<(), GatewayError> {
        let Some(limiter) = &self.0 else { return Ok(()) };
        let turn = tokio::time::timeout(MAX_WAIT, limiter.until_key_ready(&method)).await;
        turn.map_err(|_| GatewayError::TooBusy)
    }
}
