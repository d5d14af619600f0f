//! What is kept of a request with an `Idempotency-Key`.

use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::http::uri::PathAndQuery;
use sha2::{Digest, Sha256};

use crate::access::api_keys::FirstKeyId;
use crate::http::error::ApiError;
use crate::redact::cards::{self, holds_card};
use crate::redact::keys::holds_key;
use crate::redact::paths::shown_path;
use crate::rules::text::Text;

const HEADER: &str = "idempotency-key";

/// What a key is good for, and what was asked for with it.
pub(super) struct Scope {
    pub(super) api_key_id: String,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) key: String,
    /// The body; in front of it what of the address is not in `path`.
    pub(super) asked: Bytes,
}

impl Scope {
    /// Of a request with an `Idempotency-Key`; an error when that cannot be kept.
    pub(super) fn of(parts: &Parts, body: &Bytes) -> Result<Option<Self>, ApiError> {
        Ok(key(&parts.headers)?.map(|key| Self::new(parts, key, body)))
    }

    /// The table holds no query, only that there was one, and nothing secret of the path: what is
    /// left out has to be the same all the same, as the body has to.
    fn new(parts: &Parts, key: String, body: &Bytes) -> Self {
        let api_key_id = parts.extensions.get::<FirstKeyId>().map(|id| id.0.clone());
        let whole = parts.uri.path_and_query().map_or("", PathAndQuery::as_str);
        let path = shown_path(&parts.headers, &parts.uri);
        let asked = if path == whole {
            body.clone()
        } else {
            [whole.as_bytes(), b"\n", body].concat().into()
        };
        let mark = if parts.uri.query().is_some() { "?" } else { "" };
        Self {
            api_key_id: api_key_id.unwrap_or_default(),
            method: parts.method.to_string(),
            path: short(path) + mark,
            key,
            asked,
        }
    }
}

/// A path as it is kept. An index row has room for less than a path may be long, so one of more than
/// 500 bytes is kept as its beginning and its hash.
fn short(path: String) -> String {
    const MOST: usize = 500;
    if path.len() <= MOST {
        return path;
    }
    let hash = hex::encode(Sha256::digest(&path));
    let start: String = path.chars().take(MOST / 5).collect();
    format!("{start}~{hash}")
}

fn key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let Some(value) = headers.get(HEADER) else { return Ok(None) };
    let bytes = value.as_bytes();
    if (1..=255).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic) {
        let key = String::from_utf8_lossy(bytes).into_owned();
        if holds_card(&key) {
            return Err(ApiError::invalid_field("Idempotency-Key", cards::refusal()));
        }
        if holds_key(headers, &key) {
            let ko = "API 키를 넣을 수 없습니다.";
            let reason = Text::new(ko, "May not contain an API key.");
            return Err(ApiError::invalid_field("Idempotency-Key", reason));
        }
        return Ok(Some(key));
    }
    let reason = Text::new(
        "공백 없는 ASCII 문자 1~255자여야 합니다.",
        "Has to be 1 to 255 visible ASCII characters.",
    );
    Err(ApiError::invalid_field("Idempotency-Key", reason))
}
