//! What was asked for and told on the way, which the verdict needs to know: neither the gateway's
//! ledger nor our own books have it.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use uuid::Uuid;

use crate::simulate::Counters;
use crate::simulate::erased::Erasures;
use crate::simulate::terms::{Anchor, Price, Terms, Unit};

/// The notes of a run.
#[derive(Clone, Debug, Default)]
pub struct Diary {
    /// Spans that the clock jumped over at once.
    pub jumps: Vec<(DateTime<Utc>, DateTime<Utc>)>,
    /// What callers asked of each subscription.
    pub histories: HashMap<Uuid, History>,
    /// Orders of which the gateway lost or falsified a notification.
    pub untold: HashSet<String>,
    /// Times at which the schedule had to pause and did not.
    pub not_paused: Vec<String>,
    /// What came otherwise than it was foretold.
    pub otherwise: Vec<String>,
    /// People who were erased, or want to be.
    pub erasures: Erasures,
    /// What is left of them, or was kept for too long.
    pub left: Vec<String>,
    /// How often each thing happened.
    pub counters: Counters,
}

/// What callers asked of a subscription. What was not answered may have been done or not.
#[derive(Clone, Debug)]
pub struct History {
    /// How it began.
    pub terms: Terms,
    /// The day of its first charge, as the first answer said; at once: that day.
    pub first_due: NaiveDate,
    /// All that was asked of it since.
    pub asked: Vec<Asked>,
}

/// One thing that was asked of a subscription. Days are those of the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Another interval, and how many of them.
    Interval(Unit, u32),
    /// Another anchor day.
    Day(u32),
    /// Another price.
    Price(Price),
    /// A consent to a price in won.
    Consent(i64),
    /// No billing from this day on.
    Pause(NaiveDate),
    /// No billing when what is paid is used up.
    PauseAtEnd,
    /// Billing from this day on.
    Resume(NaiveDate),
    /// What is owed is paid on this day.
    Pay(NaiveDate),
    /// Free days; whether the answer said that they are given.
    Extend { days: i64, is_given: bool },
}

/// One thing to be noted.
#[derive(Clone, Debug)]
pub enum Note {
    /// It happened once more.
    Count(String),
    /// A subscription was made.
    Subscribed { id: Uuid, terms: Terms, first_due: NaiveDate },
    /// Something was asked of it.
    Asked(Uuid, Asked),
    /// The gateway lost or falsified a notification of this order.
    Untold(String),
    /// The schedule had to pause and did not.
    NotPaused(String),
    /// Something came otherwise than it was foretold.
    Otherwise(String),
}

impl Diary {
    /// Where the clock landed that jumped before what was due then was charged: what was not sent is tried
    /// again five minutes later, and may be jumped over once more.
    pub fn landings(&self, due: DateTime<Utc>) -> impl Iterator<Item = DateTime<Utc>> {
        const TRIED_AGAIN: TimeDelta = TimeDelta::minutes(6);
        let over = move |due: &DateTime<Utc>| {
            let jump =
                self.jumps.iter().find(|(from, to)| *from <= *due + TRIED_AGAIN && *due < *to);
            jump.map(|(_, to)| *to)
        };
        std::iter::successors(over(&due), over)
    }

    /// Takes several notes down.
    pub fn take(&mut self, notes: Vec<Note>) {
        for note in notes {
            self.note(note);
        }
    }

    /// Takes a note down.
    pub fn note(&mut self, note: Note) {
        match note {
            Note::Count(name) => *self.counters.entry(name).or_default() += 1,
            Note::Subscribed { id, terms, first_due } => {
                self.histories.insert(id, History { terms, first_due, asked: Vec::new() });
            }
            Note::Asked(id, asked) => {
                self.histories.entry(id).and_modify(|history| history.asked.push(asked));
            }
            Note::Untold(order_no) => drop(self.untold.insert(order_no)),
            Note::NotPaused(found) => self.not_paused.push(found),
            Note::Otherwise(found) => self.otherwise.push(found),
        }
    }
}

impl History {
    /// Every anchor that it may have had: each day that was asked for with each interval.
    pub fn anchors(&self) -> impl Iterator<Item = Anchor> {
        let first = self.terms.anchor;
        let intervals = self.asked.iter().filter_map(|asked| match asked {
            Asked::Interval(unit, count) => Some((*unit, *count)),
            _ => None,
        });
        let days = self.asked.iter().filter_map(|asked| match asked {
            Asked::Day(day) => Some(*day),
            _ => None,
        });
        let days = [first.day].into_iter().chain(days);
        let intervals = [(first.unit, first.count)].into_iter().chain(intervals);
        let with = move |(unit, count)| days.clone().map(move |day| Anchor { unit, count, day });
        intervals.flat_map(with).filter(|anchor| anchor.is_valid())
    }

    /// Whether it may have had this price of a whole period.
    pub fn has_price(&self, price: Price) -> bool {
        self.terms.prices().contains(&price) || self.asked.contains(&Asked::Price(price))
    }

    /// Free days that were given by call, at least and at most.
    pub fn extended(&self) -> (i64, i64) {
        self.asked.iter().fold((0, 0), |(least, most), asked| match *asked {
            Asked::Extend { days, is_given } => {
                (least + if is_given { days } else { 0 }, most + days)
            }
            _ => (least, most),
        })
    }
}
