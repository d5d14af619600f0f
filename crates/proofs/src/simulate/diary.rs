//! What was asked for and told on the way, which the verdict needs to know: neither the gateway's
//! ledger nor our own books have it.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use crate::simulate::Counters;
use kiwoom_billing::rules::schedule::AnchorDay;

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
    /// How often each thing happened.
    pub counters: Counters,
}

/// What callers asked of a subscription.
#[derive(Clone, Debug)]
pub struct History {
    /// The first billing date that the answer named.
    pub first_due: NaiveDate,
    /// Every anchor day it has had.
    pub anchors: Vec<AnchorDay>,
    /// Spans, first and last day, whose periods need not be billed.
    pub excused: Vec<(NaiveDate, NaiveDate)>,
}

/// One thing to be noted.
#[derive(Clone, Debug)]
pub enum Note {
    /// It happened once more.
    Count(String),
    /// A subscription was made.
    Subscribed { id: Uuid, first_due: NaiveDate, anchor: AnchorDay },
    /// It has another anchor day, too.
    Anchor(Uuid, AnchorDay),
    /// Nothing need be billed from this day on.
    ExcusedFrom(Uuid, NaiveDate),
    /// Up to this day.
    ExcusedUntil(Uuid, NaiveDate),
    /// The gateway lost or falsified a notification of this order.
    Untold(String),
    /// The schedule had to pause and did not.
    NotPaused(String),
}

impl Diary {
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
            Note::Subscribed { id, first_due, anchor } => {
                let history = History { first_due, anchors: vec![anchor], excused: Vec::new() };
                self.histories.insert(id, history);
            }
            Note::Anchor(id, anchor) => {
                self.histories.entry(id).and_modify(|h| h.anchors.push(anchor));
            }
            Note::ExcusedFrom(id, from) => {
                let span = (from, NaiveDate::MAX);
                self.histories.entry(id).and_modify(|h| h.excused.push(span));
            }
            Note::ExcusedUntil(id, until) => {
                self.histories.entry(id).and_modify(|h| {
                    if let Some(span) = h.excused.iter_mut().find(|s| s.1 == NaiveDate::MAX) {
                        span.1 = until;
                    }
                });
            }
            Note::Untold(order_no) => drop(self.untold.insert(order_no)),
            Note::NotPaused(found) => self.not_paused.push(found),
        }
    }
}
