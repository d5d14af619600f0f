//! Reading the JSON of the control routes; what is wrong is said in Korean.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

/// The longest text taken, in bytes.
const MAX_TEXT_BYTES: usize = 1_000;

/// The values of a JSON object.
pub fn object(value: &Value) -> Result<&Map<String, Value>, String> {
    value.as_object().ok_or_else(|| "JSON 객체를 보내 주세요.".to_owned())
}

/// A body as JSON.
pub fn parse(body: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(body).map_err(|_| "본문이 올바른 JSON이 아닙니다.".to_owned())
}

/// A text, or its default when it is absent.
pub fn text(fields: &Map<String, Value>, name: &str, default: &str) -> Result<String, String> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(default.to_owned()),
        Some(Value::String(text)) if text.len() <= MAX_TEXT_BYTES => Ok(text.clone()),
        Some(_) => Err(format!("{name}은(는) 문자열이어야 합니다.")),
    }
}

/// A whole number within `range`, or its default when it is absent.
pub fn number(
    fields: &Map<String, Value>,
    name: &str,
    default: u64,
    range: RangeInclusive<u64>,
) -> Result<u64, String> {
    let value = match fields.get(name) {
        None | Some(Value::Null) => Some(default),
        Some(value) => value.as_u64(),
    };
    value.filter(|value| range.contains(value)).ok_or_else(|| {
        format!("{name}은(는) {} 이상 {} 이하의 정수여야 합니다.", range.start(), range.end())
    })
}
