//! The segment that comes next, and what it costs.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::cadence::{Cadence, Period};
use crate::change::Change;
use crate::money::Money;
use crate::segment::{Kind, Rate, Reason, Segment};
use crate::subscription::{FirstPeriod, Proration, Start, Subscription, Terms};

/// What comes when the present coverage is used up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Planning {
    /// It ends on this day.
    End(NaiveDate),
    /// It pauses on this day.
    Pause(NaiveDate),
    /// A segment, free or to be charged.
    Segment(Next),
}

/// A segment to come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Next {
    /// Its days; the charge is on the first of them.
    pub period: Period,
    /// `Open`: it is to be charged; `Free`: it is not.
    pub kind: Kind,
    /// A whole period, a stub, or why it is free.
    pub reason: Reason,
    /// Its price, before credit and what is carried.
    pub price: Money,
    /// The price of a whole period.
    pub rate: Rate,
    /// Days of the whole period that ends where it ends, or would have ended.
    pub of_days: i64,
    /// Phase whose price it has.
    pub phase: usize,
    /// Whether it uses up a cycle of its phase.
    pub cycle: bool,
    /// The terms that hold from then on.
    pub terms: Terms,
    /// Whether the pending change is over with it: made, or dropped for want of a consent.
    pub applies: bool,
}

impl Subscription {
    /// What comes when the present coverage is used up, whatever the status.
    pub fn next(&self) -> Planning {
        let start = self.covered_to();
        if self.ends_at(start) {
            return Planning::End(start);
        }
        if self.pause_at_period_end {
            return Planning::Pause(start);
        }
        let wanted = self.terms.with(self.pending);
        let phase = self.phase().min(wanted.phases.len() - 1);
        let rate = wanted.rate(phase);
        let next = if !self.needs_consent(rate) {
            Next { applies: self.pending.is_some(), ..self.segment(wanted, rate, phase) }
        } else if self.end_without_consent {
            return Planning::End(start);
        } else {
            let rate = self.agreed_rate();
            let mut kept = self.segment(self.without_rise(), rate, self.last_phase());
            // A rise that was asked for is dropped on its day; after free days the price still waits.
            kept.applies = self.pending.is_some() && rate.price.won > 0;
            if rate.price.won == 0 {
                kept.period.end = self.terms.cadence.after(start);
                kept.reason = Reason::NoConsent;
                kept.cycle = false;
            }
            kept
        };
        Planning::Segment(self.until_end_date(next))
    }

    /// What holds on when a rise has no consent: of what is pending at most the day.
    fn without_rise(&self) -> Terms {
        let present = self.terms.cadence;
        let moved = self.pending.and_then(|pending| pending.cadence);
        let moved = moved.filter(|c| (c.interval, c.count) == (present.interval, present.count));
        self.terms.with(moved.map(|cadence| Change { price: None, cadence: Some(cadence) }))
    }

    /// The phase of the next segment: the one reached, or the one after it when its cycles are used
    /// up. Declined periods use up none.
    pub fn phase(&self) -> usize {
        let reached = self.last_phase();
        let used = |s: &&Segment| s.is_covered() && s.cycle && s.phase == reached;
        let used = self.segments.iter().chain(&self.kept).filter(used).count();
        let cycles = self.terms.phases.get(reached).and_then(|p| p.cycles);
        if cycles.is_some_and(|cycles| used >= cycles as usize) { reached + 1 } else { reached }
    }

    pub(crate) fn last_phase(&self) -> usize {
        let covered = self.segments.iter().chain(&self.kept).filter(|s| s.is_covered());
        covered.map(|s| s.phase).max().unwrap_or(0).min(self.terms.phases.len() - 1)
    }

    pub(crate) fn ends_at(&self, start: NaiveDate) -> bool {
        self.cancel_at_period_end
            || self.end_date.is_some_and(|end| start >= end)
            || self.total_cycles.is_some_and(|total| self.cycles() >= total)
    }

    fn segment(&self, terms: Terms, rate: Rate, phase: usize) -> Next {
        let start = self.covered_to();
        let cadence = terms.cadence;
        let first = match self.start {
            Start::Now(_, first) if self.segments.is_empty() => Some(first),
            _ => None,
        };
        let free = rate.price.won == 0;
        let (period, of_days) = if free {
            let period = self.free_period(cadence, start);
            (period, period.days())
        } else if first == Some(FirstPeriod::Full) && !cadence.is_anchor(start) {
            let period = cadence.whole_from(start);
            (period, period.days())
        } else {
            bounds(cadence, start)
        };
        let whole = period.days() == of_days;
        let stub_costs = match first {
            Some(FirstPeriod::Free) => Proration::Free,
            Some(FirstPeriod::Prorated) => Proration::Prorated,
            _ if self.is_interrupted() => Proration::Prorated,
            Some(FirstPeriod::Full) | None => self.proration,
        };
        let (kind, reason, price) = match stub_costs {
            _ if free => (Kind::Free, Reason::FreePhase, Money::ZERO),
            _ if whole => (Kind::Open, Reason::Whole, rate.price),
            Proration::Full => (Kind::Open, Reason::Stub, rate.price),
            Proration::Free => (Kind::Free, Reason::BeforeAnchor, Money::ZERO),
            Proration::Prorated => {
                (Kind::Open, Reason::Stub, rate.price.share(period.days(), of_days))
            }
        };
        let cycle = free || whole;
        Next { period, kind, reason, price, rate, of_days, phase, cycle, terms, applies: false }
    }

    /// Whether a pause or a decline is why the next segment begins off the anchor: what it costs is
    /// its share then, so that nobody gets days free, or pays for them in full, by pausing.
    fn is_interrupted(&self) -> bool {
        let stops = |s: &Segment| !s.is_covered() || s.reason == Reason::Declined;
        let aligns = |s: &Segment| self.terms.cadence.is_anchor(s.period.end);
        let mut latest = self.segments.iter().rev();
        latest.find(|s| stops(s) || aligns(s)).is_some_and(stops)
    }

    /// A free period ends to the day: the n-th of them is counted from where the first began.
    fn free_period(&self, cadence: Cadence, start: NaiveDate) -> Period {
        let before = self.segments.iter().rev().take_while(|s| s.reason == Reason::FreePhase);
        let (n, origin) = before.fold((0, start), |(n, _), s| (n + 1, s.period.start));
        let own = if cadence.is_anchor(origin) { cadence } else { cadence.anchored_on(origin) };
        let nth = own.whole(origin, n);
        if nth.start == start { nth } else { cadence.whole_from(start) }
    }

    /// An end date inside it makes it a stub that costs its share of what it would have cost.
    fn until_end_date(&self, next: Next) -> Next {
        let Some(end) = self.end_date.filter(|end| *end < next.period.end) else { return next };
        let period = Period { end, ..next.period };
        if next.kind == Kind::Free {
            return Next { period, ..next };
        }
        let price = if next.price == next.rate.price {
            next.price.share(period.days(), next.period.days())
        } else {
            next.rate.price.share(period.days(), next.of_days)
        };
        Next { period, reason: Reason::Stub, price, ..next }
    }
}

/// The segment that begins on `start`: a whole period on an anchor day, else the days to the next
/// one; and the days of the whole period that ends there.
pub(crate) fn bounds(cadence: Cadence, start: NaiveDate) -> (Period, i64) {
    if cadence.is_anchor(start) {
        let whole = cadence.whole(start, 0);
        return (whole, whole.days());
    }
    let end = cadence.after(start);
    (Period { start, end }, cadence.whole(end, -1).days())
}
