//! What may become of a payment. Pure: a state and an outcome go in, a state or a refusal comes out.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Where a payment stands, as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum State {
    /// A hosted-window order that waits for its buyer.
    Ready,
    /// The intent is committed; the call is or may be under way.
    Sending,
    /// Paid. How much was refunded stands beside it.
    Approved,
    /// A well-formed no.
    Declined,
    /// The answer was lost. Only a notification or a person settles it, never time.
    Unknown,
    /// A hosted-window order that was not paid in time. A late payment still counts.
    Expired,
    /// A hosted-window order that was cancelled before it was paid.
    Closed,
    /// A notification named another amount than was asked for.
    Mismatch,
}

/// What to do after a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// A later attempt may succeed: lack of funds, limits, the issuer's outage.
    RetryLater,
    /// The card will not be approved again: stolen, closed, expired.
    Never,
    /// Our request or our contract is at fault, not the card: the charge waits until that is mended.
    OurMistake,
}

/// What a result code says of the call that it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// The gateway did not do it.
    Refused(Verdict),
    /// It may have been done.
    Unknown,
}

/// What became of one call.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The gateway took the money.
    Approved {
        /// DAOUTRX.
        transaction_id: String,
        /// AUTHNO.
        auth_number: Option<String>,
        /// When the gateway approved it.
        approved_at: DateTime<Utc>,
        /// PAYMETHOD, where the buyer chose it.
        method: Option<String>,
        /// The CPID that it was taken under, where that is told.
        cpid: Option<String>,
    },
    /// The gateway said no.
    Declined {
        /// RESULTCODE.
        code: String,
        /// ERRORMESSAGE.
        message: String,
        /// What it means for the next attempt.
        verdict: Verdict,
    },
    /// A notification named another amount, in won, than was asked for.
    Mismatch(i64),
    /// The answer was lost.
    Unknown,
    /// Proven: nothing was sent. The attempt never happened and its row goes.
    NotSent,
}

/// What to do with the stored row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Store this state and what came with it.
    To(State),
    /// It is so already.
    Nothing,
    /// Delete the row of an attempt that never happened.
    Remove,
}

/// The outcome contradicts what is stored; nothing may be changed by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contradiction;

/// What `outcome` makes of a payment in `state` that has `transaction_id`.
pub fn decide(
    state: State,
    transaction_id: Option<&str>,
    outcome: &Outcome,
) -> Result<Change, Contradiction> {
    use State::{Approved, Closed, Declined, Expired, Mismatch, Ready, Sending, Unknown};
    match (state, outcome) {
        // The gateway's word that money moved counts whatever was believed before: an order that
        // had expired, failed or been closed, or whose first notification named another amount.
        (
            Sending | Unknown | Ready | Expired | Declined | Closed | Mismatch,
            Outcome::Approved { .. },
        ) => Ok(Change::To(Approved)),
        (Approved, Outcome::Approved { transaction_id: new, .. }) => {
            if transaction_id == Some(new) { Ok(Change::Nothing) } else { Err(Contradiction) }
        }
        (Sending | Unknown | Ready, Outcome::Declined { .. }) => Ok(Change::To(Declined)),
        // A failed try in the window says nothing about an order that is past it.
        (Declined | Expired | Closed | Mismatch, Outcome::Declined { .. }) => Ok(Change::Nothing),
        (Ready | Expired | Declined | Closed | Mismatch, Outcome::Mismatch(_)) => {
            Ok(Change::To(Mismatch))
        }
        // What was paid stays paid; a charge under way has an answer of its own.
        (Approved | Sending | Unknown, Outcome::Mismatch(_)) => Ok(Change::Nothing),
        (Sending, Outcome::Unknown) => Ok(Change::To(Unknown)),
        // The caller that lost its answer is late: what is known stays known.
        (_, Outcome::Unknown) => Ok(Change::Nothing),
        // The recovery pass may have marked the row unknown before its own sender learnt better.
        (Sending | Unknown, Outcome::NotSent) => Ok(Change::Remove),
        (Approved, Outcome::Declined { .. })
        | (Ready | Approved | Declined | Expired | Closed | Mismatch, Outcome::NotSent) => {
            Err(Contradiction)
        }
    }
}

/// What stands in the way of another attempt of a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// It is paid.
    Paid,
    /// The outcome of an attempt is unknown.
    Unknown,
    /// An attempt is under way.
    UnderWay,
}

/// What an earlier attempt of a period says against another one. Only a well-formed no says nothing.
pub fn obstacle(earlier: State) -> Option<Obstacle> {
    match earlier {
        State::Declined => None,
        State::Approved => Some(Obstacle::Paid),
        State::Unknown => Some(Obstacle::Unknown),
        State::Sending | State::Ready | State::Expired | State::Closed | State::Mismatch => {
            Some(Obstacle::UnderWay)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_decline_lets_a_period_be_tried_again() {
        let cases = [
            (State::Declined, None),
            (State::Approved, Some(Obstacle::Paid)),
            (State::Unknown, Some(Obstacle::Unknown)),
            (State::Sending, Some(Obstacle::UnderWay)),
            (State::Ready, Some(Obstacle::UnderWay)),
            (State::Expired, Some(Obstacle::UnderWay)),
            (State::Closed, Some(Obstacle::UnderWay)),
            (State::Mismatch, Some(Obstacle::UnderWay)),
        ];
        for (earlier, expected) in cases {
            assert_eq!(obstacle(earlier), expected, "{earlier:?}");
        }
    }

    fn approved(id: &str) -> Outcome {
        Outcome::Approved {
            transaction_id: id.to_owned(),
            auth_number: None,
            approved_at: DateTime::UNIX_EPOCH,
            method: None,
            cpid: None,
        }
    }

    fn declined() -> Outcome {
        let verdict = Verdict::RetryLater;
        Outcome::Declined { code: "2003".into(), message: String::new(), verdict }
    }

    #[test]
    fn an_unknown_outcome_is_settled_by_facts_only() {
        let to = |state| Ok(Change::To(state));
        let cases = [
            (State::Sending, approved("a"), to(State::Approved)),
            (State::Sending, declined(), to(State::Declined)),
            (State::Sending, Outcome::Unknown, to(State::Unknown)),
            (State::Sending, Outcome::NotSent, Ok(Change::Remove)),
            (State::Unknown, approved("a"), to(State::Approved)),
            (State::Unknown, declined(), to(State::Declined)),
            (State::Unknown, Outcome::Unknown, Ok(Change::Nothing)),
            (State::Approved, approved("a"), Ok(Change::Nothing)),
            (State::Approved, approved("b"), Err(Contradiction)),
            (State::Approved, declined(), Err(Contradiction)),
            (State::Approved, Outcome::Unknown, Ok(Change::Nothing)),
            (State::Approved, Outcome::NotSent, Err(Contradiction)),
            (State::Declined, approved("a"), to(State::Approved)),
            (State::Expired, approved("a"), to(State::Approved)),
            (State::Mismatch, approved("a"), to(State::Approved)),
            (State::Ready, Outcome::Mismatch(1), to(State::Mismatch)),
            (State::Approved, Outcome::Mismatch(1), Ok(Change::Nothing)),
            (State::Closed, declined(), Ok(Change::Nothing)),
        ];
        for (state, outcome, expected) in cases {
            assert_eq!(decide(state, Some("a"), &outcome), expected, "{state:?} {outcome:?}");
        }
    }
}
