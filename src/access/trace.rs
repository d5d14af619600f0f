//! The trace that a request belongs to (W3C Trace Context): the caller's `traceparent`, else one that is
//! made here. It goes into the log, on to the merchant with each delivery, and to the collector when there
//! is one.

use std::fmt;

use axum::http::HeaderName;
use opentelemetry::Value;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use tracing::Span;
use tracing::field::Empty;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use uuid::Uuid;

use crate::redact::cards::holds_card;

/// The header of requests.
pub const TRACEPARENT: &str = "traceparent";
/// The header of answers.
pub const TRACERESPONSE: HeaderName = HeaderName::from_static("traceresponse");

/// A span and the trace that it is part of. It shows itself as `traceparent` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "the words of the specification")]
pub struct Trace {
    trace: TraceId,
    span: SpanId,
    flags: TraceFlags,
}

impl Trace {
    /// Reads a `traceparent`: version 00, or what a later one begins with. `None` for any other text, and
    /// for one that holds a card number: it is logged and kept.
    pub fn parse(text: &str) -> Option<Self> {
        let (head, rest) = text.split_at_checked(55)?;
        let mut parts = head.split('-');
        let (version, trace, span, flags) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let is_hex = |part: &str| part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let lengths = [version.len(), trace.len(), span.len(), flags.len()];
        let ends = rest.is_empty() || (version != "00" && rest.starts_with('-'));
        if lengths != [2, 32, 16, 2] || !head.split('-').all(is_hex) || version == "ff" || !ends {
            return None;
        }
        let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
        let flags = u8::from_str_radix(flags, 16).ok()?;
        let known = TraceFlags::new(flags) & TraceFlags::SAMPLED;
        let is_one = !holds_card(head) && trace != TraceId::INVALID && span != SpanId::INVALID;
        is_one.then_some(Self { trace, span, flags: known })
    }

    /// Opens a span within the trace of `parent`, or of a trace of its own, and says which it is. `open` is
    /// given an empty field for the trace's id.
    pub fn begin(parent: Option<Self>, open: impl FnOnce(Empty) -> Span) -> (Span, Self) {
        let span = open(Empty);
        if let Some(parent) = parent {
            let state = TraceState::default();
            let parent = SpanContext::new(parent.trace, parent.span, parent.flags, true, state);
            // An error only says that no collector is told.
            let _ = span.set_parent(opentelemetry::Context::new().with_remote_span_context(parent));
        }
        let trace = Self::of(&span).unwrap_or_else(|| Self::made(parent));
        span.record("trace_id", trace.trace.to_string());
        (span, trace)
    }

    /// As the collector will be told; `None` when it is told nothing.
    fn of(span: &Span) -> Option<Self> {
        let context = span.context();
        let told = context.span().span_context().clone();
        let (trace, span, flags) = (told.trace_id(), told.span_id(), told.trace_flags());
        told.is_valid().then_some(Self { trace, span, flags })
    }

    fn made(parent: Option<Self>) -> Self {
        let random = || Uuid::new_v4().into_bytes();
        // The last eight bytes of a UUID begin with two that say which kind it is.
        let span = SpanId::from(u64::from_be_bytes(random()[..8].try_into().unwrap_or([1; 8])));
        let trace =
            parent.map_or_else(|| TraceId::from(u128::from_be_bytes(random())), |p| p.trace);
        let flags = parent.map_or(TraceFlags::default(), |parent| parent.flags);
        Self { trace, span, flags }
    }
}

/// Tells the collector what the present span is; the log says it in its own way.
pub fn describe<const N: usize>(name: String, attributes: [(&'static str, Value); N]) {
    let span = Span::current();
    span.context().span().update_name(name);
    for (key, value) in attributes {
        span.set_attribute(key, value);
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace, self.span, self.flags.to_u8())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALLERS: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_traceparent_reads_back_and_other_text_is_none() {
        assert_eq!(Trace::parse(CALLERS).map(|t| t.to_string()).as_deref(), Some(CALLERS));
        let later = format!("cc{}-what-will-be", &CALLERS[2..]);
        assert_eq!(Trace::parse(&later).map(|t| t.to_string()).as_deref(), Some(CALLERS));
        for wrong in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4bf92f3577b34da6a3ce929d0e0e473-600f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-4111111111111111-01",
            "카드카드카드카드카드카드카드카드카드카드카드카드카드카드카드카드카드카드카드",
        ] {
            assert_eq!(Trace::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn without_a_collector_the_trace_goes_on_with_a_span_of_its_own() {
        let open = |trace_id: Empty| tracing::info_span!("request", trace_id);
        let caller = Trace::parse(CALLERS);
        let (_, within) = Trace::begin(caller, open);
        assert_eq!(Some(within.trace), caller.map(|c| c.trace));
        assert_ne!(Some(within.span), caller.map(|c| c.span));
        let (_, one) = Trace::begin(None, open);
        let (_, other) = Trace::begin(None, open);
        assert_ne!(one.trace, other.trace);
        assert_eq!(Trace::parse(&one.to_string()), Some(one));
    }
}
