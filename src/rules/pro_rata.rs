//! What of a payment has not been used yet. Pure: a payment and a date in, won out.

use chrono::NaiveDate;
use serde_json::Value;

use crate::http::description::{self, described};
use crate::http::error::Text;
use crate::http::extract::FromField;
use crate::payments::store::Payment;
use crate::rules::schedule::Period;

const MAX_USES: i64 = 1_000_000;

/// How use is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// By the days of the period that is paid for, at the end of this date; `None` = today.
    Days(Option<NaiveDate>),
    /// By how many of the uses that were paid for have been made.
    Uses(Uses),
}

/// Some of a number of uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uses {
    used: Count,
    total: Count,
}

/// A number of uses, 0 to a million.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count(i64);

impl FromField for Count {
    fn from_field(value: &Value) -> Result<Self, Text> {
        let wrong = || {
            Text::new(
                format!("0 이상 {MAX_USES} 이하의 정수여야 합니다."),
                format!("Has to be a whole number from 0 to {MAX_USES}."),
            )
        };
        value.as_i64().filter(|n| (0..=MAX_USES).contains(n)).map(Self).ok_or_else(wrong)
    }
}

impl Uses {
    /// `None` when `total` is 0 or less than `used`.
    pub fn new(used: Count, total: Count) -> Option<Self> {
        (total.0 > 0 && used.0 <= total.0).then_some(Self { used, total })
    }
}

described!(Basis, description::pro_rata(MAX_USES));

impl FromField for Basis {
    /// `true` (days, today), `{"asOf":date}` or `{"used":n,"total":m}`.
    fn from_field(value: &Value) -> Result<Self, Text> {
        let wrong = || {
            Text::new(
                "true, {\"asOf\":\"YYYY-MM-DD\"}, {\"used\":N,\"total\":M}(0≤N≤M, M≥1) 중 \
                    하나여야 합니다.",
                "Has to be true, {\"asOf\":\"YYYY-MM-DD\"} or {\"used\":N,\"total\":M} with \
                    0≤N≤M and M≥1.",
            )
        };
        read(value).ok_or_else(wrong)
    }
}

fn read(value: &Value) -> Option<Basis> {
    if *value == Value::Bool(true) {
        return Some(Basis::Days(None));
    }
    let fields = value.as_object()?;
    match (fields.len(), fields.get("asOf"), fields.get("used"), fields.get("total")) {
        (1, Some(date), _, _) => NaiveDate::from_field(date).ok().map(|d| Basis::Days(Some(d))),
        (2, _, Some(used), Some(total)) => {
            let count = |value| Count::from_field(value).ok();
            Uses::new(count(used)?, count(total)?).map(Basis::Uses)
        }
        _ => None,
    }
}

/// What would be given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote {
    /// Days or uses that were paid for, at least 1.
    pub total: i64,
    /// Those not used, 0 to `total`.
    pub unused: i64,
    /// The date at whose end the days were counted.
    pub as_of: Option<NaiveDate>,
    /// Won: the unused share of the amount, rounded down, less what has gone back or is on its way
    /// back; 0 to what is left to refund.
    pub won: i64,
}

/// The quote for `payment` on the date `today` in Korea. `None` for days when the payment is for no
/// period.
pub fn quote(payment: &Payment, basis: Basis, today: NaiveDate) -> Option<Quote> {
    let (total, unused, as_of) = match basis {
        Basis::Days(as_of) => {
            let as_of = as_of.unwrap_or(today);
            let (total, unused) = days(payment.period()?, as_of);
            (total, unused, Some(as_of))
        }
        Basis::Uses(Uses { used, total }) => (total.0, total.0 - used.0, None),
    };
    let (amount, left) = (payment.amount.get(), payment.refundable());
    let given = amount - left;
    let won = (amount * unused / total - given).clamp(0, left);
    Some(Quote { total, unused, as_of, won })
}

/// The days of `period`, and those after `as_of`, which itself counts as used.
fn days(period: Period, as_of: NaiveDate) -> (i64, i64) {
    let total = (period.end - period.start).num_days().max(1);
    let unused = (period.end - as_of).num_days() - 1;
    (total, unused.clamp(0, total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_itself_is_used_and_february_is_as_long_as_it_is() {
        let date = |text: &str| -> NaiveDate { text.parse().unwrap() };
        let cases = [
            ("2028-01-31", "2028-02-29", "2028-01-31", 29, 28),
            ("2028-02-01", "2028-03-01", "2028-02-28", 29, 1),
            ("2028-02-01", "2028-03-01", "2028-02-29", 29, 0),
            ("2027-02-01", "2027-03-01", "2027-02-28", 28, 0),
            ("2027-02-01", "2027-03-01", "2027-02-01", 28, 27),
            ("2027-02-01", "2027-03-01", "2027-01-31", 28, 28),
            ("2027-02-01", "2027-03-01", "0001-01-01", 28, 28),
            ("2027-02-01", "2027-03-01", "2027-03-01", 28, 0),
            ("2027-02-01", "2027-03-01", "9999-12-31", 28, 0),
        ];
        for (start, end, as_of, total, unused) in cases {
            let period = Period { start: date(start), end: date(end) };
            assert_eq!(days(period, date(as_of)), (total, unused), "{start} {end} {as_of}");
        }
    }
}
