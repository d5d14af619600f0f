//! Reads requests into types that cannot be wrong, and names every problem at once.

mod values;

use std::collections::HashMap;
use std::convert::Infallible;
use std::mem;

use axum::body::{Bytes, HttpBody};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::http::error::{ApiError, Code, Detail};
use crate::http::json::{self, Object};
use crate::redact::paths::shown_name;
use crate::rules::text::Text;

pub use values::{InQuery, UpTo, one_of, text, whole};

/// A value that one field of a request can hold.
pub trait FromField: Sized {
    /// The value, or what is wrong with it.
    fn from_field(value: &Value) -> Result<Self, Text>;

    /// The same of a JSON body's own text, for what [`Value`] rounds.
    fn as_written(value: &Value, _text: &str) -> Result<Self, Text> {
        Self::from_field(value)
    }
}

/// A request body or query as a whole.
pub trait FromFields: Sized {
    /// Reads the fields it knows. `None` only after a problem was noted in `fields`.
    fn from_fields(fields: &mut Fields) -> Option<Self>;
}

/// The fields of a request, and what has been found wrong with them so far.
pub struct Fields {
    values: Map<String, Value>,
    texts: HashMap<String, Box<RawValue>>,
    known: Vec<&'static str>,
    problems: Vec<Detail>,
}

impl Fields {
    /// Reads all of `T`, or says everything that is wrong: also fields that nobody knows, because a
    /// misspelt `amount` in a refund would refund everything.
    pub fn read<T: FromFields>(object: impl Into<Object>) -> Result<T, ApiError> {
        let Object { values, texts } = object.into();
        let mut fields = Self { values, texts, known: Vec::new(), problems: Vec::new() };
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
        let read = match self.texts.get(name) {
            Some(text) => T::as_written(value, text.get()),
            None => T::from_field(value),
        };
        match read {
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
        self.refuse_null(name);
        self.optional(name)
    }

    /// As [`Self::changeable`], of an object.
    pub fn changeable_object<T: FromFields>(&mut self, name: &'static str) -> Option<T> {
        self.refuse_null(name);
        self.object(name)
    }

    fn refuse_null(&mut self, name: &'static str) {
        if self.values.get(name).is_some_and(Value::is_null) {
            let reason = Text::new("null로 지울 수 없습니다.", "Cannot be cleared with null.");
            self.refuse(name, reason);
        }
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
        json::check_charset(request.headers())?;
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
        let (mut values, mut repeated) = (Map::new(), Vec::new());
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let value = Value::String(value.into_owned());
            if values.insert(name.clone().into_owned(), value).is_some() {
                repeated.push(shown_name(&name));
            }
        }
        json::refuse_repeated(repeated)?;
        Fields::read(values).map(Self)
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
