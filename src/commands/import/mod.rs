//! `kiwoom-billing import`: billing keys and subscriptions of a merchant who moves in.
//!
//! One file, one transaction: a bad line and nothing is imported, but all that is wrong is told.

mod columns;
mod ids;
mod keys;
mod sheet;
mod subscriptions;
mod value;

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, PgPool};

use crate::access::actor::Actor;
use crate::commands::{Done, close};
use crate::config::Config;
use crate::http::error::{ApiError, Detail};
use crate::rules::contract::Contract;
use crate::rules::schedule::Rules;
use crate::rules::text::Text;
use crate::service::{self, telemetry};
use crate::storage::database;
use crate::storage::vault::Vault;
use kiwoom_clock::Clock;

use columns::Kind;
use sheet::Row;
pub use sheet::{Sheet, SheetError};

/// Takes over billing keys or subscriptions from XLSX or CSV, all of it or nothing; an error when a row
/// was bad.
pub async fn run(config: Config, file: &Path, dry_run: bool) -> Done {
    telemetry::init(&config);
    let sheet = Sheet::read(file)?;
    let clock = service::clock(&config)?;
    let (pool, private) = database::open_existing(&config).await?;
    let imported = async {
        let vault = service::vault(&config, &pool).await?;
        let rules = config.schedule.rules.clone();
        let contract = config.kiwoom.contracts.billing.clone();
        Importer { vault, clock, rules, contract, dry_run }.import(&pool, sheet).await
    };
    let imported = imported.await;
    close(&pool, private).await;
    if imported? {
        Ok(())
    } else {
        Err("가져오지 않았습니다. 위의 오류를 수정해 주세요 (the file has bad lines)".into())
    }
}

/// Key of the advisory lock that an import holds ("import"): of two at once, the later one sees
/// what the other has written.
const LOCK: i64 = 0x696d_706f_7274;

type Failure = Box<dyn Error + Send + Sync>;

/// What an import works with.
pub struct Importer {
    /// Encrypts billing keys, with the secret of the service.
    pub vault: Vault,
    /// The time of the service.
    pub clock: Clock,
    /// `CHARGE_HOUR` and `RETRY_DAYS`.
    pub rules: Rules,
    /// The contract that the cards are registered under, and charged.
    pub contract: Arc<Contract>,
    /// Whether everything is undone at the end.
    pub dry_run: bool,
}

/// Why a row was not taken.
enum Refusal {
    /// What is wrong with it. The other rows are read all the same.
    Row(Vec<Detail>),
    /// The import as a whole cannot go on.
    Import(Failure),
}

impl Importer {
    /// Imports the file and reports on stdout, row by row. `false` when a row was bad and so
    /// nothing was imported; an error when the database, the secret or stdout failed.
    pub async fn import(&self, pool: &PgPool, mut sheet: Sheet) -> Result<bool, Failure> {
        let mut out = std::io::stdout();
        let begin = Actor::import().begin(self.clock.now());
        let mut tx = pool.begin_with(AssertSqlSafe(begin)).await?;
        sqlx::query("select pg_advisory_xact_lock($1)").bind(LOCK).execute(&mut *tx).await?;
        writeln!(out, "{}", sheet.told())?;
        let (lines, mut bad) = (sheet.rows.len(), 0);
        for Row { number, cells } in std::mem::take(&mut sheet.rows) {
            let taken = match cells {
                Ok(cells) => self.take(&mut tx, sheet.columns.kind, cells).await,
                Err(problems) => Err(Refusal::Row(problems)),
            };
            let place = sheet.place(number);
            match taken {
                Ok(made) => writeln!(out, "{place}: ok {made}")?,
                Err(Refusal::Row(problems)) => {
                    bad += 1;
                    writeln!(out, "{place}: error {}", sheet.reasons(&problems))?;
                }
                Err(Refusal::Import(failure)) => return Err(failure),
            }
        }
        let end = match (bad, self.dry_run) {
            (0, false) => {
                tx.commit().await.map_err(|error| unconfirmed(&error))?;
                "imported"
            }
            (0, true) => "dry run, nothing was imported",
            _ => "nothing was imported",
        };
        writeln!(out, "{lines} lines, {} good, {bad} bad: {end}", lines - bad)?;
        Ok(bad == 0)
    }

    /// Writes one row into the transaction; the id that it got, and the customer's.
    async fn take(
        &self,
        db: &mut PgConnection,
        kind: Kind,
        cells: Map<String, Value>,
    ) -> Result<String, Refusal> {
        match kind {
            Kind::Keys => keys::take(self, db, cells).await,
            Kind::Subscriptions => subscriptions::take(self, db, cells).await,
        }
    }
}

/// A commit whose answer was lost may have been done.
fn unconfirmed(error: &sqlx::Error) -> Failure {
    format!(
        "the database did not confirm the import ({error}): a dry run tells whether it is there"
    )
    .into()
}

impl Refusal {
    /// One field is wrong; with an empty name the row as a whole.
    fn of(field: &str, reason: impl Into<String>) -> Self {
        Self::Row(vec![Detail { field: field.to_owned(), reason: Text::new("", reason) }])
    }
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        let text = error.english();
        if error.is_server_error() {
            return Self::Import(text.into());
        }
        match error.into_details() {
            none if none.is_empty() => Self::of("", text),
            details => Self::Row(details),
        }
    }
}

impl From<sqlx::Error> for Refusal {
    fn from(error: sqlx::Error) -> Self {
        Self::Import(error.into())
    }
}
