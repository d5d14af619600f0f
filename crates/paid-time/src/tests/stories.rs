//! Ten stories, with what is charged on which day.

use super::*;

const MONTHLY: Cadence = Cadence { interval: Interval::Month, count: 1, anchor: 15 };

fn running() -> Subscription {
    let mut sub = subscribe(terms(MONTHLY, 9_900), Start::OnAnchor(day("2027-03-11")));
    let first = live(&mut sub, "2027-03-10", "2027-03-24");
    assert_eq!(first, rows(&[("2027-03-15", 9_900, "2027-04-15")]));
    sub
}

fn price(won: i64) -> Change {
    Change { price: Some(Money::taxed(won)), ..Change::default() }
}

#[test]
fn a_year_that_begins_at_once_is_charged_once_a_year() {
    let start = Start::Now(day("2027-03-10"), FirstPeriod::Prorated);
    let mut sub = subscribe(terms(every(1, Interval::Year, 10), 99_000), start);
    let charged = live(&mut sub, "2027-03-10", "2028-12-31");
    let expected = [("2027-03-10", 99_000, "2028-03-10"), ("2028-03-10", 99_000, "2029-03-10")];
    assert_eq!(charged, rows(&expected));
}

#[test]
fn an_upgrade_in_mid_month_charges_the_difference_for_the_days_left() {
    let mut sub = running();
    let now = When::Now { consented: true };
    let refused = sub.change(price(19_800), When::Now { consented: false }, day("2027-03-25"));
    assert_eq!(refused, Err(Refused::ConsentNeeded));
    // 10 of 31 days are used: 9,900 − 3,193 = 6,707 back; 19,800 × 21 / 31 = 13,412.
    let lines = sub.preview(price(19_800), now, day("2027-03-25")).unwrap();
    assert_eq!((lines.credit.won, lines.charge.won, lines.total.won), (6_707, 13_412, 6_705));
    let id = sub.change(price(19_800), now, day("2027-03-25")).unwrap().unwrap();
    assert_eq!(since(&sub, id), rows(&[("2027-03-25", 6_705, "2027-04-15")]));
    sub.settle(id, Outcome::Approved, day("2027-03-25"));
    assert_eq!(sub.credit, Money::ZERO);
    let next = live(&mut sub, "2027-03-25", "2027-04-20");
    assert_eq!(next, rows(&[("2027-04-15", 19_800, "2027-05-15")]));
}

#[test]
fn a_declined_upgrade_leaves_all_as_it_was() {
    let sub = running();
    let mut tried = sub.clone();
    let now = When::Now { consented: true };
    let id = tried.change(price(19_800), now, day("2027-03-25")).unwrap().unwrap();
    tried.settle(id, Outcome::Declined { retry: true }, day("2027-03-25"));
    assert_eq!((&tried.segments, &tried.terms), (&sub.segments, &sub.terms));
    assert_eq!((tried.credit, tried.cycles()), (sub.credit, sub.cycles()));
}

#[test]
fn a_downgrade_holds_from_the_next_period_or_leaves_credit() {
    let mut sub = running();
    sub.change(price(4_900), When::NextPeriod, day("2027-03-25")).unwrap();
    let next = live(&mut sub, "2027-03-25", "2027-05-14");
    assert_eq!(next, rows(&[("2027-04-15", 4_900, "2027-05-15")]));

    // At once: 6,707 back, 4,900 × 21 / 31 = 3,319 for the days left; 3,388 stay.
    let mut sub = running();
    let now = When::Now { consented: false };
    assert_eq!(sub.change(price(4_900), now, day("2027-03-25")), Ok(None));
    assert_eq!(sub.credit.won, 3_388);
    let next = live(&mut sub, "2027-03-25", "2027-05-20");
    let expected = [("2027-04-15", 1_512, "2027-05-15"), ("2027-05-15", 4_900, "2027-06-15")];
    assert_eq!(next, rows(&expected));
}

#[test]
fn a_trial_ends_to_the_day_and_a_stub_follows() {
    let mut sub = subscribe(terms(MONTHLY, 9_900), Start::Trial(day("2027-03-10"), 7));
    sub.give_consent(day("2027-03-10")).unwrap();
    // 17 March to 15 April: 29 of the 31 days of 15 March to 15 April.
    let charged = live(&mut sub, "2027-03-10", "2027-05-16");
    let expected = [
        ("2027-03-17", 9_261, "2027-04-15"),
        ("2027-04-15", 9_900, "2027-05-15"),
        ("2027-05-15", 9_900, "2027-06-15"),
    ];
    assert_eq!(charged, rows(&expected));
    let own_anchor = terms(Cadence { anchor: 17, ..MONTHLY }, 9_900);
    let mut sub = subscribe(own_anchor, Start::Trial(day("2027-03-10"), 7));
    sub.give_consent(day("2027-03-10")).unwrap();
    let charged = live(&mut sub, "2027-03-10", "2027-04-01");
    assert_eq!(charged, rows(&[("2027-03-17", 9_900, "2027-04-17")]));
}

#[test]
fn another_day_is_reached_by_a_stub() {
    let mut sub = running();
    let on = |anchor| Change { cadence: Some(Cadence { anchor, ..MONTHLY }), ..Change::default() };
    sub.change(on(20), When::NextPeriod, day("2027-03-25")).unwrap();
    // 15 to 20 April: 5 of the 31 days of 20 March to 20 April.
    let charged = live(&mut sub, "2027-03-25", "2027-05-01");
    let expected = [("2027-04-15", 1_596, "2027-04-20"), ("2027-04-20", 9_900, "2027-05-20")];
    assert_eq!(charged, rows(&expected));
}

#[test]
fn a_pause_over_the_billing_moment_gives_back_the_day_that_was_left() {
    let mut sub = running();
    live(&mut sub, "2027-03-25", "2027-04-14");
    sub.pause(day("2027-04-14"), None).unwrap();
    assert_eq!(live(&mut sub, "2027-04-14", "2027-04-16"), []);
    sub.resume(day("2027-04-16"));
    // 16 April is the day that was left; 17 April to 15 May: 28 of 30 days.
    let charged = live(&mut sub, "2027-04-16", "2027-05-15");
    let expected = [("2027-04-17", 9_240, "2027-05-15"), ("2027-05-15", 9_900, "2027-06-15")];
    assert_eq!(charged, rows(&expected));
}

#[test]
fn who_comes_back_pays_from_that_day_on() {
    let mut sub = running();
    let id = sub.due(day("2027-04-15")).unwrap();
    sub.settle(id, Outcome::Declined { retry: true }, day("2027-04-15"));
    assert_eq!(sub.status, Status::PastDue);
    assert!(sub.retry(id));
    sub.settle(id, Outcome::Declined { retry: false }, day("2027-04-18"));
    assert_eq!(sub.status, Status::Unpaid);
    assert_eq!(live(&mut sub, "2027-04-18", "2027-06-09"), []);
    let id = sub.come_back(day("2027-06-10")).unwrap().unwrap();
    sub.settle(id, Outcome::Approved, day("2027-06-10"));
    // 10 to 15 June: 5 of the 31 days of 15 May to 15 June.
    assert_eq!(since(&sub, id), rows(&[("2027-06-10", 1_596, "2027-06-15")]));
    let charged = live(&mut sub, "2027-06-10", "2027-06-20");
    assert_eq!(charged, rows(&[("2027-06-15", 9_900, "2027-07-15")]));
}

#[test]
fn the_first_month_costs_100_won() {
    let phase = |cycles, won| Phase { cycles, price: Money::taxed(won) };
    let cadence = Cadence { anchor: 10, ..MONTHLY };
    let phases = vec![phase(Some(1), 100), phase(None, 9_900)];
    let start = Start::Now(day("2027-03-10"), FirstPeriod::Prorated);
    let mut sub = subscribe(Terms { cadence, phases }, start);
    assert_eq!(sub.rise().unwrap().0, day("2027-04-10"));
    let first = live(&mut sub, "2027-03-10", "2027-03-10");
    assert_eq!(first, rows(&[("2027-03-10", 100, "2027-04-10")]));
    let without = sub.clone();
    assert_eq!(sub.give_consent(day("2027-03-10")), Err(Refused::ConsentFrom(day("2027-03-11"))));
    sub.give_consent(day("2027-03-11")).unwrap();
    let charged = live(&mut sub, "2027-03-11", "2027-04-30");
    assert_eq!(charged, rows(&[("2027-04-10", 9_900, "2027-05-10")]));
    let kept = live(&mut without.clone(), "2027-03-11", "2027-04-30");
    assert_eq!(kept, rows(&[("2027-04-10", 100, "2027-05-10")]), "the last price is repeated");
    let mut ending = Subscription { end_without_consent: true, ..without };
    assert_eq!(live(&mut ending, "2027-03-11", "2027-04-30"), []);
    assert_eq!(ending.canceled_on, Some(day("2027-04-10")));
}

#[test]
fn an_end_inside_a_period_makes_it_a_stub() {
    let mut sub = subscribe(terms(MONTHLY, 9_900), Start::OnAnchor(day("2027-03-11")));
    assert_eq!(
        sub.set_end_date(Some(day("2027-03-15"))),
        Err(Refused::PaidThrough(day("2027-03-15")))
    );
    sub.set_end_date(Some(day("2027-03-20"))).unwrap();
    let charged = live(&mut sub, "2027-03-10", "2027-06-01");
    assert_eq!(charged, rows(&[("2027-03-15", 1_596, "2027-03-20")]));
    assert_eq!((sub.status, sub.canceled_on), (Status::Canceled, Some(day("2027-03-20"))));
}

#[test]
fn there_and_back_is_nothing() {
    let mut sub = running();
    let before = sub.clone();
    for anchor in (1..=31).chain([15]) {
        let cadence = Some(Cadence { anchor, ..MONTHLY });
        let change = Change { cadence, ..Change::default() };
        sub.change(change, When::NextPeriod, day("2027-03-25")).unwrap();
    }
    sub.change(price(19_800), When::NextPeriod, day("2027-03-26")).unwrap();
    sub.change(price(9_900), When::NextPeriod, day("2027-03-27")).unwrap();
    assert_eq!(sub, before);
    let charged = live(&mut sub, "2027-03-28", "2027-04-20");
    assert_eq!(charged, rows(&[("2027-04-15", 9_900, "2027-05-15")]));
}
