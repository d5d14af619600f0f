//! `kiwoom-billing adopt`.

use crate::commands::{Done, check_reason, close, for_the_owner};
use crate::config::Config;
use crate::service::telemetry;
use crate::storage::database;
use crate::storage::environment::{self, EnvironmentError, Settings};

/// Says that the books belong to the environment of the settings and its merchant id `cpid`, or with
/// `retire` that `cpid` charges from them no more. Run with the settings of the service.
pub async fn run(config: Config, cpid: &str, retire: bool, reason: &str) -> Done {
    telemetry::init(&config);
    check_reason(reason)?;
    let (pool, private) = database::open_existing(&config).await?;
    let before = environment::books(&pool).await?;
    let adopted = if retire {
        environment::retire(&pool, cpid, reason).await
    } else {
        environment::adopt(&pool, &Settings::of(&config), cpid, reason).await
    };
    let books = adopted.map_err(|error| match error {
        EnvironmentError::Database(error) => for_the_owner(error),
        error => error.into(),
    })?;
    let before = before.map_or_else(|| "-".to_owned(), |books| books.to_string());
    println!("  전 (before): {before}");
    println!("  후 (now):    {books}");
    close(&pool, private).await;
    Ok(())
}
