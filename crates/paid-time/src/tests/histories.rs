//! Random histories.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::world::{Sabotage, World};

const HISTORIES: u64 = 100_000;
/// A sabotage has to be caught within so many histories.
const CAUGHT_WITHIN: u64 = 2_000;
/// Each of these states has to be reached at least so often in 100,000 histories.
const REACHED: u64 = 500;

type Reached = BTreeMap<&'static str, u64>;

fn run(seed: u64, sabotage: Sabotage, reached: &mut Reached) -> Result<(), String> {
    let mut world = World::new(seed, sabotage, number("PAID_TIME_SEED").is_some());
    let lived = world.live();
    for (name, count) in world.reached {
        *reached.entry(name).or_default() += count;
    }
    lived.map_err(|broken| format!("seed {seed}: {broken}"))
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

fn kept_seeds() -> impl Iterator<Item = u64> {
    let lines = include_str!("seeds.txt").lines();
    let lines = lines.map(|line| line.split('#').next().unwrap_or(line).trim());
    lines.filter(|line| !line.is_empty()).map(|line| line.parse().expect("a seed"))
}

#[test]
fn no_history_breaks_a_rule_of_paid_time() {
    if let Some(seed) = number("PAID_TIME_SEED") {
        return run(seed, Sabotage::None, &mut Reached::new()).unwrap();
    }
    for seed in kept_seeds() {
        run(seed, Sabotage::None, &mut Reached::new()).unwrap();
    }
    let histories = number("PAID_TIME_HISTORIES").unwrap_or(HISTORIES);
    let next = AtomicU64::new(0);
    let found = Mutex::new((Reached::new(), Vec::new()));
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let work = || {
        let (mut reached, mut broken) = (Reached::new(), Vec::new());
        while broken.len() < 5 {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= histories {
                break;
            }
            broken.extend(run(seed, Sabotage::None, &mut reached).err());
        }
        let mut found = found.lock().unwrap();
        for (name, count) in reached {
            *found.0.entry(name).or_default() += count;
        }
        found.1.extend(broken);
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    let (reached, broken) = found.into_inner().unwrap();
    println!("{histories} histories\n{reached:#?}");
    assert!(broken.is_empty(), "keep these seeds in seeds.txt:\n{}", broken.join("\n"));
    for (name, count) in &reached {
        assert!(count * HISTORIES / histories.max(1) >= REACHED, "{name}: hardly reached, {count}");
    }
    assert!(reached.len() >= 25, "{reached:?}");
}

#[test]
fn every_sabotage_is_caught() {
    for (rule, sabotage) in (1..).zip(Sabotage::ALL) {
        let mut reached = Reached::new();
        let caught = (0..CAUGHT_WITHIN).find_map(|seed| run(seed, sabotage, &mut reached).err());
        let caught = caught.unwrap_or_default();
        println!("{sabotage:?}: {caught}");
        assert!(caught.contains(&format!("rule {rule}")), "{sabotage:?}: {caught}");
    }
}
