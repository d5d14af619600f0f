//! What a subscription plans next: the columns `next_attempt_at` and `retry_*` of its row.

use chrono::{DateTime, Duration, Utc};
use kiwoom_paid_time::ChargeState;

use crate::payments::store::paid_time::Loaded;
use crate::rules::moments::{self, Retries};
use crate::rules::schedule::{RetryDays, Rules};
use crate::rules::subscription_state::Status;

impl Loaded {
    /// Puts the next moment at which it has something to do right. One whose first charge has no
    /// known outcome waits for that.
    pub fn plan(&mut self, rules: &Rules) {
        let next = moments::next_moment(&self.paid, self.row.retry_at, rules);
        self.row.next_attempt_at = next.filter(|_| self.row.status != Status::Incomplete);
    }

    /// As [`Self::plan`], and not before so much time from `now`.
    pub fn plan_after(&mut self, pause: Duration, rules: &Rules, now: DateTime<Utc>) {
        self.plan(rules);
        self.row.next_attempt_at = self.row.next_attempt_at.map(|at| at.max(now + pause));
    }

    /// Where its retries stand.
    pub fn retries(&self) -> Retries {
        let row = &self.row;
        Retries { attempt: row.retry_attempt, base: row.retry_base, at: row.retry_at }
    }

    /// Sets where its retries stand.
    pub fn set_retries(&mut self, retries: Retries) {
        self.row.retry_attempt = retries.attempt;
        self.row.retry_base = retries.base;
        self.row.retry_at = retries.at;
    }

    /// Forgets the retries of a charge that is not tried again. One whose retry is under way or unknown
    /// may be declined yet.
    pub fn drop_retries(&mut self) {
        let may_retry = |state| !matches!(state, ChargeState::Approved | ChargeState::Declined);
        if !self.paid.charges.iter().any(|charge| charge.is_retry && may_retry(charge.state)) {
            self.set_retries(Retries::default());
        }
    }

    /// The retry days that hold for it.
    pub fn retry_days(&self, rules: &Rules) -> RetryDays {
        moments::retry_days(self.row.retry_days.as_ref(), self.paid.terms.cadence, rules)
    }

    /// See [`moments::access_until`].
    pub fn access_until(&self, rules: &Rules) -> Option<DateTime<Utc>> {
        moments::access_until(&self.paid, self.retries(), &self.retry_days(rules), rules)
    }
}
