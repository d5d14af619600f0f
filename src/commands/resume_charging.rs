//! `kiwoom-billing resume-charging`.

use crate::commands::{Done, close, for_the_owner};
use crate::config::Config;
use crate::payments::store;
use crate::redact::cards::holds_card;
use crate::service::telemetry;
use crate::storage::{database, failover_guard};

/// Lets scheduled charging go on after a restore or a failover of the database.
pub async fn resume_charging(config: Config, reason: Option<&str>) -> Done {
    telemetry::init(&config);
    if reason.is_some_and(holds_card) {
        return Err("the reason is kept: it may not contain a card number".into());
    }
    let (pool, private) = database::open(&config).await?;
    let resumed = failover_guard::resume(&pool, reason).await.map_err(for_the_owner)?;
    match &resumed {
        Some((before, now)) => {
            println!("예약 청구를 다시 시작합니다 (scheduled charging goes on).");
            println!("  전 (before): {before}");
            println!("  후 (now):    {now}");
        }
        None => println!("멈춘 것이 없습니다 (nothing was paused)."),
    }
    let (last, unknown) = store::last_known(&pool).await?;
    println!("  마지막 청구 기록 (last charge in the books): {}", last.as_deref().unwrap_or("-"));
    println!("  결과를 모르는 거래 (unknown outcomes): {unknown}");
    close(&pool, private).await;
    Ok(())
}
