//! `kiwoom-billing keys rotate`.

use std::time::{Duration, Instant};

use sqlx::PgPool;

use crate::commands::{Done, FOR_THE_OWNER};
use crate::config::Config;
use crate::service;
use crate::storage::database;
use crate::storage::vault::{self, Rotated};

/// Encrypts every billing key with a new data key while the services go on; an error when one could
/// not be read.
pub async fn rotate(config: &Config, pool: &PgPool) -> Done {
    // The service's role could begin, and not end it.
    if !database::is_own(pool).await? {
        return Err(FOR_THE_OWNER.into());
    }
    let mut told = Instant::now();
    let tell = |done: &Rotated| {
        if told.elapsed() >= Duration::from_secs(1) {
            told = Instant::now();
            eprintln!("빌링키 {0}개 완료 ({0} billing keys so far)", done.billing_keys);
        }
    };
    let vault = service::vault(config, pool).await?;
    let rotated = vault::rotate(pool, &vault, tell).await?;
    let Rotated { data_key, resumed, billing_keys, unreadable, left, forgotten } = rotated;
    if resumed {
        println!("중단된 교체를 이어서 마쳤습니다 (went on with a rotation that was cut short).");
    }
    println!("새 데이터 키 (data key): {data_key}");
    println!("다시 암호화한 빌링키 (billing keys encrypted again): {billing_keys}");
    println!("이전 키로 남은 빌링키 (billing keys of older data keys left): {left}");
    println!("삭제한 데이터 키 (data keys deleted): {forgotten}");
    if unreadable.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = unreadable.into_iter().map(|id| format!("bk_{id}")).collect();
    Err(format!("읽을 수 없는 빌링키 (billing keys that cannot be read): {}", ids.join(", "))
        .into())
}
