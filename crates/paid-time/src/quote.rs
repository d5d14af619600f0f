//! What of a charge has not been used.

use chrono::{Days, NaiveDate};
use serde::{Deserialize, Serialize};

use crate::money::Money;
use crate::segment::{Kind, Segment};
use crate::subscription::Subscription;

/// What would be given back of one charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// Days that it paid for.
    pub days: i64,
    /// Those of them after the day of the quote.
    pub unused: i64,
    /// Their value, and at most what can still be refunded, tax-free part included; 0 is an answer
    /// like any other.
    pub value: Money,
}

impl Subscription {
    /// The unused value of charge `id` at the end of `as_of`, which itself counts as used. For each
    /// of its segments: price − floor(price × used days / days).
    pub fn quote(&self, id: u32, as_of: NaiveDate) -> Option<Quote> {
        let charge = self.find_charge(id)?;
        let of_it = |s: &&Segment| s.charge == Some(id) && s.kind != Kind::Free;
        let laid: Vec<_> = self.segments.iter().filter(of_it).collect();
        let kept: Vec<_> = self.kept.iter().filter(of_it).copied().collect();
        let tomorrow = as_of + Days::new(1);
        let left: Vec<_> = laid.iter().filter_map(|s| s.divide(tomorrow).1).chain(kept).collect();
        let days = |all: &mut dyn Iterator<Item = &Segment>| all.map(|s| s.period.days()).sum();
        let left_over = charge.refundable();
        let value = left.iter().fold(Money::ZERO, |sum, s| sum + s.price);
        Some(Quote {
            days: days(&mut laid.into_iter().chain(self.kept.iter().filter(of_it))),
            unused: days(&mut left.iter()),
            value: value.part(value.won.min(left_over.won), left_over),
        })
    }
}
