//! What is to come: the same steps, on a copy, every charge approved.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::cadence::Period;
use crate::money::Money;
use crate::segment::{Charge, ChargeState, Kind, Rate, Reason, Segment};
use crate::settle::Outcome;
use crate::subscription::Subscription;

/// How far ahead the next charge is looked for: the most free periods that there can be, and some.
const MOST_SEGMENTS: usize = 700;

/// A charge to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// The day on which it is made.
    pub on: NaiveDate,
    /// What the card pays; 0 when credit pays for it or it is too small.
    pub amount: Money,
    /// The days that it pays for.
    pub period: Period,
    /// A whole period or a stub.
    pub reason: Reason,
}

impl Subscription {
    /// The charges from `today` to `until`, both inclusive, when each of them is approved.
    pub fn forecast(&self, today: NaiveDate, until: NaiveDate) -> Vec<Planned> {
        let ahead = self.ahead(today, until);
        let new = ahead.charges.iter().filter(|c| c.id >= self.next_charge);
        new.filter_map(|charge| ahead.planned(charge)).collect()
    }

    /// The next charge that comes without another call, seen from `today`; one that is open is taken
    /// as approved. `None` when none comes.
    pub fn next_charge(&self, today: NaiveDate) -> Option<Planned> {
        let mut ahead = self.assumed(today);
        for _ in 0..MOST_SEGMENTS {
            let day = ahead.due_on()?.max(today);
            ahead.due(day);
            if let Some(charge) = ahead.charges.iter().find(|c| c.id >= self.next_charge) {
                return ahead.planned(charge);
            }
            let repeats = |s: &Segment| s.reason == Reason::NoConsent && ahead.lacks_consent();
            if ahead.segments.last().is_some_and(repeats) {
                return None;
            }
        }
        None
    }

    /// Every day from `from` to `until` (exclusive) by segment, as it was and as it is to come seen
    /// from `today`; days outside are `none`. Those of a segment that was divided stay divided.
    pub fn timeline(&self, today: NaiveDate, from: NaiveDate, until: NaiveDate) -> Vec<Segment> {
        let ahead = self.ahead(today, until);
        let end = ahead.canceled_on.map_or(until, |day| until.min(day));
        let mut line = Vec::new();
        let mut day = from;
        for segment in &ahead.segments {
            let start = segment.period.start.max(from);
            let stop = segment.period.end.min(end);
            if start < stop {
                line.extend(nothing(day, start));
                line.push(Segment { period: Period { start, end: stop }, ..*segment });
                day = stop;
            }
        }
        line.extend(nothing(day, until));
        line
    }

    fn planned(&self, charge: &Charge) -> Option<Planned> {
        let segment = self.segments_of(charge.id).find(|s| s.kind != Kind::Free)?;
        let (period, reason) = (segment.period, segment.reason);
        Some(Planned { on: charge.on, amount: charge.amount, period, reason })
    }

    fn ahead(&self, today: NaiveDate, until: NaiveDate) -> Self {
        let mut ahead = self.assumed(today);
        while let Some(day) = ahead.due_on().map(|day| day.max(today)).filter(|day| *day <= until) {
            if let Some(id) = ahead.due(day) {
                ahead.settle(id, Outcome::Approved, day);
            }
        }
        ahead
    }

    /// A copy on which what is open is approved.
    fn assumed(&self, today: NaiveDate) -> Self {
        let mut ahead = self.clone();
        // What is to be tried again lapses when the next period begins.
        let lapses = ahead.due_on().is_some_and(|day| day <= today);
        let open = ahead.charges.iter().filter(|c| match c.state {
            ChargeState::UnderWay => true,
            ChargeState::Retrying => !lapses,
            _ => false,
        });
        for id in open.map(|c| c.id).collect::<Vec<_>>() {
            ahead.approve(id);
        }
        ahead
    }
}

fn nothing(start: NaiveDate, end: NaiveDate) -> Option<Segment> {
    let period = Period { start, end };
    let none = Segment {
        id: 0,
        period,
        kind: Kind::None,
        reason: Reason::Outside,
        charge: None,
        price: Money::ZERO,
        rate: Rate::FREE,
        of_days: period.days(),
        phase: 0,
        cycle: false,
    };
    (start < end).then_some(none)
}
