//! Tests of the whole: ten stories with their figures, walks, and random histories.
//!
//! ```text
//! cargo test -p kiwoom-paid-time                                      100,000 histories
//! PAID_TIME_HISTORIES=1000000 cargo test -p kiwoom-paid-time          a million
//! PAID_TIME_SEED=4711 cargo test -p kiwoom-paid-time histories -- --nocapture   one, step by step
//! ```

mod acts;
mod calls;
mod consents;
mod histories;
mod late;
mod lost;
mod refunds;
mod rules;
mod stories;
mod views;
mod walks;
mod world;

use chrono::NaiveDate;

use crate::*;

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn every(count: u32, interval: Interval, anchor: u32) -> Cadence {
    Cadence { interval, count, anchor }
}

fn terms(cadence: Cadence, won: i64) -> Terms {
    let phases = vec![Phase { cycles: None, price: Money::taxed(won) }];
    Terms { cadence, phases }
}

fn subscribe(terms: Terms, start: Start) -> Subscription {
    Subscription::new(terms, start, Proration::Prorated, 1)
}

/// Lets time pass from `from` to `to`, both inclusive; every charge is approved. What was charged:
/// day, won, last day (exclusive) of what it pays for.
fn live(sub: &mut Subscription, from: &str, to: &str) -> Vec<(String, i64, String)> {
    let mut charged = Vec::new();
    for today in day(from).iter_days().take_while(|d| *d <= day(to)) {
        let before = sub.next_charge;
        if let Some(id) = sub.due(today) {
            sub.settle(id, Outcome::Approved, today);
        }
        charged.extend(since(sub, before));
    }
    charged
}

fn since(sub: &Subscription, first: u32) -> Vec<(String, i64, String)> {
    let new = sub.charges.iter().filter(|c| c.id >= first);
    let row = |c: &Charge| {
        let end = sub
            .segments
            .iter()
            .rev()
            .find(|s| s.charge == Some(c.id) && s.kind != Kind::Free)
            .unwrap()
            .period
            .end;
        (c.on.to_string(), c.amount.won, end.to_string())
    };
    new.map(row).collect()
}

fn rows(expected: &[(&str, i64, &str)]) -> Vec<(String, i64, String)> {
    expected.iter().map(|(on, won, end)| ((*on).into(), *won, (*end).into())).collect()
}
