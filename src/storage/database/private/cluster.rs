//! The server's files and processes: where they are, `initdb`, the launch and `pg_ctl stop`.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use sha2::{Digest as _, Sha256};

use crate::storage::database::private::account::{Account, own_uid};
use crate::storage::database::private::binaries::{Binaries, DataVersion};
use crate::storage::database::private::error::PrivateServerError;
use crate::storage::database::private::{PORT, SUPERUSER};

/// The address of a Unix socket holds 104 bytes on macOS and 108 on Linux.
const SOCKET_PATH_MAX: usize = 100;
const LOG_MAX_BYTES: u64 = 10 * 1024 * 1024;
const LOG_TAIL_LINES: usize = 12;

/// Runs the server given as arguments until it ends or standard input does, which is a pipe that
/// the service holds open: however the service dies, the server is told to shut down. A shell can
/// wait for both where our own process, once killed, could not.
const SUPERVISOR: &str = r#"
exec 3<&0
"$@" </dev/null 3<&- &
server=$!
{ read -r line <&3; kill -INT "$server"; } &
watcher=$!
wait "$server"
status=$?
kill "$watcher" 2>/dev/null
exit "$status"
"#;

/// One PostgreSQL data directory and the account that runs it.
#[derive(Clone, Debug)]
pub(super) struct Cluster {
    pub dir: PathBuf,
    pub socket_dir: PathBuf,
    log: PathBuf,
    /// `None`: the service's own account.
    account: Option<Account>,
    own_uid: u32,
}

impl Cluster {
    /// Where the server of the absolute `data_dir` is or will be.
    pub async fn locate(data_dir: &Path) -> Result<Self, PrivateServerError> {
        let own_uid = own_uid().await.unwrap_or(0);
        let mut dir = data_dir.join("postgres");
        let mut account = None;
        if own_uid == 0 {
            // Data made before PostgreSQL brought its own account stays with the one it has.
            let chosen = match Account::owner_of(&dir) {
                Some(owner) => owner,
                None => Account::unprivileged().await?,
            };
            if !chosen.can_reach(data_dir) {
                let shelter = format!("/var/tmp/kiwoom-billing-{}", short_hash(data_dir));
                dir = PathBuf::from(shelter);
            }
            account = Some(chosen);
        }
        let socket_dir = socket_dir(&dir);
        let log = data_dir.join("postgres.log");
        Ok(Self { dir, socket_dir, log, account, own_uid })
    }

    /// The version that wrote the data; `None` when there is no data yet.
    pub fn version(&self) -> Option<DataVersion> {
        let text = fs::read_to_string(self.dir.join("PG_VERSION")).ok()?;
        let major = text.trim().split('.').next()?.parse().ok()?;
        Some(DataVersion { cluster: self.dir.clone(), major })
    }

    /// Runs `initdb` the first time. It works in a folder of its own, renamed when complete, so
    /// that an `initdb` cut short leaves nothing that looks like a database. Whether it was made now.
    pub async fn create_if_absent(&self, binaries: &Binaries) -> Result<bool, PrivateServerError> {
        if self.version().is_some() {
            return self.check_owner(&self.dir).map(|()| false);
        }
        let unfinished = self.dir.with_extension(format!("new-{}", std::process::id()));
        remove_unfinished(&self.dir);
        self.create_private_dir(&unfinished)?;
        let mut command = self.command(&binaries.initdb());
        command.args(["--auth=trust", "--encoding=UTF8", "--no-locale", "--no-instructions"]);
        command.args(["--no-sync", "--username", SUPERUSER, "--pgdata"]).arg(&unfinished);
        let output = tokio::process::Command::from(command)
            .output()
            .await
            .map_err(|source| PrivateServerError::io(&binaries.initdb(), source))?;
        if !output.status.success() {
            let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            let _ = fs::remove_dir_all(&unfinished);
            return Err(PrivateServerError::Initdb(reason));
        }
        fs::rename(&unfinished, &self.dir)
            .map_err(|source| PrivateServerError::io(&self.dir, source))?;
        Ok(true)
    }

    /// Launches the server. It stops when the returned child's standard input is closed.
    pub fn spawn(&self, binaries: &Binaries, for_tests: bool) -> Result<Child, PrivateServerError> {
        if self.socket_dir != self.dir && !self.socket_dir.exists() {
            self.create_private_dir(&self.socket_dir)?;
        }
        self.check_owner(&self.socket_dir)?;
        let log = self.open_log().map_err(|source| PrivateServerError::io(&self.log, source))?;
        let mut command = self.command(Path::new("/bin/sh"));
        command.args(["-c", SUPERVISOR, "kiwoom-billing-postgres"]);
        command.arg(binaries.postgres()).arg("-D").arg(&self.dir).arg("-k").arg(&self.socket_dir);
        let port = format!("port={PORT}");
        command.args(["-c", &port, "-c", "listen_addresses=", "-c", "cluster_name=kiwoom-billing"]);
        if for_tests {
            command.args(["-c", "fsync=off", "-c", "synchronous_commit=off"]);
            command.args(["-c", "full_page_writes=off", "-c", "max_connections=400"]);
        }
        let errors = log.try_clone().map_err(|source| PrivateServerError::io(&self.log, source))?;
        command.stdin(Stdio::piped()).stdout(log).stderr(errors);
        // Ctrl-C goes to the terminal's process group: the service needs its database to finish.
        command.process_group(0);
        command.spawn().map_err(|source| PrivateServerError::io(Path::new("/bin/sh"), source))
    }

    /// Asks the server to stop and waits up to ten seconds; whether it did is the caller's check.
    pub async fn stop(&self, pg_ctl: &Path, mode: &str) {
        let mut command = self.command(pg_ctl);
        command.args(["stop", "--silent", "--timeout=10", "--mode", mode, "--pgdata"]);
        command.arg(&self.dir).stdout(Stdio::null()).stderr(Stdio::null());
        let _ = tokio::process::Command::from(command).status().await;
    }

    /// A database as `pg_dump` writes it.
    pub async fn dump(
        &self,
        binaries: &Binaries,
        database: &str,
    ) -> Result<Vec<u8>, PrivateServerError> {
        let program = binaries.pg_dump();
        let mut command = self.command(&program);
        command.arg("--username").arg(SUPERUSER).arg("--port").arg(PORT.to_string());
        command.arg("--host").arg(&self.socket_dir).arg(database);
        let output = tokio::process::Command::from(command).output().await;
        let output = output.map_err(|source| PrivateServerError::io(&program, source))?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(PrivateServerError::io(&program, io::Error::other(told)))
    }

    /// The error for a server that ended before it was ready, with the end of its log.
    pub fn did_not_start(&self) -> PrivateServerError {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        let tail = lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("\n");
        PrivateServerError::DidNotStart { log: self.log.clone(), tail }
    }

    /// A command as the cluster's account, without the service's environment: that holds secrets,
    /// and `PG…` variables meant for somebody else's server.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("LC_ALL", "C").env("TZ", "UTC").current_dir("/");
        for name in ["PATH", "LD_LIBRARY_PATH"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        if let Some(account) = self.account {
            command.uid(account.uid).gid(account.gid);
        }
        command
    }

    fn create_private_dir(&self, dir: &Path) -> Result<(), PrivateServerError> {
        DirBuilder::new()
            .mode(0o700)
            .create(dir)
            .and_then(|()| match self.account {
                Some(account) => chown(dir, Some(account.uid), Some(account.gid)),
                None => Ok(()),
            })
            .map_err(|source| PrivateServerError::io(dir, source))
    }

    /// A folder under `/tmp` may have been put there by anybody, to be spoken to in our place.
    fn check_owner(&self, dir: &Path) -> Result<(), PrivateServerError> {
        let metadata =
            fs::symlink_metadata(dir).map_err(|source| PrivateServerError::io(dir, source))?;
        let owner = self.account.map_or(self.own_uid, |account| account.uid);
        if metadata.is_dir() && metadata.uid() == owner && metadata.mode() & 0o022 == 0 {
            Ok(())
        } else {
            Err(PrivateServerError::NotOurs(dir.to_path_buf()))
        }
    }

    fn open_log(&self) -> io::Result<File> {
        let log = OpenOptions::new().create(true).append(true).open(&self.log)?;
        if log.metadata()?.len() > LOG_MAX_BYTES {
            log.set_len(0)?;
        }
        Ok(log)
    }
}

/// The data directory itself, which only its account can enter, unless its path is too long or
/// has a comma, which separates folders in PostgreSQL's setting.
fn socket_dir(dir: &Path) -> PathBuf {
    let path = dir.as_os_str();
    let length = path.len() + format!("/.s.PGSQL.{PORT}").len();
    if length <= SOCKET_PATH_MAX && path.to_str().is_some_and(|path| !path.contains([',', '"'])) {
        return dir.to_path_buf();
    }
    PathBuf::from(format!("/tmp/kb-{}", short_hash(dir)))
}

/// Removes what an `initdb` that was cut short has left beside `dir`.
fn remove_unfinished(dir: &Path) {
    let prefix = dir.with_extension("new-");
    let entries = dir.parent().map(fs::read_dir).into_iter().flatten().flatten().flatten();
    for path in entries.map(|entry| entry.path()) {
        if path.as_os_str().as_encoded_bytes().starts_with(prefix.as_os_str().as_encoded_bytes()) {
            let _ = fs::remove_dir_all(path);
        }
    }
}

fn short_hash(path: &Path) -> String {
    hex::encode(&Sha256::digest(path.as_os_str().as_encoded_bytes())[..6])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_or_odd_path_puts_the_socket_in_a_short_folder() {
        let usual = Path::new("/srv/shop/data/postgres");
        assert_eq!(socket_dir(usual), usual);
        for odd in [format!("/srv/{}/postgres", "x".repeat(90)), "/srv/a,b/postgres".to_owned()] {
            let chosen = socket_dir(Path::new(&odd));
            assert!(chosen.to_string_lossy().starts_with("/tmp/kb-"), "{}", chosen.display());
        }
    }
}
