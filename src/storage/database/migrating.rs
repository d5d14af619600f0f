//! Brings a schema up to date beside services that are charging: nobody waits for it for long.
//!
//! A step that begins with `-- no-transaction` is indexes, each made by `create index concurrently`. They hold
//! up nobody. When it was cut short, what is done stays, and what is left of the one that was begun is
//! dropped before it is begun again. Every other step is a transaction.

use sqlx::migrate::{MigrateError, Migration, Migrator};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor};

use crate::storage::database::errors::has_code;

/// A migration takes as long as it takes. But who waits for a lock holds up all that come after, so it
/// gives way soon and begins again.
const TRANSACTION: &str = "set lock_timeout = '2s'; set statement_timeout = 0;
    set idle_in_transaction_session_timeout = 0";
/// It waits for what is under way, a backup too, and nobody waits behind it.
const CONCURRENT: &str = "set lock_timeout = '1h'; set statement_timeout = 0";
/// Key of the advisory lock of who migrates ("migrate"). It is tried, not waited for: who waits in a
/// statement holds a snapshot, which `create index concurrently` would wait for in its turn.
const TURN: i64 = 0x006d_6967_7261_7465;

/// Applies the steps of `migrator` that are missing. `false`: somebody else migrates or holds a lock, so
/// what is left is to be tried again.
pub async fn apply(migrator: &Migrator, db: &mut PgConnection) -> Result<bool, MigrateError> {
    let turn = sqlx::query_scalar("select pg_try_advisory_lock($1)").bind(TURN);
    if !turn.fetch_one(&mut *db).await? {
        return Ok(false);
    }
    let done = apply_in_turn(migrator, db).await;
    db.execute(sqlx::query("select pg_advisory_unlock($1)").bind(TURN)).await?;
    match done {
        Err(error) if is_lock_held(&error) => Ok(false),
        done => done.map(|()| true),
    }
}

fn is_lock_held(error: &MigrateError) -> bool {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            has_code(error, &["55P03", "40P01"])
        }
        _ => false,
    }
}

async fn apply_in_turn(migrator: &Migrator, db: &mut PgConnection) -> Result<(), MigrateError> {
    let steps: Vec<&Migration> = migrator.iter().collect();
    for steps in steps.chunk_by(|one, next| !one.no_tx && !next.no_tx) {
        let Some(last) = steps.last() else { continue };
        if last.no_tx {
            db.execute(CONCURRENT).await?;
            make_indexes(last, db).await?;
            // Notes that it is done.
            migrator.skip(&mut *db, Some(last.version)).await?;
        } else {
            db.execute(TRANSACTION).await?;
            migrator.run_to(last.version, &mut *db).await?;
        }
    }
    Ok(())
}

/// Makes the indexes of a step that are not there. One that was cut short is there, invalid, and is written
/// to by everybody and used by nobody.
async fn make_indexes(step: &Migration, db: &mut PgConnection) -> Result<(), MigrateError> {
    let query = "select exists (select from _sqlx_migrations where version = $1)";
    if sqlx::query_scalar(query).bind(step.version).fetch_one(&mut *db).await? {
        return Ok(());
    }
    let failed = |error| MigrateError::ExecuteMigration(error, step.version);
    for sql in statements(step.sql.as_str()) {
        let name = index_of(&sql).unwrap_or_default();
        let query = "select indisvalid from pg_index where indexrelid = to_regclass($1)";
        let valid = sqlx::query_scalar(query).bind(name).fetch_optional(&mut *db).await?;
        if valid == Some(false) {
            let drop = format!("drop index concurrently {name}");
            db.execute(AssertSqlSafe(drop)).await.map_err(failed)?;
        }
        if valid != Some(true) {
            db.execute(AssertSqlSafe(sql)).await.map_err(failed)?;
        }
    }
    Ok(())
}

/// The statements of a step, without its comments.
fn statements(sql: &str) -> Vec<String> {
    let code: Vec<&str> = sql.lines().filter(|line| !line.trim_start().starts_with("--")).collect();
    let code = code.join("\n");
    let statements = code.split(';').map(str::trim).filter(|statement| !statement.is_empty());
    statements.map(str::to_owned).collect()
}

/// The name in `create index concurrently NAME on …`.
fn index_of(sql: &str) -> Option<&str> {
    let mut words = sql.split_whitespace();
    words.find(|word| word.eq_ignore_ascii_case("concurrently"))?;
    words.next()
}
