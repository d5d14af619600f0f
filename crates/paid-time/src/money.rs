//! Won, with the part of them that is free of tax.

use std::ops::{Add, AddAssign};

use serde::{Deserialize, Serialize};

/// Whole won, 0 or more, and the part of them that is free of tax (0 to `won`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// Won.
    pub won: i64,
    /// Won of these that are free of tax.
    pub tax_free: i64,
}

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self { won: 0, tax_free: 0 };

    /// `won`, all of it taxed.
    pub fn taxed(won: i64) -> Self {
        Self { won, tax_free: 0 }
    }

    /// The share of `days` in `of_days` (at least 1), both parts rounded down to a won.
    pub fn share(self, days: i64, of_days: i64) -> Self {
        Self { won: self.won * days / of_days, tax_free: self.tax_free * days / of_days }
    }

    /// What is left without `part`, which is not more than this. The tax-free part stays between 0
    /// and the rest.
    pub fn less(self, part: Self) -> Self {
        let won = self.won - part.won;
        Self { won, tax_free: (self.tax_free - part.tax_free).clamp(0, won) }
    }

    /// `won` of this (at most all), with the tax-free part in proportion, rounded down, as far as
    /// `left` has it: neither its tax-free part nor its taxed one is exceeded.
    pub fn part(self, won: i64, left: Self) -> Self {
        let (least, most) = left.tax_free_of(won);
        Self { won, tax_free: self.tax_free_in(won).clamp(least, most) }
    }

    /// As [`Self::part`], of `left` and, where that can be, of all of `others` as well.
    pub(crate) fn part_of_all(self, won: i64, left: Self, others: [Self; 2]) -> Self {
        let narrow = |(least, most): (i64, i64), other: Self| {
            let (low, high) = other.tax_free_of(won);
            (least.max(low), most.min(high))
        };
        let (least, most) = others.into_iter().fold(left.tax_free_of(won), narrow);
        if least > most {
            return self.part(won, left);
        }
        Self { won, tax_free: self.tax_free_in(won).clamp(least, most) }
    }

    /// The tax-free part of `won` of it, in proportion.
    fn tax_free_in(self, won: i64) -> i64 {
        if self.won > 0 { self.tax_free * won / self.won } else { 0 }
    }

    /// The least and the most of `won` of it that can be free of tax.
    fn tax_free_of(self, won: i64) -> (i64, i64) {
        let least = (won - (self.won - self.tax_free)).clamp(0, won);
        (least, self.tax_free.clamp(least, won))
    }

    /// As much of this as `due` needs. The tax-free part is used for what is free of tax, and beyond
    /// that when the taxed one is used up.
    pub fn up_to(self, due: Self) -> Self {
        let won = self.won.min(due.won);
        let least = (won - (self.won - self.tax_free)).max(0);
        Self { won, tax_free: self.tax_free.min(due.tax_free).min(won).max(least) }
    }
}

impl Add for Money {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self { won: self.won + other.won, tax_free: self.tax_free + other.tax_free }
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}
