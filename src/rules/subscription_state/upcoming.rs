//! What a subscription has to do now, and what is to come.

use chrono::{DateTime, NaiveDate, Utc};

use crate::rules::schedule::{Period, Rules, due_at, midnight};
use crate::rules::subscription_state::{Status, SubscriptionState};
use kiwoom_clock::kst;

/// What is due now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Nothing.
    Nothing,
    /// The period has run out and the subscription was to end with it.
    Cancel,
    /// The pause is over.
    Resume,
    /// This period is to be paid.
    Charge(Period),
}

/// A charge to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planned {
    /// When it will be made.
    pub at: DateTime<Utc>,
    /// What it pays for.
    pub period: Period,
    /// Whether the period was declined before.
    pub is_retry: bool,
}

impl Planned {
    /// The day in Korea.
    pub fn date(&self) -> NaiveDate {
        kst(self.at).date_naive()
    }
}

impl SubscriptionState {
    /// What is due at `now`.
    pub fn due(&self, rules: &Rules, now: DateTime<Utc>) -> Due {
        if self.status == Status::Canceled || self.status == Status::Incomplete {
            return Due::Nothing;
        }
        if self.end().is_some_and(|end| now >= midnight(end)) {
            return Due::Cancel;
        }
        let next_period_due = now >= due_at(self.next_billing_date, rules.charge_hour);
        match self.status {
            Status::Active | Status::PastDue if next_period_due => {
                let today = kst(now).date_naive();
                let period = self.cadence.latest_period(self.next_billing_date, today);
                if self.is_beyond_end(period.start) { Due::Cancel } else { Due::Charge(period) }
            }
            Status::PastDue if self.retry_at.is_some_and(|at| now >= at) => {
                Due::Charge(self.period())
            }
            Status::Paused if self.resume_on.is_some_and(|day| now >= midnight(day)) => Due::Resume,
            Status::Active
            | Status::PastDue
            | Status::Paused
            | Status::Unpaid
            | Status::Incomplete
            | Status::Canceled => Due::Nothing,
        }
    }

    /// The next moment at which [`Self::due`] says something else than nothing.
    pub fn next_moment(&self, rules: &Rules) -> Option<DateTime<Utc>> {
        let end = self.end().map(midnight);
        let next_period = due_at(self.next_billing_date, rules.charge_hour);
        match self.status {
            Status::Canceled | Status::Incomplete => None,
            Status::Paused => end.into_iter().chain(self.resume_on.map(midnight)).min(),
            Status::Unpaid => end,
            Status::Active => end.or(Some(next_period)),
            Status::PastDue => {
                let boundary = end.unwrap_or(next_period);
                Some(self.retry_at.map_or(boundary, |retry| retry.min(boundary)))
            }
        }
    }

    /// The charges up to `until`, inclusive, when each of them is approved.
    pub fn planned(&self, rules: &Rules, now: DateTime<Utc>, until: NaiveDate) -> Vec<Planned> {
        let mut state = self.clone();
        let mut planned = Vec::new();
        while let Some(at) = state.next_moment(rules).map(|at| at.max(now)) {
            let period = match state.due(rules, at) {
                Due::Charge(period) => period,
                Due::Resume => {
                    state.resume(kst(at).date_naive());
                    continue;
                }
                Due::Cancel | Due::Nothing => break,
            };
            let is_retry = period.start == state.period_start;
            let charge = Planned { at, period, is_retry };
            if charge.date() > until {
                break;
            }
            planned.push(charge);
            state.enter(period);
            state.paid(at);
        }
        planned
    }
}
