//! JSON bodies, and where one is wrong.

use std::collections::HashMap;
use std::fmt;

use axum::http::{HeaderMap, header};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::http::error::{ApiError, Code, Detail};
use crate::redact::paths::shown_name;
use crate::rules::characters::BYTE_ORDER_MARK;
use crate::rules::text::Text;

/// The fields of a request.
pub struct Object {
    /// What each of them is.
    pub values: Map<String, Value>,
    /// As they were written in a JSON body, for what [`Value`] would round.
    pub texts: HashMap<String, Box<RawValue>>,
}

impl From<Map<String, Value>> for Object {
    fn from(values: Map<String, Value>) -> Self {
        Self { values, texts: HashMap::new() }
    }
}

/// Whether the headers say that the body is JSON.
pub fn is_named(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let essence = content_type.and_then(|v| v.split(';').next());
    essence.is_some_and(|v| v.trim().eq_ignore_ascii_case("application/json"))
}

/// An error when the headers name another charset than UTF-8, in which other bytes may mean something.
pub fn check_charset(headers: &HeaderMap) -> Result<(), ApiError> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let parameters = content_type.into_iter().flat_map(|v| v.split(';').skip(1));
    let named = parameters.filter_map(|parameter| parameter.split_once('='));
    let charset = named.filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
    let is_ours = |name: &str| ["utf-8", "utf8", "us-ascii"].contains(&name);
    if charset.into_iter().all(|(_, name)| is_ours(&name.trim().trim_matches('"').to_lowercase())) {
        return Ok(());
    }
    Err(ApiError::from(Code::UnsupportedMediaType).with_text(not_utf8()))
}

/// The object in a body, with or without a byte order mark before it. A name that stands twice in
/// one object is refused: which of the two was meant is not known.
pub fn object(body: &[u8]) -> Result<Object, ApiError> {
    let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
    if let Err(error) = std::str::from_utf8(body) {
        let before = &body[..error.valid_up_to()];
        let line = before.split(|b| *b == b'\n').count();
        let column = before.rsplit(|b| *b == b'\n').next().map_or(0, <[u8]>::len) + 1;
        return Err(invalid(body, (line, column), &not_utf8()));
    }
    let wrong = |error: serde_json::Error| not_json(body, &error);
    // As a whole first: that limits the depth.
    let _: Map<String, Value> = serde_json::from_slice(body).map_err(wrong)?;
    let Entries(entries) = serde_json::from_slice(body).map_err(wrong)?;
    let mut repeated = Vec::new();
    let values = read_entries(&entries, "", &mut repeated).map_err(wrong)?;
    refuse_repeated(repeated)?;
    let texts = entries.into_iter().map(|(name, text)| (name, text.to_owned())).collect();
    Ok(Object { values, texts })
}

/// 400 naming the fields that were sent more than once.
pub fn refuse_repeated(fields: Vec<String>) -> Result<(), ApiError> {
    let mut details: Vec<Detail> = Vec::new();
    for field in fields {
        if details.iter().all(|named| named.field != field) {
            let reason = Text::new("한 번만 보낼 수 있습니다.", "May be sent only once.");
            details.push(Detail { field, reason });
        }
    }
    if details.is_empty() { Ok(()) } else { Err(ApiError::invalid(details)) }
}

/// The fields of a JSON object as they were written, those that are repeated too.
struct Entries<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries<'de>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(Fields)
    }
}

/// The values of entries. Adds the paths of repeated names, at any depth: `consent.method`,
/// `phases[1].amount`.
fn read_entries(
    entries: &[(String, &RawValue)],
    path: &str,
    repeated: &mut Vec<String>,
) -> serde_json::Result<Map<String, Value>> {
    let mut values = Map::new();
    for (name, value) in entries {
        let field = format!("{path}{}", shown_name(name));
        let value = read(value, &field, repeated)?;
        if values.insert(name.clone(), value).is_some() {
            repeated.push(field);
        }
    }
    Ok(values)
}

fn read(raw: &RawValue, field: &str, repeated: &mut Vec<String>) -> serde_json::Result<Value> {
    let text = raw.get();
    if text.starts_with('{') {
        let Entries(entries) = serde_json::from_str(text)?;
        return read_entries(&entries, &format!("{field}."), repeated).map(Value::from);
    }
    if text.starts_with('[') {
        let items: Vec<&RawValue> = serde_json::from_str(text)?;
        let items = items.into_iter().enumerate();
        let read = items.map(|(n, item)| read(item, &format!("{field}[{n}]"), repeated));
        return read.collect();
    }
    whole_number(text).map_or_else(|| serde_json::from_str(text), |number| Ok(number.into()))
}

/// The whole number that this literal is exactly: `9900`, `9900.00`, `9.9E+3`.
fn whole_number(literal: &str) -> Option<i64> {
    let (mantissa, exponent) = literal.split_once(['e', 'E']).unwrap_or((literal, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let shown = digits.trim_end_matches('0');
    if shown.trim_start_matches(['-', '0']).is_empty() {
        return Some(0);
    }
    let dropped = i64::try_from(digits.len() - shown.len()).ok()?;
    let zeros =
        exponent.parse::<i64>().ok()?.checked_add(dropped)? - i64::try_from(fraction.len()).ok()?;
    // An i64 has at most 19 digits.
    let zeros = usize::try_from(zeros).ok().filter(|zeros| *zeros < 20)?;
    format!("{shown}{}", "0".repeat(zeros)).parse().ok()
}

/// `invalid_json`, and why, in the parser's own words. Of JSON that is no object they would repeat the
/// value.
fn not_json(body: &[u8], error: &serde_json::Error) -> ApiError {
    let why = error.to_string();
    let why = why.split(" at line ").next().filter(|_| !error.is_data()).unwrap_or_default();
    let before = body.split(|b| *b == b'\n').nth(error.line().max(1) - 1).unwrap_or_default();
    let column = error.column().min(before.len());
    invalid(body, (error.line().max(1), column), &Text::new(why, why))
}

/// `invalid_json` with line and column, counted from 1 as an editor does; `column` is in bytes.
fn invalid(body: &[u8], (line, column): (usize, usize), why: &Text) -> ApiError {
    let text = body.split(|b| *b == b'\n').nth(line - 1).unwrap_or_default();
    let before = &text[..column.min(text.len())];
    let column = String::from_utf8_lossy(before).chars().count().max(1);
    let with = |why: &str| if why.is_empty() { String::new() } else { format!(": {why}") };
    let place = Text::new(
        format!("{line}행 {column}열{}", with(&why.ko)),
        format!("Line {line}, column {column}{}", with(&why.en)),
    );
    ApiError::from(Code::InvalidJson).with_detail("body", place)
}

/// Why a body is refused that is in another encoding.
fn not_utf8() -> Text {
    Text::new("본문은 UTF-8이어야 합니다.", "The body has to be UTF-8.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_is_whole_when_its_fraction_is_exactly_zero() {
        for (literal, number) in [
            ("0", Some(0)),
            ("-0", Some(0)),
            ("0.000", Some(0)),
            ("0e99999999999999999999", Some(0)),
            ("9900", Some(9900)),
            ("9900.00", Some(9900)),
            ("9.9E+3", Some(9900)),
            ("1e4", Some(10_000)),
            ("990000e-2", Some(9900)),
            ("-1.50e1", Some(-15)),
            ("9223372036854775807", Some(i64::MAX)),
            ("9223372036854775808", None),
            ("9900.0000000000000001", None),
            ("9899.9999999999999999", None),
            ("1e-1", None),
            ("1e19", None),
            ("1e99999999999999999999", None),
            ("true", None),
            ("null", None),
            ("\"9900\"", None),
        ] {
            assert_eq!(whole_number(literal), number, "{literal}");
        }
    }
}
