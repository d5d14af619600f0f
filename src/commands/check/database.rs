//! The database: reached, up to date, with the rights and durability that a service needs, of the
//! books that the settings name, and in time.

use kiwoom_clock::Clock;
use sqlx::PgPool;

use super::report::Report;
use crate::commands::close;
use crate::config::Config;
use crate::storage::database;
use crate::storage::environment::{self, Settings};
use crate::storage::failover_guard::Comparison;

const NAME: &str = "database";

pub(super) async fn check(config: &Config, clock: &Clock, report: &mut Report) {
    match database::look_at_existing(config).await {
        Ok((pool, private)) => {
            look(config, &pool, clock, report).await;
            close(&pool, private).await;
        }
        Err(error) => report.failed(NAME, error),
    }
}

async fn look(config: &Config, pool: &PgPool, clock: &Clock, report: &mut Report) {
    match Comparison::make(clock, pool).await.map(|times| times.skew()) {
        Ok(None) => report.ok("database clock", "이 장비와 일치합니다 (agrees with this machine)"),
        Ok(Some(skew)) => report.failed(
            "database clock",
            format_args!(
                "이 장비의 시계와 {}초 차이가 납니다. 양쪽에서 NTP를 실행해 주세요 (this machine is ahead by {0} s: run NTP on both)",
                skew.num_seconds()
            ),
        ),
        Err(error) => return report.failed(NAME, error),
    }
    match database::is_up_to_date(pool).await {
        Ok(true) => report.ok("database schema", "최신입니다 (up to date)"),
        Ok(false) => {
            return report.failed(
                "database schema",
                "최신이 아닙니다. 테이블 소유자로 `kiwoom-billing migrate`를 실행해 주세요 (not up to date: run \
                 `kiwoom-billing migrate` as the tables' owner)",
            );
        }
        Err(error) => return report.failed("database schema", error),
    }
    match database::check(pool, config.is_production()).await {
        Ok(()) => report.ok("database rights", "필요한 권한이 모두 있습니다 (all that are needed)"),
        Err(error) => report.failed("database rights", error),
    }
    let settings = Settings::of(config);
    match environment::may_use(pool, &settings).await {
        Ok(_) => report.ok("books", settings),
        Err(error) => report.failed("books", error),
    }
}
