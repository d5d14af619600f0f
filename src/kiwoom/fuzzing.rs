//! What the fuzz targets in `fuzz/` read answers with: the parsers that stand behind a call, without
//! the call. Nothing else uses it.

use crate::kiwoom::answers::{self, Approval, Cancellation, Registered};
use crate::kiwoom::codes::Codes;
use crate::kiwoom::error::GatewayError;
use crate::kiwoom::exchange::judge;
use crate::kiwoom::wire::Answer;

/// What was sent, and what the answer has to repeat.
pub struct Sent<'a> {
    /// TOKEN.
    pub token: &'a str,
    /// AMOUNT in won.
    pub amount: &'a str,
    /// ORDERNO of a charge, TRXID of a cancellation.
    pub reference: &'a str,
}

/// The body of an answer to step 2 of a charge, with the charset its header named.
pub fn charge(body: &[u8], charset: Option<&str>, sent: &Sent) -> Result<Approval, GatewayError> {
    answers::approval(&read(body, charset, sent, true)?, sent.amount, sent.reference)
}

/// The body of an answer to step 2 of a cancellation.
pub fn cancel(
    body: &[u8],
    charset: Option<&str>,
    sent: &Sent,
) -> Result<Cancellation, GatewayError> {
    answers::cancellation(&read(body, charset, sent, true)?, sent.amount, sent.reference)
}

/// The body of an answer to step 2 of a registration.
pub fn register(
    body: &[u8],
    charset: Option<&str>,
    sent: &Sent,
) -> Result<Registered, GatewayError> {
    answers::registered(&read(body, charset, sent, false)?)
}

fn read(
    body: &[u8],
    charset: Option<&str>,
    sent: &Sent,
    moves_money: bool,
) -> Result<Answer, GatewayError> {
    let answer = Answer::parse(body, charset);
    let unreadable = || GatewayError::Unknown("the answer is not JSON".to_owned());
    judge(answer.ok_or_else(unreadable)?, sent.token, moves_money, &Codes::default())
}
