//! Writes the errors of handlers and layers as callers read them.

use axum::extract::Request;
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::access::request_id::RequestId;
use crate::http::error::ApiError;

/// Layer: writes the envelope of an [`ApiError`] that a handler or an inner layer returned.
pub async fn render(request: Request, next: Next) -> Response {
    let english = prefers_english(request.headers());
    let request_id = RequestId::of(request.extensions());
    let mut response = next.run(request).await;
    match response.extensions_mut().remove::<ApiError>() {
        Some(error) => error.into_envelope(&request_id, english),
        None => response,
    }
}

/// Whether `Accept-Language` asks for English first.
pub fn prefers_english(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|v| v.to_str().ok());
    accepted.is_some_and(|v| v.trim_start().to_ascii_lowercase().starts_with("en"))
}
