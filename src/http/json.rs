//! JSON bodies, and where one is wrong.

use axum::http::{HeaderMap, header};
use serde_json::{Map, Value};

use crate::http::error::{ApiError, Code};
use crate::rules::characters::BYTE_ORDER_MARK;
use crate::rules::text::Text;

/// Whether the headers say that the body is JSON.
pub fn is_named(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let essence = content_type.and_then(|v| v.split(';').next());
    essence.is_some_and(|v| v.trim().eq_ignore_ascii_case("application/json"))
}

/// The object in a body, with or without a byte order mark before it.
pub fn object(body: &[u8]) -> Result<Map<String, Value>, ApiError> {
    let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
    serde_json::from_slice(body).map_err(|error| invalid(body, &error))
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
