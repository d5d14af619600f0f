//! Tests of the module above.

use chrono::Duration;
use kiwoom_paid_time::{
    Cadence, Interval, Money, Outcome, Phase, Proration, Start, Subscription, Terms,
};

use super::*;

fn rules() -> Rules {
    let retry_days = RetryDays::new(vec![1, 3]).unwrap();
    Rules { charge_hour: 10, retry_days, minimum: 1, end_without_consent: false }
}

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn ten(text: &str) -> DateTime<Utc> {
    due_at(date(text), 10)
}

fn every(interval: Interval, count: u32, anchor: u32) -> Cadence {
    Cadence { interval, count, anchor }
}

/// On the 15th of each month, from 2026-12-15 on.
fn monthly() -> Subscription {
    let price = Money::taxed(9900);
    let phases = vec![Phase { cycles: None, price }];
    let terms = Terms { cadence: every(Interval::Month, 1, 15), phases };
    Subscription::new(terms, Start::OnAnchor(date("2026-12-01")), Proration::Prorated, 1)
}

/// The same, charged on 2026-12-15 with this outcome.
fn charged(outcome: Outcome) -> Subscription {
    let mut paid = monthly();
    let charge = paid.due(date("2026-12-15")).unwrap();
    paid.settle(charge, outcome, date("2026-12-15"));
    paid
}

fn soft() -> Decline {
    Decline { verdict: Verdict::RetryLater, is_extra: false }
}

#[test]
fn charges_are_due_at_their_hour_and_what_needs_no_money_at_midnight() {
    let mut paid = monthly();
    let (at, rules) = (ten("2026-12-15"), rules());
    assert_eq!(next_moment(&paid, None, &rules), Some(at));
    assert_eq!(work(&paid, None, &rules, at - Duration::seconds(1)), Work::Nothing);
    assert_eq!(work(&paid, None, &rules, at), Work::Due(date("2026-12-15")));
    let charge = paid.due(date("2026-12-15")).unwrap();
    assert_eq!(next_moment(&paid, None, &rules), None, "under way");
    assert_eq!(work(&paid, None, &rules, ten("2027-01-15")), Work::Nothing, "under way");
    paid.settle(charge, Outcome::Approved, date("2026-12-15"));
    assert_eq!(next_moment(&paid, None, &rules), Some(ten("2027-01-15")));

    let mut ending = paid.clone();
    ending.cancel_at_period_end(date("2026-12-20"));
    let end = midnight(date("2027-01-15"));
    assert_eq!(next_moment(&ending, None, &rules), Some(end));
    assert_eq!(work(&ending, None, &rules, end), Work::Midnight(date("2027-01-15")));

    paid.pause(date("2026-12-20"), Some(date("2027-01-10"))).unwrap();
    let over = midnight(date("2027-01-10"));
    assert_eq!(next_moment(&paid, None, &rules), Some(over));
    assert_eq!(work(&paid, None, &rules, over), Work::Midnight(date("2027-01-10")));
    paid.midnight(date("2027-01-10"));
    // The 26 days that were left follow the pause.
    assert_eq!(next_moment(&paid, None, &rules), Some(ten("2027-02-05")));
}

#[test]
fn soft_declines_are_retried_on_their_days_and_hard_ones_are_not() {
    let (rules, cadence) = (rules(), monthly().terms.cadence);
    let mut retries = Retries::default();
    assert!(retries.plan(soft(), cadence, &rules, ten("2026-12-15")));
    assert_eq!((retries.retry_attempt, retries.retry_at), (1, Some(ten("2026-12-16"))));
    let mut hard = retries.clone();
    let never = Decline { verdict: Verdict::Never, is_extra: true };
    assert!(!hard.plan(never, cadence, &rules, ten("2026-12-16")));
    assert_eq!((hard.retry_attempt, hard.retry_at), (0, None));
    assert!(retries.plan(soft(), cadence, &rules, ten("2026-12-16")));
    assert_eq!((retries.retry_attempt, retries.retry_at), (2, Some(ten("2026-12-18"))));
    assert!(!retries.plan(soft(), cadence, &rules, ten("2026-12-18")));
    let none = RetryDays::new(vec![]);
    let mut at_once = Retries { retry_days: none, ..Retries::default() };
    assert!(!at_once.plan(soft(), cadence, &rules, ten("2026-12-15")), "no retry days: no retry");
}

#[test]
fn a_try_of_the_callers_uses_up_no_retry() {
    let (rules, cadence) = (rules(), monthly().terms.cadence);
    let mut retries = Retries::default();
    retries.plan(soft(), cadence, &rules, ten("2026-12-15"));
    let planned = retries.clone();
    let extra = Decline { is_extra: true, ..soft() };
    assert!(retries.plan(extra, cadence, &rules, ten("2026-12-15")));
    assert_eq!(retries, planned);
    // It was unknown for a while, and the plan was dropped meanwhile.
    retries.retry_at = None;
    assert!(retries.plan(extra, cadence, &rules, ten("2026-12-17")));
    assert_eq!(retries, planned);
}

#[test]
fn a_retry_is_due_on_its_day_unless_the_next_days_begin_before() {
    let (rules, paid) = (rules(), charged(Outcome::Declined { retry: true }));
    let retry = retrying(&paid).unwrap();
    let at = Some(ten("2026-12-16"));
    assert_eq!(next_moment(&paid, at, &rules), at);
    assert_eq!(work(&paid, at, &rules, ten("2026-12-15")), Work::Nothing);
    assert_eq!(work(&paid, at, &rules, ten("2026-12-16")), Work::Retry(retry));
    assert_eq!(work(&paid, at, &rules, ten("2027-01-15")), Work::Due(date("2027-01-15")));
    let late = Some(ten("2027-01-20"));
    assert_eq!(next_moment(&paid, late, &rules), Some(ten("2027-01-15")));
    let unpaid = charged(Outcome::Declined { retry: false });
    assert_eq!((unpaid.status, next_moment(&unpaid, None, &rules)), (Status::Unpaid, None));
}

#[test]
fn an_unknown_charge_waits_and_the_next_one_is_made_on_its_day() {
    let paid = charged(Outcome::Unknown);
    assert_eq!(next_moment(&paid, None, &rules()), Some(ten("2027-01-15")));
    assert_eq!(work(&paid, None, &rules(), ten("2027-01-14")), Work::Nothing);
}

#[test]
fn retry_days_say_until_when_there_is_access() {
    let rules = rules();
    let own = |days| Retries { retry_days: RetryDays::new(days), ..Retries::default() };
    let (mut paid, mut retries) = (charged(Outcome::Declined { retry: true }), own(vec![2, 9]));
    assert_eq!(access_until(&charged(Outcome::Approved), &retries, &rules), None);
    retries.plan(soft(), paid.terms.cadence, &rules, ten("2026-12-15"));
    assert_eq!(retries.retry_at, Some(ten("2026-12-17")));
    assert_eq!(access_until(&paid, &retries, &rules), Some(ten("2026-12-24")));
    let fewer = Retries { retry_days: RetryDays::new(vec![]), ..retries.clone() };
    assert_eq!(access_until(&paid, &fewer, &rules), retries.retry_at, "what is planned is made");
    paid.cancel_at_period_end = true;
    assert_eq!(access_until(&paid, &retries, &rules), Some(ten("2026-12-24")));
    retries.retry_at = Some(ten("2027-01-20"));
    assert_eq!(access_until(&paid, &retries, &rules), Some(midnight(date("2027-01-15"))));
}

#[test]
fn weekly_retries_end_before_the_week_does() {
    let own = RetryDays::new(vec![2, 6, 7, 13, 14]);
    let retries = Retries { retry_days: own, ..Retries::default() };
    let days = |count| retries.days(every(Interval::Week, count, 2), &rules());
    assert_eq!(days(1).all(), [2, 6]);
    assert_eq!(days(2).all(), [2, 6, 7, 13]);
    assert_eq!(retries.days(every(Interval::Month, 1, 2), &rules()).all().len(), 5);
}
