//! What the merchant, a buyer or the operator does at one stop.

use fastrand::Rng;

use crate::simulate::menu::{self, Menu};
use crate::simulate::plan::{Measure, percent, pick};
use crate::simulate::terms::{Anchor, Price, Terms, tax_free_of};

/// What the merchant, a buyer or the operator does. `who` is the number of a subscriber.
#[derive(Clone, Debug)]
pub enum Action {
    /// A single charge in won, and refunds of parts of it in won.
    OneOff { who: usize, amount: u32, refunds: Vec<u32> },
    /// An order of the hosted window.
    Order { amount: u32, mishap: Option<&'static str>, cancel: Option<Cancel> },
    /// An order that is cancelled while the buyer is in the window, and then paid there.
    ClosedOrder { amount: u32 },
    /// The subscription ends; another one of the same customer begins.
    Cancel { who: usize, at_period_end: bool, terms: Terms },
    /// Billing pauses: for so many days, or until it is resumed.
    Pause { who: usize, days: Option<u32>, at_period_end: bool },
    /// Billing goes on.
    Resume { who: usize },
    /// Another anchor and price, from the next period on.
    Change { who: usize, day: u32, price: Price },
    /// So many won more at once, with a consent; or half of it at once.
    ChangeNow { who: usize, amount: u32, up: bool },
    /// Another interval, from the next period on or at once.
    Interval { who: usize, anchor: Anchor, now: bool },
    /// The customer agrees to the price that is to come.
    Consent { who: usize },
    /// Free days.
    Extend { who: usize, days: u32 },
    /// So many percent of what was paid last are given back: what is free of tax first, or last.
    Refund { who: usize, percent: u32, tax_free_first: bool },
    /// The open period is paid by the caller.
    PayOpen { who: usize },
    /// Unknown outcomes are looked up in the gateway's books and settled by hand.
    Settle,
    /// The gateway tells of an order that nobody pays.
    NoMoney { amount: u32 },
    /// The gateway says of charges whose outcome is unknown that they failed.
    FalseFailures,
}

/// How an order of the window is given back.
#[derive(Clone, Copy, Debug)]
pub struct Cancel {
    /// Won.
    pub amount: u32,
    /// How often that much is given back.
    pub times: u32,
    /// In the gateway's merchant pages, so that only a notification tells of it.
    pub in_pages: bool,
    /// What happens to that notification.
    pub mishap: Option<&'static str>,
}

/// Those of one stop.
pub fn actions(rng: &mut Rng, menu: &Menu, measure: Measure) -> Vec<Action> {
    let mut actions = Vec::new();
    if percent(rng, 30) {
        let amount = rng.u32(1_000..50_000);
        let refunds = (0..rng.u32(0..=2)).map(|_| rng.u32(1..=amount)).collect();
        actions.push(Action::OneOff { who: rng.usize(..measure.subscribers), amount, refunds });
    }
    if percent(rng, 40) {
        actions.push(order(rng, menu));
    }
    if percent(rng, 3) {
        actions.push(Action::ClosedOrder { amount: rng.u32(1_000..50_000) });
    }
    let who = rng.usize(..measure.subscribers);
    actions.extend(of_a_subscription(rng, who));
    // Two things on one day, often.
    if percent(rng, 30) {
        actions.extend(of_a_subscription(rng, who));
        actions.extend(of_a_subscription(rng, who));
    }
    actions
}

fn of_a_subscription(rng: &mut Rng, who: usize) -> Option<Action> {
    let (day, amount) = (rng.u32(1..=31), rng.u32(1..=99) * 1_000);
    Some(match rng.u32(0..100) {
        0..4 => Action::Cancel { who, at_period_end: rng.bool(), terms: Terms::any(rng) },
        4..9 => {
            let days = rng.bool().then(|| rng.u32(1..=45));
            Action::Pause { who, days, at_period_end: days.is_none() && percent(rng, 30) }
        }
        9..13 => {
            let tax_free = tax_free_of(rng, amount).into();
            Action::Change { who, day, price: Price { won: amount.into(), tax_free } }
        }
        13..18 => Action::ChangeNow { who, amount, up: rng.bool() },
        18..21 => Action::Interval { who, anchor: Anchor::any(rng), now: rng.bool() },
        21..25 => Action::Consent { who },
        25..28 => Action::Extend { who, days: rng.u32(1..=10) },
        28..34 => Action::PayOpen { who },
        34..39 => Action::Settle,
        39..42 => {
            let (percent, tax_free_first) = (rng.u32(1..=100), rng.bool());
            Action::Refund { who, percent, tax_free_first }
        }
        _ => return None,
    })
}

fn order(rng: &mut Rng, menu: &Menu) -> Action {
    let of = |also| [menu.of(menu::NOTIFICATIONS), menu.of(also)].concat();
    let mishap = |rng: &mut Rng, mishaps: &[&'static str]| {
        (!mishaps.is_empty() && percent(rng, 80)).then(|| pick(rng, mishaps))
    };
    let amount = rng.u32(1_000..50_000);
    let cancel = rng.bool().then(|| {
        let times = rng.u32(1..=2);
        Cancel {
            amount: rng.u32(1..=amount / times),
            times,
            in_pages: rng.bool(),
            mishap: mishap(rng, &of(menu::OF_CANCELLATIONS)),
        }
    });
    Action::Order { amount, mishap: mishap(rng, &of(menu::OF_PAYMENTS)), cancel }
}
