//! Reads the body of a request, within a time and a size.

use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::MatchedPath;
use axum::http::request::Parts;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::http::error::{ApiError, Code};
use crate::rules::text::Text;

/// Largest request body in bytes.
pub const MAX_BODY_BYTES: usize = 64 * 1024;
/// Routes that take larger ones.
const LARGER: &[(&str, usize)] = &[("/reconciliations", 16 * 1024 * 1024)];
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// How large a body the route takes, in bytes.
pub(super) fn limit(parts: &Parts) -> usize {
    let route = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let larger = LARGER.iter().find(|(larger, _)| *larger == route);
    larger.map_or(MAX_BODY_BYTES, |row| row.1)
}

/// Reads a body that nobody wants, keeping none of it: left unread, it would close the connection
/// under the caller's next request.
pub async fn discard(body: Body) {
    let mut body = Limited::new(body, MAX_BODY_BYTES);
    let read = async { while let Some(Ok(_)) = body.frame().await {} };
    drop(tokio::time::timeout(BODY_TIMEOUT, read).await);
}

/// The whole body, within a time and a size in bytes.
pub(super) async fn read(body: Body, limit: usize) -> Result<Bytes, ApiError> {
    let read = tokio::time::timeout(BODY_TIMEOUT, to_bytes(body, limit)).await;
    let read = read.map_err(|_| ApiError::from(Code::RequestTimeout))?;
    read.map_err(|error| {
        let too_large = std::error::Error::source(&error)
            .and_then(|e| e.downcast_ref::<LengthLimitError>())
            .is_some();
        if too_large { too_large_for(limit) } else { Code::InvalidJson.into() }
    })
}

fn too_large_for(limit: usize) -> ApiError {
    let kib = limit / 1024;
    ApiError::from(Code::PayloadTooLarge).with_text(Text::new(
        format!("요청 본문은 {kib} KiB를 넘을 수 없습니다."),
        format!("The body may not exceed {kib} KiB."),
    ))
}
