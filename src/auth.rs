//! The caller's API key: `Authorization: Bearer <key>` or `X-API-Key: <key>`.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::context::AppState;
use crate::error::{ApiError, Code};
use crate::idempotency;

/// Whose request it is: the beginning of the key's hash. The key itself goes no further.
#[derive(Clone, Debug)]
pub struct ApiKeyId(pub String);

/// Layer: lets a request through when it carries one of `API_KEYS`, or when there are none
/// (development only; the settings refuse that in production).
pub async fn require_key(
    State(ctx): State<AppState>,
    mut request: Request,
    next: Next,
) -> Response {
    let keys = &ctx.config.api_keys;
    let caller = if keys.is_empty() {
        Some("open".to_owned())
    } else {
        presented(request.headers()).and_then(|key| identify(keys, key))
    };
    let Some(id) = caller else {
        idempotency::discard_body(request.into_body()).await;
        return ApiError::from(Code::Unauthorized).into_response();
    };
    request.extensions_mut().insert(ApiKeyId(id));
    next.run(request).await
}

fn presented(headers: &HeaderMap) -> Option<&str> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    let bearer = bearer.and_then(|v| v.split_once(' '));
    let bearer = bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let own = headers.get("x-api-key").and_then(|v| v.to_str().ok());
    bearer.map(|(_, key)| key.trim()).or(own)
}

/// Compares hashes in constant time, all keys every time.
fn identify(keys: &[SecretString], presented: &str) -> Option<String> {
    let presented = Sha256::digest(presented);
    keys.iter().fold(None, |found, key| {
        let key = Sha256::digest(key.expose_secret());
        let same: bool = key.ct_eq(&presented).into();
        found.or(same.then(|| hex::encode(&key[..6])))
    })
}
