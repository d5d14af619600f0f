//! How far the sandbox's clock was moved, kept so that a restart does not go back in time.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use chrono::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use kiwoom_clock::Clock;

const FILE: &str = "clock";

const POLL: std::time::Duration = std::time::Duration::from_millis(20);

/// The clock as it was left in `dir`; the system's time when it was never moved.
pub fn load(dir: &Path) -> io::Result<Clock> {
    match std::fs::read_to_string(dir.join(FILE)) {
        Ok(text) => {
            let micros =
                text.trim().parse().map_err(|e| io::Error::new(ErrorKind::InvalidData, e))?;
            Ok(Clock::ahead_by(Duration::microseconds(micros)))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Clock::system()),
        Err(error) => Err(error),
    }
}

/// Writes it down, replacing the file as a whole.
pub fn save(dir: &Path, clock: &Clock) -> io::Result<()> {
    std::fs::create_dir_all(dir)?;
    let draft = dir.join("clock.new");
    std::fs::write(&draft, clock.offset().num_microseconds().unwrap_or(0).to_string())?;
    std::fs::rename(draft, dir.join(FILE))
}

/// Follows a clock that another process moves, and wakes the scheduler when it does: the
/// stand-alone sandbox and the services beside it share a `DATA_DIR` and with it the time.
pub async fn follow(dir: PathBuf, clock: Clock, wake: watch::Sender<()>, stop: CancellationToken) {
    let mut known = None;
    while !stop.is_cancelled() {
        // A few bytes: handing that to another thread would cost more than reading them.
        let text = std::fs::read_to_string(dir.join(FILE)).ok();
        if text != known
            && let Some(Ok(ahead)) =
                text.as_deref().map(|t| t.trim().parse().map(Duration::microseconds))
        {
            clock.advance_to(Clock::ahead_by(ahead).now());
            wake.send_replace(());
        }
        known = text;
        tokio::time::sleep(POLL).await;
    }
}
