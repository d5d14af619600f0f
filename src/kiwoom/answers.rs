//! What a yes of KiwoomPay says, once it is one to what was sent.

use chrono::{DateTime, Utc};
use secrecy::SecretString;

use crate::kiwoom::error::GatewayError;
use crate::kiwoom::wire::{Answer, instant};

/// A registered card.
pub struct Registered {
    /// KiwoomPay's billing key.
    pub autokey: SecretString,
    /// CARDCODE.
    pub company_code: String,
}

/// An approved charge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// DAOUTRX.
    pub transaction_id: String,
    /// AUTHNO.
    pub auth_number: Option<String>,
    /// AUTHDATE; `None` when the answer had none that could be read.
    pub approved_at: Option<DateTime<Utc>>,
}

/// A cancellation that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cancellation {
    /// TRXID as answered.
    pub transaction_id: Option<String>,
    /// CANCELDATE.
    pub canceled_at: Option<DateTime<Utc>>,
}

/// What a yes to a registration says.
pub(super) fn registered(answer: &Answer) -> Result<Registered, GatewayError> {
    // It has to travel back on the wire.
    let sane = |key: &String| key.len() <= 20 && key.bytes().all(|b| b.is_ascii_graphic());
    let autokey = answer.get("AUTOKEY").filter(sane);
    Ok(Registered {
        autokey: autokey.ok_or_else(|| unknown("the answer has no AUTOKEY"))?.into(),
        company_code: answer.get("CARDCODE").unwrap_or_default(),
    })
}

/// What a yes to a charge says, when it is to the charge of this amount under this number.
pub(super) fn approval(
    answer: &Answer,
    amount: &str,
    order_no: &str,
) -> Result<Approval, GatewayError> {
    expect_same(answer, "AMOUNT", amount)?;
    expect_same_if_there(answer, "ORDERNO", order_no)?;
    Ok(Approval {
        transaction_id: transaction_id(answer, "DAOUTRX")?,
        auth_number: answer.get("AUTHNO"),
        approved_at: answer.get("AUTHDATE").as_deref().and_then(instant),
    })
}

/// What a yes to a cancellation says, when it is to that of this amount of this transaction.
pub(super) fn cancellation(
    answer: &Answer,
    amount: &str,
    transaction_id: &str,
) -> Result<Cancellation, GatewayError> {
    expect_same(answer, "AMOUNT", amount)?;
    expect_same_if_there(answer, "TRXID", transaction_id)?;
    Ok(Cancellation {
        transaction_id: answer.get("TRXID"),
        canceled_at: answer.get("CANCELDATE").as_deref().and_then(instant),
    })
}

fn unknown(reason: &str) -> GatewayError {
    GatewayError::Unknown(reason.to_owned())
}

fn expect_same(answer: &Answer, name: &str, sent: &str) -> Result<(), GatewayError> {
    match answer.get(name) {
        Some(value) if value == sent => Ok(()),
        Some(_) => Err(GatewayError::Unknown(format!("the answer has another {name}"))),
        None => Err(GatewayError::Unknown(format!("the answer has no {name}"))),
    }
}

fn expect_same_if_there(answer: &Answer, name: &str, sent: &str) -> Result<(), GatewayError> {
    if answer.get(name).is_some() { expect_same(answer, name, sent) } else { Ok(()) }
}

/// DAOUTRX: at most 20 letters and digits (protocol section 1). It goes into URLs.
fn transaction_id(answer: &Answer, name: &str) -> Result<String, GatewayError> {
    let sane = |id: &String| id.len() <= 20 && id.bytes().all(|b| b.is_ascii_alphanumeric());
    answer.get(name).filter(sane).ok_or_else(|| unknown("the answer has no DAOUTRX"))
}
