//! A caller of one service, who keeps every answer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::{Client, Method};
use serde_json::Value;

use crate::process::Failure;

/// What all callers have been answered.
#[derive(Default)]
pub struct Answers {
    /// Heads and bodies.
    pub bytes: Vec<u8>,
    /// How often, for each operation and status; 0 = no answer.
    pub seen: BTreeMap<String, BTreeMap<u16, u64>>,
}

/// One request.
#[derive(Clone)]
pub struct Ask {
    /// The operation it is counted for: method and path as the API's description has it.
    pub operation: String,
    /// The method.
    pub method: Method,
    /// Path and query.
    pub target: String,
    /// Headers besides those of every request.
    pub headers: Vec<(String, String)>,
    /// The body and its content type.
    pub body: Option<(String, Vec<u8>)>,
}

/// An answer.
pub struct Reply {
    /// 0 = none.
    pub status: u16,
    /// Null when it is not JSON.
    pub json: Value,
    /// The body.
    pub text: String,
}

/// See the module. Cheap to clone.
#[derive(Clone)]
pub struct Caller {
    /// Where the service is.
    pub base: String,
    /// The API key of every request that has no other.
    pub key: String,
    client: Client,
    answers: Arc<Mutex<Answers>>,
}

impl Caller {
    /// Of the service at `base`.
    pub fn new(base: String, key: &str, answers: &Arc<Mutex<Answers>>) -> Result<Self, Failure> {
        let client = Client::builder().no_proxy().timeout(Duration::from_secs(20)).build()?;
        Ok(Self { base, key: key.to_owned(), client, answers: answers.clone() })
    }

    /// Sends a request with a key of its own for its answer, so that the answer is stored too.
    pub async fn ask(&self, ask: Ask) -> Reply {
        let url = format!("{}{}", self.base, ask.target);
        let mut request = self.client.request(ask.method, url);
        let has = |name: &str| ask.headers.iter().any(|(n, _)| n == name);
        if !has("Authorization") && !has("X-API-Key") {
            request = request.bearer_auth(&self.key);
        }
        if !has("Idempotency-Key") {
            request = request.header("Idempotency-Key", uuid::Uuid::now_v7().to_string());
        }
        for (name, value) in ask.headers {
            request = request.header(name, value);
        }
        if let Some((content_type, body)) = ask.body {
            request = request.header("Content-Type", content_type).body(body);
        }
        let reply = answered(request.send().await).await;
        let (status, head, text) = reply.unwrap_or_default();
        let mut answers = self.answers();
        answers.bytes.extend(head.bytes().chain(text.bytes()).chain([b'\n']));
        *answers.seen.entry(ask.operation).or_default().entry(status).or_default() += 1;
        Reply { status, json: serde_json::from_str(&text).unwrap_or_default(), text }
    }

    /// A request as it should be.
    pub async fn good(&self, method: Method, path: &str, body: Option<&Value>) -> Reply {
        let template = path.split('?').next().unwrap_or_default();
        self.ask(Ask {
            operation: format!("{method} {template}"),
            method,
            target: path.to_owned(),
            headers: Vec::new(),
            body: body.map(|body| ("application/json".to_owned(), body.to_string().into_bytes())),
        })
        .await
    }

    /// A POST as it should be; an error when it is answered with another status than these.
    pub async fn post(&self, path: &str, body: &Value, statuses: &[u16]) -> Result<Value, Failure> {
        let reply = self.good(Method::POST, path, Some(body)).await;
        if statuses.contains(&reply.status) {
            return Ok(reply.json);
        }
        Err(format!("POST {path} was answered with {}", reply.status).into())
    }

    /// What has been answered so far.
    pub fn answers(&self) -> MutexGuard<'_, Answers> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn answered(
    sent: reqwest::Result<reqwest::Response>,
) -> reqwest::Result<(u16, String, String)> {
    let response = sent?;
    let head = format!("{} {:?}\n", response.status(), response.headers());
    Ok((response.status().as_u16(), head, response.text().await?))
}
