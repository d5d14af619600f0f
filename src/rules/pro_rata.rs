//! What of a payment has not been used yet. Pure: what was paid and a date in, won out.

use chrono::NaiveDate;

use crate::rules::schedule::Period;

/// The most uses that can be counted.
pub const MAX_USES: i64 = 1_000_000;

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

impl Count {
    /// `None` outside 0 to [`MAX_USES`].
    pub fn new(count: i64) -> Option<Self> {
        (0..=MAX_USES).contains(&count).then_some(Self(count))
    }
}

impl Uses {
    /// `None` when `total` is 0 or less than `used`.
    pub fn new(used: Count, total: Count) -> Option<Self> {
        (total.0 > 0 && used.0 <= total.0).then_some(Self { used, total })
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

/// What was paid, and what of it can still go back.
#[derive(Clone, Copy, Debug)]
pub struct Paid {
    /// Won.
    pub amount: i64,
    /// Won that have neither gone back nor are on their way back.
    pub left: i64,
    /// The period it paid for, when it paid for one.
    pub period: Option<Period>,
}

/// The quote on the date `today` in Korea. `None` for days when nothing was paid for by days.
pub fn quote(paid: Paid, basis: Basis, today: NaiveDate) -> Option<Quote> {
    let (total, unused, as_of) = match basis {
        Basis::Days(as_of) => {
            let as_of = as_of.unwrap_or(today);
            let (total, unused) = days(paid.period?, as_of);
            (total, unused, Some(as_of))
        }
        Basis::Uses(Uses { used, total }) => (total.0, total.0 - used.0, None),
    };
    let given = paid.amount - paid.left;
    let won = (paid.amount * unused / total - given).clamp(0, paid.left);
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
