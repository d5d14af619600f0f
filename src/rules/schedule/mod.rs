//! Dates of a subscription. Pure: dates in, dates out.
//!
//! The anchor day is remembered as it was asked for. A month that is too short bills on its last
//! day: anchor 31 bills on 28 or 29 February, 31 March, 30 April.

use chrono::{DateTime, Datelike, Duration, Months, NaiveDate, NaiveTime, Utc};

use kiwoom_clock::kst_instant;

mod cadence;

pub use cadence::{Cadence, Interval};

/// Day of the month on which a subscription is billed, 1 to 31; with weeks, of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(transparent)]
pub struct AnchorDay(i16);

/// The days from `start` on, up to the day before `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// First day.
    pub start: NaiveDate,
    /// The day after the last day: the first of the next period.
    pub end: NaiveDate,
}

/// When charges are made.
#[derive(Clone, Debug)]
pub struct Rules {
    /// `CHARGE_HOUR`, in Korea.
    pub charge_hour: u32,
    /// `RETRY_DAYS`.
    pub retry_days: RetryDays,
}

/// Days after the first declined attempt of a period on which it is tried again. Increasing and from
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
        let last = cadence.last_day_of_each();
        Self(self.0.iter().copied().filter(|day| *day <= last).collect())
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

impl AnchorDay {
    /// `None` outside 1 to 31.
    pub fn new(day: i64) -> Option<Self> {
        let day = i16::try_from(day).ok()?;
        (1..=31).contains(&day).then_some(Self(day))
    }

    /// The day as asked for.
    pub fn get(self) -> i16 {
        self.0
    }

    /// The first billing date on or after `date`.
    pub fn on_or_after(self, date: NaiveDate) -> NaiveDate {
        let this_month = self.in_month_of(date);
        if this_month >= date { this_month } else { self.in_month_of(next_month(date)) }
    }

    /// The first billing date after `date`.
    pub fn after(self, date: NaiveDate) -> NaiveDate {
        self.on_or_after(date.succ_opt().unwrap_or(NaiveDate::MAX))
    }

    fn in_month_of(self, date: NaiveDate) -> NaiveDate {
        let wanted = u32::try_from(self.0).unwrap_or(1);
        let first = date.with_day(1).unwrap_or(date);
        let last = first + Months::new(1) - chrono::Days::new(1);
        first.with_day(wanted.min(last.day())).unwrap_or(last)
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

fn next_month(date: NaiveDate) -> NaiveDate {
    date.with_day(1).unwrap_or(date) + Months::new(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn anchor(day: i64) -> AnchorDay {
        AnchorDay::new(day).unwrap()
    }

    #[test]
    fn short_months_bill_on_their_last_day_and_the_anchor_is_remembered() {
        let cases = [
            (31, "2027-01-31", "2027-02-28"),
            (31, "2027-02-28", "2027-03-31"),
            (31, "2027-03-31", "2027-04-30"),
            (31, "2028-01-31", "2028-02-29"),
            (30, "2028-02-29", "2028-03-30"),
            (29, "2027-02-28", "2027-03-29"),
            (29, "2028-02-28", "2028-02-29"),
            (15, "2026-12-15", "2027-01-15"),
            (1, "2026-12-31", "2027-01-01"),
        ];
        for (day, from, next) in cases {
            assert_eq!(anchor(day).after(date(from)), date(next), "{day} after {from}");
        }
        assert_eq!(anchor(15).on_or_after(date("2026-11-15")), date("2026-11-15"));
        assert_eq!(anchor(15).on_or_after(date("2026-11-16")), date("2026-12-15"));
    }

    proptest! {
        #[test]
        fn every_month_is_billed_once(day in 1i64..=31, offset in 0u64..27_000) {
            let start = anchor(day).on_or_after(date("2026-01-01") + chrono::Days::new(offset));
            let next = anchor(day).after(start);
            let months = |d: NaiveDate| d.year() * 12 + i32::try_from(d.month0()).unwrap();
            prop_assert_eq!(months(next) - months(start), 1);
            let last_day = next_month(next).pred_opt().unwrap().day();
            prop_assert_eq!(i64::from(next.day()), day.min(i64::from(last_day)));
        }
    }
}
