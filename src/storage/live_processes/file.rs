//! A file of each process in `DATA_DIR/processes`, which it keeps locked: the operating system
//! unlocks it when the process ends, however it ends. So a process on the same machine sees the end
//! of another, where the database sees only that a connection is gone.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use uuid::Uuid;

/// Another one after each start of the machine.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The locked file of this process.
#[derive(Debug)]
pub struct ProcessFile {
    path: PathBuf,
    _locked: File,
}

impl ProcessFile {
    /// Makes it under its name when it is locked.
    pub fn create(data_dir: &Path, id: Uuid) -> io::Result<Self> {
        let dir = folder(data_dir);
        std::fs::create_dir_all(&dir)?;
        let draft = dir.join(format!("{}.new", id.simple()));
        let mut file = File::create_new(&draft)?;
        file.write_all(std::fs::read_to_string(BOOT_ID)?.as_bytes())?;
        file.lock()?;
        let path = dir.join(id.simple().to_string());
        std::fs::rename(draft, &path)?;
        Ok(Self { path, _locked: file })
    }
}

impl Drop for ProcessFile {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.path));
    }
}

/// Processes of this machine that have ended without saying so. A file of another machine, or from
/// before this one was started, says nothing.
pub fn ended(data_dir: &Path) -> io::Result<Vec<Uuid>> {
    let boot_id = std::fs::read_to_string(BOOT_ID)?;
    let mut ended = Vec::new();
    for entry in std::fs::read_dir(folder(data_dir))? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let Ok(id) = Uuid::try_parse(name) else { continue };
        if let Ok(mut file) = File::open(&path)
            && is_unlocked(&file)?
        {
            let mut text = String::new();
            file.read_to_string(&mut text)?;
            if text == boot_id {
                ended.push(id);
            }
        }
    }
    Ok(ended)
}

/// The end of these is in the database: their files go.
pub fn forget(data_dir: &Path, ids: &[Uuid]) {
    for id in ids {
        drop(std::fs::remove_file(folder(data_dir).join(id.simple().to_string())));
    }
}

fn is_unlocked(file: &File) -> io::Result<bool> {
    // Shared: two that look at once do not take each other for the process itself.
    match file.try_lock_shared() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn folder(data_dir: &Path) -> PathBuf {
    data_dir.join("processes")
}
