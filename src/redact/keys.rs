//! API keys: how they are written, and texts that hold one.

use axum::http::{HeaderMap, header};

/// The shortest key of `API_KEYS`: 24 characters of base64 carry more than 128 bits.
pub const MIN_API_KEY_LENGTH: usize = 24;

/// What a key that the service made begins with.
pub const PREFIX: &str = "kbk_";
/// Hexadecimal digits of the public id after it.
pub const ID_DIGITS: usize = 12;
/// Hexadecimal digits of the secret after `_`.
pub const SECRET_DIGITS: usize = 64;

/// The public id and the secret of a key that the service could have made. `None` when it has another
/// form.
pub fn parts(text: &str) -> Option<(&str, &str)> {
    let (id, rest) = text.split_at_checked(PREFIX.len() + ID_DIGITS)?;
    let secret = rest.strip_prefix('_')?;
    let good = is_id(id) && secret.len() == SECRET_DIGITS && is_hex(secret);
    good.then_some((id, secret))
}

/// Whether this is written as a public id is.
pub fn is_id(text: &str) -> bool {
    text.strip_prefix(PREFIX).is_some_and(|digits| digits.len() == ID_DIGITS && is_hex(digits))
}

/// Whether the API key that the request presents, or any that the service could have made, stands in
/// `text`. Who sends it there has mixed up two values: it is not kept, logged or sent back.
pub fn holds_key(headers: &HeaderMap, text: &str) -> bool {
    let presented = presented(headers).filter(|key| key.len() >= MIN_API_KEY_LENGTH);
    is_in(text) || presented.is_some_and(|key| text.contains(key))
}

/// The API key that a request with these headers presents, whatever it is worth.
pub fn presented(headers: &HeaderMap) -> Option<&str> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    let bearer = bearer.and_then(|v| v.split_once(' '));
    let bearer = bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let own = headers.get("x-api-key").and_then(|v| v.to_str().ok());
    bearer.map(|(_, key)| key.trim()).or(own)
}

/// Whether a key, good or not, stands anywhere in this.
fn is_in(text: &str) -> bool {
    const LENGTH: usize = PREFIX.len() + ID_DIGITS + 1 + SECRET_DIGITS;
    let mut starts = text.match_indices(PREFIX);
    starts.any(|(at, _)| text.get(at..at + LENGTH).is_some_and(|t| parts(t).is_some()))
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}
