//! Billing dates and retry days in requests.

use serde_json::Value;
use utoipa::openapi::ArrayBuilder;

use crate::http::description::{self, described};
use crate::http::extract::{Fields, FromField, UpTo, one_of};
use crate::rules::schedule::{AnchorDay, Cadence, Interval, RetryDays};
use crate::rules::text::Text;

/// Reads `cycleDay`, `interval` and `intervalCount` of a request.
pub fn cadence(f: &mut Fields) -> Option<Cadence> {
    let anchor = f.required("cycleDay");
    let interval = f.optional::<Interval>("interval").unwrap_or_default();
    let count = match interval {
        Interval::Month => f.optional::<UpTo<24>>("intervalCount").map(|n| n.0),
        Interval::Week => f.optional::<UpTo<52>>("intervalCount").map(|n| n.0),
        Interval::Year => f.optional::<UpTo<5>>("intervalCount").map(|n| n.0),
    };
    let cadence = Cadence { interval, count: count.unwrap_or(1), anchor: anchor? };
    cadence.fits(cadence.anchor).map_err(|reason| f.refuse("cycleDay", reason)).ok()?;
    Some(cadence)
}

impl FromField for AnchorDay {
    fn from_field(value: &Value) -> Result<Self, Text> {
        let wrong = || {
            Text::new("1 이상 31 이하의 정수여야 합니다.", "Has to be a whole number from 1 to 31.")
        };
        value.as_i64().and_then(Self::new).ok_or_else(wrong)
    }
}

described!(Interval, description::one_of(Interval::ALL.map(Interval::name)));

impl FromField for Interval {
    fn from_field(value: &Value) -> Result<Self, Text> {
        one_of(value, &Self::ALL.map(|interval| (interval.name(), interval)))
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
