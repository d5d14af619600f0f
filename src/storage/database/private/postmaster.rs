//! The server that an earlier run may have left in the data directory, known by `postmaster.pid`.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::storage::database::private::binaries::Binaries;
use crate::storage::database::private::cluster::Cluster;
use crate::storage::database::private::error::PrivateServerError;

/// A server whose owner was killed shuts down by itself, mostly in much less time than this.
const PATIENCE: Duration = Duration::from_secs(3);

/// Waits for a server left by an earlier owner to end, stops it if it does not, and removes a
/// pid file whose number now belongs to an unrelated process. Call it as the owner only.
pub(super) async fn end_previous(
    cluster: &Cluster,
    binaries: &Binaries,
) -> Result<(), PrivateServerError> {
    let pid_file = cluster.dir.join("postmaster.pid");
    let Some(pid) = read_pid(&pid_file) else { return Ok(()) };
    if !ends_by_itself(cluster, pid).await {
        for mode in ["fast", "immediate"] {
            cluster.stop(&binaries.pg_ctl(), mode).await;
            if !is_server_of(&cluster.dir, pid).await {
                break;
            }
        }
        if is_server_of(&cluster.dir, pid).await {
            let cluster = cluster.dir.clone();
            return Err(PrivateServerError::StillRunning { cluster, pid });
        }
    }
    // The file of a dead process stays: PostgreSQL finds in it whether orphans still use the data.
    // A number that was given out again would be taken for a live server, though.
    if program_of(pid).await.is_some() {
        match fs::remove_file(&pid_file) {
            Err(source) if source.kind() != ErrorKind::NotFound => {
                return Err(PrivateServerError::io(&pid_file, source));
            }
            _ => {}
        }
    }
    Ok(())
}

pub(super) fn read_pid(pid_file: &Path) -> Option<u32> {
    fs::read_to_string(pid_file).ok()?.lines().next()?.trim().parse().ok()
}

async fn ends_by_itself(cluster: &Cluster, pid: u32) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while is_server_of(&cluster.dir, pid).await {
        if Instant::now() > deadline {
            return false;
        }
        sleep(Duration::from_millis(5)).await;
    }
    true
}

/// Whether process `pid` is a PostgreSQL server that runs in `dir`: a server's working directory
/// is its data directory. Where that cannot be read, the name of the program has to do.
pub(super) async fn is_server_of(dir: &Path, pid: u32) -> bool {
    program_of(pid).await.is_some_and(|name| name.contains("postgres"))
        && working_dir_of(pid).is_none_or(|working_dir| working_dir == dir)
}

#[cfg(target_os = "linux")]
#[expect(clippy::unused_async, reason = "asks another program on other systems")]
async fn program_of(pid: u32) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    // Where nobody collects orphans, as in a bare container, the dead keep their entry.
    if status.lines().any(|line| line.starts_with("State:\tZ")) {
        return None;
    }
    Some(status.lines().next()?.trim_start_matches("Name:").trim().to_owned())
}

#[cfg(target_os = "linux")]
fn working_dir_of(pid: u32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/cwd")).ok()
}

#[cfg(not(target_os = "linux"))]
async fn program_of(pid: u32) -> Option<String> {
    let pid = pid.to_string();
    let mut ps = tokio::process::Command::new("ps");
    let output = ps.args(["-p", &pid, "-o", "comm="]).output().await.ok()?;
    let name = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (!name.is_empty()).then_some(name)
}

#[cfg(not(target_os = "linux"))]
fn working_dir_of(_pid: u32) -> Option<PathBuf> {
    None
}
