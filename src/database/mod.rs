//! The database: pool, migrations, and in development without `DATABASE_URL` a private server.

pub mod private;

use std::str::FromStr;
use std::time::Duration;

use secrecy::ExposeSecret;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgPool};
use tracing::log::LevelFilter;

use crate::config::Config;
use private::{DATABASE, PrivateServer, PrivateServerError, StartOptions};

/// The migrations, embedded.
pub static MIGRATIONS: Migrator = sqlx::migrate!();

const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection that has been idle for longer is tested before it is used.
const UNTESTED: Duration = Duration::from_secs(1);

/// Why there is no database.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The private server of development.
    #[error(transparent)]
    Private(#[from] PrivateServerError),
    /// It could not be reached.
    #[error("the database cannot be reached (DATABASE_URL): {0}")]
    Connect(#[from] sqlx::Error),
    /// Its schema could not be brought up to date.
    #[error("the migrations failed: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
}

/// Connects to `DATABASE_URL`, or to a private server, and brings the schema up to date.
pub async fn open(config: &Config) -> Result<(PgPool, Option<PrivateServer>), DatabaseError> {
    let (options, private) = match &config.database_url {
        Some(url) => (PgConnectOptions::from_str(url.expose_secret())?, None),
        None => {
            let start = StartOptions::new(&config.data_dir);
            let server = start.pg_bin_dir(config.pg_bin_dir.as_deref()).start().await?;
            (server.options(DATABASE), Some(server))
        }
    };
    let pool = connect(options, config.database_max_connections).await?;
    MIGRATIONS.run(&pool).await?;
    Ok((pool, private))
}

/// Opens a pool. Statements are never logged with their values, and only at `trace` at all.
pub async fn connect(options: PgConnectOptions, max_connections: u32) -> sqlx::Result<PgPool> {
    let options = options
        .application_name("kiwoom-billing")
        .log_statements(LevelFilter::Trace)
        .log_slow_statements(LevelFilter::Warn, Duration::from_secs(2));
    PgPoolOptions::new()
        .max_connections(max_connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // Testing each time is a measured 9 to 19 % of CPU. Those that were in use just now are taken
        // as they are; of the others a restart of the server may have left none alive.
        .test_before_acquire(false)
        .before_acquire(|connection, usage| {
            Box::pin(
                async move { Ok(usage.idle_for < UNTESTED || connection.ping().await.is_ok()) },
            )
        })
        .connect_with(options)
        .await
}
