//! The real program as processes: for what only the death of a process shows.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::Value;

use crate::app::Reply;
use crate::postgres;

/// A sandbox on its own, and what services beside it need.
pub struct World {
    pub dir: PathBuf,
    pub sandbox: Process,
    pub database_url: String,
}

/// One process. Dropping it kills it.
pub struct Process {
    pub base: String,
    pub log: PathBuf,
    child: Child,
    client: Client,
}

impl World {
    pub async fn start() -> Self {
        let dir = std::env::temp_dir().join(format!("kb-{}", uuid::Uuid::now_v7().simple()));
        std::fs::create_dir_all(&dir).unwrap();
        let port = free_port();
        let port_text = port.to_string();
        let data_dir = dir.display().to_string();
        let arguments = ["sandbox", "--port", &port_text];
        let settings = [("DATA_DIR", data_dir.as_str())];
        let sandbox = Process::spawn(&dir, "sandbox", port, &arguments, &settings);
        sandbox.until(|| sandbox.get("/sandbox/clock"), |reply| reply.status == 200).await;
        Self { dir, sandbox, database_url: postgres::new_database().await }
    }

    /// A service on this world's database and sandbox, ready to be called.
    pub async fn service(&self, name: &str, settings: &[(&str, &str)]) -> Process {
        let gateway = format!("{}/sandbox", self.sandbox.base);
        let data_dir = self.dir.display().to_string();
        let mut all = vec![
            ("DATA_DIR", data_dir.as_str()),
            ("DATABASE_URL", &self.database_url),
            ("KIWOOM_BASE_URL", &gateway),
        ];
        all.extend(settings);
        Process::service(&self.dir, name, &all).await
    }

    pub async fn ledger(&self) -> Vec<Value> {
        let reply = self.sandbox.get("/sandbox/ledger").await;
        reply.json()["transactions"].as_array().unwrap().clone()
    }

    /// Waits until the gateway holds this many transactions, and no more.
    pub async fn until_ledger(&self, count: usize) -> Vec<Value> {
        let held = |reply: &Reply| reply.json()["transactions"].as_array().unwrap().clone();
        let ask = || self.sandbox.get("/sandbox/ledger");
        let ledger = held(&self.sandbox.until(ask, |reply| held(reply).len() >= count).await);
        assert_eq!(ledger.len(), count, "{ledger:?}");
        ledger
    }

    pub async fn fault(&self, fault: Value) {
        let reply = self.sandbox.post("/sandbox/faults", &fault).await;
        assert!(reply.status < 300, "{}", reply.text);
    }
}

impl Process {
    /// A service with exactly these settings and a port of its own, ready to be called.
    pub async fn service(dir: &Path, name: &str, settings: &[(&str, &str)]) -> Self {
        let port = free_port();
        let port_text = port.to_string();
        let mut all = vec![("PORT", port_text.as_str())];
        all.extend(settings);
        let process = Self::spawn(dir, name, port, &[], &all);
        process.until(|| process.get("/health/ready"), |reply| reply.status == 200).await;
        process
    }

    fn spawn(
        dir: &Path,
        name: &str,
        port: u16,
        arguments: &[&str],
        settings: &[(&str, &str)],
    ) -> Self {
        let log = dir.join(format!("{name}.log"));
        let file = File::options().create(true).append(true).open(&log).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_kiwoom-billing"));
        command.args(arguments).env_clear().envs(settings.iter().copied());
        command.env("PATH", std::env::var("PATH").unwrap_or_default());
        command.current_dir(dir).stdin(Stdio::null());
        command.stdout(file.try_clone().unwrap()).stderr(file);
        let client = Client::builder().no_proxy().build().unwrap();
        let base = format!("http://127.0.0.1:{port}");
        Self { base, log, child: command.spawn().unwrap(), client }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGTERM; whether it ended with success.
    pub fn terminate_quietly(self) -> bool {
        self.terminate().success()
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and its exit status.
    pub fn terminate(mut self) -> ExitStatus {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.child.wait().unwrap()
    }

    pub async fn try_get(&self, path: &str) -> reqwest::Result<Reply> {
        let response = self.client.get(format!("{}{path}", self.base)).send().await?;
        reply(response).await
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.try_get(path).await.unwrap_or_else(|_| Reply::none())
    }

    pub async fn try_post(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> reqwest::Result<Reply> {
        let mut request = self.client.post(format!("{}{path}", self.base)).json(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        reply(request.send().await?).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        self.try_post(path, &[], body).await.unwrap()
    }

    /// Asks again and again until the answer is as wanted.
    pub async fn until<F: Future<Output = Reply>>(
        &self,
        ask: impl Fn() -> F,
        wanted: impl Fn(&Reply) -> bool,
    ) -> Reply {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let reply = ask().await;
            if wanted(&reply) {
                return reply;
            }
            assert!(Instant::now() < deadline, "{reply:?}\n{}", self.output());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Everything it printed.
    pub fn output(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap()).into_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

async fn reply(response: reqwest::Response) -> reqwest::Result<Reply> {
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Ok(Reply { status, headers, text: response.text().await? })
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
