//! Whether a pooler shares out the server's connections by transaction. A lock that is held by a
//! connection, as that of a living process is, is lost there without a word.

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{Connection, Row};

/// A pooler gives the connection that was used last; another client may have been faster.
const TRIES: usize = 3;

/// Whether two statements of one connection can reach two connections of the server: the pooler
/// shares them out by transaction or by statement.
pub async fn is_by_transaction(options: &PgConnectOptions) -> sqlx::Result<bool> {
    let connect = || PgConnection::connect_with(options);
    let (mut first, mut second) = tokio::try_join!(connect(), connect())?;
    let mut moved = false;
    for _ in 0..TRIES {
        let before = server_process(&mut first).await?;
        // Takes the connection of the server that `first` has just used, if it is free again.
        match sqlx::raw_sql("begin").execute(&mut second).await {
            // By statement: it has no transactions. PgBouncer's code is that of all its refusals.
            Err(sqlx::Error::Database(e)) if e.message().contains("pooling mode") => {
                return Ok(true);
            }
            begun => begun?,
        };
        sqlx::raw_sql("select 1").execute(&mut second).await?;
        moved |= server_process(&mut first).await? != before;
        sqlx::raw_sql("rollback").execute(&mut second).await?;
    }
    tokio::try_join!(first.close(), second.close())?;
    Ok(moved)
}

/// Without a prepared statement, which such a pooler may not know.
async fn server_process(db: &mut PgConnection) -> sqlx::Result<i32> {
    sqlx::raw_sql("select pg_backend_pid()").fetch_one(db).await?.try_get(0)
}
