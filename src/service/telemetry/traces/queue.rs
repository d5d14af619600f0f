//! What waits for the collector: so many spans and no more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry::trace::SpanKind;
use opentelemetry_otlp::SpanExporter as Otlp;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Span, SpanData, SpanExporter, SpanProcessor,
};

/// A few kilobytes each at most.
const MOST: usize = 2048;

/// Spans that have ended and were not taken yet.
#[derive(Debug)]
pub struct Queue {
    batches: BatchSpanProcessor,
    waiting: Arc<AtomicUsize>,
}

impl Queue {
    /// Handed on by a thread of its own.
    pub fn to(exporter: Otlp) -> Self {
        let waiting = Arc::<AtomicUsize>::default();
        // Larger than ours, so that what is dropped is counted.
        let config = BatchConfigBuilder::default().with_max_queue_size(2 * MOST).build();
        let exporter =
            Counted { exporter, waiting: waiting.clone(), is_away: AtomicBool::default() };
        let batches = BatchSpanProcessor::builder(exporter).with_batch_config(config).build();
        Self { batches, waiting }
    }
}

impl SpanProcessor for Queue {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.batches.on_start(span, context);
    }

    fn on_end(&self, mut span: SpanData) {
        if !span.span_context.is_sampled() {
            return;
        }
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= MOST {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            dropped("queue_full", 1);
            return;
        }
        span.span_kind = kind(&span);
        self.batches.on_end(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.batches.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.batches.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.batches.set_resource(resource);
    }
}

/// Which side of a call the span is.
fn kind(span: &SpanData) -> SpanKind {
    let is_request = span.attributes.iter().any(|a| a.key.as_str() == "http.request.method");
    match &*span.name {
        "delivery" | "gateway.ready" | "gateway.send" => SpanKind::Client,
        _ if is_request => SpanKind::Server,
        _ => SpanKind::Internal,
    }
}

/// The exporter; says how many spans it was given and which were not taken.
#[derive(Debug)]
struct Counted {
    exporter: Otlp,
    waiting: Arc<AtomicUsize>,
    is_away: AtomicBool,
}

impl SpanExporter for Counted {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let done = self.exporter.export(batch).await;
        self.waiting.fetch_sub(spans, Ordering::Relaxed);
        let was_away = self.is_away.swap(done.is_err(), Ordering::Relaxed);
        match &done {
            Ok(()) if was_away => tracing::info!("the collector takes traces again"),
            Ok(()) => {}
            Err(error) => {
                dropped("not_taken", spans);
                if !was_away {
                    tracing::warn!(%error, "the collector takes no traces, they are dropped");
                }
            }
        }
        done
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

fn dropped(reason: &'static str, spans: usize) {
    metrics::counter!("kiwoom_billing_spans_dropped_total", "reason" => reason)
        .increment(spans as u64);
}
