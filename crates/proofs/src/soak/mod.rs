//! `kiwoom-proofs soak`: two service processes at a steady pace, a fault every minute and a scraper that
//! comes and goes. Nothing may be lost, and the processes may not grow.

mod faults;
mod load;
mod stage;
mod verdict;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use clap::Args;

use crate::process::Failure;
use load::Load;
use stage::Stage;

/// How long and how fast.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// How many minutes; a fault comes in each
    #[arg(long, default_value_t = 120)]
    pub minutes: u64,
    /// How many payments a second
    #[arg(long, default_value_t = 4)]
    pub pace: u32,
}

/// How often the memory of the processes is looked at.
const LOOK: Duration = Duration::from_secs(5);
/// The scraper asks as often as Prometheus does, for a minute of each three.
const SCRAPE: Duration = Duration::from_secs(15);

/// Kilobytes that each process has in memory, at one moment.
type Sizes = Vec<u64>;

/// Runs the program `service` and prints what was found. `Ok(false)` when a process grew by 5 % or more
/// between the end of the first quarter and the end, or anything was lost.
pub async fn run(service: &Path, options: &Options) -> Result<bool, Failure> {
    println!("soak: {options:?}");
    let mut stage = Stage::start(service).await?;
    let load = Arc::new(Load::start(&stage).await?);
    let (began, time) = (Instant::now(), Duration::from_secs(60 * options.minutes));
    let pace = tokio::spawn(load::keep_pace(load.clone(), options.pace));
    let scraper = tokio::spawn(scrape(stage.bases()));
    let (mut sizes, mut minute) = (Vec::<Sizes>::new(), 0);
    while began.elapsed() < time {
        tokio::time::sleep(LOOK).await;
        if began.elapsed().as_secs() / 60 > minute {
            minute += 1;
            faults::strike(&mut stage, minute).await?;
        }
        sizes.push(stage.sizes()?);
    }
    load.is_over.store(true, Ordering::Relaxed);
    pace.await?;
    scraper.abort();
    let is_good = verdict::judge(&stage, &load, &sizes).await?;
    stage.stop(is_good).await;
    Ok(is_good)
}

/// A scraper that comes and goes: what is measured meanwhile may not be kept without bounds.
async fn scrape(bases: Vec<String>) {
    let client = reqwest::Client::new();
    loop {
        for _ in 0..4 {
            for base in &bases {
                // One that is away is no fault of the run.
                drop(client.get(format!("{base}/metrics")).send().await);
            }
            tokio::time::sleep(SCRAPE).await;
        }
        tokio::time::sleep(Duration::from_mins(2)).await;
    }
}
