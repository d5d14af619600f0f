//! Rises with and without a consent, and what ends when nothing is left.

use super::*;

const MONTHLY: Cadence = Cadence { interval: Interval::Month, count: 1, anchor: 15 };

fn price(won: i64) -> Change {
    Change { price: Some(Money::taxed(won)), cadence: None }
}

fn later(sub: &mut Subscription, change: Change, on: &str) {
    assert_eq!(sub.change(change, When::NextPeriod, day(on)), Ok(None));
}

/// Nothing is paid before 15 March.
fn new() -> Subscription {
    subscribe(terms(MONTHLY, 9_900), Start::OnAnchor(day("2027-03-11")))
}

fn running() -> Subscription {
    let mut sub = new();
    live(&mut sub, "2027-03-15", "2027-03-15");
    sub
}

#[test]
fn a_rise_before_the_first_charge_needs_a_consent_too() {
    let mut sub = new();
    later(&mut sub, price(19_800), "2027-03-11");
    let rise = sub.rise_from().map(|(on, from, to)| (on, from.price.won, to.price.won));
    assert_eq!(rise, Some((day("2027-03-15"), 9_900, 19_800)));
    let mut agreed = sub.clone();
    agreed.give_consent(day("2027-03-12")).unwrap();
    let charged = live(&mut agreed, "2027-03-12", "2027-03-15");
    assert_eq!(charged, rows(&[("2027-03-15", 19_800, "2027-04-15")]));
    let charged = live(&mut sub, "2027-03-12", "2027-03-15");
    assert_eq!(charged, rows(&[("2027-03-15", 9_900, "2027-04-15")]));
}

#[test]
fn a_rise_without_consent_is_dropped_on_its_day_and_another_day_is_not() {
    let cadence = Some(Cadence { anchor: 20, ..MONTHLY });
    let mut sub = running();
    later(&mut sub, Change { cadence, ..price(19_800) }, "2027-03-20");
    let charged = live(&mut sub, "2027-03-20", "2027-05-19");
    let expected = [("2027-04-15", 1_596, "2027-04-20"), ("2027-04-20", 9_900, "2027-05-20")];
    assert_eq!(charged, rows(&expected));
    assert_eq!((sub.pending, sub.price().won, sub.rise()), (None, 9_900, None));

    let weekly = Change { cadence: Some(every(1, Interval::Week, 4)), price: None };
    let mut sub = running();
    later(&mut sub, weekly, "2027-03-20");
    let charged = live(&mut sub, "2027-03-20", "2027-05-14");
    assert_eq!(charged, rows(&[("2027-04-15", 9_900, "2027-05-15")]), "a week is a rise as well");
    assert_eq!(sub.pending, None);
}

#[test]
fn it_ends_for_want_of_a_consent_at_the_hour_of_the_charge_and_not_at_midnight() {
    let mut sub = running();
    sub.end_without_consent = true;
    later(&mut sub, price(19_800), "2027-03-20");
    let rise = day("2027-04-15");
    assert_eq!((sub.midnight_on(), sub.due_on(), sub.midnight(rise)), (None, Some(rise), false));
    let mut agreed = sub.clone();
    agreed.give_consent(rise).unwrap();
    assert!(agreed.due(rise).is_some());
    assert_eq!((sub.due(rise), sub.canceled_on), (None, Some(rise)));
}

#[test]
fn what_is_unpaid_or_paused_ends_when_nothing_of_it_is_left() {
    let last = Outcome::Declined { retry: false };
    let mut sub = running();
    sub.total_cycles = Some(2);
    let mut paused = sub.clone();
    let id = sub.due(day("2027-04-15")).unwrap();
    sub.settle(id, last, day("2027-04-15"));
    assert_eq!((sub.status, sub.midnight_on()), (Status::Unpaid, Some(day("2027-04-15"))));
    assert!(sub.midnight(day("2027-04-15")));
    assert_eq!(sub.canceled_on, Some(day("2027-04-15")));

    paused.cancel_at_period_end(day("2027-03-20"));
    paused.pause(day("2027-04-10"), None).unwrap();
    assert_eq!(paused.midnight_on(), None, "five days are left");
    paused.resume(day("2027-05-01"));
    assert!(paused.midnight(day("2027-05-06")));
    assert_eq!(paused.canceled_on, Some(day("2027-05-06")));
}
