//! The private PostgreSQL server of development, started when there is no `DATABASE_URL`.
//!
//! It listens on a Unix socket only, keeps its data between runs and never outlives the service,
//! not even by `kill -9`. One service owns the server; others in the same directory join it.

mod account;
mod binaries;
mod cluster;
mod error;
mod launch;
mod postmaster;
#[cfg(test)]
mod tests;

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin};
use std::time::{Duration, Instant};

use sqlx::postgres::PgConnectOptions;
use tokio::time::sleep;

use cluster::Cluster;
pub use error::PrivateServerError;
use launch::{FIRST_POLL, Poll, can_connect, connect_options, launch};

/// The database the service uses.
pub const DATABASE: &str = "kiwoom_billing";

const SUPERUSER: &str = "kiwoom";
const PORT: u16 = 5432;
const JOIN_TIMEOUT: Duration = Duration::from_secs(15);
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// What to start and where.
#[derive(Clone, Debug)]
pub struct StartOptions {
    data_dir: PathBuf,
    pg_bin_dir: Option<PathBuf>,
    for_tests: bool,
}

impl StartOptions {
    /// A durable server whose files are in `data_dir`, with the first PostgreSQL found.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self { data_dir: data_dir.into(), pg_bin_dir: None, for_tests: false }
    }

    /// The folder with `postgres` and `initdb` (`PG_BIN_DIR`); no other is looked at.
    #[must_use]
    pub fn pg_bin_dir(mut self, dir: Option<&Path>) -> Self {
        self.pg_bin_dir = dir.map(Path::to_path_buf);
        self
    }

    /// Speed instead of durability, and 400 connections for tests that run side by side.
    #[must_use]
    pub fn for_tests(mut self) -> Self {
        self.for_tests = true;
        self
    }

    /// Starts the server, or joins the one that another live service owns.
    pub async fn start(self) -> Result<PrivateServer, PrivateServerError> {
        let data_dir = create_data_dir(&self.data_dir)?;
        let cluster = Cluster::locate(&data_dir).await?;
        let lock = open_lock(&data_dir.join("owner.lock"))?;
        let deadline = Instant::now() + JOIN_TIMEOUT;
        let mut poll = Poll::default();
        // The lock is tried again each time: the owner may be on its way out.
        while !try_lock(&lock)? {
            if can_connect(&cluster).await {
                return Ok(PrivateServer { cluster, is_new: false, owned: None });
            }
            if Instant::now() > deadline {
                return Err(PrivateServerError::OwnerSilent(data_dir));
            }
            poll.wait().await;
        }
        self.own(cluster, lock).await
    }

    async fn own(self, cluster: Cluster, lock: File) -> Result<PrivateServer, PrivateServerError> {
        let wanted = cluster.version();
        let binaries = binaries::find(self.pg_bin_dir.as_deref(), wanted).await?;
        postmaster::end_previous(&cluster, &binaries).await?;
        let is_new = cluster.create_if_absent(&binaries).await?;
        let mut child = launch(&cluster, &binaries, self.for_tests).await?;
        let stdin = child.stdin.take();
        let owned = Owned { stdin, child, pg_ctl: binaries.pg_ctl(), _lock: lock };
        Ok(PrivateServer { cluster, is_new, owned: Some(owned) })
    }
}

/// A running private server. Dropping the owner's handle stops the server too, unattended.
#[derive(Debug)]
pub struct PrivateServer {
    cluster: Cluster,
    is_new: bool,
    owned: Option<Owned>,
}

#[derive(Debug)]
struct Owned {
    /// The server lives as long as this end of the pipe is open.
    stdin: Option<ChildStdin>,
    child: Child,
    pg_ctl: PathBuf,
    _lock: File,
}

impl PrivateServer {
    /// Starts the durable server of `data_dir`, or joins the one that another service owns.
    pub async fn start(
        data_dir: &Path,
        pg_bin_dir: Option<&Path>,
    ) -> Result<Self, PrivateServerError> {
        StartOptions::new(data_dir).pg_bin_dir(pg_bin_dir).start().await
    }

    /// How to connect to `database` on this server; [`DATABASE`] exists from the start.
    pub fn options(&self, database: &str) -> PgConnectOptions {
        connect_options(&self.cluster, database)
    }

    /// The same as a `DATABASE_URL`, for another process.
    pub fn url(&self, database: &str) -> String {
        let socket = self.cluster.socket_dir.display();
        format!("postgres://{SUPERUSER}@localhost/{database}?host={socket}")
    }

    /// All of a database as SQL, as `pg_dump` writes it.
    pub async fn dump(&self, database: &str) -> Result<Vec<u8>, PrivateServerError> {
        self.cluster.dump(&binaries::find(None, self.cluster.version()).await?, database).await
    }

    /// The server's Unix socket.
    pub fn socket(&self) -> PathBuf {
        self.cluster.socket_dir.join(format!(".s.PGSQL.{PORT}"))
    }

    /// The folder of its data.
    pub fn dir(&self) -> &Path {
        &self.cluster.dir
    }

    /// Whether its data was made by this start.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// Whether this process owns the server, so that the server ends with it.
    pub fn is_owner(&self) -> bool {
        self.owned.is_some()
    }

    /// Stops the server in order if this process owns it; a joined server is left alone.
    pub async fn stop(self) {
        let Some(mut owned) = self.owned else { return };
        drop(owned.stdin.take());
        if !ends_within(&mut owned.child, STOP_TIMEOUT).await {
            self.cluster.stop(&owned.pg_ctl, "immediate").await;
            ends_within(&mut owned.child, STOP_TIMEOUT).await;
        }
    }

    /// Ends the server without a checkpoint, as a power cut does: the next start recovers.
    pub async fn crash(self) {
        let Some(mut owned) = self.owned else { return };
        self.cluster.stop(&owned.pg_ctl, "immediate").await;
        ends_within(&mut owned.child, STOP_TIMEOUT).await;
    }
}

/// An error when no server was made in `data_dir` before.
pub async fn check_made(data_dir: &Path) -> Result<(), PrivateServerError> {
    if let Ok(found) = data_dir.canonicalize()
        && Cluster::locate(&found).await?.version().is_some()
    {
        return Ok(());
    }
    Err(PrivateServerError::not_made(data_dir))
}

fn create_data_dir(data_dir: &Path) -> Result<PathBuf, PrivateServerError> {
    std::fs::create_dir_all(data_dir)
        .and_then(|()| data_dir.canonicalize())
        .map_err(|source| PrivateServerError::io(data_dir, source))
}

fn open_lock(path: &Path) -> Result<File, PrivateServerError> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(|source| PrivateServerError::io(path, source))
}

fn try_lock(lock: &File) -> Result<bool, PrivateServerError> {
    match lock.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(source)) => {
            Err(PrivateServerError::io(Path::new("owner.lock"), source))
        }
    }
}

async fn ends_within(child: &mut Child, limit: Duration) -> bool {
    let deadline = Instant::now() + limit;
    while child.try_wait().is_ok_and(|status| status.is_none()) {
        if Instant::now() > deadline {
            return false;
        }
        sleep(FIRST_POLL).await;
    }
    true
}
