//! `kiwoom-billing resume-charging`.

use crate::commands::{Done, check_reason, close, for_the_owner};
use crate::config::Config;
use crate::payments::store;
use crate::service::telemetry;
use crate::storage::database;
use crate::storage::failover_guard::{Charging, Guard, Why};
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
        Some(why @ Why::Planned { .. }) => {
            println!("{RESUMED}");
            println!("  중단된 이유 (was paused because): {why}");
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

/// Says beforehand that a replica will take over: charging pauses, and goes on by itself when it has.
pub async fn announce(config: Config, reason: Option<&str>) -> Done {
    telemetry::init(&config);
    reason.map_or(Ok(()), check_reason)?;
    let (pool, private) = database::open_existing(&config).await?;
    let guard = Guard::open(&config, Clock::system())?;
    let in_the_way = guard.announce(&pool, reason).await.map_err(for_the_owner)?;
    close(&pool, private).await;
    match in_the_way {
        None => {
            println!(
                "정기 청구를 중단했습니다. 이 데이터베이스의 복제본이 승격되면 저절로 재개됩니다 (scheduled \
                 charging is paused; it goes on by itself when a replica of this database was promoted)."
            );
            Ok(())
        }
        Some(Charging::Paused(why)) => Err(why.to_string().into()),
        Some(Charging::On | Charging::Unguarded) => Err(
            "이 데이터베이스는 어느 서버인지 알려 주지 않아 예고할 수 없습니다. 페일오버 전에 pause-charging을 실행해 \
             주세요 (this database does not say which one it is: run `kiwoom-billing pause-charging` before \
             the failover)"
                .into(),
        ),
    }
}
