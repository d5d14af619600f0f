//! The forms in which a secret could lie around: as it is, written in another way, or as the hash of
//! a number that can be guessed.
//!
//! Digits and Latin letters are the same bytes in EUC-KR as in UTF-8.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use encoding_rs::EUC_KR;
use md5::Md5;
use sha2::{Digest, Sha256};

use crate::self_check::marks::Mark;

/// Fewer bytes than this occur by chance.
const MIN_BYTES: usize = 6;
const SEPARATORS: [&str; 7] = [" ", "-", ".", "_", "+", "%20", "\\u0020"];

/// A form by its name, and the bytes to look for.
pub type Form = (&'static str, Vec<u8>);

/// All forms of a mark, the plain one first. Case does not matter.
pub fn of(mark: &Mark) -> Vec<Form> {
    let value = mark.value.as_str();
    let mut texts: Vec<(&'static str, String)> = vec![("plain", value.to_owned())];
    texts.extend(base64(value.as_bytes()).map(|text| ("base64", text)));
    texts.push(("percent-encoded", percent_encoded(value)));
    if !mark.is_short() {
        texts.push(("reversed", value.chars().rev().collect()));
    }
    if value.len() > 12 && is_digits(value) {
        texts.extend(SEPARATORS.map(|separator| ("in groups", in_fours(value, separator))));
    }
    let mut raw: Vec<Form> = Vec::new();
    if is_digits(value) {
        for hash in [Sha256::digest(value).to_vec(), Md5::digest(value).to_vec()] {
            texts.push(("hashed", hex::encode(&hash)));
            texts.push(("hashed", STANDARD.encode(&hash)));
            texts.push(("hashed", URL_SAFE.encode(&hash)));
            raw.push(("hashed", hash));
        }
        let wide: String =
            value.bytes().filter_map(|b| char::from_u32(0xfee0 + u32::from(b))).collect();
        raw.push(("EUC-KR", EUC_KR.encode(&wide).0.into_owned()));
        texts.push(("full width", wide));
    }
    raw.extend(hex::decode(value).ok().filter(|_| !is_digits(value)).map(|b| ("bytes", b)));
    for units in [u16::to_le_bytes, u16::to_be_bytes] {
        raw.push(("UTF-16", value.encode_utf16().flat_map(units).collect()));
    }
    // A dump shows bytes as hex, and a text that is in them.
    let hexed: Vec<Form> =
        texts.iter().map(|(_, text)| ("hex", hex::encode(text).into_bytes())).collect();
    let texts = texts.into_iter().map(|(name, text)| (name, text.into_bytes()));
    texts.chain(hexed).chain(raw).filter(|(_, bytes)| bytes.len() >= MIN_BYTES).collect()
}

/// Base64 of a text at each of the three places it can begin at: the characters that depend on
/// nothing else.
fn base64(value: &[u8]) -> impl Iterator<Item = String> {
    let at = |engine: &base64::engine::GeneralPurpose, offset: usize| {
        let whole = engine.encode([vec![0; offset], value.to_vec()].concat());
        let (first, last) = ((offset * 8).div_ceil(6), (offset + value.len()) * 8 / 6);
        whole[first..last].to_owned()
    };
    let all: Vec<String> =
        (0..3).flat_map(|offset| [at(&STANDARD, offset), at(&URL_SAFE, offset)]).collect();
    all.into_iter()
}

fn in_fours(digits: &str, separator: &str) -> String {
    let groups: Vec<&str> =
        (0..digits.len()).step_by(4).map(|at| &digits[at..digits.len().min(at + 4)]).collect();
    groups.join(separator)
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

/// Every byte of it as an escape.
pub fn percent_encoded(text: &str) -> String {
    text.bytes().map(|b| format!("%{}", hex::encode([b]))).collect::<Vec<_>>().concat()
}
