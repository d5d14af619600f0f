//! What a subscription plans next: the columns `next_attempt_at` and `retry_*` of its row.

use chrono::{DateTime, Duration, NaiveDate, Utc};
use kiwoom_paid_time as paid_time;

use crate::payments::store::paid_time::Loaded;
use crate::rules::moments::{self, Work};
use crate::rules::schedule::Rules;
use crate::rules::subscription_state::Status;

impl Loaded {
    /// Puts the next moment at which it has something to do right. One whose first charge has no
    /// known outcome waits for that.
    pub fn plan(&mut self, rules: &Rules) {
        let next = moments::next_moment(&self.paid, self.row.retries.retry_at, rules);
        self.row.next_attempt_at = next.filter(|_| self.row.status != Status::Incomplete);
    }

    /// As [`Self::plan`], and not before so much time from `now`.
    pub fn plan_after(&mut self, pause: Duration, rules: &Rules, now: DateTime<Utc>) {
        self.plan(rules);
        self.row.next_attempt_at = self.row.next_attempt_at.map(|at| at.max(now + pause));
    }

    /// Does on `today` what needs no charge: goes on after a pause, ends, pauses.
    pub fn midnight(&mut self, today: NaiveDate) {
        let is_paused = self.paid.status == paid_time::Status::Paused;
        if let Some(day) = self.paid.resume_on.filter(|day| is_paused && *day <= today) {
            self.resume(day);
        }
        self.paid.midnight(today);
    }

    /// What is due at `now`.
    pub fn work(&self, rules: &Rules, now: DateTime<Utc>) -> Work {
        moments::work(&self.paid, self.row.retries.retry_at, rules, now)
    }

    /// See [`moments::access_until`].
    pub fn access_until(&self, rules: &Rules) -> Option<DateTime<Utc>> {
        moments::access_until(&self.paid, &self.row.retries, rules)
    }
}
