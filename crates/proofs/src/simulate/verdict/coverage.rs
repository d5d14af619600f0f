//! The part of the verdict that is about days of service: is any paid twice, and any given away?

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Days, Utc};
use uuid::Uuid;

use crate::simulate::diary::{Asked, History};
use crate::simulate::load::{Books, Entry, Subscription, Transaction};
use crate::simulate::segments::{Charge, ChargeState, Kind, PaidTime, Reason, Segment};
use crate::simulate::terms::{Anchor, Offer};
use crate::simulate::verdict::Violations;
use crate::simulate::verdict::schedule::{self, Attempts};
use kiwoom_billing::rules::schedule::{due_at, midnight};
use kiwoom_billing::rules::subscription_state::Status;

const GIVEN_AWAY: &str = "a day given away";

/// Adds what is wrong with the days of service. `ours` is the payment of each transaction that the
/// gateway has taken and not given back.
pub fn judge(
    ours: &[(&Transaction, &Entry)],
    books: &Books,
    attempts: &Attempts<'_>,
    violations: &mut Violations,
) {
    paid_twice(ours, books, violations);
    let charged = |(_, payment): &(_, &Entry)| payment.subscription_id.zip(payment.charge_no);
    let taken: HashSet<(Uuid, i32)> = ours.iter().filter_map(charged).collect();
    for subscription in &books.subscriptions {
        let mut found = Vec::new();
        if let Some(history) = books.diary.histories.get(&subscription.id) {
            without_a_gap(subscription, history, books, &mut found);
            // Nobody could charge for what was over before it came into being.
            let began = schedule::came_into_being(attempts, subscription.id);
            let over = |s: &&Segment| {
                s.reason == Reason::Missed && began.is_some_and(|began| s.ends_on <= began)
            };
            for segment in subscription.paid_time.segments.iter().filter(|s| !over(s)) {
                let is_taken = |no| taken.contains(&(subscription.id, no));
                found.extend(unfounded(segment, subscription, history, books, &is_taken));
            }
            promises(subscription, history, &mut found);
        }
        found.extend(stretched(subscription, attempts));
        for found in found {
            violations.add(GIVEN_AWAY, &format!("{}: {found}", subscription.id));
        }
    }
}

/// Order number and charge of a transaction, and the days that it pays for.
type Taken<'a> = (&'a str, i32, Vec<&'a Segment>);

/// Two transactions that were not given back are for one charge, or for days that overlap.
fn paid_twice(ours: &[(&Transaction, &Entry)], books: &Books, violations: &mut Violations) {
    let paid_time: HashMap<Uuid, &PaidTime> =
        books.subscriptions.iter().map(|s| (s.id, &s.paid_time)).collect();
    let mut by_subscription: HashMap<Uuid, Vec<Taken<'_>>> = HashMap::new();
    for (transaction, payment) in ours {
        let Some((id, charge)) = payment.subscription_id.zip(payment.charge_no) else { continue };
        if transaction.canceled_amount >= transaction.amount {
            continue;
        }
        let of_it = |s: &&Segment| s.charge_no == Some(charge) && s.is_charged();
        let days = paid_time.get(&id).map(|time| time.segments.iter().filter(of_it).collect());
        let all = by_subscription.entry(id).or_default();
        all.push((&transaction.order_no, charge, days.unwrap_or_default()));
    }
    for all in by_subscription.values() {
        for (n, (order, charge, days)) in all.iter().enumerate() {
            let overlap =
                |a: &Segment, b: &Segment| a.starts_on < b.ends_on && b.starts_on < a.ends_on;
            let twice = |(_, other, others): &&Taken<'_>| {
                other == charge || days.iter().any(|a| others.iter().any(|b| overlap(a, b)))
            };
            if let Some((other, ..)) = all[..n].iter().find(twice) {
                violations.add("a day paid twice", &format!("{other} and {order}"));
            }
        }
    }
}

/// From the day that was promised on each segment adjoins the next, and as long as it is billed the
/// last one reaches beyond now.
fn without_a_gap(
    subscription: &Subscription,
    history: &History,
    books: &Books,
    found: &mut Vec<String>,
) {
    let segments = &subscription.paid_time.segments;
    for pair in segments.windows(2) {
        if pair[0].ends_on != pair[1].starts_on {
            found.push(format!("{} and {} do not adjoin", pair[0].ends_on, pair[1].starts_on));
        }
    }
    let is_moved = history
        .asked
        .iter()
        .any(|asked| matches!(asked, Asked::Day(_) | Asked::Pause(_) | Asked::PauseAtEnd));
    // Who was never charged comes back on the day on which they pay.
    let charge = subscription.paid_time.charges.first();
    let was_declined = charge.is_some_and(|charge| charge.state == ChargeState::Declined);
    let came_back = |day| was_declined && history.asked.contains(&Asked::Pay(day));
    let hour = books.rules.charge_hour;
    if let Some(first) = segments.first().map(|s| s.starts_on)
        && first > history.first_due
        && !is_moved
        && !came_back(first)
        && !jumped(due_at(history.first_due, hour), midnight(first), books)
    {
        found.push(format!("begins on {first}, not on {}", history.first_due));
    }
    let covered_to = segments.last().map_or(subscription.next_billing_date, |s| s.ends_on);
    let billed = matches!(subscription.status, Status::Active | Status::PastDue);
    if billed && due_at(covered_to, hour) <= books.ended {
        found.push(format!("nothing from {covered_to} on"));
    }
}

/// Whether the clock jumped from before what was due at the one could be charged to after the other.
fn jumped(from: DateTime<Utc>, to: DateTime<Utc>, books: &Books) -> bool {
    books.diary.landings(from).any(|landing| to <= landing)
}

/// Why a segment may not be what it is.
fn unfounded(
    segment: &Segment,
    subscription: &Subscription,
    history: &History,
    books: &Books,
    is_taken: &dyn Fn(i32) -> bool,
) -> Option<String> {
    let time = &subscription.paid_time;
    let charge = segment.charge_no.and_then(|number| time.charge(number));
    let (start, end) = (segment.starts_on, segment.ends_on);
    let founded = match (segment.kind, segment.reason) {
        (Kind::Paid, _) => charge.is_some_and(|charge| {
            charge.state == ChargeState::Approved && (charge.amount == 0 || is_taken(charge.number))
        }),
        (Kind::Open, _) => charge.is_some_and(|charge| charge.state != ChargeState::Approved),
        (Kind::Free, Reason::Trial) => matches!(history.terms.offer, Offer::Trial(_)),
        (Kind::Free, Reason::FreePhase) => {
            let longest = history.anchors().map(Anchor::longest).max();
            matches!(history.terms.offer, Offer::FreeCycles(_)) && Some(segment.days()) <= longest
        }
        (Kind::Free, Reason::NoConsent) => {
            matches!(history.terms.offer, Offer::FreeCycles(_) | Offer::Trial(_))
        }
        (Kind::Free, Reason::BeforeAnchor) => {
            matches!(history.terms.offer, Offer::Now("full" | "free"))
        }
        (Kind::Free, Reason::Extension) => history.extended().1 > 0,
        (Kind::None, Reason::Missed) => {
            jumped(due_at(start, books.rules.charge_hour), midnight(end), books)
        }
        (Kind::None, Reason::Declined) => {
            charge.is_some_and(|charge| charge.state == ChargeState::Declined)
        }
        (Kind::None, Reason::Paused) => {
            let begun = history.asked.iter().any(|asked| match asked {
                Asked::Pause(day) => *day <= end && start <= *day + Days::new(1),
                Asked::PauseAtEnd => true,
                _ => false,
            });
            begun && history.asked.contains(&Asked::Resume(end))
        }
        (Kind::None, Reason::Unpaid) => {
            let declined = |charge: &Charge| {
                charge.state == ChargeState::Declined && charge.first_tried_on <= end
            };
            time.charges.iter().any(declined) && history.asked.contains(&Asked::Pay(end))
        }
        _ => false,
    };
    let told = || format!("{start} to {end} is {:?}, {:?}", segment.kind, segment.reason);
    (!founded).then(told)
}

/// A charge that has other days, used and left, than those that it was made for. Days that were
/// exchanged for credit are gone.
fn stretched(subscription: &Subscription, attempts: &Attempts<'_>) -> Option<String> {
    let time = &subscription.paid_time;
    time.charges.iter().filter(|charge| charge.state == ChargeState::Approved).find_map(|charge| {
        let first = attempts.get(&(subscription.id, charge.number))?.first()?;
        let (start, end) = first.period_start.zip(first.period_end)?;
        let bought = (end - start).num_days();
        let has: i64 = time.of(charge.number).map(Segment::days).sum();
        let right = if charge.credited > 0 { has <= bought } else { has == bought };
        (!right).then(|| format!("{} was for {bought} days and has {has}", first.order_no))
    })
}

/// Free days are as many as were promised, to the day.
fn promises(subscription: &Subscription, history: &History, found: &mut Vec<String>) {
    let time = &subscription.paid_time;
    let free = |reason: Reason| {
        let all = time.segments.iter().chain(&time.kept);
        all.filter(move |s| s.kind == Kind::Free && s.reason == reason)
    };
    let days = |reason| free(reason).map(Segment::days).sum::<i64>();
    let trial = match history.terms.offer {
        Offer::Trial(days) => i64::from(days),
        _ => 0,
    };
    if days(Reason::Trial) != trial {
        found.push(format!("{} days of a trial of {trial}", days(Reason::Trial)));
    }
    if let Offer::FreeCycles(cycles) = history.terms.offer {
        let given = free(Reason::FreePhase).count();
        // A pause divides one.
        let pauses = history.asked.iter().filter(|a| matches!(a, Asked::Pause(_))).count();
        if given > usize::try_from(cycles).unwrap_or(0) + pauses {
            found.push(format!("{given} free periods of {cycles}"));
        }
    }
    let (least, most) = history.extended();
    let given = days(Reason::Extension);
    if !(least..=most).contains(&given) {
        found.push(format!("{given} free days of {least} to {most}"));
    }
}
