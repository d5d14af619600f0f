//! What every answer tells a browser: run and load nothing, show it in no frame, guess no type,
//! keep no copy, tell nobody where you were. `Strict-Transport-Security` is left to whoever does
//! the TLS in front of the service.

use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::middleware::Next;
use axum::response::Response;

/// For everything that is no page.
const NOTHING: &str =
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Marks an answer whose path names its content: it may be kept for good.
#[derive(Clone, Copy, Debug)]
pub struct Immutable;

/// Layer: the headers above. A page brings a policy of its own, which also says who may frame it, and
/// may say to whom it tells where it was.
pub async fn protect(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let is_immutable = response.extensions().get::<Immutable>().is_some();
    let headers = response.headers_mut();
    if !headers.contains_key(CONTENT_SECURITY_POLICY) {
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(NOTHING));
        headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(REFERRER_POLICY).or_insert(HeaderValue::from_static("no-referrer"));
    let cached = if is_immutable { "public, max-age=31536000, immutable" } else { "no-store" };
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(cached));
    response
}
