//! Which database this is, as the server itself says.

use sqlx::{PgExecutor, PgPool};

use crate::storage::database::errors::is_forbidden;

/// `pg_control_checkpoint` would tell of a promotion only after the next checkpoint. The tables are those
/// of `money_tables()`, as it writes them; here they are looked up only after one of them was made anew.
const PRESENT: &str = "select system_identifier,
        substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) as timeline,
        (select oid::bigint from pg_database where datname = current_database()) as database_oid,
        'billing_keys ' || 'billing_keys'::regclass::oid || ', events ' || 'events'::regclass::oid
            || ', payments ' || 'payments'::regclass::oid || ', refunds ' || 'refunds'::regclass::oid
            || ', subscriptions ' || 'subscriptions'::regclass::oid as tables
     from pg_control_system()";

/// A server, a timeline of it, and the database and tables that hold the money.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Identity {
    /// Made by `initdb`: the same for a server and its replicas, another for each cluster.
    pub system_identifier: i64,
    /// As in the names of WAL files.
    pub timeline: String,
    /// Another one when the database was created again.
    pub database_oid: Option<i64>,
    /// Names and oids, other ones when they were created again.
    pub tables: Option<String>,
}

impl Identity {
    /// The same database after the next promotion of a replica.
    pub fn promoted(&self) -> Option<Self> {
        let timeline = u32::from_str_radix(&self.timeline, 16).ok()?.checked_add(1)?;
        Some(Self { timeline: format!("{timeline:08X}"), ..self.clone() })
    }
}

/// The database that charging was confirmed for, and the one that it is. The first look at a new
/// database confirms it. `None` when the server forbids the look, as some hosted ones may.
pub async fn look(pool: &PgPool) -> sqlx::Result<Option<(Identity, Identity)>> {
    let present: Identity = match sqlx::query_as(PRESENT).fetch_one(pool).await {
        Err(error) if is_forbidden(&error) => return Ok(None),
        present => present?,
    };
    let confirmed = match confirmed(pool).await? {
        Some(confirmed) => confirmed,
        None => confirm_first(pool, &present).await?,
    };
    Ok(Some((confirmed, present)))
}

/// SQL: whether this is the confirmed database, for a condition.
pub fn is_confirmed() -> String {
    format!(
        "exists (select from database_identity
            join ({PRESENT}) present using (system_identifier, timeline, database_oid, tables))"
    )
}

/// Charging goes on with the present database.
pub async fn confirm(
    db: impl PgExecutor<'_>,
    present: &Identity,
    reason: Option<&str>,
) -> sqlx::Result<()> {
    let query = sqlx::query(
        "update database_identity
         set system_identifier = $1, timeline = $2, database_oid = $3, tables = $4,
             confirmed_at = now(), reason = $5",
    );
    let query = query.bind(present.system_identifier).bind(&present.timeline);
    let query = query.bind(present.database_oid).bind(&present.tables).bind(reason);
    query.execute(db).await.map(drop)
}

async fn confirmed(pool: &PgPool) -> sqlx::Result<Option<Identity>> {
    let query = "select system_identifier, timeline, database_oid, tables from database_identity";
    sqlx::query_as(query).fetch_optional(pool).await
}

/// Another process may be faster; what is in the row then counts.
async fn confirm_first(pool: &PgPool, present: &Identity) -> sqlx::Result<Identity> {
    let query = sqlx::query(
        "insert into database_identity
            (system_identifier, timeline, database_oid, tables, confirmed_at)
         values ($1, $2, $3, $4, now()) on conflict do nothing",
    );
    let query = query.bind(present.system_identifier).bind(&present.timeline);
    query.bind(present.database_oid).bind(&present.tables).execute(pool).await?;
    confirmed(pool).await?.ok_or(sqlx::Error::RowNotFound)
}

impl std::fmt::Display for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { system_identifier, timeline, database_oid, tables } = self;
        write!(f, "system {system_identifier} timeline {timeline}")?;
        if let Some(oid) = database_oid {
            write!(f, " database {oid}")?;
        }
        if let Some(tables) = tables {
            write!(f, " tables {tables}")?;
        }
        Ok(())
    }
}
