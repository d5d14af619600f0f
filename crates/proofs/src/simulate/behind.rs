//! A machine whose clock is ahead of PostgreSQL's: on its connections the answers to the questions for
//! the time are that much earlier.

use std::collections::HashSet;
use std::time::Duration;

/// The statements that ask for the time begin with it.
const QUESTION: &[u8] = b"select clock_timestamp()";

/// Follows one connection, message by message.
#[derive(Debug)]
pub struct Behind {
    micros: i64,
    /// Names of the prepared statements.
    questions: HashSet<Vec<u8>>,
    asked: bool,
}

impl Behind {
    /// PostgreSQL's clock is this far behind.
    pub fn new(by: Duration) -> Self {
        let micros = i64::try_from(by.as_micros()).unwrap_or(0);
        Self { micros, questions: HashSet::new(), asked: false }
    }

    /// A message of the service: its type and its body.
    pub fn asked(&mut self, kind: u8, body: &[u8]) {
        let mut texts = body.split(|byte| *byte == 0);
        match kind {
            b'P' => {
                let name = texts.next().unwrap_or_default();
                if texts.next().is_some_and(|text| text.starts_with(QUESTION)) {
                    self.questions.insert(name.to_vec());
                }
            }
            b'B' => self.asked = texts.nth(1).is_some_and(|name| self.questions.contains(name)),
            _ => {}
        }
    }

    /// A message of PostgreSQL. The first column of a row holds the time in its eight bytes.
    pub fn answered(&self, kind: u8, body: &mut [u8]) {
        if kind == b'D'
            && self.asked
            && self.micros != 0
            && let [_, _, 0, 0, 0, 8, rest @ ..] = body
            && let Some((time, _)) = rest.split_first_chunk_mut::<8>()
        {
            let micros = *time;
            time.copy_from_slice(&(i64::from_be_bytes(micros) - self.micros).to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_answer_to_the_question_is_earlier() {
        let mut behind = Behind::new(Duration::from_micros(5));
        let row = |micros: i64| {
            [&[0, 2, 0, 0, 0, 8], &micros.to_be_bytes()[..], &[0, 0, 0, 1, 1]].concat()
        };
        let shown = |behind: &Behind| {
            let mut body = row(100);
            behind.answered(b'D', &mut body);
            body
        };
        behind.asked(b'P', b"s1\0select clock_timestamp(), true\0\0\0");
        behind.asked(b'P', b"s2\0select 1\0\0\0");
        behind.asked(b'B', b"\0s2\0\0\0");
        assert_eq!(shown(&behind), row(100));
        behind.asked(b'B', b"\0s1\0\0\0");
        assert_eq!(shown(&behind), row(95));
    }
}
