//! Bodies on the wire: JSON objects of strings, in CP949 (protocol section 1).

use chrono::{DateTime, NaiveDateTime, Utc};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::kiwoom::charset;
use crate::kiwoom::error::GatewayError;
use crate::kiwoom::spelling;
use crate::redact::cards::mask_cards;
use kiwoom_clock::kst_instant;

/// A request body under construction. Wiped when dropped: it may hold a card number.
pub(super) struct Fields(Vec<(&'static str, Zeroizing<String>)>);

impl Fields {
    pub(super) fn new(cpid: &str, method: &str) -> Self {
        Self(Vec::new()).with("CPID", cpid).with("PAYMETHOD", method)
    }

    pub(super) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.0.push((name, Zeroizing::new(value.to_owned())));
        self
    }

    /// A text that people wrote, as KiwoomPay can read it.
    pub(super) fn with_text(self, name: &'static str, text: &str) -> Self {
        self.with(name, &spelling::on_wire(text))
    }

    pub(super) fn with_some(self, name: &'static str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// The bytes to send. A value that the wire cannot carry is our mistake, found before sending.
    pub(super) fn encode(&self) -> Result<Vec<u8>, GatewayError> {
        let object: serde_json::Map<String, Value> = self
            .0
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Value::String(value.to_string())))
            .collect();
        if let Some((name, _)) = self.0.iter().find(|(_, v)| v.contains('|')) {
            return Err(GatewayError::NotSent(format!("{name} holds a |")));
        }
        let text = Zeroizing::new(Value::Object(object).to_string());
        charset::encode(&text)
            .ok_or_else(|| GatewayError::NotSent("a value is not representable in CP949".into()))
    }
}

/// Stands for a character that no answer should have.
const UNREADABLE: &str = "\u{fffd}";

/// An answer from KiwoomPay.
#[derive(Debug)]
pub(super) struct Answer(Map<String, Value>);

impl Answer {
    /// `None` when the bytes are not a JSON object in a charset that can be told.
    pub(super) fn parse(bytes: &[u8], charset: Option<&str>) -> Option<Self> {
        let text = charset::decode(bytes, charset)?;
        serde_json::from_str(&text).ok().map(Self)
    }

    /// The value as text; JSON numbers are accepted; absent and empty are the same. Control
    /// characters become [`UNREADABLE`], which makes it equal to nothing that was sent: a line break
    /// would forge a line of the log, and the database refuses U+0000, so that what came of a charge
    /// could not be recorded.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        match self.0.get(name)? {
            Value::String(text) => {
                let text = text.trim().replace(char::is_control, UNREADABLE);
                Some(text).filter(|t| !t.is_empty())
            }
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// RESULTCODE and ERRORMESSAGE, which are shown, stored and logged: no longer than this many
    /// characters, and with a card number that KiwoomPay repeats in them masked.
    pub(super) fn result(&self) -> Option<(String, String)> {
        let words =
            |name, most| self.get(name).map(|text| mask_cards(&text).chars().take(most).collect());
        let message = words("ERRORMESSAGE", 500).unwrap_or_default();
        Some((words("RESULTCODE", 64)?, message))
    }
}

/// `YYYYMMDDhhmmss` in Korea.
pub(super) fn instant(text: &str) -> Option<DateTime<Utc>> {
    let local = NaiveDateTime::parse_from_str(text, "%Y%m%d%H%M%S").ok()?;
    Some(kst_instant(local.date(), local.time()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_control_character_comes_out_of_an_answer() {
        let body =
            r#"{"RESULTCODE":"91\n15","ERRORMESSAGE":"\u0000no\u001b[1m","AMOUNT":"99\t00"}"#;
        let answer = Answer::parse(body.as_bytes(), None).unwrap();
        assert_eq!(
            answer.result(),
            Some(("91\u{fffd}15".to_owned(), "\u{fffd}no\u{fffd}[1m".to_owned()))
        );
        assert_ne!(answer.get("AMOUNT").as_deref(), Some("9900"));
    }

    #[test]
    fn instants_are_korean() {
        let at = instant("20220929172347").unwrap();
        assert_eq!(at.to_rfc3339(), "2022-09-29T08:23:47+00:00");
        assert_eq!(instant("2022"), None);
    }
}
