//! How far the sandbox's clock was moved, kept so that a restart does not go back in time.

use std::io::{self, ErrorKind};
use std::path::Path;

use chrono::Duration;

use crate::clock::Clock;

const FILE: &str = "clock";

/// The clock as it was left in `dir`; the system's time when it was never moved.
pub fn load(dir: &Path) -> io::Result<Clock> {
    match std::fs::read_to_string(dir.join(FILE)) {
        Ok(text) => {
            let seconds =
                text.trim().parse().map_err(|e| io::Error::new(ErrorKind::InvalidData, e))?;
            Ok(Clock::ahead_by(Duration::seconds(seconds)))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Clock::system()),
        Err(error) => Err(error),
    }
}

/// Writes it down, replacing the file as a whole.
pub fn save(dir: &Path, clock: &Clock) -> io::Result<()> {
    std::fs::create_dir_all(dir)?;
    let draft = dir.join("clock.new");
    std::fs::write(&draft, clock.offset().num_seconds().to_string())?;
    std::fs::rename(draft, dir.join(FILE))
}
