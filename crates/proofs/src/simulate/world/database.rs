//! What happens to PostgreSQL, and what its owner does to it.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor};

use super::{ROLE, World};
use crate::simulate::Failure;
use kiwoom_billing::storage::database::private::{DATABASE, PrivateServer};

/// The tables that the next version of the service gives a column more.
const GROWING: [&str; 4] = ["payments", "refunds", "subscriptions", "events"];
/// The tables whose outcomes are refused while a right is gone.
const OF_OUTCOMES: [&str; 2] = ["payments", "refunds"];
const TRIES: usize = 50;
const PAUSE: Duration = Duration::from_millis(100);
/// The database that is put aside while a restored one is in its place.
const ASIDE: &str = "newer";

impl World {
    /// Ends PostgreSQL as a power cut does, and starts it again.
    pub async fn crash_database(&mut self) -> Result<(), Failure> {
        if let Some(private) = self.private.take() {
            private.crash().await;
        }
        self.private = Some(PrivateServer::start(&self.dir, None).await?);
        Ok(())
    }

    /// Adds a column to the tables that are charged from, while they are. A lock that does not come
    /// at once is given up, so that nobody waits behind it, and asked for again.
    pub async fn migrate(&self, number: u64) -> Result<(), Failure> {
        let mut owner = self.owner(DATABASE).await?;
        owner.execute("set lock_timeout = '500ms'").await?;
        for table in GROWING {
            let sql = format!(
                "alter table {table} add column if not exists next_{number} text default 'x'"
            );
            for left in (0..TRIES).rev() {
                match owner.execute(AssertSqlSafe(&*sql)).await {
                    Ok(_) => break,
                    Err(error) if left == 0 => return Err(error.into()),
                    Err(_) => tokio::time::sleep(PAUSE).await,
                }
            }
        }
        Ok(())
    }

    /// The services may write no outcome, or may again.
    pub async fn let_outcomes_be_written(&self, may: bool) -> Result<(), Failure> {
        let mut owner = self.owner(DATABASE).await?;
        for table in OF_OUTCOMES {
            let sql = if may {
                format!("grant update (state) on {table} to {ROLE}")
            } else {
                format!("revoke update (state) on {table} from {ROLE}")
            };
            owner.execute(AssertSqlSafe(sql)).await?;
        }
        Ok(())
    }

    /// A copy of the data folder, as a snapshot of the volume is.
    pub async fn snapshot(&mut self) -> Result<(), Failure> {
        let data = self.data_folder().await?;
        self.stop_server().await?;
        let copied = run(Command::new("cp").arg("-a").arg(&data).arg(beside(&data, "older")));
        self.private = Some(PrivateServer::start(&self.dir, None).await?);
        copied
    }

    /// Puts the copy in the place of the data folder, which is kept.
    pub async fn roll_back(&mut self) -> Result<(), Failure> {
        self.swap("newer", "older").await
    }

    /// Puts the newer data folder back.
    pub async fn roll_forward(&mut self) -> Result<(), Failure> {
        let data = self.data_folder().await?;
        self.swap("older", "newer").await?;
        Ok(std::fs::remove_dir_all(beside(&data, "older"))?)
    }

    async fn swap(&mut self, away: &str, back: &str) -> Result<(), Failure> {
        let data = self.data_folder().await?;
        self.stop_server().await?;
        std::fs::rename(&data, beside(&data, away))?;
        std::fs::rename(beside(&data, back), &data)?;
        self.private = Some(PrivateServer::start(&self.dir, None).await?);
        Ok(())
    }

    async fn stop_server(&mut self) -> Result<(), Failure> {
        self.private.take().ok_or("PostgreSQL is away")?.stop().await;
        Ok(())
    }

    async fn data_folder(&self) -> Result<PathBuf, Failure> {
        let mut owner = self.owner("postgres").await?;
        let folder: String =
            sqlx::query_scalar("show data_directory").fetch_one(&mut owner).await?;
        Ok(folder.into())
    }

    /// All of the database, as `pg_dump` writes it.
    pub async fn dump(&self) -> Result<Vec<u8>, Failure> {
        Ok(self.private()?.dump(DATABASE).await?)
    }

    /// Restores a dump into the same server, while the services run. The database is put aside.
    pub async fn restore(&self, dump: &[u8]) -> Result<(), Failure> {
        self.rename(DATABASE, ASIDE).await?;
        let create = format!("create database {DATABASE}");
        self.owner("postgres").await?.execute(AssertSqlSafe(create)).await?;
        let url = self.private()?.url(DATABASE);
        let mut psql = Command::new("psql");
        psql.args(["--quiet", "--no-psqlrc", "--output=/dev/null", &url]).stdin(Stdio::piped());
        let mut psql = psql.stderr(Stdio::null()).spawn()?;
        psql.stdin.take().ok_or("psql takes nothing")?.write_all(dump)?;
        if psql.wait()?.success() { Ok(()) } else { Err("psql failed".into()) }
    }

    /// The database that was put aside takes its place again.
    pub async fn undo_restore(&self) -> Result<(), Failure> {
        self.rename(DATABASE, "restored").await?;
        self.rename(ASIDE, DATABASE).await?;
        let mut owner = self.owner("postgres").await?;
        let open = format!("alter database {DATABASE} with allow_connections true");
        owner.execute(AssertSqlSafe(open)).await?;
        owner.execute("drop database restored with (force)").await?;
        Ok(())
    }

    /// Nobody may be connected to a database that is renamed. It takes no connections afterwards.
    async fn rename(&self, from: &str, to: &str) -> Result<(), Failure> {
        let mut owner = self.owner("postgres").await?;
        let close = format!("alter database {from} with allow_connections false");
        owner.execute(AssertSqlSafe(close)).await?;
        let end = "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1";
        let rename = format!("alter database {from} rename to {to}");
        for left in (0..TRIES).rev() {
            sqlx::query(end).bind(from).execute(&mut owner).await?;
            match owner.execute(AssertSqlSafe(&*rename)).await {
                Ok(_) => break,
                Err(error) if left == 0 => return Err(error.into()),
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
        Ok(())
    }

    async fn owner(&self, database: &str) -> Result<PgConnection, Failure> {
        Ok(PgConnection::connect_with(&self.private()?.options(database)).await?)
    }

    pub(super) fn private(&self) -> Result<&PrivateServer, Failure> {
        Ok(self.private.as_ref().ok_or("PostgreSQL is away")?)
    }
}

fn beside(folder: &std::path::Path, name: &str) -> PathBuf {
    folder.with_extension(name)
}

fn run(command: &mut Command) -> Result<(), Failure> {
    let done = command.output()?;
    if done.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&done.stderr).into_owned().into())
}
