//! Finds a PostgreSQL on this machine: the folder with `postgres`, `initdb` and `pg_ctl`.

use std::fs;
use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::storage::database::private::error::PrivateServerError;

/// The oldest major version that the service's SQL and the server's flags are made for.
pub(super) const OLDEST_MAJOR: u32 = 14;

/// Folders that packages install into, as (parent, start of the name, rest of the path).
const INSTALLED: [(&str, &str, &str); 4] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/opt/homebrew/opt", "postgresql", "bin"),
    ("/usr/local/opt", "postgresql", "bin"),
];

/// The programs of one installed PostgreSQL.
#[derive(Clone, Debug)]
pub(super) struct Binaries {
    dir: PathBuf,
}

impl Binaries {
    pub fn postgres(&self) -> PathBuf {
        self.dir.join("postgres")
    }

    pub fn initdb(&self) -> PathBuf {
        self.dir.join("initdb")
    }

    pub fn pg_dump(&self) -> PathBuf {
        self.dir.join("pg_dump")
    }

    pub fn pg_ctl(&self) -> PathBuf {
        self.dir.join("pg_ctl")
    }
}

/// The data on disk, which only its own major version can read.
#[derive(Clone, Debug)]
pub(super) struct DataVersion {
    pub cluster: PathBuf,
    pub major: u32,
}

/// The first PostgreSQL that will do: of the data's version if there is data.
pub(super) async fn find(
    pg_bin_dir: Option<&Path>,
    data: Option<DataVersion>,
) -> Result<Binaries, PrivateServerError> {
    if let Some(dir) = pg_bin_dir {
        let usable = usable(dir, data.as_ref()).await;
        return usable.ok_or_else(|| match (data, dir.join("postgres").is_file()) {
            (Some(data), true) => other_version(data),
            _ => PrivateServerError::BinDir(dir.to_path_buf()),
        });
    }
    // One at a time: most machines have a match in the first place, and each look costs time.
    if let Some(dir) = pg_config_bindir().await
        && let Some(binaries) = usable(&dir, data.as_ref()).await
    {
        return Ok(binaries);
    }
    for dir in path_dirs().chain(installed_dirs()) {
        if let Some(binaries) = usable(&dir, data.as_ref()).await {
            return Ok(binaries);
        }
    }
    Err(data.map_or(PrivateServerError::NotFound, other_version))
}

fn other_version(data: DataVersion) -> PrivateServerError {
    PrivateServerError::OtherVersion { cluster: data.cluster, major: data.major }
}

async fn usable(dir: &Path, data: Option<&DataVersion>) -> Option<Binaries> {
    // A link in PATH leads to the folder that also holds what initdb expects beside itself.
    let dir = dir.join("postgres").canonicalize().ok()?.parent()?.to_path_buf();
    let binaries = Binaries { dir };
    if !binaries.initdb().is_file() {
        return None;
    }
    let output = Command::new(binaries.postgres()).arg("--version").output().await.ok()?;
    let major = major_version(&String::from_utf8_lossy(&output.stdout))?;
    let fits = data.map_or(major >= OLDEST_MAJOR, |data| data.major == major);
    fits.then_some(binaries)
}

/// The major version in words such as `postgres (PostgreSQL) 15.18 (Debian 15.18-0)` or `18beta1`.
fn major_version(words: &str) -> Option<u32> {
    let number =
        words.split_whitespace().find(|word| word.starts_with(|c: char| c.is_numeric()))?;
    number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

async fn pg_config_bindir() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").output().await.ok()?;
    let dir = String::from_utf8(output.stdout).ok()?;
    Some(PathBuf::from(dir.trim())).filter(|dir| dir.is_absolute())
}

fn path_dirs() -> impl Iterator<Item = PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).filter(|dir| dir.is_absolute()).collect::<Vec<_>>().into_iter()
}

/// The folders of packages, each place's highest version first.
fn installed_dirs() -> impl Iterator<Item = PathBuf> {
    INSTALLED.iter().flat_map(|&(parent, prefix, rest)| {
        let mut found: Vec<(u32, PathBuf)> = fs::read_dir(parent)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| {
                let name = entry.file_name().into_string().ok()?;
                let version = name.strip_prefix(prefix)?;
                Some((trailing_number(version), entry.path().join(rest)))
            })
            .collect();
        found.sort_by(|left, right| right.cmp(left));
        found.into_iter().map(|(_, dir)| dir)
    })
}

/// 17 of `17` and of `@17`; 0 without a number (`postgresql`, Homebrew's link to one of them).
fn trailing_number(name: &str) -> u32 {
    name.trim_start_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_postgres_prints() {
        for (words, major) in [
            ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", Some(15)),
            ("postgres (PostgreSQL) 18beta1", Some(18)),
            ("postgres (PostgreSQL) 9.6.24", Some(9)),
            ("no number here", None),
        ] {
            assert_eq!(major_version(words), major, "{words}");
        }
    }

    #[test]
    fn names_of_folders_are_ordered_by_their_number() {
        assert!(trailing_number("17") > trailing_number("9"));
        assert!(trailing_number("@16") > trailing_number(""));
    }

    #[tokio::test]
    async fn a_bin_dir_without_postgres_is_named_in_the_error() {
        let error = find(Some(Path::new("/nonexistent/bin")), None).await.unwrap_err();
        assert!(error.to_string().contains("PG_BIN_DIR (/nonexistent/bin)"), "{error}");
    }

    #[tokio::test]
    async fn data_of_a_version_that_is_not_installed_is_refused() {
        let data = DataVersion { cluster: PathBuf::from("/data/postgres"), major: 8 };
        let error = find(None, Some(data)).await.unwrap_err();
        assert!(error.to_string().contains("/data/postgres is of PostgreSQL 8"), "{error}");
    }

    #[test]
    fn the_message_tells_every_way_to_get_a_database() {
        let message = PrivateServerError::NotFound.to_string();
        for part in ["apt-get install", "dnf install", "brew install", "DATABASE_URL", "PG_BIN_DIR"]
        {
            assert!(message.contains(part), "{part} is missing in: {message}");
        }
    }
}
