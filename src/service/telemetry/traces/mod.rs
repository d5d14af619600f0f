//! Traces for a collector (OTLP over HTTP), when `OTEL_EXPORTER_OTLP_ENDPOINT` names one.
//!
//! Only spans of the service's own go there, and only what they say of themselves: no event of the log, no
//! path, query or body. A collector that is slow or dead costs no request anything: what does not fit into
//! the queue is dropped and counted.

mod collector;
mod queue;

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tracing::{Metadata, Subscriber};
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{FilterFn, LevelFilter};
use tracing_subscriber::registry::LookupSpan;
use url::Url;

use collector::Collector;
use queue::Queue;

/// How long a stop waits for what is left to be taken.
const GOODBYE: Duration = Duration::from_secs(2);

/// The traces of this process.
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// To the collector at `endpoint`, as the service `name`.
    pub fn start(endpoint: &Url, name: &str) -> Result<Self, Box<dyn std::error::Error>> {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Collector::new(endpoint)?)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{}/v1/traces", endpoint.as_str().trim_end_matches('/')))
            .build()?;
        let resource = Resource::builder()
            .with_service_name(name.to_owned())
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let provider = SdkTracerProvider::builder()
            .with_span_processor(Queue::to(exporter))
            .with_resource(resource)
            .build();
        Ok(Self(provider))
    }

    /// What makes spans of the log's ones.
    pub fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let layer: OpenTelemetryLayer<S, SdkTracer> =
            tracing_opentelemetry::layer().with_tracer(self.0.tracer("kiwoom-billing"));
        layer
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(FilterFn::new(is_own_span).with_max_level_hint(LevelFilter::INFO))
    }

    /// Hands on what is left, for a moment.
    pub async fn stop(self) {
        let stopped = tokio::task::spawn_blocking(move || self.0.shutdown_with_timeout(GOODBYE));
        if !matches!(stopped.await, Ok(Ok(()))) {
            tracing::warn!("the last traces were not taken");
        }
    }
}

fn is_own_span(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && metadata.target().starts_with("kiwoom_billing")
}
