//! What goes wrong, one thing a minute, in turn. No service is killed: it is its memory that is watched.

use std::sync::atomic::Ordering;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::process::Failure;
use crate::soak::stage::Stage;

/// The fault of this minute.
pub async fn strike(stage: &mut Stage, minute: u64) -> Result<(), Failure> {
    let what = match minute % 6 {
        0 => {
            gateway(stage, "drop_after").await?;
            "the gateway's answers are lost"
        }
        1 => {
            cut(stage).await?;
            "every connection to the database is cut"
        }
        2 => {
            let receiver = stage.receiver.clone();
            receiver.is_away.store(true, Ordering::Relaxed);
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_secs(20)).await;
                receiver.is_away.store(false, Ordering::Relaxed);
            });
            "the receiver is away for 20 seconds"
        }
        3 => {
            freeze(stage.services[0].pid())?;
            "a service stands still for 3 seconds"
        }
        4 => {
            gateway(stage, "delay_before").await?;
            "the gateway is slow"
        }
        _ => {
            stage.crash_database().await?;
            "the database crashes"
        }
    };
    println!("  minute {minute}: {what}; {:?} KiB", stage.sizes()?);
    Ok(())
}

async fn gateway(stage: &Stage, kind: &str) -> Result<(), Failure> {
    let fault = json!({"on": "CARD-BATCH", "kind": kind, "delayMs": 2000, "times": 3});
    let client = reqwest::Client::builder().no_proxy().build()?;
    let url = format!("{}/faults", stage.sandbox_url);
    client.post(url).json(&fault).send().await?.error_for_status()?;
    Ok(())
}

async fn cut(stage: &Stage) -> Result<(), Failure> {
    let cut = "select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid()";
    sqlx::query(cut).execute(&stage.pool).await?;
    Ok(())
}

fn freeze(pid: u32) -> Result<(), Failure> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or("no process")?;
    kill_process(pid, Signal::STOP)?;
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(3)).await;
        if let Err(error) = kill_process(pid, Signal::CONT) {
            println!("  it does not go on: {error}");
        }
    });
    Ok(())
}
