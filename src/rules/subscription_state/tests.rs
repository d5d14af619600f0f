//! Tests of the module above.

use super::*;
use crate::rules::schedule::{AnchorDay, Interval};

fn rules() -> Rules {
    Rules { charge_hour: 10, retry_days: RetryDays::new(vec![1, 3]).unwrap() }
}

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn active() -> SubscriptionState {
    SubscriptionState {
        status: Status::Active,
        cadence: Cadence::monthly(AnchorDay::new(15).unwrap()),
        period_start: date("2026-11-25"),
        next_billing_date: date("2026-12-15"),
        retry_attempt: 0,
        retry_base: None,
        retry_at: None,
        next_attempt_at: None,
        cancel_at_period_end: false,
        retry_days: None,
        resume_on: None,
        trial_end: None,
        end_date: None,
        cycles_left: None,
    }
}

fn run(state: &SubscriptionState, outcome: &Outcome, at: DateTime<Utc>) -> SubscriptionState {
    let Due::Charge(period) = state.due(&rules(), at) else {
        panic!("nothing due at {at}: {state:?}")
    };
    state.after(Attempt { period, by_merchant: false }, outcome, &rules(), at)
}

fn approved() -> Outcome {
    Outcome::Approved {
        transaction_id: "t".into(),
        auth_number: None,
        approved_at: DateTime::UNIX_EPOCH,
        method: None,
        cpid: None,
    }
}

fn declined(verdict: Verdict) -> Outcome {
    Outcome::Declined { code: "2003".into(), message: String::new(), verdict }
}

fn ten(text: &str) -> DateTime<Utc> {
    due_at(date(text), 10)
}

#[test]
fn a_paid_period_moves_the_schedule_by_one_month() {
    let start = active();
    assert_eq!(start.due(&rules(), ten("2026-12-15") - Duration::seconds(1)), Due::Nothing);
    let paid = run(&start, &approved(), ten("2026-12-15"));
    assert_eq!(paid.period(), Period { start: date("2026-12-15"), end: date("2027-01-15") });
    assert_eq!(paid.next_attempt_at, Some(ten("2027-01-15")));
}

#[test]
fn soft_declines_are_retried_on_their_days_then_unpaid() {
    let soft = declined(Verdict::RetryLater);
    let first = run(&active(), &soft, ten("2026-12-15"));
    assert_eq!((first.status, first.retry_attempt), (Status::PastDue, 1));
    assert_eq!(first.next_attempt_at, Some(ten("2026-12-16")));
    let second = run(&first, &soft, ten("2026-12-16"));
    assert_eq!((second.retry_attempt, second.retry_at), (2, Some(ten("2026-12-18"))));
    let third = run(&second, &soft, ten("2026-12-18"));
    assert_eq!((third.status, third.next_attempt_at), (Status::Unpaid, None));
    let recovered = run(&second, &approved(), ten("2026-12-18"));
    assert_eq!((recovered.status, recovered.retry_attempt), (Status::Active, 0));
    assert_eq!(recovered.next_attempt_at, Some(ten("2027-01-15")));
}

#[test]
fn a_hard_decline_is_not_retried() {
    let unpaid = run(&active(), &declined(Verdict::Never), ten("2026-12-15"));
    assert_eq!((unpaid.status, unpaid.next_attempt_at), (Status::Unpaid, None));
}

#[test]
fn an_unknown_period_waits_and_the_next_one_is_billed() {
    let waiting = run(&active(), &Outcome::Unknown, ten("2026-12-15"));
    assert_eq!(waiting.status, Status::Active);
    assert_eq!(waiting.next_attempt_at, Some(ten("2027-01-15")));
    let next = run(&waiting, &approved(), ten("2027-01-15"));
    let old = Attempt {
        period: Period { start: date("2026-12-15"), end: date("2027-01-15") },
        by_merchant: false,
    };
    let late = next.after(old, &declined(Verdict::Never), &rules(), ten("2027-01-20"));
    assert_eq!(late, next, "the old period's answer does not touch the current one");
}

#[test]
fn not_sent_is_tried_again_soon_and_counts_for_nothing() {
    let after = run(&active(), &Outcome::NotSent, ten("2026-12-15"));
    assert_eq!(after.next_attempt_at, Some(ten("2026-12-15") + NOT_SENT_PAUSE));
    assert_eq!((after.period(), after.status), (active().period(), Status::Active));
}

#[test]
fn our_mistake_declines_nothing_and_uses_up_no_retry() {
    let mistake = declined(Verdict::OurMistake);
    let at = ten("2026-12-15");
    let waits = run(&active(), &mistake, at);
    let later = at + SETTING_PAUSE;
    assert_eq!(waits, SubscriptionState { next_attempt_at: Some(later), ..active() });
    assert_eq!(waits.due(&rules(), later), Due::Charge(run(&waits, &approved(), later).period()));

    let past_due = run(&active(), &declined(Verdict::RetryLater), at);
    let retry = ten("2026-12-16");
    let waits = run(&past_due, &mistake, retry);
    let later = Some(retry + SETTING_PAUSE);
    assert_eq!(waits, SubscriptionState { next_attempt_at: later, ..past_due.clone() });
    let next = run(&waits, &declined(Verdict::RetryLater), retry + SETTING_PAUSE);
    assert_eq!((next.retry_attempt, next.retry_at), (2, Some(ten("2026-12-18"))));

    // The caller's own try, long before the planned one.
    let attempt = Attempt { period: past_due.period(), by_merchant: true };
    let tried = past_due.after(attempt, &mistake, &rules(), at + Duration::hours(1));
    assert_eq!(tried.retry_at, past_due.retry_at);
    assert_eq!(tried.due(&rules(), at + Duration::hours(2)), Due::Nothing);
}

#[test]
fn what_was_taken_for_unknown_and_then_proven_not_sent_is_due_again() {
    let at = ten("2026-12-15");
    let unknown = run(&active(), &Outcome::Unknown, at);
    let attempt = Attempt { period: unknown.period(), by_merchant: false };
    let again = unknown.after(attempt, &Outcome::NotSent, &rules(), at);
    let later = at + NOT_SENT_PAUSE;
    assert_eq!(again.next_attempt_at, Some(later));
    assert_eq!(again.due(&rules(), later), Due::Charge(attempt.period));
}

#[test]
fn that_holds_while_an_earlier_period_is_past_due_and_for_a_retry() {
    let soft = declined(Verdict::RetryLater);
    let pause = NOT_SENT_PAUSE;
    let past_due = run(&active(), &soft, ten("2026-12-15"));
    let at = ten("2027-01-15");
    let Due::Charge(next_period) = past_due.due(&rules(), at) else { panic!("{past_due:?}") };
    let attempt = Attempt { period: next_period, by_merchant: false };
    let unknown = past_due.after(attempt, &Outcome::Unknown, &rules(), at);
    let again = unknown.after(attempt, &Outcome::NotSent, &rules(), at);
    assert_eq!(again.due(&rules(), at + pause), Due::Charge(next_period), "the next period");

    let at = ten("2026-12-16");
    let attempt = Attempt { period: past_due.period(), by_merchant: false };
    let unknown = past_due.after(attempt, &Outcome::Unknown, &rules(), at);
    assert_eq!(unknown.due(&rules(), at + pause), Due::Nothing);
    let again = unknown.after(attempt, &Outcome::NotSent, &rules(), at);
    assert_eq!(again.due(&rules(), at + pause), Due::Charge(past_due.period()), "the retry");
}

#[test]
fn a_retry_found_to_be_declined_later_is_followed_by_the_next_retry() {
    let soft = declined(Verdict::RetryLater);
    let first = run(&active(), &soft, ten("2026-12-15"));
    let unknown = run(&first, &Outcome::Unknown, ten("2026-12-16"));
    assert_eq!(unknown.next_attempt_at, Some(ten("2027-01-15")));
    let attempt = Attempt { period: unknown.period(), by_merchant: false };
    let found = unknown.after(attempt, &soft, &rules(), ten("2026-12-17"));
    assert_eq!((found.retry_attempt, found.retry_at), (2, Some(ten("2026-12-18"))));
}

#[test]
fn an_old_debt_paid_late_does_not_bill_the_months_between() {
    let unpaid = run(&active(), &declined(Verdict::Never), ten("2026-12-15"));
    let attempt = Attempt { period: unpaid.period(), by_merchant: true };
    let paid = unpaid.after(attempt, &approved(), &rules(), ten("2027-03-20"));
    assert_eq!((paid.status, paid.next_billing_date), (Status::Active, date("2027-04-15")));
}

#[test]
fn its_own_retry_days_hold_and_say_until_when_there_is_access() {
    let soft = declined(Verdict::RetryLater);
    let own = |days: Vec<i16>| SubscriptionState { retry_days: RetryDays::new(days), ..active() };
    assert_eq!(own(vec![2, 9]).access_until(&rules()), None, "nothing is owed");
    let late = run(&own(vec![2, 9]), &soft, ten("2026-12-15"));
    assert_eq!(late.retry_at, Some(ten("2026-12-17")));
    assert_eq!(late.access_until(&rules()), Some(ten("2026-12-24")));
    let ending = SubscriptionState { cancel_at_period_end: true, ..late.clone() };
    assert_eq!(ending.access_until(&rules()), Some(ten("2026-12-24")));
    let last = run(&late, &soft, ten("2026-12-17"));
    assert_eq!((last.retry_at, last.retry_attempt), (Some(ten("2026-12-24")), 2));
    let unpaid = run(&last, &soft, ten("2026-12-24"));
    assert_eq!((unpaid.status, unpaid.access_until(&rules())), (Status::Unpaid, None));
    let no_more = SubscriptionState { retry_days: RetryDays::new(vec![]), ..late.clone() };
    assert_eq!(no_more.access_until(&rules()), no_more.retry_at, "the planned retry is made");
    let at_once = run(&own(Vec::new()), &soft, ten("2026-12-15"));
    assert_eq!(at_once.status, Status::Unpaid, "no retry days: no retry");
}

#[test]
fn it_ends_with_its_period_when_asked_to() {
    let ending = SubscriptionState { cancel_at_period_end: true, ..active() };
    let end = midnight(date("2026-12-15"));
    assert_eq!(ending.next_moment(&rules()), Some(end));
    assert_eq!(ending.due(&rules(), end), Due::Cancel);
}

#[test]
fn weekly_retries_end_before_the_week_does() {
    let anchor = AnchorDay::new(2).unwrap();
    let every = |count| SubscriptionState {
        cadence: Cadence { interval: Interval::Week, count, anchor },
        retry_days: RetryDays::new(vec![2, 6, 7, 13, 14]),
        next_billing_date: date("2026-12-15"),
        ..active()
    };
    assert_eq!(every(1).retry_days(&rules()).all(), [2, 6]);
    assert_eq!(every(2).retry_days(&rules()).all(), [2, 6, 7, 13]);
    let soft = declined(Verdict::RetryLater);
    let first = run(&every(1), &soft, ten("2026-12-15"));
    assert_eq!(first.access_until(&rules()), Some(ten("2026-12-21")));
    let second = run(&first, &soft, ten("2026-12-17"));
    let unpaid = run(&second, &soft, ten("2026-12-21"));
    assert_eq!((unpaid.status, unpaid.next_attempt_at), (Status::Unpaid, None));
}

#[test]
fn an_old_debt_paid_late_goes_on_in_step() {
    let quarterly = Cadence { count: 3, ..active().cadence };
    let start = SubscriptionState { cadence: quarterly, ..active() };
    let unpaid = run(&start, &declined(Verdict::Never), ten("2026-12-15"));
    assert_eq!(unpaid.next_billing_date, date("2027-03-15"));
    let attempt = Attempt { period: unpaid.period(), by_merchant: true };
    let paid = unpaid.after(attempt, &approved(), &rules(), ten("2027-04-20"));
    assert_eq!(paid.next_billing_date, date("2027-06-15"));
}

#[test]
fn a_number_of_periods_is_counted_as_they_are_entered() {
    let two = SubscriptionState { cycles_left: Some(2), ..active() };
    let not_sent = run(&two, &Outcome::NotSent, ten("2026-12-15"));
    assert_eq!(not_sent.cycles_left, Some(2), "nothing was entered");
    let soft = declined(Verdict::RetryLater);
    let first = run(&two, &soft, ten("2026-12-15"));
    let retried = run(&first, &soft, ten("2026-12-16"));
    assert_eq!((first.cycles_left, retried.cycles_left), (Some(1), Some(1)));
    let at = ten("2027-01-15");
    let unknown = run(&retried, &Outcome::Unknown, at);
    assert_eq!((unknown.cycles_left, unknown.is_last_period()), (Some(0), true));
    assert_eq!(unknown.due(&rules(), midnight(date("2027-02-15"))), Due::Cancel);
    let attempt = Attempt { period: unknown.period(), by_merchant: false };
    let mut again = unknown.after(attempt, &Outcome::NotSent, &rules(), at);
    assert_eq!(again.cycles_left, Some(1), "given back");
    again = again.after(attempt, &Outcome::NotSent, &rules(), at);
    assert_eq!(again.cycles_left, Some(1), "once");
    let paid = run(&again, &approved(), at + NOT_SENT_PAUSE);
    assert_eq!((paid.cycles_left, paid.next_billing_date), (Some(0), date("2027-02-15")));
    assert_eq!(paid.next_attempt_at, Some(midnight(date("2027-02-15"))));
}

#[test]
fn no_period_begins_on_the_end_date_or_later() {
    let until = |end: &str| SubscriptionState { end_date: Some(date(end)), ..active() };
    assert!(until("2026-12-15").is_last_period() && !until("2026-12-16").is_last_period());
    let paid = run(&until("2027-01-15"), &approved(), ten("2026-12-15"));
    assert_eq!(paid.due(&rules(), midnight(date("2027-01-15"))), Due::Cancel);
    let missed = ten("2027-03-20");
    assert_eq!(until("2027-03-01").due(&rules(), missed), Due::Cancel, "all of it was missed");
    let paused = SubscriptionState { status: Status::Paused, ..until("2027-03-01") };
    let end = midnight(date("2027-03-01"));
    assert_eq!(paused.next_moment(&rules()), Some(end));
    assert_eq!(paused.due(&rules(), end), Due::Cancel);
    let unpaid = run(&until("2027-03-01"), &declined(Verdict::Never), ten("2026-12-15"));
    assert_eq!((unpaid.status, unpaid.next_attempt_at), (Status::Unpaid, Some(end)));
}
