//! Calls that the ten stories leave out.

use super::*;

const MONTHLY: Cadence = Cadence { interval: Interval::Month, count: 1, anchor: 15 };
const NOW: When = When::Now { consented: true };

fn at_once(won: i64) -> Subscription {
    let start = Start::Now(day("2027-03-15"), FirstPeriod::Prorated);
    let mut sub = subscribe(terms(every(1, Interval::Month, 15), won), start);
    live(&mut sub, "2027-03-15", "2027-03-15");
    sub
}

#[test]
fn an_unknown_period_waits_and_the_next_is_charged_on_its_day() {
    let mut sub = at_once(9_900);
    let unknown = sub.due(day("2027-04-15")).unwrap();
    sub.settle(unknown, Outcome::Unknown, day("2027-04-15"));
    let next = live(&mut sub, "2027-04-16", "2027-05-20");
    assert_eq!(next, rows(&[("2027-05-15", 9_900, "2027-06-15")]));
    let mut declined = sub.clone();
    sub.settle(unknown, Outcome::Approved, day("2027-05-21"));
    assert_eq!(sub.on(day("2027-04-20")).unwrap().kind, Kind::Paid);
    declined.settle(unknown, Outcome::Declined { retry: true }, day("2027-05-21"));
    assert_eq!(declined.on(day("2027-04-20")).unwrap().kind, Kind::None);
    assert_eq!(declined.status, Status::Active);
}

#[test]
fn of_missed_periods_the_latest_is_charged() {
    let mut sub = at_once(9_900);
    let id = sub.due(day("2027-07-20")).unwrap();
    sub.settle(id, Outcome::Approved, day("2027-07-20"));
    assert_eq!(since(&sub, id), rows(&[("2027-07-20", 9_900, "2027-08-15")]));
    let missed = sub.on(day("2027-06-20")).map(|s| (s.kind, s.reason));
    assert_eq!(missed, Some((Kind::None, Reason::Missed)));
}

#[test]
fn a_year_from_today_takes_the_rest_of_the_month_as_credit() {
    let mut sub = at_once(9_900);
    let cadence = Some(every(1, Interval::Year, 25));
    let change = Change { cadence, price: Some(Money::taxed(99_000)) };
    let id = sub.change(change, NOW, day("2027-03-25")).unwrap().unwrap();
    assert_eq!(since(&sub, id), rows(&[("2027-03-25", 99_000 - 6_707, "2028-03-25")]));
    sub.settle(id, Outcome::Approved, day("2027-03-25"));
    assert_eq!(sub.charges[0].refundable().won, 9_900 - 6_707);
}

#[test]
fn a_month_to_a_week_at_the_same_amount_is_a_rise() {
    let mut sub = at_once(9_900);
    let cadence = Some(every(1, Interval::Week, 8));
    let change = Change { cadence, ..Change::default() };
    assert_eq!(sub.change(change, When::NextPeriod, day("2027-03-20")), Err(Refused::Anchor));
    let change = Change { cadence: Some(every(1, Interval::Week, 4)), ..change };
    let unasked = When::Now { consented: false };
    assert_eq!(sub.change(change, unasked, day("2027-03-20")), Err(Refused::ConsentNeeded));
    sub.change(change, When::NextPeriod, day("2027-03-20")).unwrap();
    assert_eq!(sub.rise().unwrap().0, day("2027-04-15"));
    sub.give_consent(day("2027-03-20")).unwrap();
    let charged = live(&mut sub, "2027-03-20", "2027-04-16");
    assert_eq!(charged, rows(&[("2027-04-15", 9_900, "2027-04-22")]));
}

#[test]
fn the_tax_free_part_is_shared_and_must_fit() {
    let sub = at_once(9_900);
    let too_much = Money { won: 100, tax_free: 101 };
    let change = Change { price: Some(too_much), ..Change::default() };
    let refused = sub.clone().change(change, When::NextPeriod, day("2027-03-20"));
    assert_eq!(refused, Err(Refused::TaxFree));
    let price = Money { won: 9_900, tax_free: 3_000 };
    assert_eq!(price.share(10, 31), Money { won: 3_193, tax_free: 967 });
    assert_eq!(price.less(price.share(10, 31)), Money { won: 6_707, tax_free: 2_033 });
}

#[test]
fn what_is_too_small_is_carried() {
    let start = Start::Now(day("2027-04-14"), FirstPeriod::Prorated);
    let mut sub = subscribe(terms(every(1, Interval::Month, 15), 9_900), start);
    sub.minimum = 1_000;
    let charged = live(&mut sub, "2027-04-14", "2027-04-15");
    let expected = [("2027-04-14", 0, "2027-04-15"), ("2027-04-15", 9_900 + 319, "2027-05-15")];
    assert_eq!(charged, rows(&expected));
}

#[test]
fn free_days_are_given_after_those_that_are_paid() {
    let mut sub = at_once(9_900);
    sub.extend(3).unwrap();
    assert_eq!(sub.paid_through(), Some(day("2027-04-18")));
    let next = live(&mut sub, "2027-03-20", "2027-05-14");
    assert_eq!(next, rows(&[("2027-04-18", 8_910, "2027-05-15")]), "27 of 30 days");
}

#[test]
fn a_quote_counts_the_days_of_the_real_segment() {
    let mut sub = at_once(9_900);
    let quote = sub.quote(1, day("2027-03-24")).unwrap();
    assert_eq!((quote.days, quote.unused, quote.value.won), (31, 21, 6_707));
    assert!(sub.refund(1, Money::taxed(5_000)) && !sub.refund(1, Money::taxed(5_000)));
    assert_eq!(sub.quote(1, day("2027-03-24")).unwrap().value.won, 4_900);
    assert_eq!(sub.quote(1, day("2027-04-14")).unwrap().value.won, 0);
}

#[test]
fn free_cycles_end_to_the_day_and_do_not_count() {
    let phase = |cycles, won| Phase { cycles, price: Money::taxed(won) };
    let cadence = every(1, Interval::Month, 15);
    let phases = vec![phase(Some(2), 0), phase(None, 9_900)];
    let start = Start::Now(day("2027-01-31"), FirstPeriod::Prorated);
    let mut sub = subscribe(Terms { cadence, phases }, start);
    sub.total_cycles = Some(2);
    live(&mut sub, "2027-01-31", "2027-03-02");
    sub.give_consent(day("2027-03-02")).unwrap();
    let charged = live(&mut sub, "2027-03-03", "2027-12-31");
    // 31 March to 15 April: 15 of 31 days.
    let expected = [("2027-03-31", 4_790, "2027-04-15"), ("2027-04-15", 9_900, "2027-05-15")];
    assert_eq!(charged, rows(&expected));
    assert_eq!(sub.canceled_on, Some(day("2027-05-15")));
}

#[test]
fn it_pauses_when_what_is_paid_is_used_up() {
    let mut sub = at_once(9_900);
    sub.pause_at_period_end = true;
    assert_eq!(live(&mut sub, "2027-03-16", "2027-04-20"), []);
    assert_eq!(sub.status, Status::Paused);
    sub.resume(day("2027-04-20"));
    let charged = live(&mut sub, "2027-04-20", "2027-04-20");
    assert_eq!(charged, rows(&[("2027-04-20", 8_250, "2027-05-15")]), "25 of 30 days");
}

#[test]
fn the_end_date_passes_while_it_is_unpaid_and_waits_for_days_that_are_left() {
    let mut unpaid = at_once(9_900);
    unpaid.set_end_date(Some(day("2027-06-01"))).unwrap();
    let mut paused = unpaid.clone();
    let id = unpaid.due(day("2027-04-15")).unwrap();
    unpaid.settle(id, Outcome::Declined { retry: false }, day("2027-04-15"));
    assert_eq!(live(&mut unpaid, "2027-04-15", "2027-06-02"), []);
    assert_eq!(unpaid.canceled_on, Some(day("2027-06-01")));
    paused.pause(day("2027-03-20"), None).unwrap();
    assert_eq!(live(&mut paused, "2027-03-20", "2027-07-01"), []);
    paused.resume(day("2027-07-01"));
    assert_eq!(live(&mut paused, "2027-07-01", "2027-08-01"), []);
    assert_eq!(paused.canceled_on, Some(day("2027-07-27")), "26 days were left");
}

#[test]
fn the_first_charge_does_not_move_to_days_that_are_past() {
    let late = every(1, Interval::Month, 25);
    let mut sub = subscribe(terms(late, 9_900), Start::OnAnchor(day("2027-03-11")));
    let on = |anchor| Change { cadence: Some(Cadence { anchor, ..late }), price: None };
    sub.change(on(15), When::NextPeriod, day("2027-03-20")).unwrap();
    assert_eq!(sub.covered_to(), day("2027-04-15"));
    sub.change(on(25), When::NextPeriod, day("2027-03-20")).unwrap();
    assert_eq!(sub.covered_to(), day("2027-03-25"));
    sub.change(on(20), When::NextPeriod, day("2027-03-20")).unwrap();
    assert_eq!(sub.covered_to(), day("2027-03-20"));
}

#[test]
fn another_price_leaves_the_free_months_that_were_promised() {
    let phase = |cycles, won| Phase { cycles, price: Money::taxed(won) };
    let phases = vec![phase(Some(2), 0), phase(None, 9_900)];
    let cadence = every(1, Interval::Month, 15);
    let start = Start::Now(day("2027-03-15"), FirstPeriod::Prorated);
    let mut sub = subscribe(Terms { cadence, phases }, start);
    live(&mut sub, "2027-03-15", "2027-03-15");
    assert_eq!(sub.price().won, 9_900);
    let before = sub.clone();
    let same = Change { price: Some(Money::taxed(9_900)), cadence: None };
    sub.change(same, When::NextPeriod, day("2027-03-20")).unwrap();
    assert_eq!(sub, before);
    let other = Change { price: Some(Money::taxed(8_900)), cadence: None };
    sub.change(other, When::NextPeriod, day("2027-03-20")).unwrap();
    assert_eq!(
        sub.rise_from().map(|(on, from, to)| (on, from.price.won, to.price.won)),
        Some((day("2027-05-15"), 0, 8_900))
    );
    live(&mut sub, "2027-03-21", "2027-04-20");
    sub.give_consent(day("2027-04-20")).unwrap();
    let charged = live(&mut sub, "2027-04-20", "2027-05-15");
    assert_eq!(charged, rows(&[("2027-05-15", 8_900, "2027-06-15")]));
}

#[test]
fn no_days_are_free_for_pausing_when_stubs_are() {
    let start = Start::Now(day("2027-03-15"), FirstPeriod::Prorated);
    for proration in [Proration::Free, Proration::Full] {
        let of = terms(every(1, Interval::Month, 15), 9_900);
        let mut sub = Subscription::new(of, start, proration, 1);
        live(&mut sub, "2027-03-15", "2027-04-14");
        let mut unpaid = sub.clone();
        sub.pause(day("2027-04-14"), Some(day("2027-04-15"))).unwrap();
        let charged = live(&mut sub, "2027-04-15", "2027-04-20");
        assert_eq!(charged, rows(&[("2027-04-16", 9_570, "2027-05-15")]), "29 of 30 days");
        let id = unpaid.due(day("2027-04-15")).unwrap();
        unpaid.settle(id, Outcome::Declined { retry: false }, day("2027-04-15"));
        let id = unpaid.come_back(day("2027-05-10")).unwrap().unwrap();
        assert_eq!(since(&unpaid, id), rows(&[("2027-05-10", 1_650, "2027-05-15")]));
        unpaid.settle(id, Outcome::Approved, day("2027-05-10"));
        live(&mut unpaid, "2027-05-10", "2027-05-15");
        let cadence = Some(every(1, Interval::Month, 20));
        let later = Change { cadence, price: None };
        unpaid.change(later, When::NextPeriod, day("2027-05-16")).unwrap();
        let charged = live(&mut unpaid, "2027-05-16", "2027-06-19");
        let charge = if proration == Proration::Free { None } else { Some(9_900) };
        let row = |won| ("2027-06-15".to_owned(), won, "2027-06-20".to_owned());
        assert_eq!(
            charged,
            charge.map(row).into_iter().collect::<Vec<_>>(),
            "another day is a stub"
        );
    }
}

#[test]
fn who_was_never_charged_comes_back_on_the_day_on_which_he_pays() {
    let of = terms(every(1, Interval::Month, 15), 9_900);
    let mut sub = subscribe(of, Start::OnAnchor(day("2027-03-11")));
    let id = sub.due(day("2027-03-15")).unwrap();
    sub.settle(id, Outcome::Declined { retry: false }, day("2027-03-15"));
    assert_eq!((sub.status, sub.segments.len()), (Status::Unpaid, 0));
    let id = sub.come_back(day("2027-03-20")).unwrap().unwrap();
    // 20 March to 15 April: 26 of 31 days.
    assert_eq!(since(&sub, id), rows(&[("2027-03-20", 8_303, "2027-04-15")]));
}

#[test]
fn what_was_refunded_is_not_given_as_credit_again() {
    let mut sub = at_once(9_900);
    assert!(sub.refund(1, Money::taxed(8_900)));
    let cheaper = Change { price: Some(Money::taxed(4_900)), cadence: None };
    let lines = sub.preview(cheaper, NOW, day("2027-03-25")).unwrap();
    assert_eq!((lines.credit.won, lines.charge.won, lines.total.won), (1_000, 3_319, 2_319));
    let id = sub.change(cheaper, NOW, day("2027-03-25")).unwrap().unwrap();
    sub.settle(id, Outcome::Approved, day("2027-03-25"));
    assert_eq!(sub.charges[0].refundable(), Money::ZERO);
}

#[test]
fn a_change_at_once_ends_with_the_end_date() {
    let mut sub = at_once(9_900);
    sub.set_end_date(Some(day("2027-05-01"))).unwrap();
    let year =
        Change { cadence: Some(every(1, Interval::Year, 25)), price: Some(Money::taxed(99_000)) };
    let id = sub.change(year, NOW, day("2027-03-25")).unwrap().unwrap();
    // 37 of 366 days: 10,008; 6,707 of credit.
    assert_eq!(since(&sub, id), rows(&[("2027-03-25", 10_008 - 6_707, "2027-05-01")]));
}

#[test]
fn a_first_charge_that_is_overdue_does_not_move_by_changing_its_day_there_and_back() {
    let overdue = subscribe(terms(MONTHLY, 9_900), Start::OnAnchor(day("2027-03-01")));
    let today = day("2027-03-16");
    let move_to = |sub: &mut Subscription, anchor| {
        let cadence = Some(Cadence { anchor, ..MONTHLY });
        sub.change(Change { price: None, cadence }, When::NextPeriod, today).unwrap();
    };
    let mut moved = overdue.clone();
    for anchor in [20, 1, 14, 15] {
        move_to(&mut moved, anchor);
    }
    assert_eq!((moved.covered_to(), moved.pending), (day("2027-03-15"), None));
    let expected = rows(&[("2027-03-16", 9_900, "2027-04-15")]);
    assert_eq!(live(&mut moved, "2027-03-16", "2027-03-16"), expected);
    // Nor to a day before the one on which it was due.
    let mut earlier = overdue;
    move_to(&mut earlier, 14);
    assert_eq!(earlier.covered_to(), day("2027-04-14"));
}

#[test]
fn another_interval_at_once_is_no_charge_more_than_there_are_to_be() {
    let start = Start::Now(day("2027-03-15"), FirstPeriod::Prorated);
    let mut sub = subscribe(terms(MONTHLY, 9_900), start);
    sub.total_cycles = Some(1);
    live(&mut sub, "2027-03-15", "2027-03-15");
    let before = sub.clone();
    let cadence = Cadence { interval: Interval::Year, count: 1, anchor: 25 };
    let year = Change { cadence: Some(cadence), price: Some(Money::taxed(99_000)) };
    let refused = sub.change(year, NOW, day("2027-03-25"));
    assert_eq!((refused, &sub), (Err(Refused::NoCyclesLeft), &before));
    let dearer = Change { cadence: None, price: Some(Money::taxed(19_800)) };
    assert!(
        sub.clone().change(dearer, NOW, day("2027-03-25")).unwrap().is_some(),
        "no charge more"
    );
    sub.total_cycles = Some(2);
    let id = sub.change(year, NOW, day("2027-03-25")).unwrap().unwrap();
    sub.settle(id, Outcome::Approved, day("2027-03-25"));
    assert_eq!((sub.cycles(), sub.next()), (2, Planning::End(day("2028-03-25"))));
}
