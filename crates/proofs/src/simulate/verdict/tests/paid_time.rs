//! Rules about service time, each broken and kept.

use super::*;
use crate::simulate::diary::Asked;
use crate::simulate::terms::Price;

/// Each rule, and what breaks it.
pub const BREAKS: &[Break] = &[
    ("a day paid twice", |l, b| {
        second(l, b, "2027-01-14", "2027-02-14");
    }),
    // One charge, two attempts that were approved, days of the first one alone.
    ("a day paid twice", |l, b| {
        second(l, b, "2027-01-15", "2027-02-15");
        b.payments[1].charge_no = Some(1);
    }),
    ("wrong price", |l, b| cost(l, b, 9901)),
    ("wrong price", |_, b| history(b).terms.amount = 9800),
    ("wrong price", |_, b| history(b).terms.anchor = Anchor::monthly(16)),
    // Half of December at the price of 15 of 30 days.
    ("wrong price", |l, b| {
        stub(b);
        cost(l, b, 4950);
    }),
    ("wrong price", |l, b| {
        changed(l, b);
        b.subscriptions[0].paid_time.charges[1].amount += 1;
        (l[1].amount, b.payments[1].amount) = (l[1].amount + 1, b.payments[1].amount + 1);
    }),
    ("wrong price", |l, b| {
        history(b).terms.offer = Offer::Now("full");
        cost(l, b, 9800);
    }),
    ("other amount", |_, b| b.subscriptions[0].paid_time.charges[0].amount += 1),
    ("a rise without consent", |l, b| {
        changed(l, b);
        history(b).asked.retain(|asked| !matches!(asked, Asked::Consent(_)));
        history(b).asked.push(Asked::Consent(19_799));
    }),
    ("a day given away", |_, b| b.ended = "2027-01-15T02:00:00Z".parse().unwrap()),
    ("a day given away", |_, b| history(b).first_due = date("2026-12-14")),
    // Who was declined first begins on the day on which they pay, on no later one.
    ("a day given away", |_, b| {
        declined_first(b);
        history(b).asked.push(Asked::Pay(date("2026-12-14")));
    }),
    ("a day given away", |l, b| {
        second(l, b, "2027-01-16", "2027-02-16");
    }),
    ("a day given away", |_, b| days(b).push(free(Reason::Extension, "2027-01-20"))),
    ("a day given away", |_, b| {
        extended(b, "2027-01-20");
        history(b).asked = vec![Asked::Extend { days: 4, is_given: false }];
    }),
    // Promised and not given.
    ("a day given away", |_, b| history(b).asked.push(Asked::Extend { days: 5, is_given: true })),
    ("a day given away", |_, b| days(b).push(free(Reason::Trial, "2027-01-20"))),
    ("a day given away", |_, b| history(b).terms.offer = Offer::Trial(5)),
    ("a day given away", |_, b| days(b).push(free(Reason::FreePhase, "2027-02-15"))),
    ("a day given away", |_, b| {
        history(b).terms.offer = Offer::FreeCycles(1);
        days(b).push(free(Reason::FreePhase, "2027-02-15"));
        days(b).push(free(Reason::FreePhase, "2027-03-15"));
        days(b)[2].starts_on = date("2027-02-15");
    }),
    ("a day given away", |_, b| days(b).push(free(Reason::BeforeAnchor, "2027-02-15"))),
    ("a day given away", |_, b| days(b).push(free(Reason::NoConsent, "2027-02-15"))),
    ("a day given away", |_, b| days(b).push(none(Reason::Missed, "2027-02-15"))),
    ("a day given away", |_, b| {
        let jump = ("2027-01-15T01:07:00Z", "2027-02-20T03:00:00Z");
        b.diary.jumps.push((jump.0.parse().unwrap(), jump.1.parse().unwrap()));
        days(b).push(none(Reason::Missed, "2027-02-15"));
    }),
    ("a day given away", |_, b| days(b).push(none(Reason::Paused, "2027-02-15"))),
    ("a day given away", |_, b| {
        history(b).asked =
            vec![Asked::Pause(date("2027-01-20")), Asked::Resume(date("2027-02-14"))];
        days(b).push(none(Reason::Paused, "2027-02-15"));
    }),
    ("a day given away", |_, b| days(b).push(none(Reason::Unpaid, "2027-02-15"))),
    ("a day given away", |_, b| days(b)[0].kind = Kind::None),
    ("a day given away", |_, b| days(b)[0].kind = Kind::Open),
    // Left at a pause, and a day longer than it was.
    ("a day given away", |_, b| {
        days(b)[0].ends_on = date("2027-01-10");
        days(b)[0].amount = 8303;
        let kept = Segment {
            starts_on: date("2027-01-10"),
            ..after(Kind::Paid, Reason::Whole, "2027-01-16")
        };
        b.subscriptions[0].paid_time.kept.push(Segment {
            charge_no: Some(1),
            amount: 1597,
            ..kept
        });
        b.subscriptions[0].status = Status::Paused;
    }),
    ("a day given away", |l, _| l.clear()),
    ("credit lost", |l, b| {
        changed(l, b);
        b.subscriptions[0].paid_time.charges[1].credit -= 1;
        b.subscriptions[0].paid_time.charges[1].amount += 1;
    }),
    ("credit lost", |l, b| {
        changed(l, b);
        b.subscriptions[0].credit += 1;
    }),
    ("credit lost", |_, b| b.subscriptions[0].carried = 1),
    ("credit lost", |_, b| days(b)[0].amount -= 1),
    ("credit lost", |_, b| b.subscriptions[0].credit_tax_free = 1),
    ("tax-free parts differ", |l, _| l[0].tax_free_amount -= 1),
    ("tax-free parts differ", |l, _| l[0].canceled_tax_free = 1),
    ("tax-free parts differ", |l, b| give_back(l, b, 3001, 3001)),
    ("tax-free parts differ", |l, b| give_back(l, b, 6901, 0)),
    ("tax-free parts differ", |_, b| {
        b.subscriptions[0].paid_time.charges[0].tax_free_amount -= 1;
    }),
    ("tax-free parts differ", |_, b| days(b)[0].tax_free_amount -= 1),
    // More than was paid for, and there is no credit.
    ("tax-free parts differ", |_, b| days(b)[0].tax_free_amount += 1),
    // Given back as credit and to the card: what is free of tax, and what is taxed.
    ("tax-free parts differ", |l, b| {
        changed(l, b);
        give_back(l, b, 2000, 2000);
    }),
    ("tax-free parts differ", |l, b| {
        changed(l, b);
        give_back(l, b, 5000, 0);
    }),
    ("wrong price", |l, b| {
        (l[0].tax_free_amount, b.payments[0].tax_free_amount) = (2999, 2999);
        b.subscriptions[0].paid_time.charges[0].tax_free_amount = 2999;
        days(b)[0].tax_free_amount = 2999;
    }),
    // Given back as credit and to the card.
    ("over-refunded", |l, b| {
        changed(l, b);
        (b.payments[0].refunded_amount, b.payments[0].refunds) = (9900, 9900);
        l[0].canceled_amount = 9900;
    }),
];

fn days(b: &mut Books) -> &mut Vec<Segment> {
    &mut b.subscriptions[0].paid_time.segments
}

/// A segment after the month, up to `end`.
fn after(kind: Kind, reason: Reason, end: &str) -> Segment {
    Segment {
        starts_on: date("2027-01-15"),
        ends_on: date(end),
        kind,
        reason,
        charge_no: None,
        amount: 0,
        tax_free_amount: 0,
        ..one_month().segments.remove(0)
    }
}

fn free(reason: Reason, end: &str) -> Segment {
    after(Kind::Free, reason, end)
}

fn none(reason: Reason, end: &str) -> Segment {
    after(Kind::None, reason, end)
}

/// Five free days that were asked for.
fn extended(b: &mut Books, end: &str) {
    history(b).asked.push(Asked::Extend { days: 5, is_given: true });
    days(b).push(free(Reason::Extension, end));
}

/// Another charge, of these days.
fn second(l: &mut Vec<Transaction>, b: &mut Books, start: &str, end: &str) {
    let (order_no, id) = ("B".to_owned(), "u".to_owned());
    l.push(Transaction { order_no, transaction_id: id, ..l[0].clone() });
    let created = format!("{start}T01:00:00Z").parse().unwrap();
    b.payments.push(Entry {
        order_no: "B".into(),
        transaction_id: Some("u".into()),
        charge_no: Some(2),
        period_start: Some(date(start)),
        period_end: Some(date(end)),
        created_at: created,
        ..b.payments[0].clone()
    });
    let time = &mut b.subscriptions[0].paid_time;
    let month = one_month();
    time.segments.push(Segment {
        starts_on: date(start),
        ends_on: date(end),
        charge_no: Some(2),
        ..month.segments[0].clone()
    });
    time.charges.push(Charge {
        number: 2,
        first_tried_on: date(start),
        ..month.charges[0].clone()
    });
}

/// All of it costs so much, and as much of it as before is free of tax.
fn cost(l: &mut [Transaction], b: &mut Books, won: i64) {
    (l[0].amount, b.payments[0].amount, days(b)[0].amount) = (won, won, won);
    b.subscriptions[0].paid_time.charges[0].amount = won;
    let part = 3000 * won / 9900;
    (l[0].tax_free_amount, b.payments[0].tax_free_amount) = (part, part);
    days(b)[0].tax_free_amount = part;
    b.subscriptions[0].paid_time.charges[0].tax_free_amount = part;
}

/// So much of the first payment goes back, and what of it is free of tax.
fn give_back(l: &mut [Transaction], b: &mut Books, won: i64, tax_free: i64) {
    (l[0].canceled_amount, l[0].canceled_tax_free) = (won, tax_free);
    (b.payments[0].refunded_amount, b.payments[0].refunds) = (won, won);
    b.payments[0].refunds_tax_free = tax_free;
}

/// The card was declined for a month before, for which nothing was paid.
fn declined_first(b: &mut Books) {
    history(b).first_due = date("2026-11-15");
    let first = Charge { number: 0, state: ChargeState::Declined, ..one_month().charges.remove(0) };
    b.subscriptions[0].paid_time.charges.insert(0, first);
}

/// The half month from 1 January on: 14 of 31 days.
fn stub(b: &mut Books) {
    let start = date("2027-01-01");
    days(b)[0].starts_on = start;
    days(b)[0].reason = Reason::Stub;
    b.payments[0].period_start = Some(start);
    b.payments[0].created_at = "2027-01-01T01:00:00Z".parse().unwrap();
    history(b).first_due = start;
}

/// At once, on 31 December, from 9,900 to 19,800, of which 3,000 and 6,000 are free of tax: 15 of 31
/// days.
fn changed(l: &mut Vec<Transaction>, b: &mut Books) {
    second(l, b, "2026-12-31", "2027-01-15");
    // 9,900 × 16 days ÷ 31, rounded down, is used.
    let (used, credit, price) = (5109, 4791, 9580);
    (l[1].amount, b.payments[1].amount) = (price - credit, price - credit);
    b.payments[1].initiated_by = InitiatedBy::Merchant;
    let asked = Price { won: 19_800, tax_free: 6000 };
    history(b).asked.extend([Asked::Price(asked), Asked::Consent(19_800)]);
    let time = &mut b.subscriptions[0].paid_time;
    (time.segments[0].ends_on, time.segments[0].amount) = (date("2026-12-31"), used);
    time.charges[0].credited = credit;
    (time.segments[1].amount, time.segments[1].rate_amount) = (price, 19_800);
    time.segments[1].reason = Reason::Changed;
    (time.charges[1].amount, time.charges[1].credit) = (price - credit, credit);
    // 3,000 × 16 days ÷ 31 are used, and 6,000 × 15 days ÷ 31 are charged.
    (time.segments[0].tax_free_amount, time.charges[0].credited_tax_free) = (1548, 1452);
    (time.segments[1].tax_free_amount, time.segments[1].rate_tax_free) = (2903, 6000);
    (time.charges[1].tax_free_amount, time.charges[1].credit_tax_free) = (1451, 1452);
    (l[1].tax_free_amount, b.payments[1].tax_free_amount) = (1451, 1451);
}

type Setting = (&'static str, fn(&mut Vec<Transaction>, &mut Books));

/// What looks like a broken rule and is none.
const GOOD: &[Setting] = &[
    ("a refund that only a notification told of", |l, b| {
        give_back(l, b, 1000, 0);
        l[0].canceled_tax_free = 1000;
        b.payments[0].has_learnt_refund = true;
    }),
    ("the next month", |l, b| second(l, b, "2027-01-15", "2027-02-15")),
    ("a change at once", changed),
    ("a stub", |l, b| {
        stub(b);
        cost(l, b, 4470);
    }),
    ("a change at once, after most of it was given back", |l, b| {
        changed(l, b);
        let time = &mut b.subscriptions[0].paid_time;
        // Of 4,791 that are not used 3,900 are left.
        (time.charges[0].credited, time.charges[1].credit) = (3900, 3900);
        time.charges[1].amount += 891;
        (l[1].amount, b.payments[1].amount) = (l[1].amount + 891, b.payments[1].amount + 891);
        // Of these all that is free of tax.
        (time.charges[0].credited_tax_free, time.charges[1].credit_tax_free) = (3000, 3000);
        time.charges[1].tax_free_amount = 0;
        (l[1].tax_free_amount, b.payments[1].tax_free_amount) = (0, 0);
        give_back(l, b, 6000, 0);
    }),
    ("taxed credit that pays for days free of tax", |l, b| {
        changed(l, b);
        // Nothing of the first month was free of tax.
        (l[0].tax_free_amount, b.payments[0].tax_free_amount) = (0, 0);
        history(b).terms.tax_free = 0;
        history(b).asked.push(Asked::Price(Price { won: 9900, tax_free: 6000 }));
        let time = &mut b.subscriptions[0].paid_time;
        (time.segments[0].tax_free_amount, time.segments[0].rate_tax_free) = (0, 0);
        (time.charges[0].tax_free_amount, time.charges[0].credited_tax_free) = (0, 0);
        // Its credit is enough for the days of the second: the card is asked for nothing.
        (time.segments[1].amount, time.segments[1].rate_amount) = (4790, 9900);
        (time.charges[1].amount, time.charges[1].credit) = (0, 4790);
        (time.charges[1].tax_free_amount, time.charges[1].credit_tax_free) = (0, 0);
        b.subscriptions[0].credit = 1;
        l.pop();
        b.payments.pop();
    }),
    ("declined before anything was paid, and come back", |_, b| {
        declined_first(b);
        history(b).asked.push(Asked::Pay(date("2026-12-15")));
    }),
    ("a card that was declined for all days of a month", |l, b| {
        second(l, b, "2027-01-15", "2027-02-15");
        l.pop();
        b.payments[1].state = State::Declined;
        (b.payments[1].transaction_id, b.payments[1].paid_events) = (None, 0);
        let time = &mut b.subscriptions[0].paid_time;
        time.charges[1].state = ChargeState::Declined;
        (time.segments[1].kind, time.segments[1].reason) = (Kind::Open, Reason::Declined);
        (time.segments[1].amount, time.segments[1].tax_free_amount) = (0, 0);
    }),
    ("days left at a pause", |_, b| {
        days(b)[0].ends_on = date("2027-01-10");
        (days(b)[0].amount, days(b)[0].tax_free_amount) = (8303, 2516);
        let kept = Segment {
            starts_on: date("2027-01-20"),
            ..after(Kind::Paid, Reason::Whole, "2027-01-25")
        };
        b.subscriptions[0].paid_time.kept.push(Segment {
            charge_no: Some(1),
            amount: 1597,
            tax_free_amount: 484,
            ..kept
        });
        b.subscriptions[0].status = Status::Paused;
    }),
    ("free days that were asked for", |_, b| extended(b, "2027-01-20")),
    ("free days that may have been given", |_, b| {
        extended(b, "2027-01-20");
        history(b).asked.push(Asked::Extend { days: 3, is_given: false });
    }),
    ("a pause", |_, b| {
        let (from, to) = (date("2027-01-15"), date("2027-02-15"));
        history(b).asked = vec![Asked::Pause(from), Asked::Resume(to)];
        days(b).push(none(Reason::Paused, "2027-02-15"));
    }),
    ("a jump of the clock over a whole period", |_, b| {
        let jump = ("2027-01-14T03:00:00Z", "2027-02-20T03:00:00Z");
        b.diary.jumps.push((jump.0.parse().unwrap(), jump.1.parse().unwrap()));
        days(b).push(none(Reason::Missed, "2027-02-15"));
    }),
    ("a jump of the clock while what was due is to be tried again", |_, b| {
        let jump = ("2027-01-15T01:05:00Z", "2027-02-20T03:00:00Z");
        b.diary.jumps.push((jump.0.parse().unwrap(), jump.1.parse().unwrap()));
        days(b).push(none(Reason::Missed, "2027-02-15"));
    }),
    ("a rise at once, cut on the same day", |l, b| {
        changed(l, b);
        history(b).asked.retain(|asked| !matches!(asked, Asked::Consent(_)));
        history(b).asked.push(Asked::Consent(30_000));
    }),
    ("unpaid, and come back", |l, b| {
        second(l, b, "2027-01-15", "2027-01-18");
        let time = &mut b.subscriptions[0].paid_time;
        l.pop();
        b.payments[1].state = State::Declined;
        (b.payments[1].transaction_id, b.payments[1].paid_events) = (None, 0);
        b.payments[1].period_end = Some(date("2027-02-15"));
        time.charges[1].state = ChargeState::Declined;
        (time.segments[1].kind, time.segments[1].reason) = (Kind::Open, Reason::Declined);
        time.segments[1].amount = 0;
        let unpaid =
            Segment { starts_on: date("2027-01-18"), ..none(Reason::Unpaid, "2027-02-01") };
        time.segments.push(unpaid);
        history(b).asked.push(Asked::Pay(date("2027-02-01")));
    }),
];

#[test]
fn what_was_asked_for_breaks_no_rule_about_service_time() {
    for (name, set) in GOOD {
        let (mut ledger, mut books) = one_good_charge();
        set(&mut ledger, &mut books);
        show_as_it_is(&mut books);
        let violations = judge(&ledger, &books);
        assert!(violations.is_clean(), "{name}: {violations:?}");
    }
}

#[test]
fn what_was_given_back_is_not_paid_twice() {
    let (mut ledger, mut books) = one_good_charge();
    second(&mut ledger, &mut books, "2027-01-15", "2027-02-15");
    books.payments[1].charge_no = Some(1);
    ledger[1].canceled_amount = 9900;
    let violations = judge(&ledger, &books);
    assert!(!violations.found.contains_key("a day paid twice"), "{violations:?}");
    ledger[1].canceled_amount -= 1;
    let violations = judge(&ledger, &books);
    assert!(violations.found.contains_key("a day paid twice"), "{violations:?}");
}
