//! What a form sent: fields, and perhaps a file. The guard has read it and checked its CSRF token.

use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Multipart, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::console::failed::Failed;
use crate::http::error::{ApiError, Code};

/// The field that holds the CSRF token.
pub const CSRF: &str = "csrf";
/// The field that holds the form's `Idempotency-Key`.
pub const IDEMPOTENCY_KEY: &str = "idempotencyKey";

/// Largest form, and largest form with a file, in bytes: a little more than the API takes.
const MAX_FORM: usize = 64 * 1024;
const MAX_UPLOAD: usize = 16 * 1024 * 1024 + MAX_FORM;
const READ_TIMEOUT: Duration = Duration::from_mins(1);

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Form {
    fields: Vec<(String, String)>,
    file: Option<(String, Bytes)>,
}

impl Form {
    /// Reads the body of a request.
    pub async fn read(parts: &Parts, body: Body) -> Result<Self, ApiError> {
        let read = async {
            match media_type(parts).as_str() {
                "application/x-www-form-urlencoded" => Self::of_fields(body).await,
                "multipart/form-data" => Self::of_parts(parts, body).await,
                _ => Err(Code::UnsupportedMediaType.into()),
            }
        };
        let read = tokio::time::timeout(READ_TIMEOUT, read).await;
        read.unwrap_or_else(|_| Err(Code::RequestTimeout.into()))
    }

    async fn of_fields(body: Body) -> Result<Self, ApiError> {
        let bytes = to_bytes(body, MAX_FORM).await.map_err(|_| Code::PayloadTooLarge)?;
        let fields = url::form_urlencoded::parse(&bytes).into_owned().collect();
        Ok(Self { fields, file: None })
    }

    async fn of_parts(parts: &Parts, body: Body) -> Result<Self, ApiError> {
        let bytes = to_bytes(body, MAX_UPLOAD).await.map_err(|_| Code::PayloadTooLarge)?;
        let request = Request::from_parts(parts.clone(), Body::from(bytes));
        let multipart = Multipart::from_request(with_limit(request), &()).await;
        let mut multipart = multipart.map_err(|_| Code::InvalidRequest)?;
        let mut form = Self::default();
        while let Some(field) = multipart.next_field().await.map_err(|_| Code::InvalidRequest)? {
            let name = field.name().unwrap_or_default().to_owned();
            let file_name = field.file_name().map(str::to_owned);
            let bytes = field.bytes().await.map_err(|_| Code::InvalidRequest)?;
            match file_name {
                Some(file_name) => form.file = Some((file_name, bytes)),
                None => form.fields.push((name, String::from_utf8_lossy(&bytes).into_owned())),
            }
        }
        Ok(form)
    }

    /// The text of a field without spaces at its ends; empty when it is not there.
    pub fn text(&self, name: &str) -> &str {
        let found = self.fields.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value.trim())
    }

    /// The same, `None` when it is empty.
    pub fn optional(&self, name: &str) -> Option<&str> {
        Some(self.text(name)).filter(|text| !text.is_empty())
    }

    /// Whether a box was ticked or a button of this name pressed.
    pub fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|(known, _)| known == name)
    }

    /// A whole number as JSON, `9,900` too. What is none goes to the API as it is, which says what is
    /// wrong with it.
    pub fn number(&self, name: &str) -> Option<Value> {
        let text = self.optional(name)?;
        let digits = text.replace(',', "");
        Some(digits.parse::<i64>().map_or_else(|_| Value::from(text), Value::from))
    }

    /// Name and content of the file.
    pub fn file(&self) -> Option<(&str, &Bytes)> {
        let (name, bytes) = self.file.as_ref().filter(|file| !file.0.is_empty())?;
        Some((name, bytes))
    }

    /// The `Idempotency-Key` for what the form asks for: the same page, sent twice, does it once. One
    /// that was refused and is sent again with other values asks for something else.
    pub fn idempotency_key(&self, body: &Value) -> Option<String> {
        let key = self.optional(IDEMPOTENCY_KEY)?;
        let hash = Sha256::digest(body.to_string());
        Some(format!("{key}-{}", hex::encode(&hash[..8])))
    }

    /// A JSON object of the fields that are not empty: text by the name in `texts`, numbers by that
    /// in `numbers`.
    pub fn json(&self, texts: &[&str], numbers: &[&str]) -> Value {
        let texts = texts
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), Value::from(self.optional(name)?))));
        let numbers =
            numbers.iter().filter_map(|name| Some(((*name).to_owned(), self.number(name)?)));
        Value::Object(texts.chain(numbers).collect::<Map<_, _>>())
    }
}

fn with_limit(mut request: Request) -> Request {
    axum::extract::DefaultBodyLimit::max(MAX_UPLOAD).apply(&mut request);
    request
}

fn media_type(parts: &Parts) -> String {
    let named = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    named.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

impl<S: Send + Sync> FromRequestParts<S> for Form {
    type Rejection = Failed;

    /// Only an action has one.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failed> {
        let found = parts.extensions.get().cloned();
        found.ok_or_else(|| Failed::of_api(StatusCode::INTERNAL_SERVER_ERROR, &[]))
    }
}
