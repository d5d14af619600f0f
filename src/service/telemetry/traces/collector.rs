//! Requests to the collector.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::{Request, Response};
use opentelemetry_http::{HttpClient, HttpError};
use reqwest::{Client, redirect};
use tokio::runtime::Handle;
use url::Url;

use crate::kiwoom::outgoing::through;

const TIMEOUT: Duration = Duration::from_secs(5);

/// Its client. The library asks from a thread of its own, which has no runtime.
#[derive(Debug)]
pub struct Collector {
    client: Client,
    runtime: Handle,
}

impl Collector {
    /// To be made within the runtime.
    pub fn new(endpoint: &Url) -> reqwest::Result<Self> {
        let client = Client::builder().timeout(TIMEOUT).redirect(redirect::Policy::none());
        let client = through(endpoint, None, client)?.build()?;
        Ok(Self { client, runtime: Handle::current() })
    }
}

#[async_trait::async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (client, request) = (self.client.clone(), reqwest::Request::try_from(request)?);
        let answered = self.runtime.spawn(async move {
            let answer = client.execute(request).await?;
            let status = answer.status();
            Ok::<_, reqwest::Error>((status, answer.bytes().await?))
        });
        let (status, body) = answered.await??;
        Ok(Response::builder().status(status).body(body)?)
    }
}
