//! `OTEL_*`: where traces go. The names are those of the OpenTelemetry specification; what is not named here
//! the library reads by itself.

use url::Url;

use crate::config::read::Reader;

/// The collector.
#[derive(Clone, Debug)]
pub struct TracesConfig {
    /// `OTEL_EXPORTER_OTLP_ENDPOINT`: OTLP over HTTP, without `/v1/traces`. Without it there are no traces.
    pub endpoint: Option<Url>,
    /// `OTEL_SERVICE_NAME`.
    pub service: String,
}

impl TracesConfig {
    pub(super) fn read(r: &mut Reader) -> Self {
        Self {
            endpoint: r.url("OTEL_EXPORTER_OTLP_ENDPOINT"),
            service: r.text("OTEL_SERVICE_NAME").unwrap_or_else(|| "kiwoom-billing".to_owned()),
        }
    }
}
