//! How the simulation itself calls the services, the sandbox and the database.

use std::time::Duration;

use reqwest::Client;
use serde_json::Value;
use sqlx::PgPool;

use crate::simulate::Failure;

const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);

/// What calls of the merchant, the buyer and the operator need. Cheap to clone.
#[derive(Clone)]
pub struct Reach {
    /// For calls of the simulation's own.
    pub client: Client,
    /// A connection of the simulation's own.
    pub pool: PgPool,
    /// Base of the sandbox, with its path.
    pub sandbox_url: String,
    /// Where the services listen.
    pub ports: Vec<u16>,
}

impl Reach {
    /// An address of replica `n`.
    pub fn url(&self, n: usize, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.ports[n % self.ports.len()])
    }

    /// How many replicas there are.
    pub fn replicas(&self) -> usize {
        self.ports.len()
    }

    /// One call of the simulation's own to the sandbox.
    pub async fn sandbox_post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let request = self.client.post(format!("{}{path}", self.sandbox_url)).json(body);
        Ok(request.send().await?.error_for_status()?.json().await?)
    }

    /// Whether an address answers with success.
    pub async fn is_answered(&self, url: &str) -> bool {
        let request = self.client.get(url).timeout(ANSWER_TIMEOUT);
        request.send().await.is_ok_and(|answer| answer.status().is_success())
    }
}
