//! `kiwoom-billing migrate`.

use crate::commands::{Done, close};
use crate::config::Config;
use crate::service::telemetry;
use crate::storage::database;

/// Brings the schema up to date, and gives the role `grant_to` the rights that the service needs.
pub async fn run(config: Config, grant_to: Option<&str>) -> Done {
    telemetry::init(&config);
    let (pool, private) = database::open_existing(&config).await?;
    println!("데이터베이스 스키마가 최신입니다 (the schema is up to date).");
    if let Some(role) = grant_to {
        database::grants::grant(&mut *pool.acquire().await?, role).await?;
        println!(
            "{role}: 서비스에 필요한 권한만 부여했습니다 (has what the service needs, no more)."
        );
    }
    close(&pool, private).await;
    Ok(())
}
