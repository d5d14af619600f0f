//! The rows that a subscription consists of: segments of service time, and charges.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::cadence::Period;
use crate::money::Money;

/// What a segment of service time is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An approved charge paid for it.
    Paid,
    /// Promised without a charge, to the day.
    Free,
    /// Its charge is under way, unknown, or was declined while the customer had access.
    Open,
    /// No service.
    None,
}

/// Why a segment is what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// A whole period.
    Whole,
    /// A part of a period: from a day off the anchor to the anchor, or to the end date.
    Stub,
    /// The rest of a period at another price, after a change at once.
    Changed,
    /// `trialDays`.
    Trial,
    /// A period of a phase of 0 won (`freeCycles`).
    FreePhase,
    /// The days before the anchor that `firstPeriod` or `proration` gives away.
    BeforeAnchor,
    /// Given by the merchant.
    Extension,
    /// Free to the next anchor day, because the first price has no consent yet.
    NoConsent,
    /// Nobody could charge it before it was over.
    Missed,
    /// Its charge was declined for good.
    Declined,
    /// Paused.
    Paused,
    /// Not paid.
    Unpaid,
    /// Before the first day, or after the end.
    Outside,
}

/// A price, and the length of time that it is for: what a rise is told by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// Price of a whole period.
    pub price: Money,
    /// Twelfths of a day in a whole period, a month being 365/12 days.
    pub twelfths: i64,
}

impl Rate {
    /// Nothing, for any time.
    pub const FREE: Self = Self { price: Money::ZERO, twelfths: 1 };

    /// Whether it is a higher price per day than `other`.
    pub fn is_above(self, other: Self) -> bool {
        self.price.won * other.twelfths > other.price.won * self.twelfths
    }
}

/// A segment of service time: the days `[period.start, period.end)` in Korea.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// Its own number: two segments may begin on one day.
    pub id: u32,
    /// Its days.
    pub period: Period,
    /// What it is.
    pub kind: Kind,
    /// Why.
    pub reason: Reason,
    /// The charge that pays for it.
    pub charge: Option<u32>,
    /// Price of these days.
    pub price: Money,
    /// The price of a whole period that held for it.
    pub rate: Rate,
    /// Days of the whole period that ends where it ends, or would have ended.
    pub of_days: i64,
    /// Phase whose price it has.
    pub phase: usize,
    /// Whether it uses up a cycle of its phase. Whole periods do, stubs and the later parts of a
    /// divided segment do not.
    pub cycle: bool,
}

impl Segment {
    /// Whether its days are covered.
    pub fn is_covered(&self) -> bool {
        self.kind != Kind::None
    }

    /// What its days were to cost when `charge` was made for them.
    pub(crate) fn price_of(&self, charge: Charge) -> Money {
        let (asked, full) = (charge.price(), self.rate.price);
        let shares = [full, full.share(charge.days, self.of_days)];
        shares.into_iter().find(|share| share.won == asked.won).unwrap_or(asked)
    }

    /// Both parts of it, divided at `day`: the first one costs its share rounded down, the second
    /// one what is left. A part without days is `None`.
    pub fn divide(mut self, day: NaiveDate) -> (Option<Self>, Option<Self>) {
        if day <= self.period.start {
            return (None, Some(self));
        }
        if day >= self.period.end {
            return (Some(self), None);
        }
        let (whole, days) = (self, self.period.days());
        self.period.end = day;
        self.price = whole.price.share(self.period.days(), days);
        let mut rest = whole;
        rest.period.start = day;
        rest.price = whole.price.less(self.price);
        rest.cycle = false;
        (Some(self), Some(rest))
    }
}

/// Where a charge stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChargeState {
    /// The gateway is being asked.
    UnderWay,
    /// The answer was lost.
    Unknown,
    /// Declined, to be tried again.
    Retrying,
    /// The money was taken, or none was needed.
    Approved,
    /// Declined for good.
    Declined,
}

/// Whether a charge counts towards `totalCycles`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counts {
    /// However it ends: for the period that was due.
    Always,
    /// When it is not declined: a try to come back after `unpaid`, a new interval that was to begin
    /// at once.
    UnlessDeclined,
    /// For the rest of a period at another price.
    Never,
}

/// What is asked of the card for one or more segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    /// Its number.
    pub id: u32,
    /// The day on which it was first tried.
    pub on: NaiveDate,
    /// What the card pays: price + `carried_in` − `credit` − `carried_out`.
    pub amount: Money,
    /// Taken from the credit balance.
    pub credit: Money,
    /// Carried over from earlier charges that were too small.
    pub carried_in: Money,
    /// Too small to be charged: left to the next charge.
    pub carried_out: Money,
    /// Given to the credit balance for days that were not used.
    pub credited: Money,
    /// What went back to the card.
    pub refunded: Money,
    /// Days that it was asked for. A decline may leave fewer of them.
    pub days: i64,
    /// Where it stands.
    pub state: ChargeState,
    /// Whether it counts towards `totalCycles`.
    pub counts: Counts,
    /// Whether it was declined and is tried again.
    pub is_retry: bool,
}

impl Charge {
    /// Whether its money is taken or may have been.
    pub fn holds(&self) -> bool {
        self.state != ChargeState::Declined
    }

    /// The price of its days, before credit and what is carried.
    pub fn price(&self) -> Money {
        (self.amount + self.credit + self.carried_out).less(self.carried_in)
    }

    /// The credit for days of it that cost `price`: no more than has not gone back yet, of the tax-free
    /// part and of the taxed one.
    pub(crate) fn credit_for(&self, price: Money) -> Money {
        let left = self.price().less(self.refunded + self.credited);
        price.part(price.won.min(left.won), left)
    }

    /// What can still be refunded: what was paid, less what went back and the credit given for its
    /// days. A refund never changes a segment.
    pub fn refundable(&self) -> Money {
        if self.state != ChargeState::Approved {
            return Money::ZERO;
        }
        let gone = self.refunded + self.credited;
        let won = (self.amount.won - gone.won).max(0);
        Money { won, tax_free: (self.amount.tax_free - gone.tax_free).clamp(0, won) }
    }
}
