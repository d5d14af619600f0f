//! The merchant's own data of a subscription.

use std::collections::BTreeMap;

use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::rules::characters::{no_control, refuse};
use crate::rules::text::Text;

const MAX_BYTES: usize = 4096;

/// A JSON object of at most 4,096 bytes whose numbers keep every digit.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Metadata(BTreeMap<String, Exact>);

impl PartialEq for Metadata {
    fn eq(&self, other: &Self) -> bool {
        serde_json::to_string(self).ok() == serde_json::to_string(other).ok()
    }
}

impl Metadata {
    /// Reads a JSON object. Refuses what is larger, and what PostgreSQL's JSON cannot hold: the
    /// character U+0000, and numbers with an exponent of more than three digits.
    pub fn parse(json: &str) -> Result<Self, Text> {
        let wrong = |_| Text::new("JSON 객체여야 합니다.", "Has to be a JSON object.");
        let metadata: Self = serde_json::from_str(json).map_err(wrong)?;
        metadata.0.iter().try_for_each(check_entry)?;
        metadata.within_limit()
    }

    /// With the keys of `changes` in place of its own; `null` removes a key.
    pub fn merged(mut self, changes: Self) -> Result<Self, Text> {
        for (key, value) in changes.0 {
            match value {
                Exact::Other(Value::Null) => self.0.remove(&key),
                value => self.0.insert(key, value),
            };
        }
        self.within_limit()
    }

    fn within_limit(self) -> Result<Self, Text> {
        let bytes = serde_json::to_string(&self).map_or(usize::MAX, |json| json.len());
        if bytes > MAX_BYTES {
            return Err(Text::new("4096바이트를 넘을 수 없습니다.", "May not exceed 4,096 bytes."));
        }
        Ok(self)
    }
}

/// A JSON value that keeps its numbers as they were written, where [`Value`] rounds them.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
enum Exact {
    Object(BTreeMap<String, Self>),
    List(Vec<Self>),
    Number(Box<RawValue>),
    Other(Value),
}

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let json = raw.get();
        let read = match json.as_bytes() {
            [b'{', ..] => serde_json::from_str(json).map(Self::Object),
            [b'[', ..] => serde_json::from_str(json).map(Self::List),
            [b'-' | b'0'..=b'9', ..] => Ok(Self::Number(raw)),
            _ => serde_json::from_str(json).map(Self::Other),
        };
        read.map_err(D::Error::custom)
    }
}

fn check(value: &Exact) -> Result<(), Text> {
    match value {
        Exact::Object(fields) => fields.iter().try_for_each(check_entry),
        Exact::List(items) => items.iter().try_for_each(check),
        Exact::Number(number) => check_exponent(number.get()),
        Exact::Other(Value::String(text)) => check_text(text),
        Exact::Other(_) => Ok(()),
    }
}

fn check_entry((name, value): (&String, &Exact)) -> Result<(), Text> {
    check_text(name)?;
    check(value)
}

fn check_text(text: &str) -> Result<(), Text> {
    refuse(text, |c| c == '\0', no_control())
}

fn check_exponent(number: &str) -> Result<(), Text> {
    let exponent = number.split_once(['e', 'E']).map_or("", |(_, exponent)| exponent);
    if exponent.trim_start_matches(['+', '-', '0']).len() > 3 {
        let ko = "숫자의 지수는 세 자리까지 쓸 수 있습니다.";
        return Err(Text::new(ko, "The exponent of a number may have at most three digits."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn again(json: &str) -> Result<String, String> {
        let read = Metadata::parse(json).map_err(|text| text.en)?;
        Ok(serde_json::to_string(&read).unwrap())
    }

    #[test]
    fn numbers_keep_every_digit_and_texts_their_characters() {
        for json in [
            r#"{"a":12345678901234567890.123456789,"b":[-0.10,{"c":1e-400}],"d":9E+3}"#,
            r#"{"":{},"a":[],"b":null,"c":true,"d":"홍\"\\"}"#,
        ] {
            assert_eq!(again(json).unwrap(), json);
        }
        assert_eq!(
            again(" { \"a\" : [ 1 ,\n 2 ] , \"b\": \"\\ud64d \" }").unwrap(),
            r#"{"a":[1,2],"b":"홍 "}"#
        );
    }

    #[test]
    fn what_the_database_cannot_hold_is_refused() {
        for (json, reason) in [
            ("[]", "Has to be a JSON object."),
            ("3", "Has to be a JSON object."),
            (
                r#"{"a":"\u0000"}"#,
                "May not contain control characters. Character 1: '\\0' (U+0000)",
            ),
            (
                r#"{"a":[{"b\u0000":1}]}"#,
                "May not contain control characters. Character 2: '\\0' (U+0000)",
            ),
            (r#"{"a":[1e-1000]}"#, "The exponent of a number may have at most three digits."),
            (r#"{"a":0E+99999}"#, "The exponent of a number may have at most three digits."),
        ] {
            assert_eq!(again(json), Err(reason.to_owned()), "{json}");
        }
        let digits = |count| format!("{{\"a\":{}}}", "1".repeat(count));
        assert!(again(&digits(4090)).is_ok());
        assert_eq!(again(&digits(4091)), Err("May not exceed 4,096 bytes.".to_owned()));
    }

    #[test]
    fn changes_are_merged_key_by_key() {
        let read = |json| Metadata::parse(json).unwrap();
        let stored = read(r#"{"a":1.10,"b":2,"c":{"d":1},"n":null}"#);
        let merged = stored.merged(read(r#"{"b":null,"c":{"e":2},"x":null}"#)).unwrap();
        assert_eq!(serde_json::to_string(&merged).unwrap(), r#"{"a":1.10,"c":{"e":2},"n":null}"#);
        let full = format!("{{\"a\":\"{}\"}}", "x".repeat(4088));
        assert!(read(&full).merged(read(r#"{"b":1}"#)).is_err());
    }
}
