//! Notifications (통지) as bytes: a percent-encoded query or form, or JSON, in CP949 or UTF-8
//! (protocol section 4).

use chrono::{DateTime, Utc};
use percent_encoding::percent_decode;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::kiwoom::charset;
use crate::kiwoom::codes;
use crate::kiwoom::wire::instant;
use crate::redact::cards::{mask_all_digits, mask_cards};

/// What KiwoomPay tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Whose it is.
    pub cpid: String,
    /// Our order number.
    pub order_no: String,
    /// Won: what was paid, or what was cancelled.
    pub amount: i64,
    /// DAOUTRX.
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
    Paid,
    /// The buyer's try failed.
    Failed {
        /// `RESULTCODE` or `RES_CD`.
        code: String,
        /// `ERRORMESSAGE` or `RES_MSG`.
        message: String,
    },
    /// Money was given back.
    Canceled,
}

/// The bytes are no notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Unreadable {
    /// Not text in CP949 or UTF-8, or not JSON.
    #[error("not readable as text")]
    Text,
    /// This field is missing or cannot be what it says.
    #[error("{0} is missing or wrong")]
    Field(&'static str),
}

/// Kinds of a cancellation, and the method that was paid with. Any other kind that ends in `CANCEL`
/// is a cancellation too: taken for a payment it would make an unpaid order paid.
const CANCELLATIONS: &[(&str, &str)] = &[
    ("CARD_CANCEL", "CARD"),
    ("BANK_CANCEL", "BANK"),
    ("SAMSUNGPAY_CANCEL", "SAMSUNGPAY"),
    ("APPLEPAY_CANCEL", "APPLEPAY"),
    ("FCARD_CANCEL", "FCARD"),
    ("KAKAOCANCEL", "KAKAOPAY"),
    ("NAVERPAYCANCEL", "NAVERPAY"),
    ("PAYCOCANCEL", "PAYCO"),
];

/// A longer name is none of KiwoomPay's.
const MAX_NAME_BYTES: usize = 40;

/// The names and values of a notification, before they are given meaning.
pub type Fields = Vec<(String, String)>;

/// Decodes a query string and a body. Percent-escapes become bytes first; the message as a whole is
/// UTF-8 when all of it is, else CP949.
pub fn decode(query: &[u8], body: &[u8]) -> Result<Fields, Unreadable> {
    let mut pairs = split(query);
    if body.trim_ascii_start().first() == Some(&b'{') {
        let mut fields = text_of(&pairs)?;
        let text = charset::decode(body, None).ok_or(Unreadable::Text)?;
        let object: Map<String, Value> =
            serde_json::from_str(&text).map_err(|_| Unreadable::Text)?;
        fields.extend(object.into_iter().filter_map(|(name, value)| match value {
            Value::String(text) => Some((name, text)),
            Value::Number(number) => Some((name, number.to_string())),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }));
        return Ok(fields);
    }
    pairs.extend(split(body));
    text_of(&pairs)
}

fn split(encoded: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let parts = encoded.split(|b| *b == b'&').filter(|part| !part.is_empty());
    let pairs = parts.map(|part| {
        let mut sides = part.splitn(2, |b| *b == b'=');
        (unescape(sides.next().unwrap_or_default()), unescape(sides.next().unwrap_or_default()))
    });
    pairs.collect()
}

fn unescape(encoded: &[u8]) -> Vec<u8> {
    let spaced: Vec<u8> = encoded.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
    percent_decode(&spaced).collect()
}

fn text_of(pairs: &[(Vec<u8>, Vec<u8>)]) -> Result<Fields, Unreadable> {
    let utf8 = pairs.iter().all(|(n, v)| str::from_utf8(n).is_ok() && str::from_utf8(v).is_ok());
    let label = if utf8 { "utf-8" } else { "euc-kr" };
    let text = |bytes: &[u8]| charset::decode(bytes, Some(label)).ok_or(Unreadable::Text);
    pairs.iter().map(|(name, value)| Ok((text(name)?, text(value)?))).collect()
}

/// Gives the fields their meaning.
pub fn interpret(fields: &Fields) -> Result<Notification, Unreadable> {
    let get = |name: &str| {
        let found = fields.iter().rev().find(|(n, _)| n == name);
        found.map(|(_, v)| v.trim().to_owned()).filter(|v| !v.is_empty())
    };
    let required = |name: &'static str| {
        let plain = get(name).filter(|text| !text.contains(char::is_control));
        plain.ok_or(Unreadable::Field(name))
    };
    let kind = required("PAYMETHOD")?;
    let amount = required("AMOUNT")?;
    let digits = amount.len() <= 10 && amount.bytes().all(|b| b.is_ascii_digit());
    let amount = amount.parse().ok().filter(|_| digits).ok_or(Unreadable::Field("AMOUNT"))?;
    let canceled = canceled_method(&kind);
    let result = get("RESULTCODE").or_else(|| get("RES_CD"));
    let event = match (canceled, result) {
        // Absent means success (protocol section 4). A cancellation that did not succeed gave no
        // money back; nothing is known of such notifications, so nothing is done.
        (Some(_), Some(code)) if code != codes::SUCCESS => {
            return Err(Unreadable::Field("RESULTCODE"));
        }
        (Some(_), _) => Event::Canceled,
        (None, Some(code)) if code != codes::SUCCESS => {
            let message = get("ERRORMESSAGE").or_else(|| get("RES_MSG")).unwrap_or_default();
            Event::Failed { code: mask_cards(&code), message: mask_cards(&message) }
        }
        (None, _) => Event::Paid,
    };
    let transaction_id = get("DAOUTRX").unwrap_or_default();
    let sane =
        transaction_id.len() <= 20 && transaction_id.bytes().all(|b| b.is_ascii_alphanumeric());
    let failed = matches!(event, Event::Failed { .. });
    if !sane || transaction_id.is_empty() && !failed {
        return Err(Unreadable::Field("DAOUTRX"));
    }
    let date = if canceled.is_some() { "CANCELDATE" } else { "SETTDATE" };
    let storable = |text: &str| !text.contains('\0');
    let order_no = required("ORDERNO")?;
    let cpid = required("CPID")?;
    if !fields.iter().all(|(name, value)| storable(name) && storable(value)) {
        return Err(Unreadable::Text);
    }
    Ok(Notification {
        cpid,
        order_no,
        amount,
        transaction_id,
        method: canceled.unwrap_or(&kind).to_owned(),
        event,
        occurred_at: get(date).as_deref().and_then(instant),
        auth_number: get("AUTHNO"),
    })
}

/// The method that was paid with, when `kind` is one of a cancellation.
fn canceled_method(kind: &str) -> Option<&str> {
    let known = CANCELLATIONS.iter().find(|row| row.0 == kind).map(|row| row.1);
    let separator = |c: char| c == '_' || c.is_whitespace();
    known.or_else(|| kind.strip_suffix("CANCEL").map(|method| method.trim_end_matches(separator)))
}

impl Notification {
    /// The same for every copy of one notification, and for no other.
    pub fn fingerprint(&self) -> Vec<u8> {
        let event = match &self.event {
            Event::Paid => "paid",
            Event::Failed { code, .. } => code,
            Event::Canceled => "canceled",
        };
        let at = self.occurred_at.map(|at| at.timestamp()).unwrap_or_default();
        let parts = [
            &self.cpid,
            &self.order_no,
            &self.transaction_id,
            &self.method,
            event,
            &self.amount.to_string(),
            &at.to_string(),
        ];
        Sha256::digest(parts.join("|")).to_vec()
    }
}

/// The fields as text to keep, with card numbers masked: CARDNO always, and anywhere else digits
/// that could be one. All names of KiwoomPay are in capitals: what comes under another is somebody's
/// request that went astray, and nothing of it is kept.
pub fn masked(fields: &Fields) -> String {
    let theirs = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b"_- \0".contains(&b);
    // PostgreSQL cannot keep U+0000. It goes first: taken out later, it would join digits again.
    let storable = |text: &str| text.replace('\0', "");
    let pairs = fields.iter().map(|(name, value)| {
        if name.len() > MAX_NAME_BYTES || !name.bytes().all(theirs) {
            return "***".to_owned();
        }
        let (name, value) = (storable(name), storable(value));
        let value = if name == "CARDNO" { mask_all_digits(&value) } else { mask_cards(&value) };
        // A body that is no form at all comes as a name without a value.
        format!("{}={value}", mask_cards(&name))
    });
    pairs.collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests;
