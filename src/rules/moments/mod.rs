//! At which moments a subscription has something to do, and what. Pure.
//!
//! The model (`kiwoom_paid_time`) knows days; the hours are here. What needs no money happens at
//! midnight in Korea: a pause that is over, an end. Charges are made at `CHARGE_HOUR`, retries on
//! `RETRY_DAYS`, counted from the day on which the charge was declined first. A hard decline is not
//! retried.

use chrono::{DateTime, NaiveDate, Utc};
use kiwoom_clock::kst;
use kiwoom_paid_time::{Cadence, Charge, ChargeState, Period, Status, Subscription};

use crate::rules::payment_state::Verdict;
use crate::rules::schedule::{RetryDays, Rules, due_at, midnight};

/// What is due now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Nothing.
    Nothing,
    /// What needs no money, on this day: [`Subscription::midnight`].
    Midnight(NaiveDate),
    /// The next segment, on this day: [`Subscription::due`]. It may need a charge.
    Due(NaiveDate),
    /// This charge is to be tried again.
    Retry(u32),
}

/// What is owed because its charge was declined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owed {
    /// The days of this charge, which is tried again.
    Retry(u32),
    /// Nothing of the time without service: who pays comes back from that day on.
    ComeBack,
}

/// Where the retries of a declined charge stand: columns of `subscriptions`.
#[derive(Clone, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct Retries {
    /// Which retry comes next, 1 for the first; 0 when none is planned.
    pub retry_attempt: i16,
    /// The day on which the charge was declined first.
    pub retry_base: Option<NaiveDate>,
    /// When the next retry is planned.
    pub retry_at: Option<DateTime<Utc>>,
    /// The subscription's own retry days, in place of the service's.
    pub retry_days: Option<RetryDays>,
}

/// A decline, and what it means for the retries.
#[derive(Clone, Copy, Debug)]
pub struct Decline {
    /// What the gateway's code says.
    pub verdict: Verdict,
    /// It was a caller's own try of a charge that had been declined before, outside the planned ones.
    pub is_extra: bool,
}

impl Retries {
    /// The retry days that hold, the subscription's own or the service's. Days that would come after
    /// its shortest period are left out: with weekly billing those beyond 6.
    pub fn days(&self, cadence: Cadence, rules: &Rules) -> RetryDays {
        self.retry_days.as_ref().unwrap_or(&rules.retry_days).within(cadence)
    }

    /// Plans the retry after `decline`. `false` when none is left: then nothing is planned. A try outside
    /// the planned ones uses up none of them.
    pub fn plan(
        &mut self,
        decline: Decline,
        cadence: Cadence,
        rules: &Rules,
        now: DateTime<Utc>,
    ) -> bool {
        let base = *self.retry_base.get_or_insert_with(|| kst(now).date_naive());
        let made = usize::try_from(self.retry_attempt).unwrap_or(0);
        let days = self.days(cadence, rules);
        let on = |made| days.after(base, made).map(|day| due_at(day, rules.charge_hour));
        self.retry_at = match decline.verdict {
            Verdict::Never => None,
            _ if decline.is_extra => {
                self.retry_at.or_else(|| on(made.saturating_sub(1))).or(Some(now))
            }
            _ => on(made),
        };
        if self.retry_at.is_none() {
            self.retry_attempt = 0;
        } else if !decline.is_extra {
            self.retry_attempt += 1;
        }
        self.retry_at.is_some()
    }

    /// What was planned for `at` had to wait. Of the days that have passed by now one is made up for, the
    /// latest.
    pub fn go_on(
        &mut self,
        at: Option<DateTime<Utc>>,
        cadence: Cadence,
        rules: &Rules,
        now: DateTime<Utc>,
    ) {
        self.retry_at = at;
        let days = self.days(cadence, rules);
        while let Some(base) = self.retry_base {
            let planned = usize::try_from(self.retry_attempt).unwrap_or(0);
            let next = days.after(base, planned).map(|day| due_at(day, rules.charge_hour));
            let Some(next) = next.filter(|next| *next <= now) else { break };
            self.retry_at = Some(next);
            self.retry_attempt += 1;
        }
    }

    /// Nothing was declined.
    pub fn clear(&mut self) {
        *self = Self { retry_days: self.retry_days.take(), ..Self::default() };
    }
}

/// What is due at `now`. While a charge is under way nothing is.
pub fn work(
    paid: &Subscription,
    retry_at: Option<DateTime<Utc>>,
    rules: &Rules,
    now: DateTime<Utc>,
) -> Work {
    let today = kst(now).date_naive();
    if is_under_way(paid) {
        Work::Nothing
    } else if paid.midnight_on().is_some_and(|day| day <= today) {
        Work::Midnight(today)
    } else if charged_on(paid).is_some_and(|day| now >= due_at(day, rules.charge_hour)) {
        Work::Due(today)
    } else if retry_at.is_some_and(|at| now >= at) {
        retrying(paid).map_or(Work::Nothing, Work::Retry)
    } else {
        Work::Nothing
    }
}

/// The next moment at which [`work`] says something else than nothing.
pub fn next_moment(
    paid: &Subscription,
    retry_at: Option<DateTime<Utc>>,
    rules: &Rules,
) -> Option<DateTime<Utc>> {
    if is_under_way(paid) {
        return None;
    }
    let free = paid.midnight_on().map(midnight);
    let charge = charged_on(paid).map(|day| due_at(day, rules.charge_hour));
    let retry = retry_at.filter(|_| retrying(paid).is_some());
    [free, charge, retry].into_iter().flatten().min()
}

/// Until when the customer should keep access though a charge was declined: the last retry, or the
/// end of the days that it is for. `None` unless it is past due.
pub fn access_until(
    paid: &Subscription,
    retries: &Retries,
    rules: &Rules,
) -> Option<DateTime<Utc>> {
    let base = retries.retry_base.filter(|_| paid.status == Status::PastDue)?;
    let last = retries.days(paid.terms.cadence, rules).last(base);
    let last = last.map(|day| due_at(day, rules.charge_hour));
    // The retry that is planned is made, whatever became of the days since.
    let last = last.max(retries.retry_at)?;
    let next = due_at(paid.covered_to(), rules.charge_hour);
    Some(last.min(paid.midnight_on().map_or(next, midnight)))
}

/// The charge that was declined and is tried again.
pub fn retrying(paid: &Subscription) -> Option<u32> {
    let retrying = paid.charges.iter().rfind(|charge| charge.state == ChargeState::Retrying);
    retrying.map(|charge| charge.id)
}

/// What is owed of what was declined.
pub fn owed(paid: &Subscription) -> Option<Owed> {
    match paid.status {
        Status::PastDue => retrying(paid).map(Owed::Retry),
        Status::Unpaid => Some(Owed::ComeBack),
        Status::Active | Status::Paused | Status::Canceled => None,
    }
}

/// Begins the charge of what is owed on `day`. `None`: nothing has to be charged, and `paid` is to be
/// thrown away.
pub fn begin_owed(paid: &mut Subscription, day: NaiveDate) -> Option<u32> {
    match owed(paid)? {
        Owed::Retry(charge) => paid.retry(charge).then_some(charge),
        Owed::ComeBack => paid.come_back(day).ok().flatten(),
    }
}

/// Until when a link may live to what `paid` owes: the hour of the charges on its last day, so that a
/// retry can still be made in its days. What comes back lasts until somebody pays.
pub fn last_moment_to_pay(paid: &Subscription, rules: &Rules) -> Option<DateTime<Utc>> {
    match owed(paid)? {
        Owed::Retry(_) => Some(due_at(paid.covered_to().pred_opt()?, rules.charge_hour)),
        Owed::ComeBack => None,
    }
}

/// Begins the charge that would have been made on `day` for days from `first` on. `None`: there is no
/// such charge, and `paid` is to be thrown away.
pub fn begin_from(
    paid: &mut Subscription,
    first: NaiveDate,
    day: NaiveDate,
) -> Option<(Charge, Period)> {
    let begins = |paid: &Subscription, id| paid.period_of(id).filter(|p| p.start == first);
    let owed = retrying(paid).filter(|id| begins(paid, *id).is_some());
    let id = match owed {
        Some(id) => paid.retry(id).then_some(id),
        None if paid.status == Status::Unpaid => paid.come_back(day).ok().flatten(),
        None => paid.due(day),
    }?;
    paid.find_charge(id).copied().zip(begins(paid, id))
}

fn is_under_way(paid: &Subscription) -> bool {
    paid.charges.iter().any(|charge| charge.state == ChargeState::UnderWay)
}

/// The day on which the next segment begins, while it is charged by itself.
fn charged_on(paid: &Subscription) -> Option<NaiveDate> {
    let serves = matches!(paid.status, Status::Active | Status::PastDue);
    paid.due_on().filter(|_| serves)
}

#[cfg(test)]
mod tests;
