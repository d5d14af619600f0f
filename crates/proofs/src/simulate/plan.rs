//! What happens at one stop of the clock: decided by the seed and the day alone, so that the same
//! seed asks for the same things on the same days. Pure.

use std::time::Duration;

use fastrand::Rng;
use serde_json::{Value, json};

use crate::simulate::menu::{self, Menu};
use crate::simulate::moment::Moment;
use crate::simulate::trap::{Fault, Trap};

/// Longer than the gateway's time-out.
const DELAY_MS: u64 = 1_500;
/// Shorter and longer than an intent stays fresh.
const FREEZES: [Duration; 3] =
    [Duration::from_millis(700), Duration::from_millis(1_500), Duration::from_secs(12)];
/// Longer than the pool lets a request wait for a connection.
const STALLS: [Duration; 3] =
    [Duration::from_millis(500), Duration::from_secs(2), Duration::from_secs(7)];
/// Codes for another day, of a stolen card, and of a wrong BILLTYPE (protocol section 2.4).
const SOFT_DECLINE: &str = "2003";
const HARD_DECLINE: &str = "1071";
const SETTING_DECLINE: &str = "9103";

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
    Cancel { who: usize, at_period_end: bool, day: u32, amount: u32 },
    /// Billing pauses.
    Pause { who: usize },
    /// Billing goes on.
    Resume { who: usize },
    /// Another anchor day and amount.
    Change { who: usize, day: u32, amount: u32 },
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

/// A fault some time after the clock has moved.
#[derive(Clone, Copy, Debug)]
pub enum Later {
    /// To a service, by its number.
    Service(usize, Fault),
    /// PostgreSQL ends as in a power cut.
    Crash,
    /// A service's connections to PostgreSQL stand still.
    Stall(usize, Duration),
}

/// One stop.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Scripts for the sandbox's `/faults`, with their names.
    pub gateway_faults: Vec<(&'static str, Value)>,
    /// Traps for the services.
    pub traps: Vec<Trap>,
    /// What is done meanwhile.
    pub actions: Vec<Action>,
    /// What else goes wrong, and how long after the clock has moved.
    pub later: Option<(Duration, Later)>,
    /// How many days the clock jumps over at once.
    pub jump_days: Option<u32>,
}

/// How much of everything.
#[derive(Clone, Copy, Debug)]
pub struct Measure {
    /// How many subscribers there are.
    pub subscribers: usize,
    /// How many services there are.
    pub replicas: usize,
    /// Kills for each hundred stops.
    pub kill_percent: u32,
}

/// The plan of a stop.
pub fn plan(rng: &mut Rng, menu: &Menu, measure: Measure) -> Plan {
    let mut plan = Plan { actions: actions(rng, menu, measure), ..Plan::default() };
    without_money(rng, menu, &mut plan);
    let gateway = menu.of(menu::GATEWAY);
    if !gateway.is_empty() && percent(rng, 45) {
        for _ in 0..rng.u32(1..=3) {
            plan.gateway_faults.push(gateway_fault(rng, &gateway));
        }
    }
    kills(rng, measure, &mut plan);
    other_faults(rng, menu, measure, &mut plan);
    // Renewals come by themselves, refunds and kept answers only with a caller.
    if plan.traps.iter().any(|trap| trap.moment.is_callers()) {
        let (who, amount) = (rng.usize(..measure.subscribers), rng.u32(1_000..50_000));
        plan.actions.push(Action::OneOff { who, amount, refunds: vec![amount / 2, amount] });
    }
    if !menu.of(menu::CLOCK).is_empty() && percent(rng, 2) {
        plan.jump_days = Some(rng.u32(1..=20));
    }
    plan
}

fn percent(rng: &mut Rng, chance: u32) -> bool {
    rng.u32(0..100) < chance
}

fn pick<T: Copy>(rng: &mut Rng, from: &[T]) -> T {
    from[rng.usize(..from.len())]
}

fn gateway_fault(rng: &mut Rng, kinds: &[&'static str]) -> (&'static str, Value) {
    let name = pick(rng, kinds);
    let (kind, code) = match name {
        "decline_hard" => ("decline", HARD_DECLINE),
        "decline_setting" => ("decline", SETTING_DECLINE),
        other => (other, SOFT_DECLINE),
    };
    let on = match name {
        "drop_after_notify" | "decline_hard" | "decline_setting" => "CARD-BATCH",
        _ => pick(rng, &["CARD-BATCH", "CARD-BATCH", "CARD-BATCH", "CANCEL", "READY"]),
    };
    (name, json!({"on": on, "kind": kind, "delayMs": DELAY_MS, "code": code}))
}

fn kills(rng: &mut Rng, measure: Measure, plan: &mut Plan) {
    let kills = measure.kill_percent / 100 + u32::from(percent(rng, measure.kill_percent % 100));
    for _ in 0..kills {
        // Half of them at a named moment, half at any time.
        if rng.bool() {
            plan.traps.push(Trap { moment: pick(rng, &Moment::ALL), fault: Fault::Kill });
        } else {
            plan.later = Some((soon(rng), Later::Service(service(rng, measure), Fault::Kill)));
        }
    }
}

fn other_faults(rng: &mut Rng, menu: &Menu, measure: Measure, plan: &mut Plan) {
    for name in [menu.of(menu::PROCESSES), menu.of(menu::DATABASE)].concat() {
        let chance = match name {
            "cut" | "terminate" => 12,
            _ => 4,
        };
        if !percent(rng, chance) {
            continue;
        }
        let at = soon(rng);
        match name {
            "freeze" => {
                let fault = Fault::Freeze(pick(rng, &FREEZES));
                plan.traps.push(Trap { moment: pick(rng, &Moment::ALL), fault });
            }
            "cut" => {
                plan.traps.push(Trap { moment: pick(rng, &Moment::ALL), fault: Fault::Cut });
            }
            "terminate" if rng.bool() => {
                let moment = pick(rng, &Moment::ALL);
                plan.traps.push(Trap { moment, fault: Fault::Terminate });
            }
            "terminate" => {
                let later = Later::Service(service(rng, measure), Fault::Terminate);
                plan.later = Some((at, later));
            }
            "crash" => plan.later = Some((at, Later::Crash)),
            _ => {
                let stall = Later::Stall(service(rng, measure), pick(rng, &STALLS));
                plan.later = Some((at, stall));
            }
        }
    }
}

fn without_money(rng: &mut Rng, menu: &Menu, plan: &mut Plan) {
    let kinds = menu.of(menu::WITHOUT_MONEY);
    if kinds.contains(&"no_money") && percent(rng, 8) {
        plan.actions.push(Action::NoMoney { amount: rng.u32(1_000..50_000) });
    }
    if kinds.contains(&"false_failure") && percent(rng, 20) {
        plan.actions.push(Action::FalseFailures);
    }
}

fn service(rng: &mut Rng, measure: Measure) -> usize {
    rng.usize(..measure.replicas)
}

/// Some milliseconds into the work.
fn soon(rng: &mut Rng) -> Duration {
    Duration::from_millis(rng.u64(0..60))
}

fn actions(rng: &mut Rng, menu: &Menu, measure: Measure) -> Vec<Action> {
    let mut actions = Vec::new();
    let who = |rng: &mut Rng| rng.usize(..measure.subscribers);
    if percent(rng, 30) {
        let amount = rng.u32(1_000..50_000);
        let refunds = (0..rng.u32(0..=2)).map(|_| rng.u32(1..=amount)).collect();
        actions.push(Action::OneOff { who: who(rng), amount, refunds });
    }
    if percent(rng, 40) {
        actions.push(order(rng, menu));
    }
    if percent(rng, 3) {
        actions.push(Action::ClosedOrder { amount: rng.u32(1_000..50_000) });
    }
    let (day, amount) = (rng.u32(1..=31), rng.u32(1..=99) * 1_000);
    let change = match rng.u32(0..100) {
        0..4 => Some(Action::Cancel { who: who(rng), at_period_end: rng.bool(), day, amount }),
        4..8 => Some(Action::Pause { who: who(rng) }),
        8..12 => Some(Action::Change { who: who(rng), day, amount }),
        12..18 => Some(Action::PayOpen { who: who(rng) }),
        18..23 => Some(Action::Settle),
        _ => None,
    };
    actions.extend(change);
    actions
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_plan() {
        let menu = Menu::parse("all").unwrap();
        let measure = Measure { subscribers: 10, replicas: 2, kill_percent: 150 };
        let plans = |seed| {
            let mut rng = Rng::with_seed(seed);
            (0..100).map(|_| format!("{:?}", plan(&mut rng, &menu, measure))).collect::<Vec<_>>()
        };
        assert_eq!(plans(7), plans(7));
        assert_ne!(plans(7), plans(8));
    }
}
