//! A command that calls a running service, with an API key.

use std::time::Duration;

use clap::Args;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use crate::commands::{Failure, own_service};
use crate::config::Config;
use crate::kiwoom::outgoing::{causes, through};

const TIMEOUT: Duration = Duration::from_secs(10);

/// Which service, and as whom.
#[derive(Args)]
pub struct ServiceArguments {
    /// The service; left out: the one on this machine
    #[arg(long, value_name = "URL")]
    url: Option<Url>,
    /// API key, when the service needs one: with the scope read to listen, admin to trigger
    #[arg(long, env = "KIWOOM_BILLING_API_KEY", hide_env_values = true, value_name = "KEY")]
    api_key: Option<String>,
}

/// Calls it.
pub(super) struct Client {
    http: reqwest::Client,
    pub(super) base: Url,
    api_key: Option<String>,
}

#[derive(Deserialize)]
struct Answer<T> {
    data: T,
}

impl Client {
    pub(super) fn new(asked: ServiceArguments, config: &Config) -> Result<Self, Failure> {
        let base = asked.url.map_or_else(|| own_service(config), Ok)?;
        let http = through(&base, None, reqwest::Client::builder().timeout(TIMEOUT))?.build()?;
        Ok(Self { http, base, api_key: asked.api_key })
    }

    /// The `data` of an answer; any other answer is the failure.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.ask(self.http.get(self.at(path))).await
    }

    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &Value,
    ) -> Result<T, Failure> {
        self.ask(self.http.post(self.at(path)).json(body)).await
    }

    fn at(&self, path: &str) -> String {
        format!("{}/{path}", self.base.as_str().trim_end_matches('/'))
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<T, Failure> {
        let request = match &self.api_key {
            Some(key) => request.bearer_auth(key),
            None => request,
        };
        let answer = request.send().await.map_err(causes)?;
        let (status, text) = (answer.status(), answer.text().await.map_err(causes)?);
        if !status.is_success() {
            return Err(text.into());
        }
        Ok(serde_json::from_str::<Answer<T>>(&text)?.data)
    }
}
