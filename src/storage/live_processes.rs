//! Which processes are alive, as PostgreSQL sees it.
//!
//! Each process takes a number and holds the advisory lock of that number on a connection of its
//! own. When the process dies, however it dies, the server drops the connection and with it the
//! lock; calls that were marked with the number can then be told from calls under way.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{Connection, PgPool};
use tokio_util::sync::CancellationToken;

/// First key of the advisory locks of live processes ("kiwb").
const LOCK_CLASS: i32 = 0x6b69_7762;
const CHECK_INTERVAL: Duration = Duration::from_secs(2);

/// The number of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instance(i32);

impl Instance {
    /// Takes a number and keeps its lock until `ended`, when no call of the process is under way any
    /// more: others would take such a call for one that was cut short.
    pub async fn register(pool: &PgPool, ended: CancellationToken) -> sqlx::Result<Self> {
        let options = (*pool.connect_options()).clone();
        let mut connection = PgConnection::connect_with(&options).await?;
        let query = sqlx::query_scalar("select nextval('instance_number')::integer");
        let number: i32 = query.fetch_one(&mut connection).await?;
        lock(&mut connection, number).await?;
        tokio::spawn(keep(options, connection, number, ended));
        Ok(Self(number))
    }

    /// The number.
    pub fn number(self) -> i32 {
        self.0
    }
}

/// Numbers whose process is alive, for `sender = any($1)`.
pub async fn alive(pool: &PgPool) -> sqlx::Result<Vec<i32>> {
    let query = sqlx::query_scalar(
        "select objid::bigint::integer from pg_locks
         where locktype = 'advisory' and granted and classid::bigint = $1
           and database = (select oid from pg_database where datname = current_database())",
    );
    query.bind(i64::from(LOCK_CLASS)).fetch_all(pool).await
}

async fn lock(connection: &mut PgConnection, number: i32) -> sqlx::Result<()> {
    let query = sqlx::query("select pg_advisory_lock($1, $2)");
    query.bind(LOCK_CLASS).bind(number).execute(connection).await.map(drop)
}

/// Takes the lock again when the connection is lost, as in a restart of the server.
async fn keep(
    options: PgConnectOptions,
    mut connection: PgConnection,
    number: i32,
    ended: CancellationToken,
) {
    loop {
        tokio::select! {
            () = ended.cancelled() => break,
            () = tokio::time::sleep(CHECK_INTERVAL) => {}
        }
        if connection.ping().await.is_ok() {
            continue;
        }
        if let Ok(mut fresh) = PgConnection::connect_with(&options).await
            && lock(&mut fresh, number).await.is_ok()
        {
            connection = fresh;
        }
    }
    // A failure to say goodbye changes nothing: the server notices the closed socket.
    drop(connection.close().await);
}
