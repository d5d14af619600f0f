//! How often a subscription is billed. Pure: dates in, dates out.

use chrono::{Datelike, Days, Months, NaiveDate};

use crate::rules::schedule::{AnchorDay, Period};
use crate::rules::text::Text;

/// Unit of the time between two billing dates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Interval {
    /// Billed on a day of the month.
    #[default]
    Month,
    /// Billed on a day of the week.
    Week,
    /// Billed on a day of the month, once in so many years.
    Year,
}

/// When a subscription is billed: on its anchor day, every so many weeks, months or years.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Cadence {
    /// The unit.
    #[sqlx(rename = "billing_interval")]
    pub interval: Interval,
    /// How many of them lie between two billing dates.
    #[sqlx(rename = "interval_count")]
    pub count: i16,
    /// The day of the month; with weeks the day of the week, 1 (Monday) to 7 (Sunday).
    #[sqlx(rename = "cycle_day")]
    pub anchor: AnchorDay,
}

impl Interval {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Month, Self::Week, Self::Year];

    /// As it is written in requests and answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Month => "month",
            Self::Week => "week",
            Self::Year => "year",
        }
    }
}

impl Cadence {
    /// Once a month on this day.
    pub fn monthly(anchor: AnchorDay) -> Self {
        Self { interval: Interval::Month, count: 1, anchor }
    }

    /// Says what is wrong with an anchor day that the interval does not have.
    pub fn fits(self, anchor: AnchorDay) -> Result<(), Text> {
        if self.interval != Interval::Week || anchor.get() <= 7 {
            return Ok(());
        }
        Err(Text::new(
            "주 단위 구독에서는 1(월요일) 이상 7(일요일) 이하의 정수여야 합니다.",
            "With weeks it has to be a whole number from 1 (Monday) to 7 (Sunday).",
        ))
    }

    /// Whether it is what is billed when nothing else is asked for: once a month.
    pub fn is_monthly(self) -> bool {
        self == Self::monthly(self.anchor)
    }

    /// The first anchor day on or after `date`: there the intervals begin to be counted.
    pub fn first_on_or_after(self, date: NaiveDate) -> NaiveDate {
        if self.interval != Interval::Week {
            return self.anchor.on_or_after(date);
        }
        let today = i16::try_from(date.weekday().number_from_monday()).unwrap_or(1);
        let days = (self.anchor.get() - today).rem_euclid(7);
        date + Days::new(days.unsigned_abs().into())
    }

    /// The billing date after the one on `date`.
    pub fn next(self, date: NaiveDate) -> NaiveDate {
        let count = u32::from(self.count.unsigned_abs());
        let months = match self.interval {
            Interval::Week => return date + Days::new(7 * u64::from(count)),
            Interval::Month => count,
            Interval::Year => 12 * count,
        };
        self.anchor.in_month_of(date.with_day(1).unwrap_or(date) + Months::new(months))
    }

    /// The period that is billed on `date`.
    pub fn period_from(self, date: NaiveDate) -> Period {
        Period { start: date, end: self.next(date) }
    }

    /// The latest period that began on or before `today`, not before the one billed on `due`:
    /// after an outage of months only the latest period is billed, never a burst. It is whole
    /// intervals away from `due`.
    pub fn latest_period(self, due: NaiveDate, today: NaiveDate) -> Period {
        let mut period = self.period_from(due);
        while period.end <= today {
            period = self.period_from(period.end);
        }
        period
    }

    /// The last day after the first of a period that lies in every period, however short.
    pub(super) fn last_day_of_each(self) -> i16 {
        match self.interval {
            Interval::Week => 7 * self.count - 1,
            Interval::Month | Interval::Year => 27,
        }
    }
}

#[cfg(test)]
mod tests;
