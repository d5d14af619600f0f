//! Launches the server and waits until it can be connected to.

use std::process::Child;
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::time::sleep;

use super::binaries::Binaries;
use super::cluster::Cluster;
use super::error::PrivateServerError;
use super::{DATABASE, PORT, SUPERUSER};

/// Recovery after a crash reads the whole log since the last checkpoint, which may take a while.
const START_TIMEOUT: Duration = Duration::from_mins(1);
const ORPHAN_TIMEOUT: Duration = Duration::from_secs(5);
pub(super) const FIRST_POLL: Duration = Duration::from_millis(5);
const SLOWEST_POLL: Duration = Duration::from_millis(50);

/// How to connect to `database` on the server of `cluster`.
pub(super) fn connect_options(cluster: &Cluster, database: &str) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .socket(&cluster.socket_dir)
        .port(PORT)
        .username(SUPERUSER)
        .database(database)
        .ssl_mode(PgSslMode::Disable)
}

/// Whether it answers.
pub(super) async fn can_connect(cluster: &Cluster) -> bool {
    match connect_options(cluster, DATABASE).connect().await {
        Ok(connection) => connection.close().await.is_ok(),
        Err(_) => false,
    }
}

/// Launches the server and waits for it. A child that is dropped on the way, by an error or by a
/// caller who gives up, closes its standard input and so ends.
pub(super) async fn launch(
    cluster: &Cluster,
    binaries: &Binaries,
    for_tests: bool,
) -> Result<Child, PrivateServerError> {
    let deadline = Instant::now() + ORPHAN_TIMEOUT;
    loop {
        let mut child = cluster.spawn(binaries, for_tests)?;
        match wait_until_ready(cluster, &mut child).await {
            // A server killed outright leaves processes that take a moment to notice.
            Err(error) if error.is_orphans() && Instant::now() < deadline => {
                sleep(SLOWEST_POLL).await;
            }
            outcome => return outcome.map(|()| child),
        }
    }
}

async fn wait_until_ready(cluster: &Cluster, child: &mut Child) -> Result<(), PrivateServerError> {
    let deadline = Instant::now() + START_TIMEOUT;
    let mut poll = Poll::default();
    loop {
        match ensure_database(cluster).await {
            Ok(()) => return Ok(()),
            Err(error) if Instant::now() > deadline => return Err(error.into()),
            Err(_) => {}
        }
        if child.try_wait().is_ok_and(|status| status.is_some()) {
            return Err(cluster.did_not_start());
        }
        poll.wait().await;
    }
}

async fn ensure_database(cluster: &Cluster) -> Result<(), sqlx::Error> {
    match connect_options(cluster, DATABASE).connect().await {
        Ok(connection) => connection.close().await,
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("3D000") => {
            let options = connect_options(cluster, "postgres");
            let mut connection = PgConnection::connect_with(&options).await?;
            sqlx::query("CREATE DATABASE kiwoom_billing").execute(&mut connection).await?;
            connection.close().await
        }
        Err(error) => Err(error),
    }
}

/// Waits that begin short, for the usual start, and grow, for a long recovery.
pub(super) struct Poll(Duration);

impl Default for Poll {
    fn default() -> Self {
        Self(FIRST_POLL)
    }
}

impl Poll {
    /// The next wait.
    pub(super) async fn wait(&mut self) {
        sleep(self.0).await;
        self.0 = (self.0 + Duration::from_millis(1)).min(SLOWEST_POLL);
    }
}
