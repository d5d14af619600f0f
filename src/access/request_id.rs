//! The id of a request: the caller's own `X-Request-Id` when it is sane, else a new one.

use axum::extract::Request;
use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;
use uuid::Uuid;

use crate::redact::cards::holds_card;
use crate::redact::keys::holds_key;

/// The header that carries it, both ways.
pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");

const MAX_LENGTH: usize = 128;

/// Kept with the request while it is served.
#[derive(Clone)]
pub struct RequestId(String);

impl RequestId {
    /// The id of the request with these extensions; empty outside [`assign`].
    pub fn of(extensions: &Extensions) -> String {
        extensions.get::<Self>().map(|id| id.0.clone()).unwrap_or_default()
    }
}

/// Layer: gives the request its id, runs it in a span with that id, and sends the id back.
pub async fn assign(mut request: Request, next: Next) -> Response {
    let id = sane(request.headers()).unwrap_or_else(|| Uuid::now_v7().to_string());
    let header = HeaderValue::from_str(&id).ok();
    let span = tracing::info_span!("request", id);
    request.extensions_mut().insert(RequestId(id));
    let mut response = next.run(request).instrument(span).await;
    if let Some(value) = header {
        response.headers_mut().insert(HEADER, value);
    }
    response
}

/// Letters, digits and `-_.:`: nothing that could break a log line or a header. An id is logged and
/// kept with every change: one that holds a card number or an API key is not taken.
fn sane(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(HEADER)?.to_str().ok()?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    (1..=MAX_LENGTH).contains(&text.len()).then_some(())?;
    let secret = holds_card(text) || holds_key(headers, text);
    (text.chars().all(allowed) && !secret).then(|| text.to_owned())
}
