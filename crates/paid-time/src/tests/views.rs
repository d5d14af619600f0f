//! What a subscription says of itself, and how it is stored.

use super::*;

const MONTHLY: Cadence = Cadence { interval: Interval::Month, count: 1, anchor: 15 };

fn phase(cycles: Option<u32>, won: i64) -> Phase {
    Phase { cycles, price: Money::taxed(won) }
}

#[test]
fn coverage_is_open_from_the_first_hour_of_a_day_on_which_something_is_due() {
    let mut sub = subscribe(terms(MONTHLY, 9_900), Start::OnAnchor(day("2027-03-11")));
    let coverage = |sub: &Subscription, on: &str| sub.coverage(day(on));
    assert_eq!(coverage(&sub, "2027-03-14"), Kind::None);
    assert_eq!(coverage(&sub, "2027-03-15"), Kind::Open);
    live(&mut sub, "2027-03-15", "2027-03-15");
    assert_eq!(coverage(&sub, "2027-04-14"), Kind::Paid);
    assert_eq!(coverage(&sub, "2027-04-15"), Kind::Open);
    sub.pause(day("2027-04-10"), None).unwrap();
    assert_eq!((coverage(&sub, "2027-04-10"), sub.kept_days()), (Kind::None, 5));
}

#[test]
fn the_next_charge_is_found_however_far_away() {
    let sub = subscribe(terms(MONTHLY, 9_900), Start::OnAnchor(day("2027-03-11")));
    let next = sub.next_charge(day("2027-03-11")).unwrap();
    assert_eq!((next.on, next.amount.won), (day("2027-03-15"), 9_900));
    let years = Terms {
        cadence: Cadence { interval: Interval::Year, anchor: 11, ..MONTHLY },
        phases: vec![phase(Some(20), 0), phase(None, 99_000)],
    };
    let start = Start::Now(day("2027-03-11"), FirstPeriod::Prorated);
    let mut free = subscribe(years, start);
    assert_eq!(free.next_charge(day("2027-03-11")), None, "free for want of a consent");
    assert_eq!(free.consent_from(), Some(day("2047-02-09")));
    live(&mut free, "2027-03-11", "2047-02-09");
    free.give_consent(day("2047-02-09")).unwrap();
    assert_eq!(free.consent_from(), None);
    assert_eq!(free.next_charge(day("2047-02-09")).unwrap().on, day("2047-03-11"));
}

#[test]
fn at_midnight_it_ends_pauses_and_goes_on_and_charges_nothing() {
    let mut sub = subscribe(terms(MONTHLY, 9_900), Start::OnAnchor(day("2027-03-15")));
    live(&mut sub, "2027-03-15", "2027-03-15");
    assert_eq!((sub.midnight_on(), sub.due_on()), (None, Some(day("2027-04-15"))));
    assert!(!sub.midnight(day("2027-04-15")));

    let mut paused = sub.clone();
    paused.pause(day("2027-04-15"), Some(day("2027-05-02"))).unwrap();
    assert_eq!(paused.midnight_on(), Some(day("2027-05-02")));
    assert!(paused.midnight(day("2027-05-03")));
    assert_eq!((paused.status, paused.charges.len()), (Status::Active, 1));
    let id = paused.due(day("2027-05-03")).unwrap();
    assert_eq!(paused.period_of(id).unwrap().start, day("2027-05-02"));

    sub.cancel_at_period_end(day("2027-03-20"));
    assert_eq!(sub.midnight_on(), Some(day("2027-04-15")));
    assert!(sub.midnight(day("2027-04-15")));
    assert_eq!(sub.canceled_on, Some(day("2027-04-15")));
}

#[test]
fn the_card_is_needed_until_no_charge_can_come_or_end() {
    let mut sub = subscribe(terms(MONTHLY, 9_900), Start::OnAnchor(day("2027-03-15")));
    assert!(sub.can_be_charged());
    let id = sub.due(day("2027-03-15")).unwrap();
    sub.settle(id, Outcome::Unknown, day("2027-03-15"));
    sub.cancel_at_period_end(day("2027-03-16"));
    assert!(sub.can_be_charged(), "an unknown may turn out declined");
    sub.settle(id, Outcome::Approved, day("2027-03-17"));
    assert!(!sub.can_be_charged());
    sub.cancel_at_period_end = false;
    assert!(sub.can_be_charged());
}

#[test]
fn a_charge_of_nothing_is_forecast_too() {
    let mut sub = subscribe(terms(MONTHLY, 9_900), Start::OnAnchor(day("2027-03-15")));
    live(&mut sub, "2027-03-15", "2027-03-15");
    let cheap = Change { price: Some(Money::taxed(1_000)), cadence: None };
    sub.change(cheap, When::Now { consented: false }, day("2027-03-16")).unwrap();
    let forecast = sub.forecast(day("2027-03-16"), day("2027-05-15"));
    let lines: Vec<_> = forecast.iter().map(|p| (p.on.to_string(), p.amount.won)).collect();
    assert_eq!(lines, [("2027-04-15".into(), 0), ("2027-05-15".into(), 0)]);
}

#[test]
fn it_is_stored_by_the_names_of_its_fields() {
    let mut sub = subscribe(terms(MONTHLY, 9_900), Start::Trial(day("2027-03-10"), 7));
    sub.give_consent(day("2027-03-10")).unwrap();
    live(&mut sub, "2027-03-10", "2027-04-15");
    let dearer = Change { price: Some(Money::taxed(19_800)), cadence: None };
    let id = sub.change(dearer, When::Now { consented: true }, day("2027-04-20")).unwrap();
    let json = serde_json::to_value(&sub).unwrap();
    assert_eq!(json["start"], serde_json::json!({ "trial": ["2027-03-10", 7] }));
    assert_eq!(json["terms"]["cadence"]["interval"], "month");
    assert_eq!(json["segments"][0]["reason"], "trial");
    assert_eq!(json["undo"]["charge"], id.unwrap());
    assert_eq!(serde_json::from_value::<Subscription>(json).unwrap(), sub);
}
