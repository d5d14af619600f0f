//! JSON bodies, and where one is wrong.

use std::collections::{HashMap, HashSet};
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

/// The object in a body, with or without a byte order mark before it. A name that stands twice in
/// one object is refused: which of the two was meant is not known.
pub fn object(body: &[u8]) -> Result<Object, ApiError> {
    let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
    let values = serde_json::from_slice(body).map_err(|error| invalid(body, &error))?;
    let Entries(entries) = serde_json::from_slice(body).map_err(|error| invalid(body, &error))?;
    let mut repeated = Vec::new();
    note_repeated(&entries, "", &mut repeated);
    refuse_repeated(repeated)?;
    let texts = entries.into_iter().map(|(name, text)| (name, text.to_owned())).collect();
    Ok(Object { values, texts })
}

/// 400 naming the fields that were sent more than once.
pub fn refuse_repeated(fields: Vec<String>) -> Result<(), ApiError> {
    let reason = || Text::new("한 번만 보낼 수 있습니다.", "May be sent only once.");
    let details = fields.into_iter().map(|field| Detail { field, reason: reason() });
    let details: Vec<Detail> = details.collect();
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

/// Adds the paths of repeated names, at any depth: `consent.method`, `phases[1].amount`. The text was
/// read as [`Value`] before, which limits the depth.
fn note_repeated(entries: &[(String, &RawValue)], path: &str, repeated: &mut Vec<String>) {
    let mut seen = HashSet::new();
    for (name, value) in entries {
        let field = format!("{path}{}", shown_name(name));
        note_repeated_within(value, &field, repeated);
        if !seen.insert(name) && !repeated.contains(&field) {
            repeated.push(field);
        }
    }
}

fn note_repeated_within(value: &RawValue, field: &str, repeated: &mut Vec<String>) {
    let text = value.get();
    if let Ok(Entries(entries)) = serde_json::from_str(text) {
        note_repeated(&entries, &format!("{field}."), repeated);
    } else if let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(text) {
        for (n, item) in items.into_iter().enumerate() {
            note_repeated_within(item, &format!("{field}[{n}]"), repeated);
        }
    }
}

/// `invalid_json` with line and column, counted from 1 as an editor does, and why.
fn invalid(body: &[u8], error: &serde_json::Error) -> ApiError {
    let line = error.line().max(1);
    let before = body.split(|b| *b == b'\n').nth(line - 1).unwrap_or_default();
    // The parser counts columns in bytes.
    let before = &before[..error.column().min(before.len())];
    let column = String::from_utf8_lossy(before).chars().count().max(1);
    // Only the parser's own words: of JSON that is no object it would repeat the value.
    let why = error.to_string();
    let why = why.split(" at line ").next().filter(|_| !error.is_data());
    let why = why.map(|why| format!(": {why}")).unwrap_or_default();
    let place = Text::new(
        format!("{line}행 {column}열{why}"),
        format!("Line {line}, column {column}{why}"),
    );
    ApiError::from(Code::InvalidJson).with_detail("body", place)
}
