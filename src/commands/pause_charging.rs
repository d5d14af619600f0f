//! `kiwoom-billing pause-charging`.

use crate::commands::{Done, check_reason, close};
use crate::config::Config;
use crate::service::telemetry;
use crate::storage::database::private::PrivateServerError;
use crate::storage::database::{self, DatabaseError};
use crate::storage::failover_guard::Guard;
use kiwoom_clock::Clock;

/// Pauses scheduled charging in every process, until `resume-charging`: before the database is
/// restored or moved. The pause is kept in `DATA_DIR` also when the database cannot be reached.
pub async fn run(config: Config, reason: &str) -> Done {
    telemetry::init(&config);
    check_reason(reason)?;
    let opened = database::open_existing(&config).await;
    if let Err(error @ DatabaseError::Private(PrivateServerError::NotMade(_))) = opened {
        return Err(error.into());
    }
    let guard = Guard::open(&config.data_dir, Clock::system())?;
    let pause = guard.hold(reason)?;
    println!(
        "DATA_DIR({0})에 기록했습니다. 복원해도 남습니다 (kept in DATA_DIR, {0}, which a restore does not \
         wipe).",
        config.data_dir.display()
    );
    let (pool, private) = opened?;
    guard.pause(&pool, pause).await?;
    println!(
        "정기 청구를 중단했습니다. 모든 프로세스에 몇 초 안에 반영됩니다 (scheduled charging is paused; every \
         process follows within seconds)."
    );
    close(&pool, private).await;
    Ok(())
}
