//! What happens at one stop of the clock: decided by the seed and the day alone, so that the same
//! seed asks for the same things on the same days. Pure.

mod actions;

use std::time::Duration;

use fastrand::Rng;
use serde_json::{Value, json};

use crate::simulate::menu::{self, Menu};
use crate::simulate::moment::Moment;
use crate::simulate::trap::{Fault, Trap};

use actions::actions;
pub use actions::{Action, Cancel};

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
