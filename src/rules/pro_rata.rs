//! What of a payment has not been used yet. Pure: what was paid and how much is used in, won out.

use chrono::NaiveDate;

use crate::rules::tax_free::Left;

/// The most uses that can be counted.
pub const MAX_USES: i64 = 1_000_000;

/// How use is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// By the days that are paid for, at the end of this date; `None` = today.
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

    /// How much of them is left.
    pub fn unused(self) -> Unused {
        Unused { total: self.total.0, unused: self.total.0 - self.used.0, as_of: None }
    }
}

/// What was paid for, and what of it is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unused {
    /// Days or uses that were paid for, at least 1.
    pub total: i64,
    /// Those not used, 0 to `total`.
    pub unused: i64,
    /// The date at whose end the days were counted.
    pub as_of: Option<NaiveDate>,
}

/// What would be given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote {
    /// How it was measured.
    pub measured: Unused,
    /// Won: the unused share of the price, rounded down, less what has gone back or is on its way
    /// back; 0 to what is left to refund.
    pub won: i64,
    /// What of `won` is tax-free: the unused share of the tax-free part, rounded down, less what of that
    /// part has gone back or is on its way back, as near as what is left of both parts allows.
    pub tax_free: i64,
}

/// What was paid, in won, and what of it can still go back.
#[derive(Clone, Copy, Debug)]
pub struct Paid {
    /// The price of what is measured.
    pub price: Parts,
    /// What has gone back, or is on its way back.
    pub gone: Parts,
    /// What can still go back.
    pub left: Left,
}

/// Won, and the tax-free part of them.
#[derive(Clone, Copy, Debug)]
pub struct Parts {
    /// All of it.
    pub whole: i64,
    /// What of it is tax-free.
    pub tax_free: i64,
}

/// The quote for what is not used.
pub fn quote(paid: Paid, measured: Unused) -> Quote {
    let Unused { total, unused, .. } = measured;
    let Paid { price, gone, left } = paid;
    let share = |price: i64, gone: i64| price * unused / total - gone;
    let won = share(price.whole, gone.whole).clamp(0, left.whole);
    let parts = left.parts_of(won);
    let tax_free = share(price.tax_free, gone.tax_free).clamp(*parts.start(), *parts.end());
    Quote { measured, won, tax_free }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The quote for `used` of `total` uses, and what is left when it was given back.
    fn given(paid: &mut Paid, used: i64, total: i64) -> (i64, i64) {
        let of_all = Uses::new(Count(used), Count(total)).unwrap();
        let quote = quote(*paid, of_all.unused());
        give_back(paid, quote.won, quote.tax_free);
        (quote.won, quote.tax_free)
    }

    fn give_back(paid: &mut Paid, won: i64, part: i64) {
        let Left { whole, tax_free } = paid.left;
        paid.left = Left { whole: whole - won, tax_free: tax_free - part };
        let Parts { whole, tax_free } = paid.gone;
        paid.gone = Parts { whole: whole + won, tax_free: tax_free + part };
    }

    fn paid(whole: i64, tax_free: i64) -> Paid {
        let gone = Parts { whole: 0, tax_free: 0 };
        Paid { price: Parts { whole, tax_free }, gone, left: Left::new(whole, tax_free) }
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
        give_back(&mut paid, 5_000, 0);
        assert_eq!(given(&mut paid, 1, 2), (500, 500));
    }

    #[test]
    fn days_that_credit_paid_for_go_back_as_far_as_the_card_paid() {
        // A price of 13,412 for 21 days, 6,707 of it from credit.
        let mut paid = paid(13_412, 0);
        paid.left = Left::new(6_705, 0);
        let of = |unused| quote(paid, Unused { total: 21, unused, as_of: None }).won;
        assert_eq!([21, 10, 1, 0].map(of), [6_705, 6_386, 638, 0]);
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
}
