//! What is known of the database outside it, in memory and in `DATA_DIR`: a restore takes back the
//! database, and not this.

use std::fmt;
use std::fs::{File, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

const PAUSE_FILE: &str = "charging_paused";
const MARK_FILE: &str = "high_water_mark";

/// Scheduled charging is paused since then, by the database's clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// When.
    pub at: DateTime<Utc>,
    /// The operator's words, or what was found.
    pub reason: String,
}

/// The newest event that was seen in the database. Every intent, outcome and change of money writes
/// one, and none is ever removed: a database without it has lost what came with it and after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Its number.
    pub seq: i64,
    /// Its id, which no other event gets: a number may be given again after a restore.
    pub id: Uuid,
    /// When it was seen, by the database's clock.
    pub seen_at: DateTime<Utc>,
}

/// What this process knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// The pause, when there is one.
    pub pause: Option<Pause>,
    /// `None` before the first event.
    pub mark: Option<Mark>,
}

impl Known {
    fn event(&self) -> Option<Uuid> {
        self.mark.as_ref().map(|mark| mark.id)
    }

    /// Whenever the event was seen.
    pub fn says_the_same(&self, other: &Self) -> bool {
        self.pause == other.pause && self.event() == other.event()
    }
}

/// The files in `DATA_DIR`.
#[derive(Clone, Debug)]
pub struct Files(PathBuf);

impl Files {
    /// Those in `data_dir`.
    pub fn new(data_dir: &Path) -> Self {
        Self(data_dir.to_owned())
    }

    /// What they hold. A file that cannot be read is a pause: it may have been one, or a mark that the
    /// database lacks.
    pub fn read(&self) -> Known {
        let path = self.0.join(MARK_FILE);
        match read(&path) {
            Ok(mark) => Known { pause: self.pause(), mark },
            Err(error) => {
                let pause = self.pause().unwrap_or_else(|| unreadable(&path, &error));
                Known { pause: Some(pause), mark: None }
            }
        }
    }

    /// The pause alone, which another process or `pause-charging` may have written.
    pub fn pause(&self) -> Option<Pause> {
        let path = self.0.join(PAUSE_FILE);
        read(&path).unwrap_or_else(|error| Some(unreadable(&path, &error)))
    }

    /// Brings them up to date: `before` is what they hold as far as is known.
    pub fn write(&self, before: &Known, now: &Known) -> io::Result<()> {
        if before.pause != now.pause {
            self.set(PAUSE_FILE, now.pause.as_ref())?;
        }
        if before.event() != now.event() {
            self.set(MARK_FILE, now.mark.as_ref())?;
        }
        Ok(())
    }

    fn set(&self, name: &str, value: Option<&impl Serialize>) -> io::Result<()> {
        let path = self.0.join(name);
        let Some(value) = value else {
            return match std::fs::remove_file(path) {
                Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            };
        };
        std::fs::create_dir_all(&self.0)?;
        // Several processes may share the folder.
        let draft = self.0.join(format!("{name}.{}", Uuid::now_v7().simple()));
        let written = self.write_draft(&draft, &serde_json::to_vec(value)?);
        let renamed = written.and_then(|()| std::fs::rename(&draft, path));
        if renamed.is_err() {
            drop(std::fs::remove_file(draft));
        }
        renamed
    }

    /// On the disk, and the service's own also when an operator writes it as root.
    fn write_draft(&self, draft: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = File::create(draft)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        file.set_permissions(Permissions::from_mode(0o644))?;
        let folder = std::fs::metadata(&self.0)?;
        if folder.uid() == file.metadata()?.uid() {
            return Ok(());
        }
        std::os::unix::fs::chown(draft, Some(folder.uid()), Some(folder.gid()))
    }
}

impl fmt::Display for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DATA_DIR({})", self.0.display())
    }
}

/// Since the file was written.
fn unreadable(path: &Path, error: &io::Error) -> Pause {
    let written = std::fs::metadata(path).and_then(|file| file.modified());
    Pause {
        at: written.map_or(DateTime::UNIX_EPOCH, DateTime::from),
        reason: format!("{}: {error}", path.display()),
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
