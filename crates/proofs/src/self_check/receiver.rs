//! The merchant's backend and its collector of traces, which keep all that they are told.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use tokio::net::TcpListener;

use crate::process::Failure;

type Told = Arc<Mutex<Vec<u8>>>;

/// See the module.
pub struct Receiver {
    /// `MERCHANT_WEBHOOK_URL`.
    pub url: String,
    /// `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub collector: String,
    told: Told,
    traces: Told,
}

impl Receiver {
    /// Listens until the program ends.
    pub async fn start() -> Result<Self, Failure> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let collector = format!("http://{}", listener.local_addr()?);
        let url = format!("{collector}/events");
        let (told, traces) = (Told::default(), Told::default());
        let events = Router::new().route("/events", post(keep)).with_state(told.clone());
        let spans = Router::new().route("/v1/traces", post(keep)).with_state(traces.clone());
        tokio::spawn(async move { axum::serve(listener, events.merge(spans)).await });
        Ok(Self { url, collector, told, traces })
    }

    /// All traces: heads and bodies. A text stands in them as it is.
    pub fn traces(&self) -> Vec<u8> {
        self.traces.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All deliveries: heads and bodies.
    pub fn told(&self) -> Vec<u8> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn keep(State(told): State<Told>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
    told.extend(format!("{headers:?}\n").bytes().chain(body).chain([b'\n']));
    StatusCode::NO_CONTENT
}
