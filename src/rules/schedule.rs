//! Hours and retry days of charges. Pure. The days themselves are those of `kiwoom_paid_time`.

use chrono::{DateTime, Duration, NaiveDate, NaiveTime, Utc};
use kiwoom_paid_time::{Cadence, Interval};

use kiwoom_clock::kst_instant;

/// When charges are made, and what holds for all of them.
#[derive(Clone, Debug)]
pub struct Rules {
    /// `CHARGE_HOUR`, in Korea.
    pub charge_hour: u32,
    /// `RETRY_DAYS`.
    pub retry_days: RetryDays,
    /// `KIWOOM_MIN_AMOUNT`: the least amount that is charged, in won.
    pub minimum: i64,
    /// `PRICE_RISE_FALLBACK=end`: a price rise without a consent ends the subscription.
    pub end_without_consent: bool,
}

/// Days after the first declined attempt of a charge on which it is tried again. Increasing and from
/// 1 to 27, so that retries end before the shortest month does; at most ten.
#[derive(Clone, Debug, Default, PartialEq, Eq, sqlx::Type)]
#[sqlx(transparent, no_pg_array)]
pub struct RetryDays(Vec<i16>);

impl RetryDays {
    /// `None` when they are not as described.
    pub fn new(days: Vec<i16>) -> Option<Self> {
        let in_range = days.iter().all(|day| (1..=27).contains(day));
        let good = in_range && days.is_sorted_by(|a, b| a < b) && days.len() <= 10;
        good.then_some(Self(days))
    }

    /// All of them; none = no retry.
    pub fn all(&self) -> &[i16] {
        &self.0
    }

    /// Those of them that come before the shortest period of this cadence ends.
    pub fn within(&self, cadence: Cadence) -> Self {
        let last = match cadence.interval {
            Interval::Week => 7 * i64::from(cadence.count) - 1,
            Interval::Month | Interval::Year => 27,
        };
        Self(self.0.iter().copied().filter(|day| i64::from(*day) <= last).collect())
    }

    /// The day of the retry after `made` retries, when the first attempt was on `base`.
    pub fn after(&self, base: NaiveDate, made: usize) -> Option<NaiveDate> {
        self.0.get(made).map(|days| base + Duration::days((*days).into()))
    }

    /// The day of the last retry, when the first attempt was on `base`.
    pub fn last(&self, base: NaiveDate) -> Option<NaiveDate> {
        self.after(base, self.0.len().checked_sub(1)?)
    }
}

/// The moment at which `date` is billed: `hour` o'clock in Korea.
pub fn due_at(date: NaiveDate, hour: u32) -> DateTime<Utc> {
    kst_instant(date, NaiveTime::from_hms_opt(hour, 0, 0).unwrap_or_default())
}

/// The moment at which `date` begins in Korea.
pub fn midnight(date: NaiveDate) -> DateTime<Utc> {
    due_at(date, 0)
}
