//! `kiwoom-proofs simulate`: real service processes, a real PostgreSQL, the sandbox as a process
//! of its own, the moved clock, seeded faults and kills; and at the end a verdict on the money.
//!
//! The sandbox's ledger is the gateway's word, the database is ours. Whatever happened on the way,
//! the two have to agree to the won, and no subscription may have been charged twice for a period.
//! Every service reaches PostgreSQL and the gateway through a tap, which knows the named moments of
//! a charge from the bytes that go by: the services themselves know nothing of the simulation.

mod actions;
mod barriers;
mod behind;
mod buyer;
mod diary;
mod drive;
mod erased;
mod figures;
mod foretold;
mod incidents;
mod load;
mod menu;
mod merchant;
mod moment;
mod plan;
mod rare;
mod reach;
mod segments;
mod subscriptions;
mod tap;
mod terms;
mod told;
mod trap;
mod verdict;
mod world;

use std::collections::BTreeMap;
use std::path::Path;

use clap::Args;

use menu::Menu;
use world::World;

use crate::process::Failure;

/// What to simulate.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// How many subscriptions
    #[arg(long, default_value_t = 100)]
    pub subs: u32,
    /// How many months
    #[arg(long, default_value_t = 12)]
    pub months: u32,
    /// Decides what happens when
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
    /// How many service processes share the database
    #[arg(long, default_value_t = 2)]
    pub replicas: usize,
    /// `all`, `none`, or names of faults separated by commas; a wrong name lists them
    #[arg(long, default_value = "all")]
    pub faults: String,
    /// About how many times a service process is killed with SIGKILL
    #[arg(long, default_value_t = 10)]
    pub kill: u32,
}

/// How often each thing happened.
pub type Counters = BTreeMap<String, u64>;

/// Runs the program `service` and prints the verdict. `Ok(false)` when a rule about money was broken.
pub async fn run(service: &Path, options: &Options) -> Result<bool, Failure> {
    let menu = Menu::parse(&options.faults)?;
    println!("simulate: {options:?}");
    let mut world = World::start(service, options.replicas).await?;
    let mut diary = drive::drive(&mut world, options, menu).await?;
    erased::left(&world.reach, &mut diary).await?;
    let ledger = load::ledger(&world.reach).await?;
    let mut notes = Vec::new();
    merchant::compare(&world.reach, &ledger, &mut notes).await?;
    diary.take(notes);
    diary.counters.extend(rare::states(&world, &ledger).await?);
    let books = load::books(&world.reach, diary, world.slow_stops.clone()).await?;
    let violations = verdict::judge(&ledger, &books);
    for (name, count) in &books.diary.counters {
        println!("  {name:<44} {count}");
    }
    for (state, count) in &books.payments_by_state() {
        println!("  payments {state:<35} {count}");
    }
    println!("  gateway transactions                         {}", ledger.len());
    for (name, found) in violations.counts() {
        println!("  {name:<44} {found}");
    }
    for example in violations.examples() {
        println!("    {example}");
    }
    let clean = violations.is_clean();
    println!("verdict: {}", if clean { "0 violations" } else { "VIOLATIONS" });
    world.stop(clean).await;
    Ok(clean)
}
