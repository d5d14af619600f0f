//! The file behind the ledger: one JSON object a line, appended and never rewritten.
//!
//! Each line goes to the kernel in one write before the gateway answers, so that a killed process
//! forgets nothing. A power failure may cost the last lines; this is a sandbox.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// An append-only list of events; without a file it keeps nothing.
#[derive(Debug, Default)]
pub struct Journal {
    file: Option<File>,
}

impl Journal {
    /// Opens the file, hands every event in it to `replay`, and stands ready to append.
    pub fn open<E: DeserializeOwned>(path: &Path, mut replay: impl FnMut(E)) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
        let mut whole_lines: u64 = 0;
        let mut reader = BufReader::new(&file);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
            whole_lines += line.len() as u64;
            match serde_json::from_slice(&line) {
                Ok(event) => replay(event),
                Err(error) => {
                    tracing::warn!(%error, "a line of the sandbox ledger is unreadable: skipped");
                }
            }
            line.clear();
        }
        // What a killed process left half-written goes, or the next event would be glued to it.
        file.set_len(whole_lines)?;
        Ok(Self { file: Some(file) })
    }

    /// Appends events, all in one write.
    pub fn append(&mut self, events: &[impl Serialize]) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let mut lines = Vec::new();
        for event in events {
            serde_json::to_writer(&mut lines, event)?;
            lines.push(b'\n');
        }
        file.write_all(&lines)
    }
}
