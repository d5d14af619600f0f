//! Changes of price, interval and day.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::cadence::Cadence;
use crate::money::Money;
use crate::next::{Planning, bounds};
use crate::segment::{Counts, Kind, Reason, Segment};
use crate::subscription::{Phase, Refused, Start, Status, Subscription};
use crate::undo::Undo;

/// What is to be different; `None` = as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Another price of a whole period. Ends the phases.
    pub price: Option<Money>,
    /// Another interval, count or anchor.
    pub cadence: Option<Cadence>,
}

/// From when on a change holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// From the next segment on.
    NextPeriod,
    /// From this day on; the customer has agreed to pay more, or has not.
    Now {
        /// Whether there is a consent to a higher price.
        consented: bool,
    },
}

/// The lines of a change that has not been made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    /// Given for days that are paid and not used.
    pub credit: Money,
    /// Price of the new segments.
    pub charge: Money,
    /// What the card pays now; 0 when credit covers it or the change waits.
    pub total: Money,
    /// What comes next.
    pub next: Planning,
}

impl Change {
    /// Whether nothing is to be different.
    pub fn is_none(self) -> bool {
        self == Self::default()
    }

    /// This change, and what of `earlier` it does not touch.
    fn over(self, earlier: Self) -> Self {
        Self { price: self.price.or(earlier.price), cadence: self.cadence.or(earlier.cadence) }
    }
}

impl Subscription {
    /// Changes what is charged. With [`When::Now`] the answer is the charge that has to be made, if
    /// any. A change that is changed back before the next charge is none.
    pub fn change(
        &mut self,
        change: Change,
        when: When,
        today: NaiveDate,
    ) -> Result<Option<u32>, Refused> {
        if self.status == Status::Canceled {
            return Err(Refused::Status(self.status));
        }
        if change.cadence.is_some_and(|cadence| !cadence.is_valid()) {
            return Err(Refused::Anchor);
        }
        if change.price.is_some_and(|price| price.tax_free > price.won) {
            return Err(Refused::TaxFree);
        }
        match when {
            When::NextPeriod => {
                self.change_later(change, today);
                Ok(None)
            }
            When::Now { consented } => self.change_now(change, consented, today),
        }
    }

    /// What [`Self::change`] would do.
    pub fn preview(
        &self,
        change: Change,
        when: When,
        today: NaiveDate,
    ) -> Result<Preview, Refused> {
        let mut after = self.clone();
        after.change(change, when, today)?;
        let made = after.charges.get(self.charges.len());
        let worth = |c: &crate::Charge| -> Money {
            let rows = after.segments.iter().filter(|s| s.charge == Some(c.id));
            rows.fold(Money::ZERO, |sum, s| sum + s.price)
        };
        let given = |of: &Self| of.charges.iter().fold(Money::ZERO, |sum, c| sum + c.credited);
        Ok(Preview {
            credit: given(&after).less(given(self)),
            charge: made.map_or(Money::ZERO, worth),
            total: made.map_or(Money::ZERO, |c| c.amount),
            next: after.next(),
        })
    }

    /// From the next segment on. The first one does not move to days that are past or, when it is
    /// overdue, to a day before the one on which it was due.
    pub(crate) fn change_later(&mut self, change: Change, today: NaiveDate) {
        let (rise, shown, first) = (self.rise(), self.price(), self.covered_to());
        let wanted = change.over(self.pending.unwrap_or_default());
        let new = Change {
            price: wanted.price.filter(|price| *price != shown),
            cadence: wanted.cadence.filter(|cadence| *cadence != self.terms.cadence),
        };
        self.pending = Some(new).filter(|change| !change.is_none());
        if let Start::OnAnchor(day) = self.start
            && self.status == Status::Active
            && self.segments.is_empty()
            && self.covered_to() < today
        {
            let as_agreed = self.terms.cadence.on_or_after(day);
            self.start = Start::OnAnchor(today.min(first).min(as_agreed));
        }
        if self.rise() != rise {
            self.consent = None;
        }
    }

    fn change_now(
        &mut self,
        change: Change,
        consented: bool,
        today: NaiveDate,
    ) -> Result<Option<u32>, Refused> {
        if self.status != Status::Active {
            return Err(Refused::Status(self.status));
        }
        let ahead = || self.segments.iter().filter(|s| s.period.end > today);
        if ahead().any(|s| s.kind == Kind::Open) {
            return Err(Refused::ChargeOpen);
        }
        let current = *self.on(today).ok_or(Refused::NothingPaid)?;
        if current.kind != Kind::Paid {
            return Err(Refused::NothingPaid);
        }
        let price = change.price.unwrap_or(current.rate.price);
        let mut terms = self.terms.with(Some(change));
        let moves = terms.cadence != self.terms.cadence;
        if moves || change.price.is_some() {
            terms.phases = vec![Phase { cycles: None, price }];
        }
        let paid = || ahead().filter(|s| s.kind == Kind::Paid);
        let reprices = change.price.is_some() && paid().any(|s| s.rate != terms.rate(0));
        if !consented && (moves || reprices) && paid().any(|s| terms.rate(0).is_above(s.rate)) {
            return Err(Refused::ConsentNeeded);
        }
        if moves && self.total_cycles.is_some_and(|total| self.cycles() >= total) {
            return Err(Refused::NoCyclesLeft);
        }
        let pending = self.pending.map(|p| Change {
            price: p.price.filter(|_| change.price.is_none()),
            cadence: p.cadence.filter(|_| change.cadence.is_none()),
        });
        let replaced: Vec<_> = ahead().copied().collect();
        let before = (self.terms.clone(), self.pending, self.next_segment);
        self.pending = pending.filter(|change| !change.is_none());
        self.terms = terms;
        if !moves && !reprices {
            return Ok(None);
        }
        let (credited, left) = self.credit_from(today);
        let mut new = self.parts(&left, moves, today);
        let due = new.iter().fold(Money::ZERO, |sum, s| sum + s.price);
        let counts = if moves { Counts::UnlessDeclined } else { Counts::Never };
        let open = new.iter().filter(|s| s.kind == Kind::Open);
        let days = open.map(|s| s.period.days()).sum();
        let id = self.charge(due, days, today, counts);
        for part in &mut new {
            part.charge = part.charge.or((part.kind == Kind::Open).then_some(id));
            self.push(*part);
        }
        let (terms, pending, first_segment) = before;
        let next_segment = self.next_segment;
        self.undo = Some(Undo {
            charge: id,
            terms,
            pending,
            replaced,
            first_segment,
            next_segment,
            credited,
            left: self.pending,
        });
        Ok(self.ask(id))
    }

    /// Divides what is covered from `today` on from the rest and gives credit for what is paid of
    /// it: paid − floor(paid × used days / days), less what of it was refunded.
    fn credit_from(&mut self, today: NaiveDate) -> (Vec<(u32, Money)>, Vec<Segment>) {
        let (mut credited, mut ahead) = (Vec::new(), Vec::new());
        for segment in std::mem::take(&mut self.segments) {
            let (had, left) = segment.divide(today);
            self.segments.extend(had);
            ahead.extend(left);
        }
        for segment in ahead.iter().filter(|s| s.kind == Kind::Paid) {
            let Some(charge) = segment.charge.and_then(|id| self.charge_mut(id)) else { continue };
            let credit = charge.credit_for(segment.price);
            charge.credited += credit;
            credited.push((charge.id, credit));
            self.credit += credit;
        }
        (credited, ahead)
    }

    /// The segments in place of `left`. With another price each paid one keeps its days; with
    /// another cadence one segment begins today, and free days follow it.
    fn parts(&self, left: &[Segment], moves: bool, today: NaiveDate) -> Vec<Segment> {
        let rate = self.terms.rate(0);
        let priced = |s: &Segment| Segment {
            kind: Kind::Open,
            reason: Reason::Changed,
            charge: None,
            price: rate.price.share(s.period.days(), s.of_days),
            rate,
            phase: 0,
            ..*s
        };
        if !moves {
            let part = |s: &Segment| if s.kind == Kind::Paid { priced(s) } else { *s };
            return left.iter().map(part).collect();
        }
        let (mut period, of_days) = bounds(self.terms.cadence, today);
        let end = self.end_date.filter(|end| today < *end);
        period.end = end.map_or(period.end, |end| period.end.min(end));
        let first = left.iter().find(|s| s.kind == Kind::Paid);
        let begun = first.map(|s| priced(&Segment { period, of_days, cycle: true, ..*s }));
        let mut parts: Vec<_> = begun.into_iter().collect();
        for free in left.iter().filter(|s| s.kind == Kind::Free) {
            let start = parts.last().map_or(today, |s| s.period.end);
            let end = start + chrono::Duration::days(free.period.days());
            parts.push(Segment { period: crate::Period { start, end }, ..*free });
        }
        parts
    }
}
