//! A check that cannot fail proves nothing: each rule is broken once, and found.

mod paid_time;

use chrono::NaiveDate;

use super::*;
use crate::simulate::diary::{Diary, History};
use crate::simulate::figures::Figures;
use crate::simulate::load::Subscription;
use crate::simulate::segments::{Charge, ChargeState, Kind, PaidTime, Reason, Segment};
use crate::simulate::terms::{Anchor, Offer, Terms};
use kiwoom_billing::payments::store::InitiatedBy;
use kiwoom_billing::rules::schedule::{RetryDays, Rules};
use kiwoom_billing::rules::subscription_state::Status;

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn one_good_charge() -> (Vec<Transaction>, Books) {
    let id = uuid::Uuid::now_v7();
    let transaction = Transaction {
        order_no: "A".into(),
        transaction_id: "t".into(),
        product_name: "월간 구독".into(),
        amount: 9900,
        tax_free_amount: 3000,
        canceled_amount: 0,
        canceled_tax_free: 0,
        calls: 1,
    };
    let payment = Entry {
        order_no: "A".into(),
        is_unexpected: false,
        is_refused: false,
        state: State::Approved,
        transaction_id: Some("t".into()),
        amount: 9900,
        tax_free_amount: 3000,
        refunds: 0,
        refunds_tax_free: 0,
        refunding_tax_free: 0,
        has_learnt_refund: false,
        refunded_amount: 0,
        refunding_amount: 0,
        subscription_id: Some(id),
        charge_no: Some(1),
        period_start: Some(date("2026-12-15")),
        period_end: Some(date("2027-01-15")),
        initiated_by: InitiatedBy::Scheduler,
        created_at: "2026-12-15T01:00:00Z".parse().unwrap(),
        settled_at: Some("2026-12-15T01:00:00Z".parse().unwrap()),
        paid_events: 1,
    };
    let subscription = Subscription {
        id,
        status: Status::Active,
        next_billing_date: date("2027-01-15"),
        canceled_at: None,
        credit: 0,
        credit_tax_free: 0,
        carried: 0,
        paid_time: one_month(),
    };
    let mut diary = Diary::default();
    let terms =
        Terms { anchor: Anchor::monthly(15), amount: 9900, tax_free: 3000, offer: Offer::Plain };
    let history = History { terms, first_due: date("2026-12-15"), asked: Vec::new() };
    diary.histories.insert(id, history);
    let payments = vec![payment];
    let range = (date("2026-01-01"), date("2027-01-01"));
    let books = Books {
        figures: Figures::of(&payments, range),
        payments,
        subscriptions: vec![subscription],
        listed_unknown: Vec::new(),
        open_barriers: Vec::new(),
        not_paused: Vec::new(),
        slow_stops: Vec::new(),
        rules: Rules {
            charge_hour: 10,
            retry_days: RetryDays::new(vec![1, 3]).unwrap(),
            minimum: 1,
            end_without_consent: false,
        },
        ended: "2026-12-31T00:00:00Z".parse().unwrap(),
        diary,
    };
    (vec![transaction], books)
}

fn one_month() -> PaidTime {
    let month = Segment {
        starts_on: date("2026-12-15"),
        ends_on: date("2027-01-15"),
        kind: Kind::Paid,
        reason: Reason::Whole,
        charge_no: Some(1),
        amount: 9900,
        tax_free_amount: 3000,
        rate_amount: 9900,
        rate_tax_free: 3000,
        rate_twelfths: 365,
        of_days: 31,
    };
    let charge = Charge {
        number: 1,
        first_tried_on: date("2026-12-15"),
        amount: 9900,
        tax_free_amount: 3000,
        credit: 0,
        credit_tax_free: 0,
        carried_in: 0,
        carried_in_tax_free: 0,
        carried_out: 0,
        carried_out_tax_free: 0,
        credited: 0,
        credited_tax_free: 0,
        state: ChargeState::Approved,
    };
    PaidTime { segments: vec![month], kept: Vec::new(), charges: vec![charge] }
}

/// Money that the gateway took for an order that was cancelled before, and that we keep so.
fn unexpected(ledger: &mut Vec<Transaction>, books: &mut Books) {
    let order = |state| Entry {
        order_no: "ORDER-2".into(),
        state,
        transaction_id: None,
        subscription_id: None,
        charge_no: None,
        period_start: None,
        period_end: None,
        paid_events: 0,
        ..books.payments[0].clone()
    };
    let kept = Entry {
        order_no: "ORDER-2#v".into(),
        is_unexpected: true,
        transaction_id: Some("v".into()),
        paid_events: 1,
        ..order(State::Approved)
    };
    let closed = order(State::Closed);
    books.payments.extend([closed, kept]);
    ledger.push(Transaction {
        order_no: "ORDER-2".into(),
        transaction_id: "v".into(),
        ..ledger[0].clone()
    });
}

fn show_as_it_is(books: &mut Books) {
    books.figures = Figures::of(&books.payments, books.figures.range);
}

fn history(books: &mut Books) -> &mut History {
    books.diary.histories.values_mut().next().unwrap()
}

#[test]
fn what_agrees_is_clean() {
    let (ledger, books) = one_good_charge();
    assert!(judge(&ledger, &books).is_clean());
}

/// Its rule, and what breaks it.
type Break = (&'static str, fn(&mut Vec<Transaction>, &mut Books));

/// Each rule, and what breaks it.
const BREAKS: &[Break] = &[
    ("charged twice", |l, _| {
        l.push(Transaction { transaction_id: "u".into(), ..l[0].clone() });
    }),
    ("charged twice", |l, b| {
        l.push(Transaction { order_no: "B".into(), transaction_id: "u".into(), ..l[0].clone() });
        let second = Entry {
            order_no: "B".into(),
            transaction_id: Some("u".into()),
            ..b.payments[0].clone()
        };
        b.payments.push(second);
    }),
    ("charged twice", |l, _| {
        l[0].product_name = "단건 1".into();
        l.push(Transaction { order_no: "B".into(), ..l[0].clone() });
    }),
    ("calls per attempt > 1", |l, _| l[0].calls = 2),
    ("money not in the books", |_, b| b.payments[0].state = State::Declined),
    ("money not in the books", |_, b| b.payments.clear()),
    // A second transaction of an order, which we hold for the first one alone.
    ("money not in the books", |l, _| {
        l.push(Transaction { transaction_id: "u".into(), ..l[0].clone() });
    }),
    ("money not in the books", |l, _| {
        l.push(Transaction {
            order_no: "ORDER-1".into(),
            transaction_id: "u".into(),
            ..l[0].clone()
        });
    }),
    ("money not in the books", |l, _| l[0].canceled_amount = 1),
    ("money not in the books", |l, b| {
        unexpected(l, b);
        l[1].canceled_amount = 1;
    }),
    ("booked without money", |l, _| l.clear()),
    ("booked without money", |l, b| {
        unexpected(l, b);
        l.pop();
    }),
    ("booked without money", |_, b| {
        (b.payments[0].refunded_amount, b.payments[0].refunds) = (1, 1);
    }),
    ("other amount", |l, _| l[0].amount = 9901),
    ("wrong day", |_, b| b.payments[0].created_at += chrono::Duration::days(2)),
    ("charged after cancel", |_, b| {
        b.subscriptions[0].status = Status::Canceled;
        b.subscriptions[0].canceled_at = Some("2026-12-14T00:00:00Z".parse().unwrap());
    }),
    ("over-refunded", |_, b| b.payments[0].refunded_amount = 9901),
    ("over-refunded", |l, _| l[0].canceled_amount = 9901),
    ("refunds differ", |_, b| b.payments[0].refunds = 1),
    ("figures differ", |_, b| b.figures.money.gross += 1),
    ("figures differ", |_, b| b.figures.attempts.clear()),
    ("figures differ", |_, b| {
        b.payments[0].state = State::Declined;
        show_as_it_is(b);
        b.payments[0].is_refused = true;
    }),
    ("not as foretold", |_, b| b.diary.otherwise.push("9,900 on 15 January".into())),
    ("other amount", |l, b| {
        unexpected(l, b);
        l[1].amount += 1;
    }),
    ("unknown not listed", |_, b| b.payments[0].state = State::Unknown),
    ("event missing or twice", |_, b| b.payments[0].paid_events = 0),
    ("event missing or twice", |_, b| b.payments[0].paid_events = 2),
    ("still sending", |_, b| b.payments[0].state = State::Sending),
    ("database would take it", |_, b| b.open_barriers.push("a second attempt")),
    ("not forgotten", |_, b| b.diary.left.push("1 rows of events".into())),
    ("not paused", |_, b| b.not_paused.push("service-0".into())),
    ("slow to stop", |_, b| b.slow_stops.push("service-0".into())),
];

#[test]
fn every_broken_rule_is_found() {
    let all = || BREAKS.iter().chain(paid_time::BREAKS);
    for (rule, break_it) in all() {
        let (mut ledger, mut books) = one_good_charge();
        break_it(&mut ledger, &mut books);
        let violations = judge(&ledger, &books);
        assert!(violations.found.contains_key(rule), "{rule}: {violations:?}");
    }
    for rule in RULES {
        assert!(all().any(|(broken, _)| broken == rule), "{rule} is broken by no case");
    }
}

#[test]
fn what_was_asked_for_on_the_way_is_no_violation() {
    let (ledger, mut books) = one_good_charge();
    books.payments[0].initiated_by = InitiatedBy::Merchant;
    books.payments[0].created_at += chrono::Duration::days(2);
    show_as_it_is(&mut books);
    assert!(judge(&ledger, &books).is_clean(), "the caller asks when he likes");

    let (ledger, mut books) = one_good_charge();
    books.payments[0].created_at += chrono::Duration::days(2);
    let jump = ("2026-12-14T00:00:00Z", "2026-12-17T00:30:00Z");
    show_as_it_is(&mut books);
    books.diary.jumps.push((jump.0.parse().unwrap(), jump.1.parse().unwrap()));
    assert!(judge(&ledger, &books).is_clean(), "the clock jumped over the day");
    let first = ("2026-12-14T00:00:00Z", "2026-12-16T01:00:00Z");
    let second = ("2026-12-16T01:05:00Z", "2026-12-17T00:30:00Z");
    books.diary.jumps =
        [first, second].map(|(from, to)| (from.parse().unwrap(), to.parse().unwrap())).to_vec();
    assert!(judge(&ledger, &books).is_clean(), "and again before the next try");
    books.diary.jumps[1].0 += chrono::Duration::minutes(5);
    assert!(!judge(&ledger, &books).is_clean(), "there was time for it");

    let (mut ledger, mut books) = one_good_charge();
    ledger[0].canceled_amount = 5;
    ledger[0].amount += 1;
    books.diary.untold.insert("A".into());
    assert!(judge(&ledger, &books).is_clean(), "the gateway told us falsely");

    let (mut ledger, mut books) = one_good_charge();
    books.payments[0].state = State::Unknown;
    books.payments[0].paid_events = 0;
    books.listed_unknown.push("A".into());
    ledger[0].canceled_amount = 5;
    show_as_it_is(&mut books);
    assert!(judge(&ledger, &books).is_clean(), "an outcome that stands as unknown");

    let (mut ledger, mut books) = one_good_charge();
    unexpected(&mut ledger, &mut books);
    show_as_it_is(&mut books);
    assert!(judge(&ledger, &books).is_clean(), "money that was not asked for, and is kept");
    let own =
        Entry { order_no: "ORDER-2".into(), is_unexpected: false, ..books.payments[2].clone() };
    books.payments[2].state = State::Closed;
    books.payments[2].transaction_id = None;
    books.payments[1] = own;
    show_as_it_is(&mut books);
    assert!(judge(&ledger, &books).is_clean(), "and turns out to be the order's own");
}
