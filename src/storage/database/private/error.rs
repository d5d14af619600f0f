//! Why the private server could not be had, in words that say what to do.

use std::io;
use std::path::{Path, PathBuf};

use crate::storage::database::private::binaries::OLDEST_MAJOR;

/// Why there is no private PostgreSQL server.
#[derive(Debug, thiserror::Error)]
pub enum PrivateServerError {
    /// No usable PostgreSQL on this machine.
    #[error(
        "개발용 데이터베이스를 띄울 PostgreSQL {OLDEST_MAJOR} 이상을 찾지 못했습니다. \
         아래 중 하나로 설치하거나, DATABASE_URL로 사용 중인 PostgreSQL을 지정해 주세요.\n\
         No PostgreSQL {OLDEST_MAJOR} or later was found for the development database. Install it \
         in one of these ways, or set DATABASE_URL to a PostgreSQL server that you have:\n  \
         Debian, Ubuntu:  sudo apt-get install postgresql\n  \
         Fedora, RHEL:    sudo dnf install postgresql-server\n  \
         macOS: \
          brew install postgresql@17\n\
         설치 위치가 다르면 PG_BIN_DIR / If it is elsewhere, set PG_BIN_DIR to the folder with \
         postgres and initdb."
    )]
    NotFound,
    /// `PG_BIN_DIR` names a folder without a usable PostgreSQL.
    #[error(
        "PG_BIN_DIR ({}) has no postgres and initdb of version {OLDEST_MAJOR} or later",
        .0.display()
    )]
    BinDir(PathBuf),
    /// Nothing was made in this folder yet.
    #[error(
        "{dir}에 데이터베이스가 없습니다. 서비스를 실행한 폴더에서 실행하거나 DATA_DIR 또는 DATABASE_URL을 설정해 \
         주세요 (no database in {dir}: run this in the folder in which the service was started, or set \
         DATA_DIR or DATABASE_URL)", dir = .0.display()
    )]
    NotMade(PathBuf),
    /// The data was written by a major version that is not installed.
    #[error(
        "the data in {} is of PostgreSQL {major}, which was not found on this machine: install \
         it, set PG_BIN_DIR or DATABASE_URL, or move that folder away to begin anew",
        cluster.display()
    )]
    OtherVersion {
        /// The folder with the data.
        cluster: PathBuf,
        /// The major version that wrote it.
        major: u32,
    },
    /// Root must not run PostgreSQL, and there is no account to run it as.
    #[error(
        "PostgreSQL does not run as root, and there is no account `postgres` or `nobody` to run \
         it as: start the service as another user, or set DATABASE_URL"
    )]
    NoAccount,
    /// A folder in a place open to all belongs to somebody else.
    #[error("{} belongs to another account, so it is not used: remove it", .0.display())]
    NotOurs(PathBuf),
    /// A file or folder could not be made, read or locked.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file, folder or program.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// `initdb` failed.
    #[error("initdb failed: {0}")]
    Initdb(String),
    /// The server ended before it was ready.
    #[error("PostgreSQL did not start; the end of {}:\n{tail}", log.display())]
    DidNotStart {
        /// The server's log.
        log: PathBuf,
        /// The last lines of it.
        tail: String,
    },
    /// Another service owns the server, which does not answer.
    #[error(
        "another running kiwoom-billing owns the database in {}, and its server does not answer",
        .0.display()
    )]
    OwnerSilent(PathBuf),
    /// A server left by an earlier run can neither be used nor stopped.
    #[error("an earlier PostgreSQL (process {pid}) still runs in {} and cannot be stopped",
        cluster.display())]
    StillRunning {
        /// The folder with the data.
        cluster: PathBuf,
        /// The process id of the server.
        pid: u32,
    },
    /// The server runs, but the database could not be opened or made.
    #[error("the private PostgreSQL server refused the connection: {0}")]
    Connect(#[from] sqlx::Error),
}

impl PrivateServerError {
    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_path_buf(), source }
    }

    pub(super) fn not_made(data_dir: &Path) -> Self {
        Self::NotMade(std::path::absolute(data_dir).unwrap_or_else(|_| data_dir.to_path_buf()))
    }

    /// Whether the start failed because processes of a killed server still use the data.
    pub(super) fn is_orphans(&self) -> bool {
        matches!(self, Self::DidNotStart { tail, .. } if tail.contains("shared memory block"))
    }
}
