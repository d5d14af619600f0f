//! The lines of the report.

use std::fmt::Display;

use crate::commands::Done;

/// Prints each line as it is found out, and counts them.
#[derive(Default)]
pub(super) struct Report {
    ok: usize,
    failed: usize,
    skipped: usize,
}

impl Report {
    /// It works.
    pub(super) fn ok(&mut self, what: &str, details: impl Display) {
        self.ok += 1;
        line("ok", what, details);
    }

    /// It does not work: why, and what to do.
    pub(super) fn failed(&mut self, what: &str, advice: impl Display) {
        self.failed += 1;
        line("failed", what, advice);
    }

    /// It has no meaning here, or could not be looked at.
    pub(super) fn skipped(&mut self, what: &str, reason: impl Display) {
        self.skipped += 1;
        line("skipped", what, reason);
    }

    /// The counts; an error when something does not work.
    pub(super) fn end(self) -> Done {
        println!("{} ok, {} failed, {} skipped", self.ok, self.failed, self.skipped);
        if self.failed == 0 {
            return Ok(());
        }
        Err("failed로 표시된 항목을 확인해 주세요 (look at what failed)".into())
    }
}

fn line(state: &str, what: &str, text: impl Display) {
    // What others say may have line breaks.
    let text = text.to_string().replace(char::is_control, " ");
    println!("{state:<8} {what:<20} {text}");
}
