//! What arrived: counters for every step, and the last step-2 requests with their secrets masked.

use std::collections::{BTreeMap, VecDeque};

use chrono::{DateTime, Utc};
use serde::{Serialize, Serializer};

use crate::fault::Step;
use kiwoom_clock::rfc3339_kst;

/// How many requests are kept.
const MAX_CALLS: usize = 1_000;

/// Fields whose values are masked in what is kept.
const SECRET_FIELDS: [&str; 4] = ["CARDNO", "CARDAUTH", "CARDPASSWORD", "AUTOKEY"];

/// One step-2 request as it arrived.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    /// When, by the sandbox's clock.
    #[serde(serialize_with = "as_kst")]
    pub at: DateTime<Utc>,
    /// Which step it was: CARD-KEYGEN, CARD-BATCH or CANCEL.
    pub step: &'static str,
    /// PAYMETHOD.
    pub pay_method: String,
    /// ORDERNO, empty for a cancellation.
    pub order_no: String,
    /// The Content-Type header.
    pub content_type: String,
    /// The body's bytes in hex, secrets masked by `*`.
    pub body_hex: String,
}

/// All that arrived.
#[derive(Debug, Default)]
pub struct Calls {
    counters: BTreeMap<&'static str, u64>,
    last: VecDeque<Call>,
}

impl Calls {
    /// Counts a request of this kind.
    pub fn count(&mut self, step: Step) {
        *self.counters.entry(step.name()).or_default() += 1;
    }

    /// Keeps a request, and forgets the oldest when there are too many.
    pub fn keep(&mut self, call: Call) {
        if self.last.len() >= MAX_CALLS {
            self.last.pop_front();
        }
        self.last.push_back(call);
    }

    /// How many requests of each kind arrived.
    pub fn counters(&self) -> &BTreeMap<&'static str, u64> {
        &self.counters
    }

    /// The requests kept, oldest first.
    pub fn kept(&self) -> impl Iterator<Item = &Call> {
        self.last.iter()
    }
}

/// The body with the values of secret fields replaced by `*`, length kept, everything else as is.
///
/// It works on bytes, so that a body that is no JSON or not CP949 is kept as it came as well.
/// Neither `"` nor `\` is ever the second byte of a CP949 character.
pub fn mask_secrets(body: &[u8]) -> Vec<u8> {
    let mut masked = body.to_vec();
    for field in SECRET_FIELDS {
        let quoted = format!("\"{field}\"");
        let mut from = 0;
        while let Some(found) = find(&masked[from..], quoted.as_bytes()) {
            from += found + quoted.len();
            mask_value(&mut masked[from..]);
        }
    }
    masked
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// Masks the value that follows a field's name: a string up to its closing quote, or a bare word.
fn mask_value(rest: &mut [u8]) {
    let is_gap = |byte: &u8| byte.is_ascii_whitespace() || *byte == b':';
    let start = rest.iter().position(|byte| !is_gap(byte)).unwrap_or(rest.len());
    let value = &mut rest[start..];
    let Some((b'"', text)) = value.split_first_mut() else {
        let is_end = |byte: &u8| matches!(byte, b',' | b'}');
        let end = value.iter().position(is_end).unwrap_or(value.len());
        value[..end].fill(b'*');
        return;
    };
    let mut escaped = false;
    for byte in text {
        match *byte {
            b'"' if !escaped => return,
            b'\\' => escaped = !escaped,
            _ => escaped = false,
        }
        *byte = b'*';
    }
}

/// Serialises an instant as the API shows instants.
pub fn as_kst<S: Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339_kst(*at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_and_the_rest_is_kept() {
        let body = br#"{"CPID":"CT","CARDNO" : "4111","CARDAUTH":900101,"AUTOKEY":"a\"b","X":"1"}"#;
        let masked = String::from_utf8(mask_secrets(body)).expect("ASCII");
        let expected =
            r#"{"CPID":"CT","CARDNO" : "****","CARDAUTH":******,"AUTOKEY":"****","X":"1"}"#;
        assert_eq!(masked, expected);
        assert_eq!(mask_secrets(b"{\"CARDNO\":\"41"), b"{\"CARDNO\":\"**");
        assert_eq!(mask_secrets(b"\"CARDNO\""), b"\"CARDNO\"");
    }
}
