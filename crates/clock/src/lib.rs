//! The only place that reads the system clock. Everything else is handed a [`Clock`].
//!
//! In the sandbox the clock can be moved forward, so that a year of billing is tested in seconds.
//! Korea has no daylight saving time: Asia/Seoul is UTC+9 all year (KST).

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, Duration, FixedOffset, NaiveDate, NaiveTime, SecondsFormat, TimeZone, Utc};

const KST_OFFSET_SECS: i32 = 9 * 3600;

/// The time as the service sees it: the system's, plus an offset that only the sandbox moves.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    offset_micros: Arc<AtomicI64>,
}

impl Clock {
    /// A clock that shows the system's time until it is moved.
    pub fn system() -> Self {
        Self::default()
    }

    /// The present instant, in whole microseconds as PostgreSQL keeps them.
    pub fn now(&self) -> DateTime<Utc> {
        let micros = system_micros() + self.offset_micros.load(Ordering::SeqCst);
        DateTime::from_timestamp_micros(micros).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    /// The time of this machine, without the sandbox's offset.
    pub fn host_now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(system_micros()).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    /// Today's date in Korea.
    pub fn today(&self) -> NaiveDate {
        kst(self.now()).date_naive()
    }

    /// Moves the clock to `instant`. The clock never goes back: an earlier instant is ignored.
    pub fn advance_to(&self, instant: DateTime<Utc>) {
        let offset = instant.timestamp_micros() - system_micros();
        self.offset_micros.fetch_max(offset, Ordering::SeqCst);
    }

    /// How far the clock is ahead of the system's time.
    pub fn offset(&self) -> Duration {
        Duration::microseconds(self.offset_micros.load(Ordering::SeqCst))
    }

    /// A clock already ahead by `offset`, for a service that restarts after its clock was moved.
    pub fn ahead_by(offset: Duration) -> Self {
        let micros = offset.num_microseconds().unwrap_or(0).max(0);
        Self { offset_micros: Arc::new(AtomicI64::new(micros)) }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that may read the system clock")]
fn system_micros() -> i64 {
    Utc::now().timestamp_micros()
}

/// `instant` as Korea's wall clock shows it.
pub fn kst(instant: DateTime<Utc>) -> DateTime<FixedOffset> {
    instant.with_timezone(&korea())
}

/// The instant at which `time` is shown in Korea on `date`.
pub fn kst_instant(date: NaiveDate, time: NaiveTime) -> DateTime<Utc> {
    let local = date.and_time(time) - Duration::seconds(i64::from(KST_OFFSET_SECS));
    Utc.from_utc_datetime(&local)
}

/// RFC 3339 with `+09:00` and milliseconds, the form of every instant in the API.
pub fn rfc3339_kst(instant: DateTime<Utc>) -> String {
    kst(instant).to_rfc3339_opts(SecondsFormat::Millis, false)
}

fn korea() -> FixedOffset {
    FixedOffset::east_opt(KST_OFFSET_SECS).unwrap_or_else(|| unreachable!("nine hours is in range"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_in_korea_is_one_in_utc() {
        let date = NaiveDate::from_ymd_opt(2026, 2, 15).unwrap_or_default();
        let ten = NaiveTime::from_hms_opt(10, 0, 0).unwrap_or_default();
        let instant = kst_instant(date, ten);
        assert_eq!(instant.to_rfc3339(), "2026-02-15T01:00:00+00:00");
        assert_eq!(rfc3339_kst(instant), "2026-02-15T10:00:00.000+09:00");
    }

    #[test]
    fn the_clock_never_goes_back() {
        let clock = Clock::system();
        let later = clock.now() + Duration::days(31);
        clock.advance_to(later);
        clock.advance_to(later - Duration::days(5));
        assert!(clock.now() >= later);
    }
}
