//! The part of the verdict that is about days: was each period charged on its day, and none left out?

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, NaiveDate, Utc};
use uuid::Uuid;

use crate::simulate::diary::History;
use crate::simulate::load::{Books, Entry, Subscription};
use crate::simulate::verdict::Violations;
use kiwoom_billing::payments::store::InitiatedBy;
use kiwoom_billing::rules::schedule::due_at;
use kiwoom_billing::rules::subscription_state::Status;
use kiwoom_clock::kst;

/// After a jump of the clock what was due on the way is done at once, or some tries later.
const AFTER_JUMP: Duration = Duration::hours(6);

/// The attempts of a subscription, by period, oldest first.
type Periods<'a> = BTreeMap<NaiveDate, Vec<&'a Entry>>;

/// Adds what is wrong with the days.
pub fn judge(books: &Books, violations: &mut Violations) {
    let mut attempts: BTreeMap<Uuid, Periods<'_>> = BTreeMap::new();
    for payment in &books.payments {
        if let Some((id, start)) = payment.subscription_id.zip(payment.period_start) {
            attempts.entry(id).or_default().entry(start).or_default().push(payment);
        }
    }
    let none = Periods::new();
    for subscription in &books.subscriptions {
        let Some(history) = books.diary.histories.get(&subscription.id) else { continue };
        let periods = attempts.get(&subscription.id).unwrap_or(&none);
        for (start, attempts) in periods {
            days(*start, attempts, history, books, violations);
        }
        missed(subscription, periods, history, books, violations);
        after_cancel(subscription, periods, violations);
    }
}

/// The first attempt is made on the anchor day, the others on the days of the retries, counted from
/// an earlier attempt or from the day on which it was found out. The day is that of the intent: a
/// gateway that is slow may book it later. What the caller asks for himself has no day.
fn days(
    start: NaiveDate,
    attempts: &[&Entry],
    history: &History,
    books: &Books,
    violations: &mut Violations,
) {
    let on_anchor = history.anchors.iter().any(|anchor| anchor.on_or_after(start) == start);
    let mut bases = vec![start];
    for attempt in attempts {
        let day = kst(attempt.created_at).date_naive();
        let planned = |days: i64| {
            bases.iter().any(|base| due_on(*base + Duration::days(days), attempt.created_at, books))
        };
        let first = planned(0);
        let retry = books.rules.retry_days.all().iter().any(|days| planned(i64::from(*days)));
        let asked_for = attempt.initiated_by == InitiatedBy::Merchant;
        if !on_anchor || !(asked_for || first || retry) {
            violations.add("wrong day", &attempt.order_no);
        }
        bases.push(day);
        bases.extend(attempt.settled_at.map(|at| kst(at).date_naive()));
    }
}

/// Whether an attempt at `at` is in time for what was due on `day`.
fn due_on(day: NaiveDate, at: DateTime<Utc>, books: &Books) -> bool {
    let due = due_at(day, books.rules.charge_hour);
    // The sandbox halts on the way where a notification is due, so that it may be done there too.
    let jumped = |(from, to): &(DateTime<Utc>, DateTime<Utc>)| {
        *from <= due && due <= at.min(*to) && at < *to + AFTER_JUMP
    };
    kst(at).date_naive() == day || books.diary.jumps.iter().any(jumped)
}

/// Every period from the first to the last has an attempt, unless it need not be billed; and nothing
/// that was due before the end is left.
fn missed(
    subscription: &Subscription,
    periods: &Periods<'_>,
    history: &History,
    books: &Books,
    violations: &mut Violations,
) {
    let id = subscription.id;
    let mut expected = with_moves(vec![history.first_due], history);
    for start in periods.keys() {
        if !expected.contains(start) && !excused(&expected, *start, history, books) {
            violations.add("missed period", &format!("{id}: before {start}"));
        }
        let next = history.anchors.iter().map(|anchor| anchor.after(*start)).collect();
        expected = with_moves(next, history);
    }
    let billed = matches!(subscription.status, Status::Active | Status::PastDue);
    if billed && due_at(subscription.next_billing_date, books.rules.charge_hour) <= books.ended {
        violations.add("missed period", &format!("{id}: {}", subscription.next_billing_date));
    }
    let current = periods.contains_key(&subscription.period_start);
    if billed && !periods.is_empty() && !current {
        violations.add("missed period", &format!("{id}: {}", subscription.period_start));
    }
}

/// A change of the anchor moves the next billing date on, never back.
fn with_moves(mut dates: Vec<NaiveDate>, history: &History) -> Vec<NaiveDate> {
    let anchors = &history.anchors;
    let moved: Vec<NaiveDate> =
        dates.iter().flat_map(|next| anchors.iter().map(|a| a.on_or_after(*next))).collect();
    dates.extend(moved);
    dates
}

/// Whether the periods between what was expected and `start` need not have been billed: paused,
/// unpaid, or jumped over by the clock, after which only the latest is billed.
fn excused(expected: &[NaiveDate], start: NaiveDate, history: &History, books: &Books) -> bool {
    let Some(first) = expected.iter().min() else { return true };
    let spared = history.excused.iter().any(|(from, until)| *from <= start && *first <= *until);
    let (first_due, last_due) =
        (due_at(*first, books.rules.charge_hour), due_at(start, books.rules.charge_hour));
    let jumped = books.diary.jumps.iter().any(|(from, to)| *from <= first_due && last_due <= *to);
    spared || jumped
}

/// The schedule does not charge what has ended.
fn after_cancel(subscription: &Subscription, periods: &Periods<'_>, violations: &mut Violations) {
    let Some(canceled_at) = subscription.canceled_at else { return };
    for attempt in periods.values().flatten() {
        if attempt.initiated_by == InitiatedBy::Scheduler && attempt.created_at > canceled_at {
            violations.add("charged after cancel", &attempt.order_no);
        }
    }
}
