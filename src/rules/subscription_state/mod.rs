//! Where a subscription stands after an attempt, and what is due next. Pure.
//!
//! Retries follow `RETRY_DAYS`, counted from the day of the period's first declined attempt. A hard
//! decline is not retried. An unknown outcome makes its period wait; the next period is billed on
//! its own day, because its money is another month's. A refusal that is our own mistake declines
//! nothing: the period stays due.

mod upcoming;

use chrono::{DateTime, Duration, NaiveDate, Utc};

use crate::rules::payment_state::Outcome;
use crate::rules::payment_state::Verdict;
use crate::rules::schedule::{Cadence, Period, RetryDays, Rules, due_at, midnight};
use kiwoom_clock::kst;

pub use upcoming::{Due, Planned};

/// Status of a subscription, as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Status {
    /// Its first charge is under way or unknown; callers do not see it.
    Incomplete,
    /// Billed on its day.
    Active,
    /// A charge was declined and retries are planned.
    PastDue,
    /// Not billed until resumed.
    Paused,
    /// Retries are used up, or the card was declined for good.
    Unpaid,
    /// Over.
    Canceled,
}

/// The part of a subscription that attempts change.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct SubscriptionState {
    /// Its status.
    pub status: Status,
    /// Its billing dates.
    #[sqlx(flatten)]
    pub cadence: Cadence,
    /// First day of the current period.
    pub period_start: NaiveDate,
    /// First day of the next one.
    pub next_billing_date: NaiveDate,
    /// Which retry comes next, 1 for the first; 0 when none is planned.
    pub retry_attempt: i16,
    /// Day of the period's first declined attempt.
    pub retry_base: Option<NaiveDate>,
    /// When the next retry is planned.
    pub retry_at: Option<DateTime<Utc>>,
    /// The next moment with something to do; `None` while a charge is under way.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// Whether it ends with the current period.
    pub cancel_at_period_end: bool,
    /// Its own retry days, in place of the service's.
    pub retry_days: Option<RetryDays>,
    /// While it is paused: the day on which it goes on by itself.
    pub resume_on: Option<NaiveDate>,
    /// With a trial: the first billing date.
    pub trial_end: Option<NaiveDate>,
    /// No period that would begin on this day or later is charged.
    pub end_date: Option<NaiveDate>,
    /// How many periods are still to be charged; without it there is no such limit.
    pub cycles_left: Option<i16>,
}

/// The attempt that was made.
#[derive(Clone, Copy, Debug)]
pub struct Attempt {
    /// The period it was to pay for.
    pub period: Period,
    /// Made by the caller (`POST /billing/pay`), outside the planned retries.
    pub by_merchant: bool,
}

/// After a call that was not sent, the next try.
const NOT_SENT_PAUSE: Duration = Duration::minutes(5);
/// After one that was refused for the merchant's set-up, until that may have been mended.
const SETTING_PAUSE: Duration = Duration::hours(1);

impl SubscriptionState {
    /// The current period.
    pub fn period(&self) -> Period {
        Period { start: self.period_start, end: self.next_billing_date }
    }

    /// The retry days that hold for it, its own or the service's. Days that would come after its
    /// shortest period are left out: with weekly billing those beyond 6.
    pub fn retry_days(&self, rules: &Rules) -> RetryDays {
        self.retry_days.as_ref().unwrap_or(&rules.retry_days).within(self.cadence)
    }

    /// Until when the customer should keep access though the period is not paid: the last retry, or
    /// the end of the period when it is to end then. `None` unless it is past due.
    pub fn access_until(&self, rules: &Rules) -> Option<DateTime<Utc>> {
        let base = self.retry_base.filter(|_| self.status == Status::PastDue)?;
        let last = self.retry_days(rules).last(base).map(|day| due_at(day, rules.charge_hour));
        // The retry that is planned is made, whatever became of the days since.
        let last = last.max(self.retry_at)?;
        Some(self.end().map_or(last, |end| last.min(midnight(end))))
    }

    /// Whether it ends with the current period.
    pub fn is_last_period(&self) -> bool {
        self.cancel_at_period_end
            || self.cycles_left == Some(0)
            || self.is_beyond_end(self.next_billing_date)
    }

    /// Its trial, until the first billing date is charged: that date.
    pub fn trial_end(&self) -> Option<NaiveDate> {
        self.trial_end.filter(|end| self.period_start < *end && self.status != Status::Canceled)
    }

    /// Moves the next billing date to the first anchor day on or after `date`, and with it the end
    /// of a trial.
    pub fn move_to(&mut self, date: NaiveDate) {
        self.next_billing_date = self.cadence.first_on_or_after(date);
        if self.trial_end().is_some() {
            self.trial_end = Some(self.next_billing_date);
        }
    }

    /// Puts the end of its trial off: the period that would begin on `start` is free too.
    pub fn stay_free(&mut self, start: NaiveDate, rules: &Rules) {
        self.move_to(self.cadence.next(start));
        self.next_attempt_at = self.next_moment(rules);
    }

    fn is_beyond_end(&self, day: NaiveDate) -> bool {
        self.end_date.is_some_and(|end| day >= end)
    }

    /// The day on which it ends, when no charge comes before.
    fn end(&self) -> Option<NaiveDate> {
        if self.is_last_period() {
            return Some(self.next_billing_date);
        }
        // Nothing is charged by itself before that day passes.
        let waits = matches!(self.status, Status::Paused | Status::Unpaid);
        self.end_date.filter(|_| waits)
    }

    /// Ends a pause: billed again on the next anchor day from `today`. The time between is not
    /// billed.
    pub fn resume(&mut self, today: NaiveDate) {
        self.status = Status::Active;
        self.resume_on = None;
        let paid_until = self.next_billing_date.max(today);
        self.move_to(paid_until);
    }

    /// The state after `attempt` ended in `outcome` at `now`.
    pub fn after(
        &self,
        attempt: Attempt,
        outcome: &Outcome,
        rules: &Rules,
        now: DateTime<Utc>,
    ) -> Self {
        let mut next = self.clone();
        if self.status == Status::Canceled {
            return next;
        }
        let came_to_nothing = match outcome {
            Outcome::NotSent => Some(now + NOT_SENT_PAUSE),
            Outcome::Declined { verdict: Verdict::OurMistake, .. } => Some(now + SETTING_PAUSE),
            _ => None,
        };
        if let Some(again) = came_to_nothing {
            if self.period_start == attempt.period.start {
                next.due_again(again);
            }
            next.next_attempt_at = Some(again);
            return next;
        }
        // A late answer about an earlier period does not touch the current one.
        if attempt.period.start >= self.period_start {
            next.enter(attempt.period);
            match outcome {
                Outcome::Approved { .. } => next.paid(now),
                Outcome::Declined { verdict, .. } => {
                    next.declined(*verdict, attempt.by_merchant, rules, now);
                }
                // Which retry it was is remembered, for the day when somebody finds out.
                Outcome::Unknown => next.retry_at = None,
                Outcome::NotSent | Outcome::Mismatch(_) => {}
            }
        }
        next.next_attempt_at = next.next_moment(rules);
        next
    }

    /// The state after a try that came to no attempt: the same, looked at again some minutes
    /// later. While a charge is under way there is no next moment to move.
    pub fn postponed(&self, now: DateTime<Utc>) -> Self {
        let later = |at: DateTime<Utc>| at.max(now + NOT_SENT_PAUSE);
        Self { next_attempt_at: self.next_attempt_at.map(later), ..self.clone() }
    }

    /// The attempt of the current period came to nothing. Taken for unknown meanwhile it may have ended
    /// the plan for the period, or begun the period: that is undone.
    fn due_again(&mut self, at: DateTime<Utc>) {
        match (self.status, self.retry_base) {
            (Status::PastDue, Some(_)) => self.retry_at = self.retry_at.or(Some(at)),
            (Status::Active | Status::PastDue, None) => {
                if self.next_billing_date > self.period_start {
                    self.cycles_left = self.cycles_left.map(|left| left + 1);
                }
                self.next_billing_date = self.period_start;
            }
            (
                Status::Active
                | Status::Paused
                | Status::Unpaid
                | Status::Incomplete
                | Status::Canceled,
                _,
            ) => {}
        }
    }

    fn enter(&mut self, period: Period) {
        if period.start > self.period_start {
            self.clear_retry();
            self.retry_base = None;
        }
        if period.start >= self.next_billing_date {
            self.cycles_left = self.cycles_left.map(|left| (left - 1).max(0));
        }
        self.period_start = period.start;
        self.next_billing_date = self.next_billing_date.max(period.end);
    }

    fn paid(&mut self, now: DateTime<Utc>) {
        // Paying an old period does not bill the ones in between: billing goes on at the next anchor.
        let today = kst(now).date_naive();
        if self.status == Status::Unpaid && self.next_billing_date <= today {
            self.next_billing_date = self.cadence.latest_period(self.next_billing_date, today).end;
        }
        if self.status != Status::Paused {
            self.status = Status::Active;
        }
        self.clear_retry();
        self.retry_base = None;
    }

    fn declined(&mut self, verdict: Verdict, by_merchant: bool, rules: &Rules, now: DateTime<Utc>) {
        let in_dunning = matches!(self.status, Status::PastDue | Status::Unpaid);
        let extra = by_merchant && in_dunning && self.retry_base.is_some();
        if self.status == Status::Paused || extra && verdict != Verdict::Never {
            return;
        }
        let base = *self.retry_base.get_or_insert(kst(now).date_naive());
        let retries_made = usize::try_from(self.retry_attempt).unwrap_or(0);
        match self.retry_days(rules).after(base, retries_made) {
            Some(day) if verdict != Verdict::Never => {
                self.status = Status::PastDue;
                self.retry_attempt += 1;
                self.retry_at = Some(due_at(day, rules.charge_hour));
            }
            _ => {
                self.status = Status::Unpaid;
                self.clear_retry();
            }
        }
    }

    fn clear_retry(&mut self) {
        self.retry_attempt = 0;
        self.retry_at = None;
    }
}

#[cfg(test)]
mod tests;
