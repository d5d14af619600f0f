//! Whole Korean won. No fractions and no floating point anywhere.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The largest amount of one payment in won: KiwoomPay's AMOUNT has ten digits
/// (protocol section 1).
pub const MAX_WON: i64 = 9_999_999_999;

/// An amount that can be charged or refunded: 1 to [`MAX_WON`] won.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, sqlx::Type,
)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct Won(i64);

impl Won {
    /// `None` outside 1 to [`MAX_WON`].
    pub fn new(amount: i64) -> Option<Self> {
        (1..=MAX_WON).contains(&amount).then_some(Self(amount))
    }

    /// The amount as a plain number of won.
    pub fn get(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Won {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
