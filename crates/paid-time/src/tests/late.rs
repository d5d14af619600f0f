//! What the books learn of late: approvals after a decline, lost payments, refunds of credit.

use super::*;

const MONTHLY: Cadence = Cadence { interval: Interval::Month, count: 1, anchor: 15 };
const NOW: When = When::Now { consented: true };
const LAST: Outcome = Outcome::Declined { retry: false };

fn price(won: i64) -> Change {
    Change { price: Some(Money::taxed(won)), ..Change::default() }
}

/// Paid from 15 March to 15 April.
fn running() -> Subscription {
    let start = Start::Now(day("2027-03-15"), FirstPeriod::Prorated);
    let mut sub = subscribe(terms(MONTHLY, 9_900), start);
    live(&mut sub, "2027-03-15", "2027-03-15");
    sub
}

/// Declined on 15 April, and for good on the 18th.
fn unpaid() -> (Subscription, u32) {
    let mut sub = running();
    let id = sub.due(day("2027-04-15")).unwrap();
    sub.settle(id, Outcome::Declined { retry: true }, day("2027-04-15"));
    assert!(sub.retry(id));
    sub.settle(id, LAST, day("2027-04-18"));
    (sub, id)
}

fn kinds(sub: &Subscription) -> Vec<(String, Kind, Reason, i64)> {
    let row = |s: &Segment| (s.period.start.to_string(), s.kind, s.reason, s.price.won);
    sub.segments.iter().skip(1).map(row).collect()
}

#[test]
fn days_that_a_late_approval_pays_for_follow_from_that_day_on() {
    let (mut sub, id) = unpaid();
    assert!(sub.approve_late(id, day("2027-04-20")));
    // 3 of 30 days were served; 27 follow from 20 April on: 9,900 × 3 / 30 = 990.
    let expected = [
        ("2027-04-15".into(), Kind::Paid, Reason::Whole, 990),
        ("2027-04-18".into(), Kind::None, Reason::Unpaid, 0),
        ("2027-04-20".into(), Kind::Paid, Reason::Whole, 8_910),
    ];
    assert_eq!(kinds(&sub), expected);
    assert_eq!((sub.status, sub.paid_through()), (Status::Active, Some(day("2027-05-17"))));
    assert!(!sub.approve_late(id, day("2027-04-21")), "second money pays for nothing");
    // 17 May to 15 June: 29 of 31 days.
    let next = live(&mut sub, "2027-04-20", "2027-05-20");
    assert_eq!(next, rows(&[("2027-05-17", 9_261, "2027-06-15")]));
}

#[test]
fn it_pays_for_a_period_that_was_served_and_for_days_that_a_pause_keeps() {
    let mut sub = running();
    let id = sub.due(day("2027-04-15")).unwrap();
    sub.settle(id, Outcome::Declined { retry: true }, day("2027-04-15"));
    let mut retrying = sub.clone();
    assert!(retrying.approve_late(id, day("2027-04-16")));
    assert_eq!(
        (retrying.status, retrying.paid_through()),
        (Status::Active, Some(day("2027-05-15")))
    );

    let mut served = sub.clone();
    let next = served.due(day("2027-05-15")).unwrap();
    served.settle(next, Outcome::Approved, day("2027-05-15"));
    assert!(served.approve_late(id, day("2027-05-16")));
    let april = served.on(day("2027-04-20")).map(|s| (s.kind, s.reason, s.price.won));
    assert_eq!(april, Some((Kind::Paid, Reason::Whole, 9_900)));
    assert_eq!(served.paid_through(), Some(day("2027-06-15")));

    sub.pause(day("2027-04-18"), None).unwrap();
    assert_eq!(sub.kept_days(), 0);
    assert!(sub.approve_late(id, day("2027-04-20")));
    assert_eq!((sub.status, sub.kept_days()), (Status::Paused, 27));
    sub.resume(day("2027-05-01"));
    assert_eq!(sub.paid_through(), Some(day("2027-05-28")));
}

#[test]
fn it_pays_for_nothing_when_service_went_on_without_those_days_or_ended() {
    let (sub, id) = unpaid();
    let mut back = sub.clone();
    let new = back.come_back(day("2027-04-20")).unwrap().unwrap();
    back.settle(new, Outcome::Approved, day("2027-04-20"));
    let before = back.clone();
    assert!(!back.approve_late(id, day("2027-04-21")));
    assert_eq!(back, before);
    let mut over = sub.clone();
    over.cancel(day("2027-04-19"));
    assert!(!over.approve_late(id, day("2027-04-21")));

    let mut changed = running();
    let id = changed.change(price(19_800), NOW, day("2027-03-25")).unwrap().unwrap();
    changed.settle(id, LAST, day("2027-03-25"));
    assert!(!changed.approve_late(id, day("2027-03-26")), "the change was undone");
}

#[test]
fn credit_is_taken_again_or_the_money_goes_back() {
    let mut sub = running();
    assert_eq!(sub.change(price(4_900), NOW, day("2027-03-25")), Ok(None));
    let id = sub.due(day("2027-04-15")).unwrap();
    sub.settle(id, LAST, day("2027-04-15"));
    assert_eq!((sub.status, sub.credit.won), (Status::Unpaid, 3_388));
    let mut late = sub.clone();
    assert!(late.approve_late(id, day("2027-04-16")));
    assert_eq!((late.credit, late.find_charge(id).unwrap().price().won), (Money::ZERO, 4_900));
    assert!(sub.refund_credit(1, 3_000).is_some());
    assert!(!sub.approve_late(id, day("2027-04-16")));
}

#[test]
fn a_lost_period_is_recorded_and_not_charged_again() {
    let mut sub = running();
    let wrong = sub.record_paid(day("2027-04-14"), None, day("2027-04-20"));
    assert_eq!(wrong, Err(Refused::PaidThrough(day("2027-04-15"))));
    let mut other = sub.clone();
    sub.record_paid(day("2027-04-15"), None, day("2027-04-20")).unwrap();
    let next = live(&mut sub, "2027-04-20", "2027-05-15");
    assert_eq!(next, rows(&[("2027-05-15", 9_900, "2027-06-15")]));

    let took = Money { won: 8_800, tax_free: 800 };
    let id = other.record_paid(day("2027-04-15"), Some(took), day("2027-04-20")).unwrap();
    assert_eq!((other.segments[1].price, other.find_charge(id).unwrap().amount), (took, took));
    let next = live(&mut other, "2027-04-20", "2027-05-15");
    assert_eq!(next, rows(&[("2027-05-15", 9_900, "2027-06-15")]));
}

#[test]
fn what_was_lost_of_retries_pauses_and_comebacks_is_recorded_too() {
    let mut retrying = running();
    let id = retrying.due(day("2027-04-15")).unwrap();
    retrying.settle(id, Outcome::Declined { retry: true }, day("2027-04-15"));
    assert_eq!(retrying.record_paid(day("2027-04-15"), None, day("2027-04-20")), Ok(id));
    assert_eq!(retrying.status, Status::Active);

    let (mut unpaid, _) = unpaid();
    let id = unpaid.record_paid(day("2027-05-10"), None, day("2027-05-20")).unwrap();
    // 10 to 15 May: 5 of 30 days.
    assert_eq!(since(&unpaid, id), rows(&[("2027-05-20", 1_650, "2027-05-15")]));
    assert_eq!(unpaid.status, Status::Active);

    let mut paused = running();
    paused.pause(day("2027-04-10"), None).unwrap();
    let early = paused.record_paid(day("2027-05-01"), None, day("2027-05-20"));
    assert_eq!(early, Err(Refused::PaidThrough(day("2027-04-10"))), "five days were left");
}

#[test]
fn credit_goes_back_to_the_card_that_paid_for_its_days() {
    let start = Start::Now(day("2027-03-15"), FirstPeriod::Prorated);
    let mut of_both = terms(MONTHLY, 9_900);
    of_both.phases[0].price.tax_free = 3_000;
    let mut sub = subscribe(of_both, start);
    live(&mut sub, "2027-03-15", "2027-03-15");
    let cheaper = Change { price: Some(Money { won: 4_900, tax_free: 1_400 }), cadence: None };
    sub.change(cheaper, NOW, day("2027-03-25")).unwrap();
    // Credit of 6,707 with 2,033 tax-free; 3,319 with 948 are used.
    assert_eq!(sub.credit, Money { won: 3_388, tax_free: 1_085 });
    assert_eq!(sub.find_charge(1).unwrap().refundable(), Money { won: 3_193, tax_free: 967 });
    assert_eq!(sub.refund_credit(1, 3_389), None);
    assert_eq!(sub.refund_credit(2, 1_000), None, "the card paid nothing for it");
    assert_eq!(sub.refund_credit(1, 1_000), Some(Money { won: 1_000, tax_free: 320 }));
    assert_eq!(sub.credit, Money { won: 2_388, tax_free: 765 });
    assert_eq!(sub.find_charge(1).unwrap().refundable(), Money { won: 3_193, tax_free: 967 });
    assert!(sub.refund(1, Money { won: 3_193, tax_free: 967 }));
    assert_eq!(sub.quote(1, day("2027-03-24")).unwrap().value, Money::ZERO);
}

#[test]
fn a_quote_takes_off_the_tax_free_part_that_went_back() {
    let start = Start::Now(day("2027-03-15"), FirstPeriod::Prorated);
    let mut of_both = terms(MONTHLY, 11_000);
    of_both.phases[0].price.tax_free = 3_000;
    let mut sub = subscribe(of_both, start);
    live(&mut sub, "2027-03-15", "2027-03-15");
    assert!(sub.refund(1, Money { won: 8_000, tax_free: 0 }));
    // 30 of 31 days are left, 10,646 with 2,904; what is left of the payment is all tax-free.
    let quote = sub.quote(1, day("2027-03-15")).unwrap();
    assert_eq!(quote.value, Money { won: 3_000, tax_free: 3_000 });
}

#[test]
fn what_is_asked_for_while_a_change_is_unknown_is_not_undone_with_it() {
    let later = |won| {
        move |sub: &mut Subscription| {
            sub.change(price(won), When::NextPeriod, day("2027-03-26")).unwrap();
        }
    };
    let declined = |asked: &[&dyn Fn(&mut Subscription)]| {
        let mut sub = running();
        let id = sub.change(price(19_800), NOW, day("2027-03-25")).unwrap().unwrap();
        sub.settle(id, Outcome::Unknown, day("2027-03-25"));
        for ask in asked {
            ask(&mut sub);
        }
        sub.settle(id, LAST, day("2027-04-01"));
        (sub.terms.rate(0).price.won, sub.pending)
    };
    assert_eq!(declined(&[&later(8_800)]), (9_900, Some(price(8_800))));
    assert_eq!(declined(&[&later(9_900)]), (9_900, None), "the price before");
    assert_eq!(declined(&[&later(8_800), &later(19_800)]), (9_900, None), "there and back");
}

#[test]
fn a_change_at_once_to_what_there_is_changes_nothing() {
    let mut sub = running();
    let before = sub.clone();
    let same = Change { price: Some(Money::taxed(9_900)), cadence: Some(MONTHLY) };
    assert_eq!(sub.change(same, When::Now { consented: false }, day("2027-03-25")), Ok(None));
    assert_eq!(sub, before);
}

#[test]
fn a_try_to_come_back_that_came_to_nothing_leaves_it_unpaid() {
    let (sub, _) = unpaid();
    for nothing in [Outcome::NotSent, Outcome::Refused] {
        let mut sub = sub.clone();
        let id = sub.come_back(day("2027-06-10")).unwrap().unwrap();
        sub.settle(id, nothing, day("2027-06-10"));
        assert_eq!((sub.status, sub.cycles()), (Status::Unpaid, 2));
        assert_eq!(live(&mut sub, "2027-06-10", "2027-06-11"), []);
        let id = sub.come_back(day("2027-06-12")).unwrap().unwrap();
        // 12 to 15 June: 3 of 31 days.
        assert_eq!(since(&sub, id), rows(&[("2027-06-12", 958, "2027-06-15")]));
    }
}

#[test]
fn what_was_refused_for_the_set_up_is_due_again_and_counts_once() {
    let mut sub = running();
    let id = sub.due(day("2027-04-15")).unwrap();
    sub.settle(id, Outcome::Refused, day("2027-04-15"));
    assert_eq!(
        (sub.status, sub.cycles(), sub.covered_to()),
        (Status::Active, 1, day("2027-04-15"))
    );
    let next = live(&mut sub, "2027-04-16", "2027-04-16");
    assert_eq!(next, rows(&[("2027-04-16", 9_900, "2027-05-15")]));
    assert_eq!(sub.find_charge(id).map(|c| c.state), Some(ChargeState::Declined));
    assert!(!sub.approve_late(id, day("2027-04-17")));
}

#[test]
fn free_days_given_while_a_change_is_unknown_stay_when_it_is_undone() {
    let mut sub = running();
    let id = sub.change(price(19_800), NOW, day("2027-03-25")).unwrap().unwrap();
    sub.settle(id, Outcome::Unknown, day("2027-03-25"));
    sub.extend(3).unwrap();
    sub.settle(id, LAST, day("2027-03-27"));
    let mut as_if = running();
    as_if.extend(3).unwrap();
    let days = |sub: &Subscription| {
        sub.segments.iter().map(|s| (s.period, s.kind, s.price)).collect::<Vec<_>>()
    };
    assert_eq!(days(&sub), days(&as_if));
    assert_eq!((sub.credit, sub.status), (Money::ZERO, Status::Active));
}

#[test]
fn days_of_an_unknown_that_a_pause_kept_are_not_given_back_when_it_was_declined() {
    let mut sub = running();
    let id = sub.due(day("2027-04-15")).unwrap();
    sub.settle(id, Outcome::Unknown, day("2027-04-15"));
    sub.pause(day("2027-04-20"), None).unwrap();
    assert_eq!(sub.kept_days(), 25);
    sub.settle(id, LAST, day("2027-04-25"));
    assert_eq!((sub.status, sub.kept_days()), (Status::Paused, 0));
    sub.resume(day("2027-05-01"));
    // 1 to 15 May: 14 of 30 days.
    let charged = live(&mut sub, "2027-05-01", "2027-05-14");
    assert_eq!(charged, rows(&[("2027-05-01", 4_620, "2027-05-15")]));
}
