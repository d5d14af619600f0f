//! Logs and metrics.

use std::io::IsTerminal;
use std::sync::OnceLock;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::Directive;

use crate::config::{Config, LogFormat};

/// Libraries that print what goes over the wire at their lowest level, and the level that they are
/// held to whatever `RUST_LOG` says: card data must not reach a log.
const HELD: &[&str] = &[
    "hyper=info",
    "hyper_util=info",
    "h2=info",
    "reqwest=info",
    "rustls=info",
    "sqlx=info",
    "sqlx::postgres::notice=warn",
    "sqlx_core=info",
    "sqlx_postgres=info",
    "tower_http=info",
    "axum=info",
    "tungstenite=info",
];

/// Starts the log. A second start, as in tests, changes nothing.
pub fn init(config: &Config) {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter(&config.log_filter))
        .with_ansi(std::io::stdout().is_terminal());
    let started = match config.log_format {
        LogFormat::Json => builder.json().flatten_event(true).try_init().is_ok(),
        LogFormat::Pretty => builder.with_target(false).try_init().is_ok(),
    };
    if started {
        tracing::debug!("log started");
    }
}

fn filter(wanted: &str) -> EnvFilter {
    let filter = EnvFilter::builder().parse_lossy(wanted);
    let held = HELD.iter().filter_map(|text| text.parse::<Directive>().ok());
    held.fold(filter, EnvFilter::add_directive)
}

/// What `GET /metrics` shows: one recorder for the process.
pub fn metrics() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("metrics have another recorder");
        }
        handle
    })
}
