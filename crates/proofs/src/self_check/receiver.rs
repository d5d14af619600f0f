//! The merchant's backend, which keeps all that it is told.

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
    told: Told,
}

impl Receiver {
    /// Listens until the program ends.
    pub async fn start() -> Result<Self, Failure> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/events", listener.local_addr()?);
        let told = Told::default();
        let router = Router::new().route("/events", post(keep)).with_state(told.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { url, told })
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
