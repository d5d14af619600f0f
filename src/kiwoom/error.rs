//! How far a call to KiwoomPay got. The only distinction that decides about money.

use thiserror::Error;

use crate::rules::payment_state::Verdict;

/// Why there is no success. Texts are safe to log: they hold no request data.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum GatewayError {
    /// Proven: not one byte of step 2 was sent. Safe to retry.
    #[error("not sent: {0}")]
    NotSent(String),
    /// Step 1 was answered with a no: set-up of the merchant, not the card. Nothing was sent.
    #[error("ready refused: {code}")]
    ReadyRefused {
        /// RESULTCODE as sent.
        code: String,
        /// ERRORMESSAGE as sent.
        message: String,
        /// What the merchant has to mend first, when the code names it.
        setting: Option<&'static str>,
    },
    /// A well-formed no to step 2.
    #[error("refused: {code}")]
    Refused {
        /// RESULTCODE as sent.
        code: String,
        /// ERRORMESSAGE as sent.
        message: String,
        /// What it means for the next attempt.
        verdict: Verdict,
        /// What the merchant has to mend first, when the verdict is our mistake.
        setting: Option<&'static str>,
    },
    /// Everything else. The money may have moved; never to be retried.
    #[error("unknown: {0}")]
    Unknown(String),
}
