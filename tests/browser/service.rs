//! The service as a process of its own, with its own private database and sandbox.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const PATIENCE: Duration = Duration::from_mins(1);

/// A running service.
pub struct Service {
    pub base: String,
    pub port: u16,
    child: Child,
    dir: PathBuf,
    http: reqwest::Client,
}

impl Service {
    /// With these settings; ready to be called.
    pub async fn start(settings: &[(&str, &str)]) -> Self {
        let port = free_port();
        let dir = std::env::temp_dir().join(format!("kiwoom-browser-{port}"));
        drop(std::fs::remove_dir_all(&dir));
        std::fs::create_dir_all(&dir).unwrap();
        let child = Command::new(program())
            .envs(settings.iter().copied())
            .env("PORT", port.to_string())
            .env("DATA_DIR", &dir)
            .env("SANDBOX_STRICT", "true")
            .env_remove("DATABASE_URL")
            .current_dir(&dir)
            .stdout(Stdio::null())
            .spawn()
            .expect("the service: `cargo build` makes it");
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let base = format!("http://127.0.0.1:{port}");
        let service = Self { base, port, child, dir, http };
        let started = Instant::now();
        while service.try_get("/health/ready").await.is_err() {
            assert!(started.elapsed() < PATIENCE, "the service does not get ready");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        service
    }

    async fn try_get(&self, path: &str) -> reqwest::Result<Value> {
        let answer = self.http.get(format!("{}{path}", self.base)).send().await?;
        answer.error_for_status()?.json().await
    }

    /// The JSON of an answer.
    pub async fn get(&self, path: &str) -> Value {
        self.try_get(path).await.unwrap()
    }

    /// Every transaction the gateway side holds, oldest first.
    pub async fn ledger(&self) -> Vec<Value> {
        let ledger = self.get("/sandbox/ledger").await;
        ledger["transactions"].as_array().unwrap().clone()
    }
}

impl Drop for Service {
    /// The private database ends with the process.
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        std::fs::remove_dir_all(&self.dir).ok();
    }
}

/// What `cargo build` made for this checkout.
fn program() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), PathBuf::from);
    target.join("debug/kiwoom-billing")
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
