//! `kiwoom-billing check`: what of the set-up works, one line each, without moving money or writing
//! anything.

mod database;
mod gateway;
mod notifications;
mod report;

use std::net::SocketAddr;

use kiwoom_clock::Clock;

use crate::commands::Done;
use crate::config::Config;
use crate::service;
use report::Report;

/// Looks at the database, the gateway and what KiwoomPay has to reach; an error when something does
/// not work.
pub async fn run(config: Config) -> Done {
    let mut report = Report::default();
    let clock = Clock::system();
    database::check(&config, &clock, &mut report).await;
    let client =
        service::gateway(&config, SocketAddr::new(config.host, config.port), String::new())?;
    gateway::check(&config, &client, &clock, &mut report).await;
    notifications::check(&config, &mut report).await;
    notifications::check_proxies(&config, &mut report);
    report.end()
}
