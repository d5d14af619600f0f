//! Answers of the sandbox's own controls. They follow the service's API, not the gateway's.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// 200 with a JSON value.
pub fn json(value: &Value) -> Response {
    json_bytes(StatusCode::OK, value.to_string().into_bytes())
}

/// JSON that is serialised already.
pub fn json_bytes(status: StatusCode, body: Vec<u8>) -> Response {
    let content_type = HeaderValue::from_static("application/json; charset=utf-8");
    (status, [(header::CONTENT_TYPE, content_type)], body).into_response()
}

/// 400 with a Korean sentence saying what is accepted.
pub fn invalid(message: &str) -> Response {
    error(StatusCode::BAD_REQUEST, "invalid_request", message)
}

/// A failure in the service's envelope.
pub fn error(status: StatusCode, code: &str, message: &str) -> Response {
    let body = json!({ "success": false, "error": { "code": code, "message": message } });
    json_bytes(status, body.to_string().into_bytes())
}
