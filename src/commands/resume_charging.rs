//! `kiwoom-billing resume-charging`.

use crate::commands::{Done, check_reason, close, for_the_owner};
use crate::config::Config;
use crate::payments::store;
use crate::service::telemetry;
use crate::storage::database;
use crate::storage::failover_guard::{Guard, Why};
use kiwoom_clock::Clock;

const RESUMED: &str = "정기 청구를 재개합니다 (scheduled charging goes on).";

/// Lets scheduled charging go on after a pause, a restore or a failover of the database.
pub async fn run(config: Config, reason: Option<&str>) -> Done {
    telemetry::init(&config);
    reason.map_or(Ok(()), check_reason)?;
    let (pool, private) = database::open_existing(&config).await?;
    let guard = Guard::open(&config, Clock::system())?;
    let resumed = guard.resume(&pool, reason).await.map_err(for_the_owner)?;
    match &resumed {
        None => println!("중단된 정기 청구가 없습니다 (nothing was paused)."),
        Some(why @ (Why::Clock(_) | Why::Unread)) => println!("{why}"),
        Some(Why::Replaced { confirmed, present }) => {
            println!("{RESUMED}");
            println!("  전 (before): {confirmed}");
            println!("  후 (now):    {present}");
        }
        Some(Why::Paused(pause)) => {
            println!("{RESUMED}");
            println!("  중단된 이유 (was paused because): {}", pause.reason);
        }
    }
    let (last, unknown) = store::last_known(&pool).await?;
    println!("  마지막 청구 기록 (last charge in the books): {}", last.as_deref().unwrap_or("-"));
    println!("  미확정 거래 (unknown outcomes): {unknown}");
    close(&pool, private).await;
    Ok(())
}
