//! The time-travel guard: scheduled charging pauses when PostgreSQL is not the one it was.
//!
//! A database that was restored from a backup, or whose replica took over without the last commits,
//! may have lost intents of charges that were sent: charging their periods again would charge twice.
//! Such a server has another system identifier or writes another timeline of its log. Then nothing
//! is charged by the schedule until an operator has compared the books with KiwoomPay's merchant
//! pages and says so (`kiwoom-billing resume-charging`). What a caller asks for goes on: that is a
//! person's or a merchant's own decision, under his own order number.

use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::postgres::PgConnection;
use sqlx::{PgExecutor, PgPool};

use crate::storage::database::errors::is_forbidden;

/// Which server this is, and which timeline it writes. `pg_control_checkpoint` would tell of a
/// promotion only after the next checkpoint.
const PRESENT: &str = "select system_identifier,
        substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) as timeline
     from pg_control_system()";

/// A server and a timeline of it.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Identity {
    /// Made by `initdb`: the same for a server and its replicas, another for each cluster.
    pub system_identifier: i64,
    /// As in the names of WAL files.
    pub timeline: String,
}

/// Whether the schedule may charge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Charging {
    /// The database is the one it was.
    On,
    /// It is another one.
    Paused {
        /// The one that charging was confirmed for.
        confirmed: Identity,
        /// The one that it is.
        present: Identity,
    },
    /// The database does not let the service see which one it is.
    Unguarded,
}

/// What this process knows of it.
#[derive(Debug, Default)]
pub struct Guard {
    paused: AtomicBool,
    unguarded: AtomicBool,
}

impl Guard {
    /// Whether the schedule may charge now. Raises the alert once for each pause.
    pub async fn may_charge(&self, pool: &PgPool) -> sqlx::Result<bool> {
        let charging = look(pool).await?;
        let unguarded = charging == Charging::Unguarded;
        if unguarded && !self.unguarded.swap(true, Ordering::SeqCst) {
            tracing::warn!(
                "this database does not say which one it is: after a restore or a failover, stop \
                 the service and compare the books before charging goes on"
            );
        }
        self.unguarded.store(unguarded, Ordering::SeqCst);
        let Charging::Paused { confirmed, present } = charging else {
            self.paused.store(false, Ordering::SeqCst);
            return Ok(true);
        };
        if !self.paused.swap(true, Ordering::SeqCst) {
            tracing::error!(
                alert = true,
                %confirmed,
                %present,
                "scheduled charging is paused: the database was restored or failed over; compare \
                 the books with KiwoomPay, then run `kiwoom-billing resume-charging`"
            );
        }
        Ok(false)
    }

    /// Whether an intent of the schedule may be committed by `db`'s transaction. A failover between
    /// a look and the intent is seen here.
    pub async fn may_commit(&self, db: &mut PgConnection) -> sqlx::Result<bool> {
        Ok(self.unguarded.load(Ordering::SeqCst) || is_confirmed(db).await?)
    }
}

/// Looks. The first look at a new database confirms it.
pub async fn look(pool: &PgPool) -> sqlx::Result<Charging> {
    let Some(present) = present(pool).await? else { return Ok(Charging::Unguarded) };
    let confirmed = match confirmed(pool).await? {
        Some(confirmed) => confirmed,
        None => confirm_first(pool, &present).await?,
    };
    if confirmed == present {
        return Ok(Charging::On);
    }
    Ok(Charging::Paused { confirmed, present })
}

async fn is_confirmed(db: &mut PgConnection) -> sqlx::Result<bool> {
    let sql = format!(
        "select exists (select from database_identity
            join ({PRESENT}) present using (system_identifier, timeline))"
    );
    sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(db).await
}

/// The operator's word that nothing is missing, or that what was is settled. Gives what was confirmed
/// before and what is now.
pub async fn resume(
    pool: &PgPool,
    reason: Option<&str>,
) -> sqlx::Result<Option<(Identity, Identity)>> {
    let Charging::Paused { confirmed, present } = look(pool).await? else { return Ok(None) };
    let query = sqlx::query(
        "update database_identity
         set system_identifier = $1, timeline = $2, confirmed_at = now(), reason = $3",
    );
    let query = query.bind(present.system_identifier).bind(&present.timeline).bind(reason);
    query.execute(pool).await?;
    Ok(Some((confirmed, present)))
}

/// `None` when the database forbids the look, as some hosted ones may.
async fn present(db: impl PgExecutor<'_>) -> sqlx::Result<Option<Identity>> {
    match sqlx::query_as(PRESENT).fetch_one(db).await {
        Ok(identity) => Ok(Some(identity)),
        Err(error) if is_forbidden(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn confirmed(pool: &PgPool) -> sqlx::Result<Option<Identity>> {
    let query = "select system_identifier, timeline from database_identity";
    sqlx::query_as(query).fetch_optional(pool).await
}

/// Another process may be faster; what is in the row then counts.
async fn confirm_first(pool: &PgPool, present: &Identity) -> sqlx::Result<Identity> {
    let query = sqlx::query(
        "insert into database_identity (system_identifier, timeline, confirmed_at)
         values ($1, $2, now()) on conflict do nothing",
    );
    query.bind(present.system_identifier).bind(&present.timeline).execute(pool).await?;
    confirmed(pool).await?.ok_or(sqlx::Error::RowNotFound)
}

impl std::fmt::Display for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "system {} timeline {}", self.system_identifier, self.timeline)
    }
}
