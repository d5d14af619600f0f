//! The part of the verdict that is about days of charging: was each charge tried on its day, and none
//! after the end?

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, NaiveDate, Utc};
use uuid::Uuid;

use crate::simulate::diary::History;
use crate::simulate::load::{Books, Entry};
use crate::simulate::verdict::Violations;
use kiwoom_billing::payments::store::InitiatedBy;
use kiwoom_billing::rules::schedule::due_at;
use kiwoom_clock::kst;

/// After a jump of the clock what was due on the way is done at once, or some tries later.
const AFTER_JUMP: Duration = Duration::hours(6);

/// The attempts of each charge, oldest first, by subscription and number.
pub type Attempts<'a> = BTreeMap<(Uuid, i32), Vec<&'a Entry>>;

/// All attempts for days of subscriptions.
pub fn attempts(books: &Books) -> Attempts<'_> {
    let mut attempts = Attempts::new();
    for payment in &books.payments {
        if let Some(charge) = payment.subscription_id.zip(payment.charge_no) {
            attempts.entry(charge).or_default().push(payment);
        }
    }
    attempts
}

/// Adds what is wrong with the days.
pub fn judge(books: &Books, attempts: &Attempts<'_>, violations: &mut Violations) {
    for ((id, _), of_charge) in attempts {
        if let Some(history) = books.diary.histories.get(id) {
            days(of_charge, history, came_into_being(attempts, *id), books, violations);
        }
    }
    for subscription in &books.subscriptions {
        let Some(canceled_at) = subscription.canceled_at else { continue };
        let own = attempts.iter().filter(|((id, _), _)| *id == subscription.id);
        for attempt in own.flat_map(|(_, attempts)| attempts) {
            if attempt.initiated_by == InitiatedBy::Scheduler && attempt.created_at > canceled_at {
                violations.add("charged after cancel", &attempt.order_no);
            }
        }
    }
}

/// The day on which a subscription whose first charge the caller asked for came into being: its
/// outcome may have been unknown for a time.
pub fn came_into_being(attempts: &Attempts<'_>, id: Uuid) -> Option<NaiveDate> {
    let asked_for = attempts
        .get(&(id, 1))?
        .iter()
        .find(|attempt| attempt.initiated_by == InitiatedBy::Merchant)?;
    asked_for.settled_at.map(|at| kst(at).date_naive())
}

/// The first attempt is made on the first day that it is for, or when that was before the subscription
/// `began`, then; the others on the days of the retries,
/// counted from an earlier attempt or from the day on which it was found out. The day is that of the
/// intent: a gateway that is slow may book it later. What the caller asks for himself has no day.
/// What the schedule begins ends on an anchor day.
fn days(
    attempts: &[&Entry],
    history: &History,
    began: Option<NaiveDate>,
    books: &Books,
    violations: &mut Violations,
) {
    let Some((start, end)) = attempts[0].period_start.zip(attempts[0].period_end) else { return };
    let on_anchor = history.anchors().any(|anchor| anchor.is_on(end));
    if attempts[0].initiated_by == InitiatedBy::Scheduler && !on_anchor {
        violations.add("wrong day", &format!("{} ends on {end}", attempts[0].order_no));
    }
    let mut bases = vec![began.map_or(start, |began| began.max(start))];
    for attempt in attempts {
        let day = kst(attempt.created_at).date_naive();
        let planned = |days: i64| {
            bases.iter().any(|base| due_on(*base + Duration::days(days), attempt.created_at, books))
        };
        let first = planned(0);
        let retry = books.rules.retry_days.all().iter().any(|days| planned(i64::from(*days)));
        let asked_for = attempt.initiated_by == InitiatedBy::Merchant;
        if !(asked_for || first || retry) {
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
    let jumped = |landing: DateTime<Utc>| due <= at && at < landing + AFTER_JUMP;
    kst(at).date_naive() == day || books.diary.landings(due).any(jumped)
}
