//! Which operating system account runs PostgreSQL, and what that account can reach.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;

use crate::storage::database::private::error::PrivateServerError;

/// An account other than the service's own; needed because PostgreSQL refuses to run as root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Account {
    pub uid: u32,
    pub gid: u32,
}

impl Account {
    /// The account that owns `path`, if that is there and not root's.
    pub fn owner_of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        let owner = Self { uid: metadata.uid(), gid: metadata.gid() };
        (owner.uid != 0).then_some(owner)
    }

    /// `postgres`, which comes with most packages of PostgreSQL, or else `nobody`.
    pub async fn unprivileged() -> Result<Self, PrivateServerError> {
        for name in ["postgres", "nobody"] {
            let (uid, gid) = (id(&["-u", name]).await, id(&["-g", name]).await);
            if let (Some(uid), Some(gid)) = (uid, gid) {
                return Ok(Self { uid, gid });
            }
        }
        Err(PrivateServerError::NoAccount)
    }

    /// Whether the account can pass through `dir` and every folder above it.
    pub fn can_reach(self, dir: &Path) -> bool {
        dir.ancestors().all(|ancestor| {
            fs::metadata(ancestor).is_ok_and(|metadata| {
                let mode = metadata.permissions().mode();
                mode & 0o001 != 0 || (metadata.uid() == self.uid && mode & 0o100 != 0)
            })
        })
    }
}

/// The user id this process runs as; asked of `id` because the system call needs unsafe code.
pub(super) async fn own_uid() -> Option<u32> {
    id(&["-u"]).await
}

async fn id(args: &[&str]) -> Option<u32> {
    let mut command = Command::new("id");
    command.args(args);
    let output = tokio::process::Command::from(command).output().await.ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}
