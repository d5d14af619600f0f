//! The id of a request: the caller's own `X-Request-Id` when it is sane, else a new one; and its trace.

use axum::extract::Request;
use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;
use uuid::Uuid;

use crate::access::trace::{TRACEPARENT, TRACERESPONSE, Trace};
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

/// Layer: gives the request its id and its trace, runs it in a span with both, and sends both back.
pub async fn assign(mut request: Request, next: Next) -> Response {
    let id = sane(request.headers()).unwrap_or_else(|| Uuid::now_v7().to_string());
    let caller = request.headers().get(TRACEPARENT).and_then(|value| value.to_str().ok());
    let caller = caller.and_then(Trace::parse);
    let (span, trace) =
        Trace::begin(caller, |trace_id| tracing::info_span!("request", id, trace_id));
    let headers = [(HEADER, id.clone()), (TRACERESPONSE, trace.to_string())];
    request.extensions_mut().insert(RequestId(id));
    request.extensions_mut().insert(trace);
    let mut response = next.run(request).instrument(span).await;
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
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
