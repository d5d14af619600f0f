//! `KIWOOM_CODES_FILE`: what the merchant knows of KiwoomPay's result codes.
//!
//! ```text
//! # RESULTCODE = verdict
//! 1031 = later
//! 94xx = our_mistake
//! ```

use std::fs;

use crate::config::read::Reader;
use crate::rules::payment_state::Meaning::{self, Refused, Unknown};
use crate::rules::payment_state::Verdict::{Never, OurMistake, RetryLater};

const NAME: &str = "KIWOOM_CODES_FILE";
const LINE: &str =
    "a file with lines such as `1031 = later` (later, never, our_mistake or unknown)";
/// A longer RESULTCODE is not one.
const MAX_CODE_BYTES: usize = 32;

/// The rows of the file, each a code or a family of codes with what it means. Nothing when there is no
/// file. Every wrong line is a problem, named by its number: its text may be anything.
pub(super) fn read(r: &mut Reader) -> Vec<(String, Meaning)> {
    let Some(path) = r.text(NAME) else { return Vec::new() };
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            r.wrong::<()>(NAME, &format!("{LINE}; it cannot be read ({error})"));
            return Vec::new();
        }
    };
    let mut rows: Vec<(String, Meaning)> = Vec::new();
    let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
    for (line, text) in (1..).zip(lines) {
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let wrong = match row(text) {
            Some((code, _)) if rows.iter().any(|row| row.0 == code) => "repeats a code",
            Some(row) => {
                rows.push(row);
                continue;
            }
            None => "is none of them",
        };
        r.wrong::<()>(NAME, &format!("{LINE}; line {line} {wrong}"));
    }
    rows
}

/// One line: a code, or a family with an `x` for any digit at its end, and its verdict.
fn row(line: &str) -> Option<(String, Meaning)> {
    let (code, verdict) = line.split_once('=')?;
    let code = code.trim();
    let meaning = match verdict.trim() {
        "later" => Refused(RetryLater),
        "never" => Refused(Never),
        "our_mistake" => Refused(OurMistake),
        "unknown" => Unknown,
        _ => return None,
    };
    // 0000 is success, whatever else is said of it.
    let is_code = (1..=MAX_CODE_BYTES).contains(&code.len())
        && code.bytes().all(|byte| byte.is_ascii_graphic())
        && !code.trim_matches(['0', 'x']).is_empty();
    is_code.then(|| (code.to_owned(), meaning))
}
