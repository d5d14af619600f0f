//! Everything that can go wrong in a simulation, by name.

use crate::simulate::Failure;

/// What the gateway does wrong. After most of these it may or may not have taken the money.
pub const GATEWAY: &[&str] = &[
    "decline",
    "decline_hard",
    "decline_setting",
    "delay_before",
    "delay_after",
    "drop_before",
    "drop_after",
    "drop_after_notify",
    "truncate",
    "half_close",
    "garbage",
    "utf8",
    "utf8_unnamed",
    "euc_kr_unnamed",
    "html",
    "huge",
    "slow",
    "status",
    "status_before",
    "redirect",
    "wrong_token",
    "wrong_amount",
    "wrong_order",
    "no_result_code",
];
/// What happens to notifications of the hosted window: to any, to those of payments alone, and to
/// those of cancellations alone.
pub const NOTIFICATIONS: &[&str] = &[
    "twice",
    "late",
    "lost",
    "false_amount",
    "1s_early",
    "1s_late",
    "40s_early",
    "40s_late",
    "undated",
];
pub const OF_PAYMENTS: &[&str] = &["reversed", "other_kind", "told_as_failed"];
pub const OF_CANCELLATIONS: &[&str] = &["unnumbered", "negative"];
/// What the gateway tells that no money stands behind.
pub const WITHOUT_MONEY: &[&str] = &["no_money", "false_failure"];
/// What happens to service processes, besides `--kill`.
pub const PROCESSES: &[&str] = &["freeze", "terminate"];
/// What happens to PostgreSQL and the connections to it.
pub const DATABASE: &[&str] = &["cut", "crash", "stall"];
/// What happens to the clock.
pub const CLOCK: &[&str] = &["jump"];
/// What needs an operator or takes long: these come in turn, so that no run is without one.
pub const INCIDENTS: &[&str] =
    &["roll_back", "migrate", "lock_silent", "refuse", "restore", "lock_cut", "clock_ahead"];

/// Everything.
const ALL: [&[&str]; 9] = [
    GATEWAY,
    NOTIFICATIONS,
    OF_PAYMENTS,
    OF_CANCELLATIONS,
    WITHOUT_MONEY,
    PROCESSES,
    DATABASE,
    CLOCK,
    INCIDENTS,
];

/// The faults of one run.
#[derive(Clone, Debug)]
pub struct Menu(Vec<&'static str>);

impl Menu {
    /// `all`, `none`, or names separated by commas.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let known = || ALL.into_iter().flatten();
        match text {
            "all" => return Ok(Self(known().copied().collect())),
            "none" => return Ok(Self(Vec::new())),
            _ => {}
        }
        let find = |name: &str| {
            let found = known().find(|fault| **fault == name.trim()).copied();
            found.ok_or_else(|| {
                let names = known().copied().collect::<Vec<_>>().join(", ");
                Failure::from(format!("no such fault: {name} (known: all, none, {names})"))
            })
        };
        text.split(',').map(find).collect::<Result<_, _>>().map(Self)
    }

    /// Those of a group that are on.
    pub fn of(&self, group: &[&'static str]) -> Vec<&'static str> {
        self.0.iter().filter(|name| group.contains(name)).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_named_or_refused() {
        let menu = Menu::parse("slow, cut").unwrap();
        assert_eq!((menu.of(GATEWAY), menu.of(DATABASE)), (vec!["slow"], vec!["cut"]));
        assert!(Menu::parse("none").unwrap().of(GATEWAY).is_empty());
        assert_eq!(Menu::parse("all").unwrap().of(GATEWAY).len(), GATEWAY.len());
        assert!(Menu::parse("slow,nonsense").unwrap_err().to_string().contains("nonsense"));
    }

    #[test]
    fn the_gateway_answers_in_every_way_that_the_sandbox_knows() {
        let missing: Vec<_> =
            kiwoom_sandbox::fault_kinds().filter(|kind| !GATEWAY.contains(kind)).collect();
        // Only the address of a payment window, which no money depends on.
        assert_eq!(missing, ["bad_return_url"]);
    }
}
