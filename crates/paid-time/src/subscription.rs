//! A subscription: its row, its segments and its charges.

use chrono::{Days, NaiveDate};
use serde::{Deserialize, Serialize};

use crate::cadence::{Cadence, Period};
use crate::change::Change;
use crate::consent::Consent;
use crate::money::Money;
use crate::segment::{Charge, Kind, Rate, Reason, Segment};
use crate::undo::Undo;

/// Where a subscription stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Charged on its days.
    Active,
    /// A charge was declined and is being tried again.
    PastDue,
    /// Not charged until resumed.
    Paused,
    /// Its last charge was declined for good.
    Unpaid,
    /// Over.
    Canceled,
}

/// What a part of a period costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proration {
    /// Its share of the price, by days.
    Prorated,
    /// The whole price.
    Full,
    /// Nothing.
    Free,
}

/// What is charged when service begins at once, off the anchor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FirstPeriod {
    /// The days until the anchor, at their share of the price.
    Prorated,
    /// A whole interval from the first day; the days from its end to the anchor are free.
    Full,
    /// The days until the anchor are free.
    Free,
}

/// A price, and for how many whole periods it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phase {
    /// Whole periods; `None` = for good. Only the last phase has none.
    pub cycles: Option<u32>,
    /// Price of a whole period; 0 won = free.
    pub price: Money,
}

/// What is charged, and how often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// When.
    pub cadence: Cadence,
    /// The prices, in order; at least one.
    pub phases: Vec<Phase>,
}

impl Terms {
    /// These terms with `change` made to them. Another price ends the phases, but for the free ones
    /// that come first: they were promised.
    pub fn with(&self, change: Option<Change>) -> Self {
        let mut new = self.clone();
        let Some(change) = change else { return new };
        new.cadence = change.cadence.unwrap_or(new.cadence);
        if let Some(price) = change.price {
            let free = new.phases.iter().take_while(|p| p.cycles.is_some() && p.price.won == 0);
            new.phases = free.copied().chain([Phase { cycles: None, price }]).collect();
        }
        new
    }

    /// The price of phase `phase`, or of the last one there is.
    pub fn rate(&self, phase: usize) -> Rate {
        let price = self.phases.get(phase).or(self.phases.last()).map_or(Money::ZERO, |p| p.price);
        Rate { price, twelfths: self.cadence.twelfths_of_days() }
    }
}

/// When service begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// On the first anchor day on or after this day.
    OnAnchor(NaiveDate),
    /// On this day.
    Now(NaiveDate, FirstPeriod),
    /// On this day, with so many free days.
    Trial(NaiveDate, u32),
}

/// Why a call is refused. A refused call changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refused {
    /// Not in this status.
    Status(Status),
    /// A charge is under way or unknown.
    ChargeOpen,
    /// The day on which this can be asked: nothing is paid for on that of the call.
    NothingPaid,
    /// Time is paid or promised up to this day.
    PaidThrough(NaiveDate),
    /// The rise needs a consent.
    ConsentNeeded,
    /// No rise is pending.
    NoRise,
    /// The consent would be older than 30 days: this is the first day on which it can be given.
    ConsentFrom(NaiveDate),
    /// Another interval at once would be one charge more than there are to be.
    NoCyclesLeft,
    /// The interval does not have this anchor day.
    Anchor,
    /// The amount is below its tax-free part.
    TaxFree,
}

/// A subscription. The lists are rows of tables of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// Where it stands.
    pub status: Status,
    /// What holds now.
    pub terms: Terms,
    /// What is to hold from the next segment on.
    pub pending: Option<Change>,
    /// The customer's consent to the next rise.
    pub consent: Option<Consent>,
    /// When service begins or began.
    pub start: Start,
    /// Whether it ends when a rise comes that has no consent; else the last price is repeated.
    pub end_without_consent: bool,
    /// What stubs cost.
    pub proration: Proration,
    /// The least amount that is charged, in won (at least 1).
    pub minimum: i64,
    /// How many charges are made at most.
    pub total_cycles: Option<usize>,
    /// No day on or after this one is charged.
    pub end_date: Option<NaiveDate>,
    /// Ends when what is paid is used up.
    pub cancel_at_period_end: bool,
    /// Pauses when what is paid is used up.
    pub pause_at_period_end: bool,
    /// While it is paused: the day on which it goes on by itself.
    pub resume_on: Option<NaiveDate>,
    /// The day on which it ended.
    pub canceled_on: Option<NaiveDate>,
    /// A change at once whose charge has not ended.
    pub undo: Option<Undo>,
    /// Credit balance: left over from changes.
    pub credit: Money,
    /// Too small to be charged so far.
    pub carried: Money,
    /// Segments, each beginning where the one before it ends.
    pub segments: Vec<Segment>,
    /// What was left at a pause, in order; only the lengths of its periods count.
    pub kept: Vec<Segment>,
    /// Charges, in order.
    pub charges: Vec<Charge>,
    /// Number of the next segment.
    pub next_segment: u32,
    /// Number of the next charge.
    pub next_charge: u32,
}

impl Subscription {
    /// A subscription that begins as `start` says. What is due on that day is charged by
    /// [`Self::due`].
    pub fn new(terms: Terms, start: Start, proration: Proration, minimum: i64) -> Self {
        let mut new = Self {
            status: Status::Active,
            terms,
            pending: None,
            consent: None,
            start,
            end_without_consent: false,
            proration,
            minimum,
            total_cycles: None,
            end_date: None,
            cancel_at_period_end: false,
            pause_at_period_end: false,
            resume_on: None,
            canceled_on: None,
            undo: None,
            credit: Money::ZERO,
            carried: Money::ZERO,
            segments: Vec::new(),
            kept: Vec::new(),
            charges: Vec::new(),
            next_segment: 1,
            next_charge: 1,
        };
        if let Start::Trial(day, days) = start {
            new.push_free(Period { start: day, end: day + Days::new(days.into()) }, Reason::Trial);
        }
        new
    }

    pub(crate) fn push_free(&mut self, period: Period, reason: Reason) {
        let phase = self.phase();
        let cycle = reason == Reason::FreePhase;
        self.push(Segment {
            id: 0,
            period,
            kind: Kind::Free,
            reason,
            charge: None,
            price: Money::ZERO,
            rate: Rate::FREE,
            of_days: period.days(),
            phase,
            cycle,
        });
    }

    pub(crate) fn push_none(&mut self, end: NaiveDate, reason: Reason) {
        let Some(start) = self.segments.last().map(|last| last.period.end) else { return };
        if start < end {
            self.push_free(Period { start, end }, reason);
            if let Some(last) = self.segments.last_mut() {
                last.kind = Kind::None;
                last.cycle = false;
            }
        }
    }

    pub(crate) fn push(&mut self, segment: Segment) {
        self.segments.push(Segment { id: self.next_segment, ..segment });
        self.next_segment += 1;
    }
}
