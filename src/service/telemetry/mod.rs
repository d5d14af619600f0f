//! Logs, metrics and traces.

mod described;
pub mod gauges;
mod lines;
mod traces;

use std::any::Any;
use std::panic::PanicHookInfo;
use std::sync::OnceLock;
use std::time::Duration;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt};

use crate::config::{Config, LogFormat};
use lines::Lines;
pub use traces::Traces;

/// Libraries that print what goes over the wire at their lowest level, and the level that they are
/// held to whatever `RUST_LOG` says: card data must not reach a log.
const HELD: &[(&str, LevelFilter)] = &[
    ("hyper", LevelFilter::INFO),
    ("hyper_util", LevelFilter::INFO),
    ("h2", LevelFilter::INFO),
    ("reqwest", LevelFilter::INFO),
    ("rustls", LevelFilter::INFO),
    ("sqlx", LevelFilter::INFO),
    ("sqlx::postgres::notice", LevelFilter::WARN),
    ("sqlx_core", LevelFilter::INFO),
    ("sqlx_postgres", LevelFilter::INFO),
    ("tower_http", LevelFilter::INFO),
    ("axum", LevelFilter::INFO),
    ("tungstenite", LevelFilter::INFO),
];

/// Seconds: of an answer without the gateway, of one with it, of the gateway's time-out, and of what a
/// caller waits at most.
const BUCKETS: [f64; 13] =
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 35.0, 65.0];
/// What was measured is kept until it is put into its buckets, which nobody may ask for.
const UPKEEP: Duration = Duration::from_secs(5);

/// Starts the log. A second start, as in tests, changes nothing.
pub fn init(config: &Config) {
    start(config, Lines::on_stdout(), None);
}

/// Starts the log of a command whose standard output is for another program.
pub fn init_on_stderr(config: &Config) {
    start(config, Lines::on_stderr(), None);
}

/// Starts the log, and the traces when there is a collector for them.
pub fn init_with_traces(config: &Config) -> Option<Traces> {
    let endpoint = config.traces.endpoint.as_ref();
    let traces = endpoint.map(|endpoint| Traces::start(endpoint, &config.traces.service));
    let (traces, failure) = match traces.transpose() {
        Ok(traces) => (traces, None),
        Err(error) => (None, Some(error)),
    };
    start(config, Lines::on_stdout(), traces.as_ref());
    if let Some(error) = failure {
        tracing::error!(%error, "no traces: OTEL_EXPORTER_OTLP_ENDPOINT cannot be used");
    }
    traces
}

fn start(config: &Config, lines: Lines, traces: Option<&Traces>) {
    // Colours are the writer's: nothing else in a line reaches the terminal as a command.
    let layer = fmt::layer().with_ansi(false).with_writer(lines);
    let layer: Box<dyn Layer<Registry> + Send + Sync> = match config.log_format {
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
        LogFormat::Pretty => layer.with_target(false).boxed(),
    };
    // The filter is the log's alone: one that shows little leaves the traces whole.
    let mut layers = vec![layer.with_filter(config.log_filter.clone()).boxed()];
    layers.extend(traces.map(|traces| traces.layer().boxed()));
    if tracing_subscriber::registry().with(layers).with(held()).try_init().is_ok() {
        std::panic::set_hook(Box::new(panicked));
        tracing::debug!("log started");
    }
}

/// Logs where a panic was. Its message only when that is a text of the program itself: one that was
/// made at run time may repeat what was being read, as that of a text cut within a character does.
fn panicked(panic: &PanicHookInfo<'_>) {
    let at = panic.location().map(ToString::to_string);
    tracing::error!(at, text = fixed_text(panic.payload()), "panic");
}

fn fixed_text(payload: &(dyn Any + Send)) -> &'static str {
    payload.downcast_ref::<&'static str>().copied().unwrap_or("(message withheld)")
}

/// A filter of its own: a directive for one module of a library cannot undo it.
fn held() -> Targets {
    Targets::new().with_default(LevelFilter::TRACE).with_targets(HELD.iter().copied())
}

/// What `GET /metrics` shows: one recorder for the process.
pub fn metrics() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let builder = PrometheusBuilder::new().set_buckets(&BUCKETS);
        let recorder = builder.unwrap_or_default().build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("metrics have another recorder");
        }
        described::begin();
        handle
    })
}

/// Keeps the memory of what is measured small, until the service is told to stop.
pub async fn keep(stop: CancellationToken) {
    loop {
        metrics().run_upkeep();
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(UPKEEP) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    #[test]
    fn a_panic_whose_message_was_made_at_run_time_tells_nothing() {
        let card = "카4111111111111111".to_owned();
        let cut = catch_unwind(|| card[..1].len()).unwrap_err();
        assert!(cut.downcast_ref::<String>().is_some_and(|message| message.contains(&card)));
        assert_eq!(fixed_text(&*cut), "(message withheld)");
        let fixed = catch_unwind(|| panic!("no such state")).unwrap_err();
        assert_eq!(fixed_text(&*fixed), "no such state");
    }
}
