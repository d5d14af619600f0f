//! How often an address may ask without a good API key.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::access::origin::Origin;
use crate::access::rate_limit::Limit;

const MINUTE: Duration = Duration::from_mins(1);

/// `AUTH_FAILURES_PER_MINUTE` for each origin.
pub struct Failures(Mutex<Limit<Origin>>);

impl Failures {
    /// How many a minute; 0 = no limit.
    pub fn new(per_minute: u32) -> Self {
        Self(Mutex::new(Limit::new(per_minute, MINUTE)))
    }

    /// How long an address that failed too often has to wait.
    pub fn wait(&self, origin: Origin) -> Option<Duration> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).wait(&origin, Instant::now())
    }

    /// Counts one failure.
    pub fn take(&self, origin: Origin) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take(origin, Instant::now());
    }
}
