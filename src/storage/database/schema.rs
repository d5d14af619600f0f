//! Brings the schema up to date, or finds that it is: a role that may change nothing runs the
//! service when the owner has run `kiwoom-billing migrate --grant-to` before.

use std::time::Duration;

use sqlx::PgPool;
use sqlx::migrate::MigrateError;

use crate::storage::database::errors::has_code;
use crate::storage::database::{DatabaseError, MIGRATIONS, migrating};

const PATIENCE: Duration = Duration::from_secs(5);
/// In which others get their turn, when a lock that a migration needs is held.
const PAUSE: Duration = Duration::from_secs(1);

/// Applies what is missing. As a role that may not, it is an error that something is.
pub async fn bring_up_to_date(pool: &PgPool) -> Result<(), DatabaseError> {
    if !is_up_to_date(pool).await? {
        migrate(pool).await.map_err(|error| match error {
            MigrateError::Execute(e) | MigrateError::ExecuteMigration(e, _) if is_refused(&e) => {
                DatabaseError::Outdated(role(pool))
            }
            error => error.into(),
        })?;
    }
    let tables = hidden_tables(pool).await?;
    if tables.is_empty() {
        return Ok(());
    }
    Err(DatabaseError::NotGranted { role: role(pool), tables: tables.join(", ") })
}

/// Applies the migrations, and says so when another process is at it for long.
async fn migrate(pool: &PgPool) -> Result<(), MigrateError> {
    let mut db = pool.acquire().await?.detach();
    let run = async {
        while !migrating::apply(&MIGRATIONS, &mut db).await? {
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    };
    tokio::pin!(run);
    loop {
        tokio::select! {
            done = &mut run => return done,
            () = tokio::time::sleep(PATIENCE) => tracing::warn!(
                "마이그레이션을 기다리는 중입니다 (the migrations are not done yet: another process may \
                 be at them, or hold a lock on a table)"
            ),
        }
    }
}

/// Whether the tables are this role's own, so that it can change them and their triggers.
pub async fn is_own(pool: &PgPool) -> sqlx::Result<bool> {
    let query =
        "select pg_has_role(relowner, 'usage') from pg_class where oid = 'payments'::regclass";
    sqlx::query_scalar(query).fetch_one(pool).await
}

/// Whether nothing is to be migrated, as sqlx's own run looks at it but without trying to create
/// anything; an error when a later version has migrated it so that this one cannot work with it.
pub async fn is_up_to_date(pool: &PgPool) -> Result<bool, DatabaseError> {
    let query = "select version, checksum, success from _sqlx_migrations order by version";
    let applied: Vec<(i64, Vec<u8>, bool)> = match sqlx::query_as(query).fetch_all(pool).await {
        // No table yet, or nothing granted yet.
        Err(error) if has_code(&error, &["42P01", "42501"]) => return Ok(false),
        applied => applied?,
    };
    let newest = MIGRATIONS.iter().map(|m| m.version).max().unwrap_or_default();
    let (known, later): (Vec<_>, Vec<_>) = applied.into_iter().partition(|(v, ..)| *v <= newest);
    let foreign = known.iter().find(|(v, ..)| !MIGRATIONS.version_exists(*v));
    if let Some((version, ..)) = foreign.or(later.last())
        && (foreign.is_some() || oldest_build(pool).await? > newest)
    {
        return Err(MigrateError::VersionMissing(*version).into());
    }
    let ours = MIGRATIONS.iter().map(|m| (m.version, m.checksum.to_vec(), true));
    Ok(known.into_iter().eq(ours))
}

/// The newest migration of the oldest build that can work with the schema.
async fn oldest_build(pool: &PgPool) -> sqlx::Result<i64> {
    sqlx::query_scalar("select oldest_build from schema_compatibility").fetch_one(pool).await
}

/// Tables that this role may not even read: made by a migration after which nothing was granted.
async fn hidden_tables(pool: &PgPool) -> sqlx::Result<Vec<String>> {
    let query = "select relname::text from pg_class
         where relnamespace = (select oid from pg_namespace where nspname = current_schema())
            and relkind = 'r' and not has_table_privilege(oid, 'select')
         order by relname";
    sqlx::query_scalar(query).fetch_all(pool).await
}

/// A right that is missing, or no schema at all to create tables in.
fn is_refused(error: &sqlx::Error) -> bool {
    has_code(error, &["42501", "3F000"])
}

pub(super) fn role(pool: &PgPool) -> String {
    pool.connect_options().get_username().to_owned()
}
