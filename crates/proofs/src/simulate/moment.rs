//! The named moments of a charge and of a refund, as they show on the two wires that every service
//! has: the one to PostgreSQL and the one to the gateway. Nothing in the service knows of them.

use std::collections::HashMap;
use std::fmt;

/// What a statement or a transaction is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// Due subscriptions are claimed.
    Claim,
    /// The intent of a charge.
    Intent,
    /// The outcome of a charge.
    Outcome,
    /// What days of service are, apart from the intent and the outcome of a charge.
    Days,
    /// The intent of a refund.
    RefundIntent,
    /// The outcome of a refund.
    RefundOutcome,
    /// The answer to an Idempotency-Key.
    KeptAnswer,
}

/// A moment at which something may happen to a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// The statement has been sent to PostgreSQL.
    Written(Subject),
    /// COMMIT has been sent; whether it took place the service does not know yet.
    CommitSent(Subject),
    /// PostgreSQL has committed; the service has not heard of it yet.
    Committed(Subject),
    /// Step 1 has been sent to the gateway.
    ReadySent,
    /// Step 2 has been sent to the gateway.
    CallSent,
    /// The gateway has answered step 2; the service has not heard of it yet.
    CallAnswered,
}

impl Moment {
    /// All of them that occur, for the seed to choose from.
    pub const ALL: [Self; 21] = [
        Self::Written(Subject::Claim),
        Self::Committed(Subject::Claim),
        Self::ReadySent,
        Self::Written(Subject::Intent),
        Self::CommitSent(Subject::Intent),
        Self::Committed(Subject::Intent),
        Self::CallSent,
        Self::CallAnswered,
        Self::Written(Subject::Outcome),
        Self::CommitSent(Subject::Outcome),
        Self::Committed(Subject::Outcome),
        Self::Written(Subject::Days),
        Self::CommitSent(Subject::Days),
        Self::Committed(Subject::Days),
        Self::Written(Subject::RefundIntent),
        Self::CommitSent(Subject::RefundIntent),
        Self::Committed(Subject::RefundIntent),
        Self::Written(Subject::RefundOutcome),
        Self::CommitSent(Subject::RefundOutcome),
        Self::Committed(Subject::RefundOutcome),
        Self::Committed(Subject::KeptAnswer),
    ];

    /// Whether only a call of the merchant comes to it.
    pub fn is_callers(self) -> bool {
        match self {
            Self::Written(subject) | Self::CommitSent(subject) | Self::Committed(subject) => {
                use Subject::{KeptAnswer, RefundIntent, RefundOutcome};
                matches!(subject, RefundIntent | RefundOutcome | KeptAnswer)
            }
            Self::ReadySent | Self::CallSent | Self::CallAnswered => false,
        }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Written(subject) => write!(f, "{subject} written"),
            Self::CommitSent(subject) => write!(f, "{subject} COMMIT sent"),
            Self::Committed(subject) => write!(f, "{subject} committed"),
            Self::ReadySent => write!(f, "step 1 sent"),
            Self::CallSent => write!(f, "step 2 sent"),
            Self::CallAnswered => write!(f, "step 2 answered"),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Claim => "claim",
            Self::Intent => "intent",
            Self::Outcome => "outcome",
            Self::Days => "days",
            Self::RefundIntent => "refund intent",
            Self::RefundOutcome => "refund outcome",
            Self::KeptAnswer => "kept answer",
        })
    }
}

/// How the statements of each subject begin, spaces apart.
const STATEMENTS: [(&str, Subject); 8] = [
    ("update subscriptions set leased_by", Subject::Claim),
    ("insert into payments", Subject::Intent),
    ("update payments set state", Subject::Outcome),
    ("delete from subscription_segments", Subject::Days),
    ("insert into subscription_segments", Subject::Days),
    ("insert into refunds", Subject::RefundIntent),
    ("update refunds set state", Subject::RefundOutcome),
    ("update idempotency_keys set status", Subject::KeptAnswer),
];

/// Follows one connection to PostgreSQL, message by message.
#[derive(Debug, Default)]
pub struct Watch {
    statements: HashMap<Vec<u8>, Subject>,
    /// What the open transaction is about.
    open: Option<Subject>,
    /// Whether `open` is a transaction of several statements.
    begun: bool,
    committing: bool,
}

impl Watch {
    /// A message of the service: its type and its body.
    pub fn asked(&mut self, kind: u8, body: &[u8]) -> Option<Moment> {
        match kind {
            b'P' => {
                let (name, rest) = c_string(body)?;
                let (sql, _) = c_string(rest)?;
                match subject_of(sql) {
                    Some(subject) => drop(self.statements.insert(name.to_vec(), subject)),
                    None => drop(self.statements.remove(name)),
                }
                None
            }
            b'B' => {
                let (_, rest) = c_string(body)?;
                let (name, _) = c_string(rest)?;
                let subject = *self.statements.get(name)?;
                // Days and an answer that are written with an intent or an outcome are a part of that.
                let is_part = matches!(subject, Subject::Days | Subject::KeptAnswer);
                if !is_part || self.open.is_none() {
                    self.open = Some(subject);
                }
                Some(Moment::Written(subject))
            }
            b'Q' => self.command(body),
            _ => None,
        }
    }

    /// A message of PostgreSQL.
    pub fn answered(&mut self, kind: u8, body: &[u8]) -> Option<Moment> {
        if kind != b'C' {
            return None;
        }
        let (tag, _) = c_string(body)?;
        // A statement outside a transaction is committed when it is complete.
        let done = if self.begun { self.committing && tag == b"COMMIT" } else { tag != b"BEGIN" };
        let subject = if done { self.open.take() } else { None };
        if tag == b"COMMIT" || tag == b"ROLLBACK" {
            (self.begun, self.committing, self.open) = (false, false, None);
        }
        let nothing = tag.ends_with(b" 0");
        subject.filter(|_| !nothing).map(Moment::Committed)
    }

    fn command(&mut self, body: &[u8]) -> Option<Moment> {
        let (sql, _) = c_string(body)?;
        if sql.get(..5).is_some_and(|start| start.eq_ignore_ascii_case(b"begin")) {
            self.begun = true;
        }
        if sql.eq_ignore_ascii_case(b"commit") {
            self.committing = true;
            return self.open.map(Moment::CommitSent);
        }
        None
    }
}

fn subject_of(sql: &[u8]) -> Option<Subject> {
    let text = String::from_utf8_lossy(sql);
    let plain = text.split_whitespace().collect::<Vec<_>>().join(" ");
    STATEMENTS.iter().find(|(start, _)| plain.starts_with(start)).map(|(_, subject)| *subject)
}

fn c_string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_shows_its_moments() {
        let mut watch = Watch::default();
        assert_eq!(watch.asked(b'P', b"s1\0insert\n  into payments (id) values ($1)\0\0\0"), None);
        assert_eq!(watch.asked(b'Q', b"BEGIN\0"), None);
        assert_eq!(watch.answered(b'C', b"BEGIN\0"), None);
        let written = Some(Moment::Written(Subject::Intent));
        assert_eq!(watch.asked(b'B', b"\0s1\0\0\0"), written);
        assert_eq!(watch.answered(b'C', b"INSERT 0 1\0"), None);
        assert_eq!(watch.asked(b'Q', b"COMMIT\0"), Some(Moment::CommitSent(Subject::Intent)));
        assert_eq!(watch.answered(b'C', b"COMMIT\0"), Some(Moment::Committed(Subject::Intent)));
        assert_eq!(watch.answered(b'C', b"COMMIT\0"), None);
    }

    #[test]
    fn days_are_a_part_of_the_outcome_that_they_are_written_with() {
        let mut watch = Watch::default();
        watch.asked(b'P', b"s1\0update payments set state = $2\0\0\0");
        watch.asked(b'P', b"s2\0insert into subscription_segments (number) select 1\0\0\0");
        for with_outcome in [true, false] {
            watch.asked(b'Q', b"BEGIN\0");
            if with_outcome {
                watch.asked(b'B', b"\0s1\0\0\0");
            }
            let days = Some(Moment::Written(Subject::Days));
            assert_eq!(watch.asked(b'B', b"\0s2\0\0\0"), days);
            let subject = if with_outcome { Subject::Outcome } else { Subject::Days };
            assert_eq!(watch.asked(b'Q', b"COMMIT\0"), Some(Moment::CommitSent(subject)));
            watch.answered(b'C', b"COMMIT\0");
        }
    }

    #[test]
    fn a_statement_of_its_own_is_committed_when_it_is_complete() {
        let mut watch = Watch::default();
        let sql = b"s2\0update subscriptions\n set leased_by = $3\0\0\0";
        assert_eq!(watch.asked(b'P', sql), None);
        assert_eq!(watch.asked(b'B', b"\0s2\0\0"), Some(Moment::Written(Subject::Claim)));
        assert_eq!(watch.answered(b'C', b"UPDATE 0\0"), None);
        assert_eq!(watch.asked(b'B', b"\0s2\0\0"), Some(Moment::Written(Subject::Claim)));
        assert_eq!(watch.answered(b'C', b"UPDATE 3\0"), Some(Moment::Committed(Subject::Claim)));
    }
}
