//! Reads requests into types that cannot be wrong, and names every problem at once.

use std::convert::Infallible;
use std::mem;

use axum::body::{Bytes, HttpBody};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Map, Value};

use crate::http::error::{ApiError, Code, Detail};
use crate::http::json;
use crate::redact::paths::shown_name;
use crate::rules::characters::{composed_len, refuse};
use crate::rules::money::{MAX_WON, Won};
use crate::rules::text::Text;

/// A value that one field of a request can hold.
pub trait FromField: Sized {
    /// The value, or what is wrong with it.
    fn from_field(value: &Value) -> Result<Self, Text>;
}

/// A request body or query as a whole.
pub trait FromFields: Sized {
    /// Reads the fields it knows. `None` only after a problem was noted in `fields`.
    fn from_fields(fields: &mut Fields) -> Option<Self>;
}

/// The fields of a request, and what has been found wrong with them so far.
pub struct Fields {
    values: Map<String, Value>,
    known: Vec<&'static str>,
    problems: Vec<Detail>,
}

impl Fields {
    /// Reads all of `T`, or says everything that is wrong: also fields that nobody knows, because a
    /// misspelt `amount` in a refund would refund everything.
    pub fn read<T: FromFields>(values: Map<String, Value>) -> Result<T, ApiError> {
        let mut fields = Self { values, known: Vec::new(), problems: Vec::new() };
        let result = T::from_fields(&mut fields);
        let unknown = fields.values.keys().filter(|k| !fields.known.contains(&k.as_str()));
        let unknown: Vec<String> = unknown.cloned().collect();
        for field in unknown {
            let reason = Text::new("알 수 없는 필드입니다.", "Unknown field.");
            fields.refuse(&shown_name(&field), reason);
        }
        match result {
            Some(value) if fields.problems.is_empty() => Ok(value),
            _ => Err(ApiError::invalid(fields.problems)),
        }
    }

    /// A field that has to be there.
    pub fn required<T: FromField>(&mut self, name: &'static str) -> Option<T> {
        if !self.has(name) {
            self.known.push(name);
            self.refuse(name, Text::new("필수 값입니다.", "Required."));
            return None;
        }
        self.optional(name)
    }

    /// A field that may be left out or `null`.
    pub fn optional<T: FromField>(&mut self, name: &'static str) -> Option<T> {
        self.known.push(name);
        let value = self.values.get(name).filter(|v| !v.is_null())?;
        match T::from_field(value) {
            Ok(value) => Some(value),
            Err(reason) => {
                self.refuse(name, reason);
                None
            }
        }
    }

    /// A field of a change: `None` when it was left out, `Some(None)` when `null` clears it.
    pub fn clearable<T: FromField>(&mut self, name: &'static str) -> Option<Option<T>> {
        if self.values.get(name).is_some_and(Value::is_null) {
            self.known.push(name);
            return Some(None);
        }
        self.optional(name).map(Some)
    }

    /// A field of a change that may be left out, but not cleared.
    pub fn changeable<T: FromField>(&mut self, name: &'static str) -> Option<T> {
        let value = self.clearable(name)?;
        if value.is_none() {
            self.refuse(
                name,
                Text::new("null로 지울 수 없습니다.", "Cannot be cleared with null."),
            );
        }
        value
    }

    /// An object within the request, which may be left out or `null`.
    pub fn object<T: FromFields>(&mut self, name: &'static str) -> Option<T> {
        self.known.push(name);
        let value = self.values.get(name).filter(|v| !v.is_null())?;
        let Value::Object(values) = value else {
            self.refuse(name, Text::new("객체여야 합니다.", "Has to be an object."));
            return None;
        };
        match Self::read(values.clone()) {
            Ok(value) => Some(value),
            Err(error) => {
                for Detail { field, reason } in error.into_details() {
                    self.refuse(&format!("{name}.{field}"), reason);
                }
                None
            }
        }
    }

    /// The fields written `name[key]`, with their keys, in the order of the request.
    pub fn entries<T: FromField>(&mut self, name: &str) -> Vec<(String, T)> {
        let key_of = |field: &str| {
            let key = field.strip_prefix(name)?.strip_prefix('[')?.strip_suffix(']')?;
            Some(key.to_owned())
        };
        let (named, others) = mem::take(&mut self.values)
            .into_iter()
            .partition::<Map<_, _>, _>(|(field, _)| key_of(field).is_some());
        self.values = others;
        let mut entries = Vec::new();
        for (field, value) in named {
            let key = key_of(&field).unwrap_or_default();
            let read = text(&Value::from(key), 255).and_then(|k| Ok((k, T::from_field(&value)?)));
            match read {
                Ok(entry) => entries.push(entry),
                Err(reason) => self.refuse(&shown_name(&field), reason),
            }
        }
        entries
    }

    /// Whether the caller sent the field with a value.
    pub fn has(&self, name: &str) -> bool {
        self.values.get(name).is_some_and(|v| !v.is_null())
    }

    /// Declares a field that is read elsewhere or refused already.
    pub fn know(&mut self, name: &'static str) {
        self.known.push(name);
    }

    /// Notes a problem.
    pub fn refuse(&mut self, field: &str, reason: Text) {
        self.problems.push(Detail { field: field.to_owned(), reason });
    }
}

/// Extractor of a JSON body.
pub struct Body<T>(pub T);

impl<T: FromFields, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        if !json::is_named(request.headers()) {
            return Err(Code::UnsupportedMediaType.into());
        }
        let bytes = Bytes::from_request(request, state).await;
        let bytes = bytes.map_err(|_| ApiError::from(Code::InvalidJson))?;
        Fields::read(json::object(&bytes)?).map(Self)
    }
}

/// Extractor of a JSON body that may be left out, which is as good as an empty object.
pub struct OptionalBody<T>(pub T);

impl<T: FromFields, S: Send + Sync> FromRequest<S> for OptionalBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        if request.body().is_end_stream() {
            return Fields::read(Map::new()).map(Self);
        }
        Body::from_request(request, state).await.map(|Body(value)| Self(value))
    }
}

/// Extractor of the query string. Every value is text.
pub struct Query<T>(pub T);

impl<T: FromFields, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        let values = pairs.map(|(k, v)| (k.into_owned(), Value::String(v.into_owned())));
        Fields::read(values.collect()).map(Self)
    }
}

/// Extractor of the id in the path. Bytes that are no text name nothing, as any other text that is
/// no id does: the handler's own 404.
pub struct PathId(pub String);

impl<S: Send + Sync> FromRequestParts<S> for PathId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let id = axum::extract::Path::<String>::from_request_parts(parts, state).await;
        Ok(Self(id.map_or_else(|_| String::new(), |id| id.0)))
    }
}

/// Text of 1 to `max` characters, counted composed, with no control characters.
pub fn text(value: &Value, max: usize) -> Result<String, Text> {
    let text =
        value.as_str().ok_or_else(|| Text::new("문자열이어야 합니다.", "Has to be a string."))?;
    if text.trim().is_empty() {
        return Err(Text::new("비어 있을 수 없습니다.", "May not be empty."));
    }
    if composed_len(text) > max {
        return Err(Text::new(
            format!("{max}자를 넘을 수 없습니다."),
            format!("May not exceed {max} characters."),
        ));
    }
    refuse(text, char::is_control, no_control())?;
    Ok(text.to_owned())
}

/// Why a text is refused for a control character.
pub fn no_control() -> Text {
    Text::new("제어 문자를 사용할 수 없습니다.", "May not contain control characters.")
}

/// The value that one of these words stands for.
pub fn one_of<T: Copy>(value: &Value, words: &[(&str, T)]) -> Result<T, Text> {
    let found = words.iter().find(|(word, _)| value.as_str() == Some(word));
    found.map(|(_, meant)| *meant).ok_or_else(|| {
        let words = words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
        Text::new(format!("{words} 중 하나여야 합니다."), format!("Has to be one of {words}."))
    })
}

impl FromField for String {
    fn from_field(value: &Value) -> Result<Self, Text> {
        text(value, 255)
    }
}

impl FromField for bool {
    fn from_field(value: &Value) -> Result<Self, Text> {
        let wrong = || Text::new("true 또는 false여야 합니다.", "Has to be true or false.");
        value.as_bool().ok_or_else(wrong)
    }
}

impl FromField for Won {
    fn from_field(value: &Value) -> Result<Self, Text> {
        let wrong = || {
            Text::new(
                format!("1 이상 {MAX_WON} 이하의 정수(원)여야 합니다."),
                format!("Has to be a whole number of won from 1 to {MAX_WON}."),
            )
        };
        value.as_i64().and_then(Self::new).ok_or_else(wrong)
    }
}

/// A whole number or a truth in a query, where every value is text: digits alone, `true`, `false`.
pub struct InQuery<T>(pub T);

impl<T: FromField> FromField for InQuery<T> {
    fn from_field(value: &Value) -> Result<Self, Text> {
        let meant = match value.as_str() {
            Some("true") => Value::from(true),
            Some("false") => Value::from(false),
            text => {
                let digits = text.filter(|t| t.bytes().all(|b| b.is_ascii_digit()));
                Value::from(digits.and_then(|t| t.parse::<i64>().ok()))
            }
        };
        T::from_field(&meant).map(Self)
    }
}

/// A whole number from 1 to `MAX`.
#[derive(Clone, Copy)]
pub struct UpTo<const MAX: i16>(pub i16);

impl<const MAX: i16> FromField for UpTo<MAX> {
    fn from_field(value: &Value) -> Result<Self, Text> {
        let wrong = || {
            Text::new(
                format!("1 이상 {MAX} 이하의 정수여야 합니다."),
                format!("Has to be a whole number from 1 to {MAX}."),
            )
        };
        let number = value.as_i64().and_then(|n| i16::try_from(n).ok());
        number.filter(|n| (1..=MAX).contains(n)).map(Self).ok_or_else(wrong)
    }
}

impl FromField for NaiveDate {
    fn from_field(value: &Value) -> Result<Self, Text> {
        let wrong =
            || Text::new("YYYY-MM-DD 형식의 날짜여야 합니다.", "Has to be a date, YYYY-MM-DD.");
        let text = value.as_str().filter(|t| has_shape_of_date(t)).ok_or_else(wrong)?;
        text.parse().map_err(|_| wrong())
    }
}

/// Four, two and two digits: the parser also takes signs, spaces and longer years.
fn has_shape_of_date(text: &str) -> bool {
    let shape =
        |(i, b): (usize, u8)| if matches!(i, 4 | 7) { b == b'-' } else { b.is_ascii_digit() };
    text.len() == 10 && text.bytes().enumerate().all(shape)
}

impl FromField for DateTime<Utc> {
    fn from_field(value: &Value) -> Result<Self, Text> {
        let wrong = || Text::new("RFC 3339 시각이어야 합니다.", "Has to be an RFC 3339 instant.");
        let parsed = value.as_str().map(DateTime::parse_from_rfc3339);
        parsed.and_then(Result::ok).map(|t| t.to_utc()).ok_or_else(wrong)
    }
}
