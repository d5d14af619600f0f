//! Notifications (통지): what they say (protocol section 4). Their ASCII fields decide; the others
//! are read as well as they can be, masked and kept.

mod decode;
mod json;
pub mod kinds;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use thiserror::Error;

pub use decode::{decode, masked};

use crate::kiwoom::codes;
use crate::kiwoom::wire::instant;
use crate::redact::cards::mask_cards;
use kinds::Kind;

/// The names and values of a notification, before they are given meaning.
pub type Fields = Vec<(String, String)>;

/// What KiwoomPay tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Whose it is.
    pub cpid: String,
    /// Our order number. A cancellation need not have one.
    pub order_no: Option<String>,
    /// DAOUTRX; empty where it decides nothing and is missing.
    pub transaction_id: String,
    /// PAYMETHOD of the payment.
    pub method: String,
    /// What happened.
    pub event: Event,
    /// SETTDATE or CANCELDATE.
    pub occurred_at: Option<DateTime<Utc>>,
    /// AUTHNO.
    pub auth_number: Option<String>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Money was taken.
    Paid {
        /// Won.
        amount: i64,
    },
    /// The buyer's try failed.
    Failed {
        /// `RESULTCODE` or `RES_CD`.
        code: String,
        /// `ERRORMESSAGE` or `RES_MSG`.
        message: String,
        /// Won; need not be there.
        amount: Option<i64>,
    },
    /// Money was given back.
    Canceled {
        /// Won.
        amount: i64,
    },
    /// Something that is no money: an account number was given out, or a kind that nobody knows.
    Other {
        /// Won; need not be there.
        amount: Option<i64>,
    },
}

/// The bytes are no notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Unreadable {
    /// This field is missing or cannot be what it says.
    #[error("{0} is missing or wrong")]
    Field(&'static str),
}

/// Gives the fields their meaning.
pub fn interpret(fields: &Fields) -> Result<Notification, Unreadable> {
    let get = |name: &str| {
        let found = fields.iter().rev().find(|(n, _)| n == name);
        found.map(|(_, v)| v.trim().to_owned()).filter(|v| !v.is_empty())
    };
    let optional = |name: &'static str| match get(name) {
        Some(text) if text.contains(char::is_control) => Err(Unreadable::Field(name)),
        found => Ok(found),
    };
    let required = |name: &'static str| optional(name)?.ok_or(Unreadable::Field(name));
    let word = required("PAYMETHOD")?;
    let amount = || optional("AMOUNT").ok().flatten().as_deref().and_then(won);
    let result = get("RESULTCODE").or_else(|| get("RES_CD"));
    // Absent means success (protocol section 4).
    let failure = result.filter(|code| code != codes::SUCCESS);
    let is_deposit = get("SETTDATE").is_some() || get("ACCOUNTNO").is_none();
    let (method, event, date) = match (kinds::of(&word, is_deposit), failure) {
        (Kind::Other, _) => (shown(&word, MAX_WORD), Event::Other { amount: amount() }, "SETTDATE"),
        // A cancellation that did not succeed gave no money back; nothing is known of such
        // notifications, so nothing is done.
        (Kind::Cancellation(_), Some(_)) => return Err(Unreadable::Field("RESULTCODE")),
        (Kind::Cancellation(method), None) => {
            let amount = amount().ok_or(Unreadable::Field("AMOUNT"))?.abs();
            (method.to_owned(), Event::Canceled { amount }, "CANCELDATE")
        }
        (Kind::Payment(method), Some(code)) => {
            let message = get("ERRORMESSAGE").or_else(|| get("RES_MSG")).unwrap_or_default();
            let (code, message) = (shown(&code, MAX_WORD), shown(&message, MAX_MESSAGE));
            (method.to_owned(), Event::Failed { code, message, amount: amount() }, "SETTDATE")
        }
        (Kind::Payment(method), None) => {
            let amount = amount().filter(|won| *won >= 0).ok_or(Unreadable::Field("AMOUNT"))?;
            (method.to_owned(), Event::Paid { amount }, "SETTDATE")
        }
    };
    let transaction_id = optional("DAOUTRX").map(Option::unwrap_or_default);
    let transaction_id = transaction_id.and_then(|id| {
        let sane = id.len() <= 20 && id.bytes().all(|b| b.is_ascii_alphanumeric());
        sane.then_some(id).ok_or(Unreadable::Field("DAOUTRX"))
    });
    let (transaction_id, order_no) = match event {
        Event::Other { .. } => (transaction_id.unwrap_or_default(), optional("ORDERNO")?),
        Event::Failed { .. } => (transaction_id?, Some(required("ORDERNO")?)),
        Event::Paid { .. } | Event::Canceled { .. } => {
            let id = transaction_id?;
            if id.is_empty() {
                return Err(Unreadable::Field("DAOUTRX"));
            }
            let canceled = matches!(event, Event::Canceled { .. });
            let number = optional("ORDERNO")?;
            if number.is_none() && !canceled {
                return Err(Unreadable::Field("ORDERNO"));
            }
            (id, number)
        }
    };
    Ok(Notification {
        cpid: required("CPID")?,
        order_no,
        transaction_id,
        method,
        event,
        occurred_at: get(date).as_deref().and_then(instant),
        auth_number: get("AUTHNO").map(|text| shown(&text, MAX_WORD)),
    })
}

/// How much of a word, and of a message, is kept, in characters.
const MAX_WORD: usize = 64;
const MAX_MESSAGE: usize = 500;

/// Won, of at most ten digits; cancellations may have a minus in front.
fn won(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = (1..=10).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}

/// A text that is stored and shown: without control characters and card numbers, not too long, and
/// without a space where it was cut.
fn shown(text: &str, most: usize) -> String {
    let masked = mask_cards(&text.replace(char::is_control, "\u{fffd}"));
    let cut: String = masked.chars().take(most).collect();
    cut.trim_end().to_owned()
}

impl Notification {
    /// Won, where it says an amount.
    pub fn amount(&self) -> Option<i64> {
        match self.event {
            Event::Paid { amount } | Event::Canceled { amount } => Some(amount),
            Event::Failed { amount, .. } | Event::Other { amount } => amount,
        }
    }

    /// The same for every copy of one notification, and for no other.
    pub fn fingerprint(&self) -> Vec<u8> {
        let event = match &self.event {
            Event::Paid { .. } => "paid".to_owned(),
            // One with an approval number contradicts itself: it is another one.
            Event::Failed { code, .. } => match &self.auth_number {
                Some(number) => format!("{code} {number}"),
                None => code.clone(),
            },
            Event::Canceled { .. } => "canceled".to_owned(),
            Event::Other { .. } => "other".to_owned(),
        };
        let at = self.occurred_at.map(|at| at.timestamp()).unwrap_or_default();
        let parts = [
            self.cpid.as_str(),
            self.order_no.as_deref().unwrap_or_default(),
            &self.transaction_id,
            &self.method,
            &event,
            &self.amount().map(|won| won.to_string()).unwrap_or_default(),
            &at.to_string(),
        ];
        Sha256::digest(parts.join("|")).to_vec()
    }
}

#[cfg(test)]
mod tests;
