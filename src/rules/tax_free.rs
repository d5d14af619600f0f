//! The tax-free part of what goes back. Pure: won in, won out.

use std::ops::RangeInclusive;

/// What of a payment has neither gone back nor is on its way back, in won.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// All of it, 0 or more.
    pub whole: i64,
    /// What of that is tax-free, 0 to `whole`.
    pub tax_free: i64,
}

impl Left {
    /// What is left of `whole` and of its tax-free part. A part that the books cannot have is taken for
    /// the nearest that they can.
    pub fn new(whole: i64, tax_free: i64) -> Self {
        let whole = whole.max(0);
        Self { whole, tax_free: tax_free.clamp(0, whole) }
    }

    /// The tax-free parts that a refund of `amount` can have: no more than is left, and enough that no
    /// more taxable money goes back than is left. When all goes back there is one: the rest.
    pub fn parts_of(self, amount: i64) -> RangeInclusive<i64> {
        let taxable = self.whole - self.tax_free;
        (amount - taxable).max(0)..=self.tax_free.min(amount)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tax_free_part_fits_what_is_left_of_both_parts() {
        // Left, tax-free of it, refund; the least and the most that can be tax-free.
        let cases = [
            (11_000, 3_000, 11_000, 3_000, 3_000),
            (11_000, 3_000, 8_000, 0, 3_000),
            (11_000, 3_000, 8_001, 1, 3_000),
            (11_000, 3_000, 2_000, 0, 2_000),
            (11_000, 3_000, 10_000, 2_000, 3_000),
            (11_000, 0, 5_000, 0, 0),
            (11_000, 11_000, 5_000, 5_000, 5_000),
            // More of it has gone back than the books expect: nothing is left.
            (11_000, -1, 11_000, 0, 0),
            (2_000, 3_000, 2_000, 2_000, 2_000),
        ];
        for (whole, tax_free, amount, least, most) in cases {
            let parts = Left::new(whole, tax_free).parts_of(amount);
            assert_eq!(parts, least..=most, "{whole} {tax_free} {amount}");
        }
    }
}
