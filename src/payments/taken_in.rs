//! What the outcome of an attempt means for its subscription.
//!
//! - approved: its days are paid
//! - declined: past due and planned to be tried again, or unpaid
//! - declined by our own mistake: nothing is declined, the days stay due
//! - unknown: its days wait
//! - not sent: it never happened, the days stay due

use chrono::{DateTime, Duration, Utc};
use kiwoom_clock::kst;
use kiwoom_paid_time::{Charge, ChargeState, Outcome as Ended, Status, Undo};

use crate::payments::store::paid_time::Loaded;
use crate::payments::store::{InitiatedBy, Payment};
use crate::rules::moments::Decline;
use crate::rules::payment_state::{Outcome, Verdict};
use crate::rules::schedule::Rules;
use crate::rules::subscription_state;

/// After a call that was not sent, the next try.
pub(crate) const NOT_SENT_PAUSE: Duration = Duration::minutes(5);
/// After one that was refused for the merchant's set-up, until that may have been mended.
const SETTING_PAUSE: Duration = Duration::hours(1);

impl Loaded {
    /// Takes in how the attempt `payment`, as it stood until now, of the charge `id` has ended.
    pub fn take_in(
        &mut self,
        (payment, id): (&Payment, u32),
        outcome: &Outcome,
        rules: &Rules,
        now: DateTime<Utc>,
    ) {
        let change = self.paid.undo.clone().filter(|undo| undo.charge == id);
        match outcome {
            Outcome::Approved { .. } => self.approved((payment, id), now),
            Outcome::Declined { verdict: Verdict::OurMistake, .. } => {
                self.came_to_nothing(id, (Ended::Refused, SETTING_PAUSE), now);
            }
            Outcome::Declined { verdict, .. } => {
                self.declined((payment, id), *verdict, rules, now);
            }
            Outcome::NotSent => self.came_to_nothing(id, (Ended::NotSent, NOT_SENT_PAUSE), now),
            Outcome::Unknown => {
                self.paid.settle(id, Ended::Unknown, kst(now).date_naive());
                // Which retry it was is remembered, for the day when somebody finds out.
                self.row.retries.retry_at = None;
            }
            Outcome::Mismatch(_) => return,
        }
        if let Some(change) = change {
            self.relabel(&change);
        }
        match outcome {
            Outcome::NotSent => self.plan_after(NOT_SENT_PAUSE, rules, now),
            Outcome::Declined { verdict: Verdict::OurMistake, .. } => {
                self.plan_after(SETTING_PAUSE, rules, now);
            }
            _ => self.plan(rules),
        }
    }

    fn approved(&mut self, (payment, id): (&Payment, u32), now: DateTime<Utc>) {
        let today = kst(now).date_naive();
        let is_open =
            |charge: &Charge| matches!(charge.state, ChargeState::UnderWay | ChargeState::Unknown);
        if self.paid.find_charge(id).is_some_and(is_open) {
            self.paid.settle(id, Ended::Approved, today);
        } else if !self.paid.approve_late(id, today) {
            let order_no = &payment.order_no;
            tracing::error!(
                alert = true,
                order_no,
                "paid late, for days that something else covers: to be refunded"
            );
        }
        self.drop_retries();
    }

    fn declined(
        &mut self,
        (payment, id): (&Payment, u32),
        verdict: Verdict,
        rules: &Rules,
        now: DateTime<Utc>,
    ) {
        let is_retry = self.paid.find_charge(id).is_some_and(|charge| charge.is_retry);
        let is_extra = is_retry && payment.initiated_by != InitiatedBy::Scheduler;
        let mut retries = self.row.retries.clone();
        if !is_retry {
            // Those there were are of earlier days.
            retries.clear();
        }
        let today = kst(now).date_naive();
        let comes_back = payment.initiated_by == InitiatedBy::Buyer && !is_retry;
        if comes_back {
            // There was no service for it.
            self.paid.settle(id, Ended::Unknown, today);
        }
        let cadence = self.paid.terms.cadence;
        let retry = retries.plan(Decline { verdict, is_extra }, cadence, rules, now);
        if retry && payment.initiated_by == InitiatedBy::Buyer {
            // It may have waited for long until somebody said that the window was left unpaid.
            retries.go_on(retries.retry_at, cadence, rules, now);
        }
        self.paid.settle(id, Ended::Declined { retry }, today);
        if comes_back {
            self.paid.stay_unpaid(today);
        }
        if self.is_retrying(id) {
            self.row.retries = retries;
        }
        self.drop_retries();
    }

    /// Forgets the retries when no charge is tried again. One whose retry is under way or unknown may
    /// be declined yet.
    fn drop_retries(&mut self) {
        let ended = |state| matches!(state, ChargeState::Approved | ChargeState::Declined);
        if !self.paid.charges.iter().any(|charge| charge.is_retry && !ended(charge.state)) {
            self.row.retries.clear();
        }
    }

    /// Nothing was asked of the customer's card: the days are due again after a pause.
    fn came_to_nothing(&mut self, id: u32, (ended, pause): (Ended, Duration), now: DateTime<Utc>) {
        let was = self.row.status;
        self.paid.settle(id, ended, kst(now).date_naive());
        if self.is_retrying(id) {
            self.row.retries.retry_at = self.row.retries.retry_at.or(Some(now + pause));
        } else if was == subscription_state::Status::PastDue && self.paid.status == Status::Active {
            // What was declined before it is still owed, until something is paid.
            self.paid.status = Status::PastDue;
        }
    }

    fn is_retrying(&self, id: u32) -> bool {
        self.paid.find_charge(id).is_some_and(|charge| charge.state == ChargeState::Retrying)
    }

    /// What was called otherwise with a change at once is called so no longer when the change is
    /// undone.
    fn relabel(&mut self, change: &Undo) {
        if self.paid.undo.is_some() {
            return;
        }
        let Some(before) = self.row.undo_labels.take() else { return };
        let mut segments = self.paid.segments.iter().chain(&self.paid.kept);
        if !segments.any(|segment| segment.id >= change.first_segment) {
            self.row.put(&before);
        }
    }
}
