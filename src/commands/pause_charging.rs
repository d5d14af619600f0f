//! `kiwoom-billing pause-charging`.

use crate::commands::{Done, check_reason, close};
use crate::config::Config;
use crate::service::telemetry;
use crate::storage::database;
use crate::storage::failover_guard::Guard;
use kiwoom_clock::Clock;

/// Pauses scheduled charging in every process, until `resume-charging`: before the database is
/// restored or moved. The pause is kept in `DATA_DIR` also when the database cannot be reached, and in
/// the database also when `DATA_DIR` takes nothing; an error when it is not kept in both.
pub async fn run(config: Config, reason: &str) -> Done {
    telemetry::init(&config);
    check_reason(reason)?;
    database::check_existing(&config).await?;
    let guard = Guard::open(&config.data_dir, Clock::system());
    let dir = config.data_dir.display();
    let held = guard.hold(reason);
    match &held {
        Ok(()) => println!(
            "DATA_DIR({dir})에 기록했습니다. 복원해도 남습니다 (kept in DATA_DIR, {dir}, which a restore \
             does not wipe)."
        ),
        Err(error) => eprintln!(
            "DATA_DIR({dir})에 기록하지 못했습니다. 복원하면 사라집니다 (not kept in DATA_DIR, {dir}: a \
             restore wipes it): {error}"
        ),
    }
    let (pool, private) = database::open_existing(&config).await?;
    guard.pause(&pool, reason).await?;
    println!(
        "정기 청구를 중단했습니다. 모든 프로세스에 몇 초 안에 반영됩니다 (scheduled charging is paused; every \
         process follows within seconds)."
    );
    close(&pool, private).await;
    Ok(held?)
}
