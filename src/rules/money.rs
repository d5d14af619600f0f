//! Whole Korean won. No fractions and no floating point anywhere.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The largest amount of one payment in won: KiwoomPay's AMOUNT has ten digits
/// (protocol section 1).
pub const MAX_WON: i64 = 9_999_999_999;

/// By thousands: `-1,234,567`.
pub fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::from(if number < 0 { "-" } else { "" });
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

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
