//! `kiwoom-billing simulate`: real service processes, a real PostgreSQL, the sandbox as a process
//! of its own, the moved clock, seeded faults and kills; and at the end a verdict on the money.
//!
//! The sandbox's ledger is the gateway's word, the database is ours. Whatever happened on the way,
//! the two have to agree to the won, and no subscription may have been charged twice for a period.

mod drive;
mod load;
mod verdict;
mod world;

use std::collections::BTreeMap;
use std::error::Error;

use clap::Args;

use world::World;

/// What to simulate.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// How many subscriptions
    #[arg(long, default_value_t = 100)]
    pub subs: u32,
    /// How many months
    #[arg(long, default_value_t = 12)]
    pub months: u32,
    /// Decides which faults happen when
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
    /// How many service processes share the database
    #[arg(long, default_value_t = 2)]
    pub replicas: usize,
    /// `all`, `none`, or fault kinds of the sandbox separated by commas
    #[arg(long, default_value = "all")]
    pub faults: String,
    /// How many times a service process is killed with SIGKILL
    #[arg(long, default_value_t = 10)]
    pub kill: u32,
}

/// How often each rare thing happened.
pub type Counters = BTreeMap<String, u64>;

type Failure = Box<dyn Error + Send + Sync>;

/// Faults after which the gateway may or may not have taken the money.
const FAULTS: &[&str] = &[
    "decline",
    "delay_before",
    "delay_after",
    "drop_before",
    "drop_after",
    "drop_after_notify",
    "truncate",
    "half_close",
    "garbage",
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

impl Options {
    fn fault_kinds(&self) -> Result<Vec<&'static str>, Failure> {
        match self.faults.as_str() {
            "all" => Ok(FAULTS.to_vec()),
            "none" => Ok(Vec::new()),
            list => list.split(',').map(known_fault).collect(),
        }
    }
}

fn known_fault(name: &str) -> Result<&'static str, Failure> {
    let found = FAULTS.iter().find(|fault| **fault == name.trim());
    found.copied().ok_or_else(|| format!("no such fault: {name} (known: {FAULTS:?})").into())
}

/// Runs it and prints the verdict. `Ok(false)` when a rule about money was broken.
pub async fn run(options: &Options) -> Result<bool, Failure> {
    let faults = options.fault_kinds()?;
    println!("simulate: {options:?}");
    let mut world = World::start(options.replicas).await?;
    let mut counters = Counters::new();
    drive::drive(&mut world, options, &faults, &mut counters).await?;
    let (ledger, books) = load::both_sides(&world).await?;
    let violations = verdict::judge(&ledger, &books);
    for (name, count) in &mut counters {
        println!("  {name:<28} {count}");
    }
    for (state, count) in &books.payments_by_state() {
        println!("  payments {state:<19} {count}");
    }
    println!("  gateway transactions         {}", ledger.len());
    for (name, found) in violations.counts() {
        println!("  {name:<28} {found}");
    }
    for example in violations.examples() {
        println!("    {example}");
    }
    let clean = violations.is_clean();
    println!("verdict: {}", if clean { "0 violations" } else { "VIOLATIONS" });
    world.stop(clean).await;
    Ok(clean)
}
