//! Billing dates and retry days in requests.

use chrono::NaiveDate;
use kiwoom_paid_time::{Cadence, FirstPeriod, Interval, Proration};
use serde_json::Value;
use utoipa::openapi::ArrayBuilder;

use crate::http::description::{self, described};
use crate::http::error::ApiError;
use crate::http::extract::{Fields, FromField, UpTo, one_of};
use crate::rules::schedule::RetryDays;
use crate::rules::text::Text;

/// `cycleDay`: day of the month, or with weeks of the week.
pub type CycleDay = UpTo<31>;

/// What a request says of when to charge; `None` = left out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Schedule {
    /// `cycleDay`.
    pub anchor: Option<u32>,
    /// `interval`.
    pub interval: Option<Interval>,
    /// `intervalCount`.
    pub count: Option<u32>,
}

impl Schedule {
    /// Reads `cycleDay`, `interval` and `intervalCount`. `default` is the interval that holds when it
    /// is left out, where that is known.
    pub fn read(f: &mut Fields, default: Option<Interval>) -> Self {
        let anchor = f.optional::<CycleDay>("cycleDay").map(|day| day.0.unsigned_abs().into());
        let interval = f.optional::<IntervalName>("interval").map(|interval| interval.0);
        let count = match interval.or(default) {
            Some(Interval::Month) => f.optional::<UpTo<24>>("intervalCount").map(|n| n.0),
            Some(Interval::Week) | None => f.optional::<UpTo<52>>("intervalCount").map(|n| n.0),
            Some(Interval::Year) => f.optional::<UpTo<5>>("intervalCount").map(|n| n.0),
        };
        if interval.or(default) == Some(Interval::Week) && anchor.is_some_and(|day| day > 7) {
            f.refuse("cycleDay", no_such_weekday());
        }
        Self { anchor, interval, count: count.map(|n| n.unsigned_abs().into()) }
    }

    /// Reads them of a change, where `null` clears none of them.
    pub fn change(f: &mut Fields) -> Self {
        let anchor = f.changeable::<CycleDay>("cycleDay").map(|day| day.0.unsigned_abs().into());
        let interval = f.changeable::<IntervalName>("interval").map(|interval| interval.0);
        let count = f.changeable::<UpTo<52>>("intervalCount");
        Self { anchor, interval, count: count.map(|n| n.0.unsigned_abs().into()) }
    }

    /// Whether it says anything.
    pub fn is_given(self) -> bool {
        self.anchor.is_some() || self.interval.is_some() || self.count.is_some()
    }

    /// `present` with what this says. An error when the interval does not have the day, or is not
    /// charged that seldom.
    pub fn of(self, present: Cadence) -> Result<Cadence, ApiError> {
        let cadence = self.merged(present)?;
        if !cadence.is_valid() {
            return Err(ApiError::invalid_field("cycleDay", no_such_weekday()));
        }
        Ok(cadence)
    }

    /// `present` with what this says, from `today` on: the anchor is that day. An error when another
    /// one is asked for.
    pub fn from_today(self, present: Cadence, today: NaiveDate) -> Result<Cadence, ApiError> {
        let cadence = self.merged(present)?;
        if self.anchor.is_none() {
            return Ok(cadence.anchored_on(today));
        }
        if cadence.is_valid() && cadence.is_anchor(today) {
            return Ok(cadence);
        }
        let anchor = cadence.anchored_on(today).anchor;
        let reason = Text::new(
            format!("지금부터 바꾸려면 오늘({today})에 해당하는 {anchor}이어야 합니다."),
            format!("With now it has to be that of today, {today}: {anchor}."),
        );
        Err(ApiError::invalid_field("cycleDay", reason))
    }

    fn merged(self, present: Cadence) -> Result<Cadence, ApiError> {
        let cadence = Cadence {
            interval: self.interval.unwrap_or(present.interval),
            count: self.count.unwrap_or(present.count),
            anchor: self.anchor.unwrap_or(present.anchor),
        };
        let max = most(cadence.interval);
        if cadence.count <= max {
            return Ok(cadence);
        }
        let reason = Text::new(
            format!("1 이상 {max} 이하의 정수여야 합니다."),
            format!("Has to be a whole number from 1 to {max}."),
        );
        Err(ApiError::invalid_field("intervalCount", reason))
    }
}

/// How many of these may lie between two charges.
fn most(interval: Interval) -> u32 {
    match interval {
        Interval::Week => 52,
        Interval::Month => 24,
        Interval::Year => 5,
    }
}

/// Why an anchor day is refused that weeks do not have.
pub fn no_such_weekday() -> Text {
    Text::new(
        "주 단위 구독에서는 1(월요일) 이상 7(일요일) 이하의 정수여야 합니다.",
        "With weeks it has to be a whole number from 1 (Monday) to 7 (Sunday).",
    )
}

/// The names of the intervals, in requests and answers.
const INTERVALS: [(&str, Interval); 3] =
    [("month", Interval::Month), ("week", Interval::Week), ("year", Interval::Year)];

/// `interval`.
#[derive(Clone, Copy)]
pub struct IntervalName(pub Interval);

/// An interval as it is written in requests and answers.
pub fn interval_name(interval: Interval) -> &'static str {
    INTERVALS.iter().find(|(_, known)| *known == interval).map_or("month", |(name, _)| name)
}

described!(IntervalName as "Interval", description::one_of(INTERVALS.map(|(name, _)| name)));

impl FromField for IntervalName {
    fn from_field(value: &Value) -> Result<Self, Text> {
        one_of(value, &INTERVALS).map(Self)
    }
}

const PRORATIONS: [(&str, Proration); 3] =
    [("prorated", Proration::Prorated), ("full", Proration::Full), ("free", Proration::Free)];

/// `proration`: what a part of a period costs.
#[derive(Clone, Copy)]
pub struct ProrationName(pub Proration);

described!(ProrationName as "Proration", description::one_of(PRORATIONS.map(|(name, _)| name)));

impl FromField for ProrationName {
    fn from_field(value: &Value) -> Result<Self, Text> {
        one_of(value, &PRORATIONS).map(Self)
    }
}

/// `firstPeriod`: what a first charge at once off the anchor asks for.
#[derive(Clone, Copy)]
pub struct FirstPeriodName(pub FirstPeriod);

described!(FirstPeriodName as "FirstPeriod", description::one_of(PRORATIONS.map(|(name, _)| name)));

impl FromField for FirstPeriodName {
    fn from_field(value: &Value) -> Result<Self, Text> {
        let words = [
            ("prorated", FirstPeriod::Prorated),
            ("full", FirstPeriod::Full),
            ("free", FirstPeriod::Free),
        ];
        one_of(value, &words).map(Self)
    }
}

described!(
    RetryDays,
    ArrayBuilder::new()
        .items(description::whole(1, 27))
        .max_items(Some(10))
        .unique_items(true)
        .description(Some("Increasing"))
);

impl FromField for RetryDays {
    fn from_field(value: &Value) -> Result<Self, Text> {
        let wrong = || {
            Text::new(
                "1 이상 27 이하의 정수를 오름차순으로 10개까지 담은 배열이어야 합니다.",
                "Has to be a list of at most 10 increasing whole numbers from 1 to 27.",
            )
        };
        let day = |day: &Value| day.as_i64().and_then(|day| i16::try_from(day).ok());
        let days: Option<Vec<i16>> = value.as_array().ok_or_else(wrong)?.iter().map(day).collect();
        days.and_then(Self::new).ok_or_else(wrong)
    }
}
