//! The database: pool, migrations, and in development without `DATABASE_URL` a private server.

mod connecting;
mod durability;
pub mod errors;
mod fitness;
pub mod grants;
pub mod migrating;
mod pooling;
pub mod private;
pub mod rights;
mod schema;

use std::time::Duration;

use secrecy::ExposeSecret;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, Executor, PgPool};
use tokio::time::timeout;
use tracing::log::LevelFilter;

use crate::config::Config;
use connecting::NotReached;
use private::{DATABASE, PrivateServer, PrivateServerError, StartOptions};
pub use schema::{is_own, is_up_to_date};

/// The migrations, embedded.
pub static MIGRATIONS: Migrator = sqlx::migrate!();

const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// A server or pooler that gives no connection by then is away.
const PATIENCE: Duration = Duration::from_secs(15);
/// A connection that has been idle for longer is tested before it is used.
const UNTESTED: Duration = Duration::from_secs(1);

type Opened = (PgPool, Option<PrivateServer>);

/// Why there is no database.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The private server of development.
    #[error(transparent)]
    Private(#[from] PrivateServerError),
    /// It could not be reached.
    #[error(transparent)]
    NotReached(#[from] NotReached),
    /// A query at start.
    #[error("데이터베이스를 조회할 수 없습니다 (the database refused a query): {0}")]
    Query(#[from] sqlx::Error),
    /// Its schema could not be brought up to date.
    #[error("the migrations failed: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// Its schema is not up to date, and this role may not change it.
    #[error(
        "데이터베이스 스키마가 최신이 아니고, {0} 역할은 바꿀 수 없습니다. 소유자 역할로 다음을 실행해 \
         주세요 (the schema is not up to date and role {0} may not change it; run as the owner): \
         kiwoom-billing migrate --grant-to {0}"
    )]
    Outdated(String),
    /// This role has no rights to some tables.
    #[error(
        "{role} 역할에 권한이 없는 테이블이 있습니다: {tables}. 소유자 역할로 다음을 실행해 주세요 \
         (role {role} has no rights to these tables; run as the owner): \
         kiwoom-billing migrate --grant-to {role}"
    )]
    NotGranted {
        /// This role.
        role: String,
        /// Their names.
        tables: String,
    },
    /// This role lacks rights without which an outcome could not be recorded.
    #[error(
        "{role} 역할에 없는 권한이 있습니다: {rights}. 소유자 역할로 다음을 실행해 주세요 (role {role} lacks \
         these rights; run as the owner): kiwoom-billing migrate --grant-to {role}"
    )]
    Lacking {
        /// This role.
        role: String,
        /// As `update (state) on payments`.
        rights: String,
    },
    /// A pooler gives each transaction another connection of the server.
    #[error(
        "DATABASE_URL의 풀러(PgBouncer 등)가 트랜잭션마다 서버 연결을 바꿉니다. 그러면 살아 있는 프로세스의 \
         잠금이 사라집니다. 서버에 직접 연결하거나, 프로세스마다 DATABASE_MAX_CONNECTIONS + 8개의 연결을 \
         허용하는 세션 풀링(pool_mode = session)을 사용해 주세요 (the pooler behind DATABASE_URL changes \
         the server's connection with each transaction, which loses the lock of a living process: \
         connect to the server itself, or use session pooling, pool_mode = session, with \
         DATABASE_MAX_CONNECTIONS + 8 connections for each process)"
    )]
    TransactionPooling,
    /// It cannot be this service's.
    #[error(
        "이 데이터베이스에서는 서비스를 실행할 수 없습니다 (the service cannot run on this database):\n  - {}",
        .0.join("\n  - ")
    )]
    Unfit(Vec<String>),
    /// It may lose what it has committed.
    #[error("{}", durability::advice(.0))]
    NotDurable(Vec<String>),
}

/// The same as [`open`] for what only makes sense on a database that is in use: none is made.
pub async fn open_existing(config: &Config) -> Result<Opened, DatabaseError> {
    check_existing(config).await?;
    open(config).await
}

/// An error when [`open_existing`] would find nothing to open.
pub async fn check_existing(config: &Config) -> Result<(), DatabaseError> {
    match config.database_url {
        Some(_) => Ok(()),
        None => Ok(private::check_made(&config.data_dir).await?),
    }
}

/// Connects to `DATABASE_URL`, or to a private server, which is made when there is none, and brings
/// the schema up to date.
pub async fn open(config: &Config) -> Result<Opened, DatabaseError> {
    let (pool, private) = reach(config).await?;
    schema::bring_up_to_date(&pool).await?;
    Ok((pool, private))
}

/// The same as [`open_existing`], and its schema stays as it is.
pub async fn look_at_existing(config: &Config) -> Result<Opened, DatabaseError> {
    check_existing(config).await?;
    reach(config).await
}

async fn reach(config: &Config) -> Result<Opened, DatabaseError> {
    let (options, private) = match &config.database_url {
        Some(url) => {
            let options = connecting::options(url.expose_secret())?;
            let looked = timeout(PATIENCE, pooling::is_by_transaction(&options)).await;
            let looked = looked.unwrap_or(Err(sqlx::Error::PoolTimedOut));
            if looked.map_err(|error| NotReached::new(&options, &error))? {
                return Err(DatabaseError::TransactionPooling);
            }
            (options, None)
        }
        None => {
            let private = StartOptions::new(&config.data_dir);
            let server = private.pg_bin_dir(config.pg_bin_dir.as_deref()).start().await?;
            (server.options(DATABASE), Some(server))
        }
    };
    let pool = connect(options.clone(), config.database_max_connections).await;
    let pool = pool.map_err(|error| NotReached::new(&options, &error))?;
    let problems = fitness::problems(&pool).await?;
    if problems.is_empty() { Ok((pool, private)) } else { Err(DatabaseError::Unfit(problems)) }
}

/// Whether the database is fit for the service: one in which an outcome could not be recorded is
/// not, nor, where money is real, one that may lose a commit. What is only unwise is warned of.
pub async fn check(pool: &PgPool, is_production: bool) -> Result<(), DatabaseError> {
    let lacking = rights::lacking(pool).await?;
    if !lacking.is_empty() {
        let (role, rights) = (schema::role(pool), lacking.join(", "));
        return Err(DatabaseError::Lacking { role, rights });
    }
    let weaknesses = durability::weaknesses(pool).await?;
    if is_production && !weaknesses.is_empty() {
        return Err(DatabaseError::NotDurable(weaknesses));
    }
    if !weaknesses.is_empty() {
        tracing::warn!(?weaknesses, "the database may lose what it has committed");
    }
    if is_production && is_own(pool).await? {
        tracing::warn!(
            "the service runs as the owner of its tables, or as a superuser, and could alter the \
             books and the trail: run `kiwoom-billing migrate --grant-to <role>` and give the \
             service that role"
        );
    }
    Ok(())
}

/// What locks and conditions count on, whatever the role or the database has for a default; and a
/// transaction that stands still, of this process or another, stops the others for seconds, not for good.
/// A plan of a small table that was never analyzed is compiled for a second, and used for a millisecond.
macro_rules! session {
    () => {
        "set default_transaction_isolation = 'read committed'; set jit = off;
        set lock_timeout = '10s'; set statement_timeout = '30s';
        set idle_in_transaction_session_timeout = '30s'"
    };
}
const SESSION: &str = session!();
/// What is asked is planned for its values, each time: a plan for all actors does not fit one who has done
/// nothing.
const SESSION_OF_LISTS: &str = concat!(session!(), "; set plan_cache_mode = force_custom_plan");

/// Opens a pool. Statements are never logged with their values, and only at `trace` at all.
pub async fn connect(options: PgConnectOptions, max_connections: u32) -> sqlx::Result<PgPool> {
    let options = options
        .application_name("kiwoom-billing")
        .log_statements(LevelFilter::Trace)
        .log_slow_statements(LevelFilter::Warn, Duration::from_secs(2));
    pool_options(max_connections, SESSION).connect_with(options).await
}

/// So many connections beside those of `pool`, for lists and figures, opened when they are needed: who waits
/// for one holds up no payment.
pub fn apart(pool: &PgPool, max_connections: u32) -> PgPool {
    let options = pool.connect_options().as_ref().clone();
    pool_options(max_connections, SESSION_OF_LISTS).connect_lazy_with(options)
}

fn pool_options(max_connections: u32, session: &'static str) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(max_connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .after_connect(move |connection, _| {
            Box::pin(async move { connection.execute(session).await.map(drop) })
        })
        // Testing each time is a measured 9 to 19 % of CPU. Those that were in use just now are taken
        // as they are; of the others a restart of the server may have left none alive.
        .test_before_acquire(false)
        .before_acquire(|connection, usage| {
            Box::pin(
                async move { Ok(usage.idle_for < UNTESTED || connection.ping().await.is_ok()) },
            )
        })
}
