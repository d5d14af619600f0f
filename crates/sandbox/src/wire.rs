//! Requests and answers as they are on the wire: JSON of strings, in CP949 or UTF-8.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

use crate::{charset, codes};

/// The charset of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// EUC-KR, really CP949.
    EucKr,
    /// UTF-8.
    Utf8,
}

/// An answer's fields in the order they are sent.
pub type Answer = Map<String, Value>;

/// A request's values, all of them strings.
#[derive(Debug, Default)]
pub struct Fields(Map<String, Value>);

/// A well-formed no: HTTP 200 with a RESULTCODE other than `0000`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// RESULTCODE.
    pub code: String,
    /// ERRORMESSAGE, in Korean.
    pub message: String,
}

impl Refusal {
    /// A refusal with `code` and `message`.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into() }
    }

    /// The refusal as answer fields.
    pub fn into_answer(self) -> Answer {
        answer([("RESULTCODE", self.code), ("ERRORMESSAGE", self.message)])
    }
}

impl Fields {
    /// The value of `name`, empty when it is absent.
    pub fn get(&self, name: &str) -> &str {
        self.find(name).unwrap_or_default()
    }

    /// The value of `name` when the request has it.
    pub fn find(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    /// With another value of `name`.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// All names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default()))
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Fields {
    fn from(fields: [(&str, &str); N]) -> Self {
        Self(answer(fields.map(|(name, value)| (name, value.to_owned()))))
    }
}

impl From<Map<String, Value>> for Fields {
    fn from(fields: Map<String, Value>) -> Self {
        Self(fields)
    }
}

/// Answer fields out of names and values.
pub fn answer<'a>(fields: impl IntoIterator<Item = (&'a str, String)>) -> Answer {
    fields.into_iter().map(|(name, value)| (name.to_owned(), Value::String(value))).collect()
}

/// A good answer: RESULTCODE and ERRORMESSAGE first, then `fields`.
pub fn success<'a>(message: &str, fields: impl IntoIterator<Item = (&'a str, String)>) -> Answer {
    let head = [("RESULTCODE", codes::SUCCESS.to_owned()), ("ERRORMESSAGE", message.to_owned())];
    answer(head.into_iter().chain(fields))
}

impl Charset {
    /// Of the answer to a request: the one that the request names, UTF-8 where it names none. Who has
    /// to be `strict` is answered in EUC-KR.
    pub fn of(strict: bool, headers: &HeaderMap) -> Self {
        let content_type = header_text(headers, "content-type");
        if strict || is_euc_kr(content_type) { Self::EucKr } else { Self::Utf8 }
    }

    /// The Content-Type of an answer in it, as KiwoomPay writes it.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::EucKr => "application/json;charset=EUC-KR",
            Self::Utf8 => "application/json;charset=UTF-8",
        }
    }

    /// The answer as bytes.
    pub fn encode(self, answer: &Answer) -> Vec<u8> {
        let text = Value::Object(answer.clone()).to_string();
        match self {
            Self::EucKr => charset::encode(&text),
            Self::Utf8 => text.into_bytes(),
        }
    }
}

/// A complete HTTP answer: status 200, whatever the RESULTCODE.
pub fn respond(charset: Charset, answer: &Answer) -> Response {
    bytes(StatusCode::OK, charset.content_type(), charset.encode(answer))
}

/// An HTTP answer of these bytes.
pub fn bytes(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Response {
    let content_type = HeaderValue::from_static(content_type);
    (status, [(header::CONTENT_TYPE, content_type)], body).into_response()
}

/// A header's value, empty when it is absent or not ASCII.
pub fn header_text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Whether a browser's form sent it.
pub fn is_form(headers: &HeaderMap) -> bool {
    header_text(headers, "content-type").starts_with("application/x-www-form-urlencoded")
}

/// The charset that a Content-Type names, in small letters.
pub fn charset_named(content_type: &str) -> Option<String> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let is_charset = name.trim().eq_ignore_ascii_case("charset");
        is_charset.then(|| value.trim().trim_matches('"').to_ascii_lowercase())
    })
}

/// Whether a Content-Type names EUC-KR.
pub fn is_euc_kr(content_type: &str) -> bool {
    charset_named(content_type).is_some_and(|name| name == "euc-kr")
}
