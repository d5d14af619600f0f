//! Which processes are alive, as PostgreSQL sees it.
//!
//! Each process takes a number and holds the advisory lock of that number on a connection of its
//! own. When the process dies, the server drops the connection and with it the lock; calls that were
//! marked with the number can then be told from calls under way.
//!
//! The lock can be missing though the process is alive: its connection was ended, or its path to the
//! server went silent and the server gave it up. So each process looks every two seconds whether the
//! lock is its own, takes it again on a new connection at once when not, and leaves a sign of life;
//! a number is dead only when its last sign is older than a lock can be missing. After a restart of the
//! server all have that long to come back.

mod file;

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection, PgPool};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use file::ProcessFile;

/// First key of the advisory locks of live processes: "kiwb", or for a schema other than `public` a
/// key of its own, as its numbers are. The database is part of every advisory lock.
const LOCK_CLASS: &str = "case current_schema() when 'public' then 1802073954
    else hashtext('kiwb ' || current_schema()) & 2147483647 end";

/// A lock is missing for at most an interval and both time-outs.
const CHECK_INTERVAL: Duration = Duration::from_secs(2);
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);
const LOCK_TIMEOUT: Duration = Duration::from_secs(3);
const DEAD_AFTER_SECS: f64 = 10.0;

/// The number of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instance(i32);

/// What keeps the number.
struct Keeper {
    options: PgConnectOptions,
    connection: PgConnection,
    number: i32,
    id: Uuid,
    data_dir: PathBuf,
    file: Option<ProcessFile>,
}

impl Instance {
    /// Takes a number and keeps its lock until `ended`, when no call of the process is under way any
    /// more: others would take such a call for one that was cut short. `data_dir`: where processes of
    /// this machine see each other end.
    pub async fn register(
        pool: &PgPool,
        data_dir: &Path,
        ended: CancellationToken,
    ) -> sqlx::Result<Self> {
        let options = (*pool.connect_options()).clone();
        let mut connection = PgConnection::connect_with(&options).await?;
        let number = free_number(&mut connection).await?;
        let id = Uuid::now_v7();
        let file = match ProcessFile::create(data_dir, id) {
            Ok(file) => Some(file),
            Err(error) => {
                tracing::warn!(%error, "DATA_DIR: others will not see at once when this process ends");
                None
            }
        };
        let data_dir = data_dir.to_owned();
        let mut keeper = Keeper { options, connection, number, id, data_dir, file };
        keeper.holds_lock().await?;
        keeper.tell_of_the_ended().await?;
        tokio::spawn(keeper.keep(ended));
        Ok(Self(number))
    }

    /// The number.
    pub fn number(self) -> i32 {
        self.0
    }
}

/// Numbers whose process is alive, for `sender = any($1)`.
pub async fn alive(pool: &PgPool) -> sqlx::Result<Vec<i32>> {
    let sql = format!(
        "(select objid::bigint::integer from pg_locks
            where locktype = 'advisory' and granted and objsubid = 2
                and classid::bigint = ({LOCK_CLASS})
                and database = (select oid from pg_database where datname = current_database())
            union
            select number from processes
            where greatest(seen_at, pg_postmaster_start_time())
                > clock_timestamp() - make_interval(secs => $1))
         except select number from processes where ended_at is not null"
    );
    sqlx::query_scalar(AssertSqlSafe(sql)).bind(DEAD_AFTER_SECS).fetch_all(pool).await
}

/// The next number that nobody holds: a restored database may give one again.
async fn free_number(connection: &mut PgConnection) -> sqlx::Result<i32> {
    let sql = format!(
        "select number from (select nextval('instance_number')::integer as number) next
         where pg_try_advisory_lock({LOCK_CLASS}, number)"
    );
    let number: i32 = loop {
        let query = sqlx::query_scalar(AssertSqlSafe(&*sql));
        if let Some(number) = query.fetch_optional(&mut *connection).await? {
            break number;
        }
    };
    lock(connection, number).await?;
    let sql = format!("select pg_advisory_unlock({LOCK_CLASS}, $1)");
    sqlx::query(AssertSqlSafe(sql)).bind(number).execute(connection).await?;
    Ok(number)
}

/// Shared: a new connection need not wait for the end of the old one.
async fn lock(connection: &mut PgConnection, number: i32) -> sqlx::Result<()> {
    let sql = format!("select pg_advisory_lock_shared({LOCK_CLASS}, $1)");
    sqlx::query(AssertSqlSafe(sql)).bind(number).execute(connection).await.map(drop)
}

impl Keeper {
    async fn keep(mut self, ended: CancellationToken) {
        loop {
            tokio::select! {
                () = ended.cancelled() => break,
                () = tokio::time::sleep(CHECK_INTERVAL) => {}
            }
            let held = within(CHECK_TIMEOUT, self.holds_lock()).await;
            if !matches!(held, Ok(true)) {
                let held = held.map_err(|error| error.to_string());
                tracing::warn!(?held, "the lock of this process is gone and is taken again");
                self.lock_again().await;
            }
            if let Err(error) = within(CHECK_TIMEOUT, self.tell_of_the_ended()).await {
                tracing::debug!(%error, "processes that have ended are told of later");
            }
        }
        // Failures change nothing: the server and the operating system notice the end as well.
        drop(within(CHECK_TIMEOUT, self.say_ended()).await);
        drop(self.file.take());
        drop(within(CHECK_TIMEOUT, self.connection.close()).await);
    }

    /// Leaves a sign of life and looks for the lock. The row may have been taken back by a restore.
    async fn holds_lock(&mut self) -> sqlx::Result<bool> {
        let sql = format!(
            "with seen as (
                insert into processes (number, id) values ($1, $2)
                on conflict (number) do update set seen_at = clock_timestamp()
                where processes.id = $2)
             select exists (select from pg_locks
                where locktype = 'advisory' and granted and objsubid = 2
                    and pid = pg_backend_pid() and objid::bigint = $1
                    and classid::bigint = ({LOCK_CLASS}))"
        );
        let query = sqlx::query_scalar(AssertSqlSafe(sql)).bind(self.number).bind(self.id);
        query.fetch_one(&mut self.connection).await
    }

    /// At once, on a new connection. When it fails, the next look tries again.
    async fn lock_again(&mut self) {
        let (options, number) = (self.options.clone(), self.number);
        let fresh = async {
            let mut fresh = PgConnection::connect_with(&options).await?;
            lock(&mut fresh, number).await?;
            Ok(fresh)
        };
        if let Ok(fresh) = within(LOCK_TIMEOUT, fresh).await {
            self.connection = fresh;
            drop(within(CHECK_TIMEOUT, self.holds_lock()).await);
        }
    }

    /// Writes down which processes of this machine were seen to end.
    async fn tell_of_the_ended(&mut self) -> sqlx::Result<()> {
        let Ok(ids) = file::ended(&self.data_dir) else { return Ok(()) };
        if ids.is_empty() {
            return Ok(());
        }
        let query = sqlx::query(
            "update processes set ended_at = clock_timestamp()
             where id = any($1) and ended_at is null",
        );
        query.bind(&ids).execute(&mut self.connection).await?;
        file::forget(&self.data_dir, &ids);
        Ok(())
    }

    async fn say_ended(&mut self) -> sqlx::Result<()> {
        let query = sqlx::query("update processes set ended_at = clock_timestamp() where id = $1");
        query.bind(self.id).execute(&mut self.connection).await.map(drop)
    }
}

async fn within<T>(
    limit: Duration,
    work: impl Future<Output = sqlx::Result<T>>,
) -> sqlx::Result<T> {
    tokio::time::timeout(limit, work).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
}
