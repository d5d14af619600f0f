//! Outcomes that the database did not take: a file of this process in `DATA_DIR/outcomes`, written to
//! the disk before anything else is tried. The process records what it has given up at a later pass; when
//! it is gone, another one does.
//!
//! A line is an outcome, or the id of one that has been recorded since. It holds order numbers, amounts
//! and what KiwoomPay answered; no card number and no AUTOKEY.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

const FOLDER: &str = "outcomes";

/// See the module.
#[derive(Clone)]
pub struct OutcomeJournal {
    path: PathBuf,
    instance: i32,
    one_at_a_time: Arc<Mutex<()>>,
    unwritable: Arc<AtomicBool>,
}

#[derive(Deserialize, Serialize)]
#[serde(untagged)]
enum Line {
    Outcome { id: Uuid, outcome: Value },
    Recorded { recorded: Uuid },
}

/// What stands in the journal of a process that is gone, or in our own.
pub struct Left {
    path: PathBuf,
    /// Of this process, which may go on writing to it.
    pub is_own: bool,
    /// Whether every line could be read.
    is_whole: bool,
    /// How many bytes were read.
    read: usize,
    /// The outcomes that were not recorded, by the id of their row.
    pub outcomes: BTreeMap<Uuid, Value>,
}

impl Left {
    /// All of it is in the database, or was reported: the file goes, unless it is our own. One that could
    /// not be read to its end stays as `….unreadable`. Another process may have been faster.
    pub fn done(self) -> io::Result<()> {
        if self.is_own {
            return Ok(());
        }
        // Its process was taken for dead, and has kept another one meanwhile: the next pass reads both.
        if fs::metadata(&self.path).is_ok_and(|now| now.len() != self.read as u64) {
            return Ok(());
        }
        let done = if self.is_whole {
            fs::remove_file(self.path)
        } else {
            fs::rename(&self.path, self.path.with_extension("unreadable"))
        };
        match done {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

impl OutcomeJournal {
    /// The journal of the process with this number.
    pub fn open(data_dir: &Path, instance: i32) -> Self {
        // A restored database may give a number again: the file of its former owner is another one.
        let name = format!("{instance}-{}.jsonl", Uuid::now_v7().simple());
        let path = data_dir.join(FOLDER).join(name);
        let journal =
            Self { path, instance, one_at_a_time: Arc::default(), unwritable: Arc::default() };
        journal.check();
        journal
    }

    /// Looks whether an outcome could be kept. Raises the alert when none can be since now.
    pub fn check(&self) {
        let written = self.probe();
        if !self.unwritable.swap(written.is_err(), Ordering::SeqCst)
            && let Err(error) = written
        {
            tracing::error!(
                alert = true,
                %error,
                "DATA_DIR cannot be written: an outcome that the database does not take would be lost"
            );
        }
    }

    /// Whether an outcome could be kept when [`Self::check`] looked last.
    pub fn is_writable(&self) -> bool {
        !self.unwritable.load(Ordering::SeqCst)
    }

    fn probe(&self) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or(&self.path);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let probe = self.path.with_extension("probe");
        fs::write(&probe, b"outcomes can be kept here")?;
        fs::remove_file(probe)
    }

    /// Keeps an outcome. On the disk when it returns.
    pub async fn keep(&self, id: Uuid, outcome: Value) -> io::Result<()> {
        self.append(Line::Outcome { id, outcome }).await
    }

    /// It is in the database now.
    pub async fn recorded(&self, id: Uuid) -> io::Result<()> {
        self.append(Line::Recorded { recorded: id }).await
    }

    async fn append(&self, line: Line) -> io::Result<()> {
        let this = self.clone();
        let appended = tokio::task::spawn_blocking(move || this.append_now(&line)).await;
        appended.unwrap_or_else(|error| Err(io::Error::other(error)))
    }

    fn append_now(&self, line: &Line) -> io::Result<()> {
        // A line that was cut short, by a full disk, stays by itself.
        let mut text = vec![b'\n'];
        serde_json::to_writer(&mut text, line)?;
        text.push(b'\n');
        let _one_at_a_time = self.one_at_a_time.lock().unwrap_or_else(PoisonError::into_inner);
        // Opened anew: another process that took this one for dead removes what it has recorded.
        let mut options = OpenOptions::new();
        let mut file = options.create(true).append(true).mode(0o600).open(&self.path)?;
        file.write_all(&text)?;
        file.sync_data()
    }

    /// What processes other than the living ones have left, and this one. What cannot be read raises the
    /// alert and holds nothing up.
    pub fn left(&self, living: &[i32]) -> Vec<Left> {
        let folder = match fs::read_dir(self.path.parent().unwrap_or(&self.path)) {
            Ok(folder) => folder,
            Err(error) if error.kind() == ErrorKind::NotFound => return Vec::new(),
            Err(error) => {
                tracing::error!(alert = true, %error, "DATA_DIR: the outcomes that were kept cannot be read");
                return Vec::new();
            }
        };
        let paths = folder.filter_map(|entry| Some(entry.ok()?.path()));
        let others_live = |number: i32| number != self.instance && living.contains(&number);
        let left = paths.filter(|path| {
            let is_journal = path.extension().is_some_and(|extension| extension == "jsonl");
            is_journal && !number_of(path).is_none_or(others_live)
        });
        left.filter_map(|path| self.read(path)).collect()
    }

    fn read(&self, path: PathBuf) -> Option<Left> {
        let file = path.display();
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            // Another process was faster.
            Err(error) if error.kind() == ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::error!(alert = true, %file, %error, "outcomes that were kept cannot be read");
                return None;
            }
        };
        let is_own = path == self.path;
        let (mut outcomes, mut is_whole) = (BTreeMap::new(), true);
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            match serde_json::from_slice(line) {
                Ok(Line::Outcome { id, outcome }) => drop(outcomes.insert(id, outcome)),
                Ok(Line::Recorded { recorded }) => drop(outcomes.remove(&recorded)),
                Err(_) => is_whole = false,
            }
        }
        if !is_whole && !is_own {
            tracing::error!(alert = true, %file, "a line of the outcomes that were kept was cut short");
        }
        Some(Left { path, is_own, is_whole, read: bytes.len(), outcomes })
    }
}

fn number_of(path: &Path) -> Option<i32> {
    path.file_stem()?.to_str()?.split('-').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn what_was_not_recorded_is_left_for_others() {
        let dir = std::env::temp_dir().join(format!("outcomes-{}", Uuid::new_v4()));
        let journal = OutcomeJournal::open(&dir, 7);
        assert!(journal.is_writable());
        let (first, second) = (Uuid::new_v4(), Uuid::new_v4());
        journal.keep(first, json!({"approved": 1})).await.unwrap();
        journal.keep(second, json!({"approved": 2})).await.unwrap();
        journal.recorded(first).await.unwrap();
        // A full disk in the middle of a character, and room again.
        let mut file = OpenOptions::new().append(true).open(&journal.path).unwrap();
        file.write_all(b"{\"id\":\"01a2\xed\x95").unwrap();
        let third = Uuid::new_v4();
        journal.keep(third, json!({"approved": 3})).await.unwrap();

        let next = OutcomeJournal::open(&dir, 8);
        assert!(next.left(&[7, 8]).is_empty(), "7 lives");
        let own = journal.left(&[7, 8]);
        assert!(own[0].is_own && own[0].outcomes.contains_key(&second));
        let again = OutcomeJournal::open(&dir, 7);
        assert_eq!(again.left(&[7]).len(), 1, "another 7 had it");
        let mut left = next.left(&[8]);
        let left = left.pop().unwrap();
        let expected = [(second, json!({"approved": 2})), (third, json!({"approved": 3}))];
        assert_eq!(left.outcomes, BTreeMap::from(expected));
        left.done().unwrap();
        assert!(journal.path.with_extension("unreadable").exists());
        assert!(next.left(&[]).is_empty());
        fs::remove_dir_all(dir).unwrap();
    }
}
