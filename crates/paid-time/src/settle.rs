//! What the outcome of a charge does.

use chrono::{Days, NaiveDate};
use serde::{Deserialize, Serialize};

use crate::cadence::Period;
use crate::segment::{ChargeState, Counts, Kind, Reason, Segment};
use crate::subscription::{Refused, Status, Subscription};

/// How a charge ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The money was taken.
    Approved,
    /// Declined; `retry`: it is to be tried again on a later day.
    Declined {
        /// Whether a retry is left.
        retry: bool,
    },
    /// The answer was lost. Never failed by the passing of time.
    Unknown,
    /// It is certain that the gateway was not asked.
    NotSent,
    /// Refused for the merchant's set-up: the card was not asked for anything. As `NotSent`, and the
    /// charge stays in the books.
    Refused,
}

impl Subscription {
    /// Takes in how charge `id` ended on `today`; also of one that was unknown until now. Charges
    /// that have ended do not change.
    pub fn settle(&mut self, id: u32, outcome: Outcome, today: NaiveDate) {
        let Some(charge) = self.charge_mut(id) else { return };
        if !matches!(charge.state, ChargeState::UnderWay | ChargeState::Unknown) {
            return;
        }
        match outcome {
            Outcome::Unknown => charge.state = ChargeState::Unknown,
            Outcome::Approved => self.approve(id),
            Outcome::NotSent | Outcome::Refused if charge.is_retry => self.decline(id, true, today),
            Outcome::NotSent => {
                self.take_back(id, today);
                self.charges.retain(|c| c.id != id);
                for segment in self.rows_of(id) {
                    segment.charge = None;
                }
            }
            Outcome::Refused => {
                self.take_back(id, today);
                if let Some(charge) = self.charge_mut(id) {
                    charge.counts = Counts::Never;
                }
            }
            Outcome::Declined { retry } => self.decline(id, retry, today),
        }
        self.drop_nothing_ahead(today);
    }

    /// Tries a declined charge again: it is under way.
    pub fn retry(&mut self, id: u32) -> bool {
        let again = self.charge_mut(id).filter(|c| c.state == ChargeState::Retrying);
        again.is_some_and(|charge| {
            charge.state = ChargeState::UnderWay;
            true
        })
    }

    /// The customer pays after `unpaid`: what was left is given back, and a charge for a segment
    /// from `today` on is begun when nothing was. Time without service is not charged for.
    pub fn come_back(&mut self, today: NaiveDate) -> Result<Option<u32>, Refused> {
        if self.status != Status::Unpaid {
            return Err(Refused::Status(self.status));
        }
        self.go_on(today);
        let charge = self.due(today);
        if let Some(charge) = charge.and_then(|id| self.charge_mut(id)) {
            charge.counts = Counts::UnlessDeclined;
        }
        Ok(charge)
    }

    pub(crate) fn approve(&mut self, id: u32) {
        for segment in self.rows_of(id) {
            if segment.kind == Kind::Open {
                segment.kind = Kind::Paid;
            }
        }
        if let Some(charge) = self.charge_mut(id) {
            charge.state = ChargeState::Approved;
        }
        let owes = self.charges.iter().any(|c| c.state == ChargeState::Retrying);
        if self.status == Status::PastDue && !owes {
            self.status = Status::Active;
        }
        self.undo = self.undo.take().filter(|undo| undo.charge != id);
    }

    fn decline(&mut self, id: u32, retry: bool, today: NaiveDate) {
        if self.undo_change(id, today) {
            return;
        }
        let serving = matches!(self.status, Status::Active | Status::PastDue);
        let open = self.rows_of(id).rfind(|s| s.kind == Kind::Open).map(|s| s.period);
        let is_last = self.last_charged() == Some(id);
        let lasts = open.is_some_and(|p| p.start <= today && today < p.end);
        let once = self.charges.iter().any(|c| c.id == id && c.counts != Counts::Always);
        if serving && is_last && lasts && retry && !once {
            if let Some(charge) = self.charge_mut(id) {
                charge.state = ChargeState::Retrying;
                charge.is_retry = true;
            }
            self.status = Status::PastDue;
            return;
        }
        let over = open.is_none_or(|p| p.end <= today);
        self.give_up(id, today);
        if serving && is_last && !over {
            self.stop(today, Status::Unpaid);
        } else if !over {
            for segment in self.rows_of(id).filter(|s| s.period.end > today) {
                segment.kind = Kind::None;
            }
        }
    }

    /// Declined for good: what it took of credit and carried won is given back. Days that were open
    /// while it was tried again stay so up to `today`; the others become `none`.
    pub(crate) fn give_up(&mut self, id: u32, today: NaiveDate) {
        let Some(charge) = self.charge_mut(id) else { return };
        let had_access = charge.state != ChargeState::Unknown;
        charge.state = ChargeState::Declined;
        self.give_back(id);
        for segment in self.kept.iter_mut().filter(|s| s.charge == Some(id)) {
            segment.kind = Kind::None;
        }
        for segment in self.rows_of(id) {
            segment.price = crate::Money::ZERO;
            segment.cycle = false;
            let unserved = !had_access && segment.period.end <= today;
            if segment.kind == Kind::Free || unserved {
                segment.kind = Kind::None;
            }
            segment.reason = Reason::Declined;
        }
    }

    /// As if it had not been begun, and due again while its period lasts; a try to come back leaves
    /// it unpaid. Free days that were given after it come before it then.
    fn take_back(&mut self, id: u32, today: NaiveDate) {
        let changed = self.undo.as_ref().is_some_and(|undo| undo.charge == id);
        if self.undo_change(id, today) {
            return;
        }
        let serving = matches!(self.status, Status::Active | Status::PastDue);
        let open = |s: &Segment| s.charge == Some(id) && s.kind == Kind::Open;
        let last = self.segments.iter().rposition(open);
        let again = last.filter(|at| {
            let lasts = today < self.segments[*at].period.end;
            serving && lasts && self.last_charged() == Some(id)
        });
        let once = self.find_charge(id).is_some_and(|c| c.counts == Counts::UnlessDeclined);
        self.give_up(id, today);
        self.kept.retain(|s| s.charge != Some(id));
        if let Some(at) = again {
            let tail = self.segments.split_off(at);
            let start = tail[0].period.start;
            self.slide(tail.into_iter().filter(|s| s.charge != Some(id)), start);
        }
        for segment in self.rows_of(id) {
            segment.kind = Kind::None;
            segment.reason = Reason::Missed;
        }
        if once && !changed && again.is_some() {
            self.stop(today, Status::Unpaid);
        }
    }

    /// What is `none` is so up to `today`: free days that were to follow it begin then.
    pub(crate) fn drop_nothing_ahead(&mut self, today: NaiveDate) {
        let ahead = |s: &Segment| !s.is_covered() && s.period.end > today;
        let Some(at) = self.segments.iter().position(ahead) else { return };
        let tail = self.segments.split_off(at);
        self.segments.extend(tail[0].divide(today).0);
        self.slide(tail.into_iter().filter(Segment::is_covered), today);
    }

    /// Lays `segments` one after the other from where the last one ends; from `start` when there is
    /// none.
    pub(crate) fn slide(&mut self, segments: impl Iterator<Item = Segment>, start: NaiveDate) {
        let mut start = self.segments.last().map_or(start, |s| s.period.end);
        for segment in segments {
            let end = start + Days::new(segment.period.days().unsigned_abs());
            self.segments.push(Segment { period: Period { start, end }, ..segment });
            start = end;
        }
    }

    pub(crate) fn give_back(&mut self, id: u32) {
        let Some(charge) = self.charge_mut(id).map(|c| *c) else { return };
        self.credit += charge.credit;
        self.carried += charge.carried_in;
    }

    /// The charge of the last days that are charged for; free days that came with one do not count.
    pub(crate) fn last_charged(&self) -> Option<u32> {
        self.segments.iter().rev().filter(|s| s.kind != Kind::Free).find_map(|s| s.charge)
    }

    pub(crate) fn rows_of(&mut self, id: u32) -> impl DoubleEndedIterator<Item = &mut Segment> {
        self.segments.iter_mut().chain(&mut self.kept).filter(move |s| s.charge == Some(id))
    }
}
