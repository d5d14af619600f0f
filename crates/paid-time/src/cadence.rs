//! Where periods begin and end. The anchor is remembered as it was asked for: a month that is too
//! short begins its period on its last day.

use chrono::{Datelike, Days, Months, NaiveDate};
use serde::{Deserialize, Serialize};

/// Unit of the time between two charges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interval {
    /// Seven days; the anchor is a weekday.
    Week,
    /// A month of the calendar; the anchor is a day of the month.
    Month,
    /// Twelve months.
    Year,
}

/// How often a subscription is charged, and on which day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cadence {
    /// The unit.
    pub interval: Interval,
    /// How many units a whole period has, at least 1.
    pub count: u32,
    /// The anchor: day of the month, 1 to 31; with weeks of the week, 1 (Monday) to 7.
    pub anchor: u32,
}

/// The days from `start` on, up to the day before `end`, in Korea.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// First day.
    pub start: NaiveDate,
    /// The day after the last day.
    pub end: NaiveDate,
}

impl Period {
    /// Its length in days.
    pub fn days(self) -> i64 {
        (self.end - self.start).num_days()
    }
}

impl Cadence {
    /// The same interval with the anchor on `day`.
    pub fn anchored_on(self, day: NaiveDate) -> Self {
        let anchor = match self.interval {
            Interval::Week => day.weekday().number_from_monday(),
            Interval::Month | Interval::Year => day.day(),
        };
        Self { anchor, ..self }
    }

    /// Whether the count is at least 1 and the anchor a day that the interval has.
    pub fn is_valid(self) -> bool {
        let last = if self.interval == Interval::Week { 7 } else { 31 };
        self.count >= 1 && (1..=last).contains(&self.anchor)
    }

    /// The first anchor day on or after `day`.
    pub fn on_or_after(self, day: NaiveDate) -> NaiveDate {
        match self.interval {
            Interval::Week => {
                let today = day.weekday().number_from_monday();
                day + Days::new(u64::from((self.anchor + 7 - today) % 7))
            }
            Interval::Month | Interval::Year => {
                let this_month = self.in_month(day, 0);
                if this_month >= day { this_month } else { self.in_month(day, 1) }
            }
        }
    }

    /// The first anchor day after `day`.
    pub fn after(self, day: NaiveDate) -> NaiveDate {
        self.on_or_after(day + Days::new(1))
    }

    /// Whether a whole period may begin on `day`.
    pub fn is_anchor(self, day: NaiveDate) -> bool {
        self.on_or_after(day) == day
    }

    /// Whole period `n` from the one that begins on the anchor day `first`: computed from these,
    /// never from the period before, so that no short month moves what follows. `n` = −1 is the
    /// whole period that ends on `first`.
    pub fn whole(self, first: NaiveDate, n: i32) -> Period {
        Period { start: self.boundary(first, n), end: self.boundary(first, n + 1) }
    }

    /// One whole interval from any day, to the day: from 31 January a month ends on 28 February.
    pub fn whole_from(self, day: NaiveDate) -> Period {
        self.anchored_on(day).whole(day, 0)
    }

    /// Twelfths of a day in a whole period, a month being 365/12 days: what prices are compared by.
    pub fn twelfths_of_days(self) -> i64 {
        let unit = match self.interval {
            Interval::Week => 84,
            Interval::Month => 365,
            Interval::Year => 4380,
        };
        unit * i64::from(self.count)
    }

    fn boundary(self, first: NaiveDate, n: i32) -> NaiveDate {
        let units = n * i32::try_from(self.count).unwrap_or(1);
        match self.interval {
            Interval::Week => first + chrono::Duration::weeks(units.into()),
            Interval::Month => self.in_month(first, units),
            Interval::Year => self.in_month(first, units * 12),
        }
    }

    /// The anchor day in the month that lies `months` after the month of `day`.
    fn in_month(self, day: NaiveDate, months: i32) -> NaiveDate {
        let first = day.with_day(1).unwrap_or(day);
        let apart = Months::new(months.unsigned_abs());
        let first = if months < 0 { first - apart } else { first + apart };
        let last = first + Months::new(1) - Days::new(1);
        first.with_day(self.anchor).unwrap_or(last)
    }
}
