//! What of a payment has not been used yet. Pure: what was paid and a date in, won out.

use chrono::NaiveDate;

use crate::rules::schedule::Period;
use crate::rules::tax_free::Left;

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
    /// What of `won` is tax-free: the unused share of the tax-free part, rounded down, less what of that
    /// part has gone back or is on its way back, as near as what is left of both parts allows.
    pub tax_free: i64,
}

/// What was paid, and what of it can still go back.
#[derive(Clone, Copy, Debug)]
pub struct Paid {
    /// Won.
    pub amount: i64,
    /// Its tax-free part in won.
    pub tax_free: i64,
    /// What can still go back.
    pub left: Left,
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
    let left = paid.left;
    let share = |paid: i64, left: i64| paid * unused / total - (paid - left);
    let won = share(paid.amount, left.whole).clamp(0, left.whole);
    let parts = left.parts_of(won);
    let tax_free = share(paid.tax_free, left.tax_free).clamp(*parts.start(), *parts.end());
    Some(Quote { total, unused, as_of, won, tax_free })
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

    /// The quote for `used` of `total` uses, and what is left when it was given back.
    fn given(paid: &mut Paid, used: i64, total: i64) -> (i64, i64) {
        let basis = Basis::Uses(Uses::new(Count(used), Count(total)).unwrap());
        let quote = quote(*paid, basis, NaiveDate::MIN).unwrap();
        let Left { whole, tax_free } = paid.left;
        paid.left = Left { whole: whole - quote.won, tax_free: tax_free - quote.tax_free };
        (quote.won, quote.tax_free)
    }

    fn paid(amount: i64, tax_free: i64) -> Paid {
        Paid { amount, tax_free, left: Left::new(amount, tax_free), period: None }
    }

    #[test]
    fn both_parts_go_back_in_proportion() {
        for (amount, tax_free, used, total, expected) in [
            (11_000, 3_000, 1, 2, (5_500, 1_500)),
            (11_000, 3_000, 2, 3, (3_666, 1_000)),
            (11_000, 3_000, 0, 7, (11_000, 3_000)),
            (11_000, 3_000, 7, 7, (0, 0)),
            (11_000, 0, 1, 2, (5_500, 0)),
            (11_000, 11_000, 1, 3, (7_333, 7_333)),
            (3, 2, 1, 2, (1, 1)),
            (10, 1, 1, 2, (5, 0)),
        ] {
            assert_eq!(
                given(&mut paid(amount, tax_free), used, total),
                expected,
                "{amount} {used}"
            );
        }
        // What went back before in another proportion is made up for, as far as there is money.
        let mut paid = paid(11_000, 3_000);
        paid.left = Left::new(6_000, 3_000);
        assert_eq!(given(&mut paid, 1, 2), (500, 500));
    }

    #[test]
    fn refunds_in_proportion_add_up_to_what_was_paid_and_to_its_tax_free_part() {
        let mut rng = fastrand::Rng::with_seed(17);
        for _ in 0..20_000 {
            let amount = rng.i64(1..=30_000);
            let tax_free = rng.i64(0..=amount);
            let mut paid = paid(amount, tax_free);
            let (mut won, mut part) = (0, 0);
            let total = rng.i64(1..=31);
            let mut used = total;
            while used > 0 {
                used -= rng.i64(1..=used);
                let (more, of_it) = given(&mut paid, used, total);
                (won, part) = (won + more, part + of_it);
                assert!((0..=more).contains(&of_it), "{amount} {tax_free} {used}/{total}");
                assert!(part <= tax_free && won - part <= amount - tax_free);
            }
            assert_eq!((won, part), (amount, tax_free), "the last one gives back the rest");
        }
    }

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
