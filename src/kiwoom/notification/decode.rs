//! The bytes of a notification as names and values, whatever its encoding, and as text to keep.

use encoding_rs::{EUC_KR, Encoding, UTF_8};
use percent_encoding::percent_decode;

use super::{Fields, json};
use crate::redact::cards::{mask_all_digits, mask_cards};
use crate::rules::characters::BYTE_ORDER_MARK;

/// A longer name is none of KiwoomPay's.
const MAX_NAME_BYTES: usize = 40;

/// Decodes a query string and a body: a form, or JSON. Percent-escapes become bytes first; the
/// message as a whole is UTF-8 or CP949, whichever leaves less unreadable. A field that is neither
/// does not spoil the others: U+FFFD stands for what cannot be read.
pub fn decode(query: &[u8], body: &[u8]) -> Fields {
    let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
    let mut pairs = split(query);
    if body.trim_ascii_start().first() == Some(&b'{') {
        let mut fields = texts(&pairs);
        let encoding = encoding_of(&[body]);
        fields.extend(json::fields(&text(encoding, body)));
        return fields;
    }
    pairs.extend(split(body));
    texts(&pairs)
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

fn texts(pairs: &[(Vec<u8>, Vec<u8>)]) -> Fields {
    let all: Vec<&[u8]> = pairs.iter().flat_map(|(n, v)| [n.as_slice(), v.as_slice()]).collect();
    let encoding = encoding_of(&all);
    pairs.iter().map(|(name, value)| (text(encoding, name), text(encoding, value))).collect()
}

/// UTF-8 when all of the message is, else the encoding that leaves less of it unreadable.
fn encoding_of(message: &[&[u8]]) -> &'static Encoding {
    if message.iter().all(|bytes| str::from_utf8(bytes).is_ok()) {
        return UTF_8;
    }
    let unreadable = |encoding: &'static Encoding| -> usize {
        let texts = message.iter().map(|bytes| encoding.decode_without_bom_handling(bytes).0);
        texts.map(|text| text.matches('\u{fffd}').count()).sum()
    };
    if unreadable(UTF_8) < unreadable(EUC_KR) { UTF_8 } else { EUC_KR }
}

/// The text in the encoding of its message, else in the other one, else as far as it can be read.
fn text(encoding: &'static Encoding, bytes: &[u8]) -> String {
    let other = if encoding == UTF_8 { EUC_KR } else { UTF_8 };
    let strictly =
        |one: &'static Encoding| one.decode_without_bom_handling_and_without_replacement(bytes);
    let text = strictly(encoding).or_else(|| strictly(other));
    text.unwrap_or_else(|| encoding.decode_without_bom_handling(bytes).0).into_owned()
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
