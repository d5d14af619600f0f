//! `kiwoom-billing pause-charging`.

use crate::commands::{Done, check_reason, close};
use crate::config::Config;
use crate::service::telemetry;
use crate::storage::database;
use crate::storage::failover_guard::Guard;
use kiwoom_clock::Clock;

/// Pauses scheduled charging in every process, until `resume-charging`: before the database is
/// restored or moved. The pause is kept in `DATA_DIR` (and at `HIGH_WATER_MARK_URL`) also when the
/// database cannot be reached, and in the database also when those take nothing; an error when it is
/// not kept everywhere.
pub async fn run(config: Config, reason: &str) -> Done {
    telemetry::init(&config);
    check_reason(reason)?;
    database::check_existing(&config).await?;
    let guard = Guard::open(&config, Clock::system())?;
    let held = guard.hold(reason).await;
    for (place, held) in &held {
        match held {
            Ok(()) => println!(
                "{place}에 기록했습니다. 복원해도 남습니다 (kept in {place}, which a restore does not wipe)."
            ),
            Err(error) => eprintln!(
                "{place}에 기록하지 못했습니다. 복원하면 사라집니다 (not kept in {place}: a restore wipes it): \
                 {error}"
            ),
        }
    }
    let (pool, private) = database::open_existing(&config).await?;
    guard.pause(&pool, reason).await?;
    println!(
        "정기 청구를 중단했습니다. 모든 프로세스에 몇 초 안에 반영됩니다 (scheduled charging is paused; every \
         process follows within seconds)."
    );
    close(&pool, private).await;
    held.into_iter().try_for_each(|(_, held)| held)?;
    Ok(())
}
