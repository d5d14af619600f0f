//! What a subscription says of itself.

use chrono::NaiveDate;

use crate::cadence::Period;
use crate::money::Money;
use crate::segment::{Charge, ChargeState, Counts, Kind, Segment};
use crate::subscription::{Start, Status, Subscription};

impl Subscription {
    /// Where the last segment ends: the next one begins there. Before the first one: the first
    /// anchor day on or after the start, with the terms that are to hold then.
    pub fn covered_to(&self) -> NaiveDate {
        let first = || match self.start {
            Start::OnAnchor(day) => self.terms.with(self.pending).cadence.on_or_after(day),
            Start::Now(day, _) | Start::Trial(day, _) => day,
        };
        self.segments.last().map_or_else(first, |last| last.period.end)
    }

    /// End (exclusive) of the last paid or free segment. `None` before the first.
    pub fn paid_through(&self) -> Option<NaiveDate> {
        let settled = |s: &&Segment| matches!(s.kind, Kind::Paid | Kind::Free);
        self.segments.iter().rev().find(settled).map(|s| s.period.end)
    }

    /// How many charges have ended or will: approved or finally declined, or still open. Free time
    /// and a declined try to come back do not count.
    pub fn cycles(&self) -> usize {
        let counts = |c: &&Charge| match c.counts {
            Counts::Always => true,
            Counts::UnlessDeclined => c.holds(),
            Counts::Never => false,
        };
        self.charges.iter().filter(counts).count()
    }

    /// The price of a whole period that holds: of the phase that was reached or, while that is free,
    /// of the first one after it that is not.
    pub fn price(&self) -> Money {
        let reached = self.terms.phases.iter().skip(self.last_phase());
        reached.map(|phase| phase.price).find(|price| price.won > 0).unwrap_or(Money::ZERO)
    }

    /// What covers `day`.
    pub fn on(&self, day: NaiveDate) -> Option<&Segment> {
        self.segments.iter().rev().find(|s| s.period.start <= day && day < s.period.end)
    }

    /// What `today` is: `Open` from the first hour of a day on which something is due, `None` while
    /// it is paused, unpaid or over.
    pub fn coverage(&self, today: NaiveDate) -> Kind {
        match self.status {
            Status::Active | Status::PastDue if self.covered_to() <= today => Kind::Open,
            Status::Active | Status::PastDue => self.on(today).map_or(Kind::None, |s| s.kind),
            Status::Paused | Status::Unpaid | Status::Canceled => Kind::None,
        }
    }

    /// Days that were left at a pause or after the last decline, and follow when service goes on.
    pub fn kept_days(&self) -> i64 {
        self.kept.iter().filter(|s| s.is_covered()).map(|s| s.period.days()).sum()
    }

    /// Charge `id`.
    pub fn find_charge(&self, id: u32) -> Option<&Charge> {
        self.charges.iter().find(|c| c.id == id)
    }

    /// The latest charge that is under way, unknown or being tried again.
    pub fn open_charge(&self) -> Option<&Charge> {
        let ended = |c: &Charge| matches!(c.state, ChargeState::Approved | ChargeState::Declined);
        self.charges.iter().rev().find(|c| !ended(c))
    }

    /// The segments of charge `id`: those that have days, then those that are kept.
    pub fn segments_of(&self, id: u32) -> impl Iterator<Item = &Segment> {
        self.segments.iter().chain(&self.kept).filter(move |s| s.charge == Some(id))
    }

    /// From the first to the last day that charge `id` is asked for; without free days that come
    /// with it, and without those that are kept.
    pub fn period_of(&self, id: u32) -> Option<Period> {
        let charged = |s: &&Segment| s.charge == Some(id) && s.kind != Kind::Free;
        let mut charged = self.segments.iter().filter(charged);
        let first = charged.next()?.period;
        Some(Period { end: charged.next_back().map_or(first.end, |s| s.period.end), ..first })
    }

    /// Whether a charge can still come, or one that is open can still end: until then the card is
    /// needed.
    pub fn can_be_charged(&self) -> bool {
        self.open_charge().is_some()
            || self.status != Status::Canceled && !self.ends_at(self.covered_to())
    }
}
