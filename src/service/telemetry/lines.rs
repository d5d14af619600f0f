//! One event, one line: whatever characters a text brings along, it neither ends the line nor
//! commands the terminal. Done here, behind both formats, so that no call has to think of it.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// Where lines go.
#[derive(Clone, Copy)]
enum Output {
    Stdout,
    Stderr,
}

/// Writes events.
pub(super) struct Lines {
    output: Output,
    /// On a terminal: warnings yellow, errors red.
    coloured: bool,
}

/// One event.
pub(super) struct Line {
    output: Output,
    colour: Option<&'static str>,
}

impl Lines {
    pub(super) fn on_stdout() -> Self {
        Self { output: Output::Stdout, coloured: io::stdout().is_terminal() }
    }

    pub(super) fn on_stderr() -> Self {
        Self { output: Output::Stderr, coloured: io::stderr().is_terminal() }
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line { output: self.output, colour: None }
    }

    fn make_writer_for(&'a self, event: &Metadata<'_>) -> Line {
        let colour = match *event.level() {
            Level::ERROR => Some("31"),
            Level::WARN => Some("33"),
            _ => None,
        };
        Line { output: self.output, colour: colour.filter(|_| self.coloured) }
    }
}

impl Write for Line {
    /// The formatters give an event as a whole.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = one_line(&String::from_utf8_lossy(event));
        let line = match self.colour {
            Some(colour) => format!("\x1b[{colour}m{text}\x1b[0m\n"),
            None => text + "\n",
        };
        match self.output {
            Output::Stdout => io::stdout().lock().write_all(line.as_bytes())?,
            Output::Stderr => io::stderr().lock().write_all(line.as_bytes())?,
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.output {
            Output::Stdout => io::stdout().flush(),
            Output::Stderr => io::stderr().flush(),
        }
    }
}

/// The event without the end of its line, and with escapes as JSON has them for what would end it,
/// move the cursor, or show the text in another order. The JSON format leaves some of these as they
/// are, always within a string: it stays JSON.
fn one_line(event: &str) -> String {
    let event = event.strip_suffix('\n').unwrap_or(event);
    let mut line = String::with_capacity(event.len());
    // As many characters at a time as there are between two that are escaped.
    for part in event.split_inclusive(is_escaped) {
        match part.char_indices().next_back().filter(|(_, last)| is_escaped(*last)) {
            Some((shown, escaped)) => {
                line.push_str(&part[..shown]);
                // A string takes it always.
                let _ = write!(line, "\\u{:04x}", u32::from(escaped));
            }
            None => line.push_str(part),
        }
    }
    line
}

fn is_escaped(c: char) -> bool {
    c.is_control() || is_invisible(c)
}

/// Ends of lines and paragraphs, marks of direction, of no width, and of byte order.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}'
        | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_the_event_ends_a_line() {
        let event =
            "a\r\nb\u{85}c\u{2028}d\u{2029}e\u{0}\u{1b}[2Jf\u{202e}g\u{9b}h\u{7f}\tz 한글\n";
        let expected = "a\\u000d\\u000ab\\u0085c\\u2028d\\u2029e\\u0000\\u001b[2Jf\\u202eg\\u009bh\
                        \\u007f\\u0009z 한글";
        assert_eq!(one_line(event), expected);
        assert_eq!(one_line("two\n\n"), "two\\u000a");
    }

    #[test]
    fn what_json_leaves_in_a_string_is_escaped_as_json_does() {
        let told = "\u{85}\u{2028}\u{9b}\u{feff} \"\\ \n 한글";
        let event = serde_json::json!({ "message": told }).to_string() + "\n";
        let line = one_line(&event);
        assert!(!line.chars().any(|c| c.is_control() || is_invisible(c)), "{line}");
        let read: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(read["message"], told);
    }
}
