//! A change at once whose charge was declined.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::change::Change;
use crate::money::Money;
use crate::segment::{ChargeState, Reason, Segment};
use crate::subscription::{Status, Subscription, Terms};

/// What was before a change at once whose charge has not ended: declined, it is as if the change
/// had not been asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undo {
    /// The charge of the change.
    pub charge: u32,
    /// The terms before.
    pub terms: Terms,
    /// The pending change before.
    pub pending: Option<Change>,
    /// The segments that the change has divided or replaced, as they were.
    pub replaced: Vec<Segment>,
    /// Number of the first segment of the change.
    pub first_segment: u32,
    /// Number of the next segment after the change: another one means that time went on.
    pub next_segment: u32,
    /// Credit that was given for days, and the charge that had paid for them.
    pub credited: Vec<(u32, Money)>,
    /// The pending change with it. What is pending beyond that has been asked for since, and is not
    /// undone.
    pub left: Option<Change>,
}

impl Subscription {
    /// The charge of a change at once was declined: what was before holds again, and free days that
    /// were given since follow it. When time has gone on since, the credit stays in the balance instead
    /// and the answer is `false`.
    pub(crate) fn undo_change(&mut self, id: u32, today: NaiveDate) -> bool {
        let Some(undo) = self.undo.take_if(|undo| undo.charge == id) else { return false };
        let end = self.covered_to();
        let since = self.segments.iter().filter(|s| s.id >= undo.next_segment);
        let given: Vec<_> = since.copied().collect();
        let went_on = given.iter().any(|s| s.reason != Reason::Extension);
        if self.status != Status::Active || went_on {
            return false;
        }
        self.give_back(id);
        for (paid_by, credit) in undo.credited {
            self.credit = self.credit.less(credit);
            if let Some(charge) = self.charge_mut(paid_by) {
                charge.credited = charge.credited.less(credit);
            }
        }
        if let Some(charge) = self.charge_mut(id) {
            charge.state = ChargeState::Declined;
        }
        let is_changed = |s: &Segment| {
            s.id >= undo.first_segment || undo.replaced.iter().any(|old| old.id == s.id)
        };
        self.segments.retain(|s| !is_changed(s));
        self.segments.extend(undo.replaced);
        self.slide(given.into_iter(), end);
        let since = self.asked_since(undo.left);
        (self.terms, self.pending) = (undo.terms, undo.pending);
        if !since.is_none() {
            self.change_later(since, today);
        }
        true
    }

    /// What was asked for since `left` was pending.
    pub(crate) fn asked_since(&self, left: Option<Change>) -> Change {
        let (left, new) = (left.unwrap_or_default(), self.pending.unwrap_or_default());
        let shown = self.price();
        Change {
            price: (new.price != left.price).then(|| new.price.unwrap_or(shown)),
            cadence: (new.cadence != left.cadence)
                .then(|| new.cadence.unwrap_or(self.terms.cadence)),
        }
    }
}
