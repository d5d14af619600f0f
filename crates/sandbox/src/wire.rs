//! Requests and answers as they are on the wire: JSON of strings, in CP949.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

use crate::{charset, codes};

/// The Content-Type of every answer, as KiwoomPay writes it.
pub const JSON_EUC_KR: &str = "application/json;charset=EUC-KR";

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

/// The answer's text as CP949 bytes.
pub fn encode(answer: &Answer) -> Vec<u8> {
    charset::encode(&Value::Object(answer.clone()).to_string())
}

/// A complete HTTP answer: status 200, whatever the RESULTCODE.
pub fn respond(answer: &Answer) -> Response {
    bytes(StatusCode::OK, JSON_EUC_KR, encode(answer))
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

/// Reads a request body the way KiwoomPay insists on: JSON of strings, really in CP949.
pub fn parse(headers: &HeaderMap, body: &[u8]) -> Result<Fields, Refusal> {
    require_euc_kr(header_text(headers, "content-type"))?;
    let text = decode(body)?;
    let Ok(Value::Object(values)) = serde_json::from_str(&text) else {
        return Err(Refusal::new(codes::NOT_JSON, "요청 본문이 JSON 객체가 아닙니다."));
    };
    if let Some((name, _)) = values.iter().find(|(_, value)| !value.is_string()) {
        let message = format!("{name} 값은 문자열이어야 합니다(숫자도 따옴표로 감싸 주세요).");
        return Err(Refusal::new(codes::NOT_A_STRING, message));
    }
    Ok(Fields(values))
}

/// What can be read of a body without judging it, for the records and for choosing a fault.
pub fn peek(body: &[u8]) -> Fields {
    let (text, _, _) = encoding_rs::EUC_KR.decode(body);
    match serde_json::from_str(&text) {
        Ok(Value::Object(values)) => Fields(values),
        _ => Fields::default(),
    }
}

fn require_euc_kr(content_type: &str) -> Result<(), Refusal> {
    let mut parts = content_type.split(';').map(str::trim);
    let is_json = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"));
    let is_euc_kr = parts.any(|parameter| {
        parameter.split_once('=').is_some_and(|(name, value)| {
            let value = value.trim().trim_matches('"');
            name.trim().eq_ignore_ascii_case("charset") && value.eq_ignore_ascii_case("euc-kr")
        })
    });
    if is_json && is_euc_kr {
        return Ok(());
    }
    let message = "Content-Type은 application/json;charset=EUC-KR이어야 합니다.";
    Err(Refusal::new(codes::NOT_JSON, message))
}

fn decode(body: &[u8]) -> Result<String, Refusal> {
    if charset::is_utf8_korean(body) {
        let message = "본문의 한글이 UTF-8입니다. EUC-KR(CP949) 바이트로 보내 주세요.";
        return Err(Refusal::new(codes::NOT_CP949, message));
    }
    charset::decode(body).ok_or_else(|| {
        Refusal::new(codes::NOT_CP949, "본문이 올바른 EUC-KR(CP949) 바이트가 아닙니다.")
    })
}
