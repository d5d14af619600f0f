//! Intents that the books have lost: the charge was made, and its subscription does not know it.

use chrono::NaiveDate;

use crate::segment::{Charge, ChargeState, Counts, Kind, Reason, Segment};
use crate::subscription::{Status, Subscription};

impl Subscription {
    /// Begins charge `id` again, which `intended` had begun for a subscription that stood as `before`;
    /// it may have been changed since. The charge is for the days and the money that it was intended
    /// for. Free days that were given since follow them, what was declined for them meanwhile makes
    /// room, and a pause keeps them. The answer is the charge; a retry that was given up since stays so
    /// until [`Self::approve_late`]. `None`, and nothing has changed, when its days are covered
    /// otherwise.
    pub fn begin_lost(&mut self, before: &Self, intended: &Self, id: u32) -> Option<u32> {
        let lost = *intended.find_charge(id)?;
        if before.find_charge(id).is_some() {
            return self.retry_lost(lost);
        }
        if self == before {
            self.clone_from(intended);
            return Some(id);
        }
        let days: Vec<_> = intended.segments_of(id).copied().collect();
        let start = days.first()?.period.start;
        if self.is_taken_from(start) {
            return None;
        }
        let given = self.make_room(start);
        self.ask_for_again(before, intended, lost.on);
        let charge = self.take_again(lost);
        self.charges.push(charge);
        let taken = charge.price();
        let is_other = taken != lost.price();
        let priced = |s: Segment| if is_other && s.kind == Kind::Open { taken } else { s.price };
        let days =
            days.into_iter().map(|s| Segment { charge: Some(charge.id), price: priced(s), ..s });
        if self.status == Status::Paused {
            for day in days {
                self.push(day);
                self.kept.extend(self.segments.pop());
            }
            self.kept.extend(given);
        } else {
            let reason =
                if self.status == Status::Unpaid { Reason::Unpaid } else { Reason::Missed };
            self.push_none(start, reason);
            days.for_each(|day| self.push(day));
            self.slide(given.into_iter(), start);
            if matches!(self.status, Status::PastDue | Status::Unpaid) {
                self.status = Status::Active;
            }
        }
        Some(charge.id)
    }

    /// Tries a charge again that is there.
    fn retry_lost(&mut self, lost: Charge) -> Option<u32> {
        let same = |c: &&mut Charge| c.amount == lost.amount && c.days == lost.days;
        let charge = self.charge_mut(lost.id).filter(same)?;
        match charge.state {
            ChargeState::Retrying => charge.state = ChargeState::UnderWay,
            ChargeState::Declined => {}
            ChargeState::UnderWay | ChargeState::Unknown | ChargeState::Approved => return None,
        }
        Some(lost.id)
    }

    /// Whether something that stays covers days from `start` on, or is kept to do so.
    fn is_taken_from(&self, start: NaiveDate) -> bool {
        let ahead = self.segments.iter().filter(|s| s.period.end > start).chain(&self.kept);
        ahead.filter(|s| s.is_covered()).any(|s| !self.gives_way(s))
    }

    fn gives_way(&self, segment: &Segment) -> bool {
        let charge = segment.charge.and_then(|id| self.find_charge(id));
        let failed = |c: &Charge| matches!(c.state, ChargeState::Retrying | ChargeState::Declined);
        segment.reason == Reason::Extension || charge.is_some_and(failed)
    }

    /// Takes away what is there from `start` on. The answer is what was given free.
    fn make_room(&mut self, start: NaiveDate) -> Vec<Segment> {
        let failed = |c: &&Charge| matches!(c.state, ChargeState::Retrying | ChargeState::Declined);
        for charge in self.charges.clone().iter().filter(failed) {
            if charge.state == ChargeState::Retrying {
                self.give_up(charge.id, start);
            }
            let is_replaced = self.segments_of(charge.id).any(|s| s.period.end > start);
            if let Some(charge) = self.charge_mut(charge.id).filter(|_| is_replaced) {
                charge.counts = Counts::Never;
            }
        }
        let mut given = Vec::new();
        for segment in std::mem::take(&mut self.segments) {
            let (had, left) = segment.divide(start);
            self.segments.extend(had);
            given.extend(left);
        }
        given.append(&mut self.kept);
        given.retain(|s| s.reason == Reason::Extension && s.is_covered());
        given
    }

    /// What holds from the charge on: as it was intended, with what was asked for since `before`.
    fn ask_for_again(&mut self, before: &Self, intended: &Self, today: NaiveDate) {
        if self.terms != before.terms {
            return;
        }
        let since = self.asked_since(before.pending);
        (self.terms, self.pending) = (intended.terms.clone(), intended.pending);
        if !since.is_none() {
            self.change_later(since, today);
        }
    }

    /// The charge, under way, with the credit and what was carried, as they were taken. When they are
    /// used otherwise by now, what the card pays is the price.
    fn take_again(&mut self, lost: Charge) -> Charge {
        let mut charge = Charge { id: self.next_charge, state: ChargeState::UnderWay, ..lost };
        self.next_charge += 1;
        let has = lost.credit.won <= self.credit.won && lost.carried_in.won <= self.carried.won;
        if !has {
            (charge.credit, charge.carried_in) = Default::default();
        }
        self.credit = self.credit.less(charge.credit);
        self.carried = self.carried.less(charge.carried_in) + charge.carried_out;
        charge
    }
}
