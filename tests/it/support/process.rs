//! The real program as processes: for what only the death of a process shows.

use std::fs::File;
use std::net::TcpListener;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use crate::support::app::{FIGURES_AGE, Reply, card};
use crate::support::postgres;
use crate::support::sandbox::counted;

/// This build.
const PROGRAM: &str = env!("CARGO_BIN_EXE_kiwoom-billing");

/// The header of a request that is to be done once.
pub const ONCE: &[(&str, &str)] = &[("Idempotency-Key", "once")];

/// A sandbox on its own, and what services beside it need.
pub struct World {
    pub sandbox: Process,
    pub database_url: String,
    // The last to be dropped: a sandbox that is still running writes into it.
    pub dir: Folder,
}

/// A new folder, which goes with the test unless that failed.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        let dir = std::env::temp_dir().join(format!("kb-{}", uuid::Uuid::now_v7().simple()));
        std::fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }
}

impl Deref for Folder {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            drop(std::fs::remove_dir_all(&self.0));
        }
    }
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
        let dir = Folder::new();
        let sandbox = Process::sandbox(&dir, &["--strict"]).await;
        Self { sandbox, database_url: postgres::new_database().await, dir }
    }

    /// A service on this world's database and sandbox, ready to be called.
    pub async fn service(&self, name: &str, settings: &[(&str, &str)]) -> Process {
        self.service_of(PROGRAM, name, settings).await
    }

    /// The same by another build.
    pub async fn service_of(
        &self,
        program: &str,
        name: &str,
        settings: &[(&str, &str)],
    ) -> Process {
        let gateway = format!("{}/sandbox", self.sandbox.base);
        let data_dir = self.dir.display().to_string();
        let mut all = vec![
            ("DATA_DIR", data_dir.as_str()),
            ("DATABASE_URL", &self.database_url),
            ("KIWOOM_BASE_URL", &gateway),
        ];
        all.extend(settings);
        Process::service_of(program, &self.dir, name, &all).await
    }

    /// Its database as the owner sees it.
    pub fn owner_url(&self) -> String {
        postgres::as_owner(&self.database_url)
    }

    /// A connection as the owner of the database, for what the service itself may not do.
    pub async fn owner(&self) -> PgConnection {
        PgConnection::connect(&self.owner_url()).await.unwrap()
    }

    pub async fn ledger(&self) -> Vec<Value> {
        let reply = self.sandbox.get("/sandbox/ledger").await;
        reply.json()["transactions"].as_array().unwrap().clone()
    }

    /// How many requests of a step have reached the sandbox, declined ones too.
    pub async fn calls(&self, step: &str) -> usize {
        counted(&self.sandbox.get("/sandbox/calls").await, step)
    }

    /// Waits until the gateway has taken this many payments.
    pub async fn until_charged(&self, count: usize) {
        let counted = |reply: &Reply| {
            reply.status == 200 && reply.json()["transactions"].as_array().unwrap().len() >= count
        };
        self.sandbox.until(|| self.sandbox.get("/sandbox/ledger"), counted).await;
    }

    /// Moves the clock of the sandbox and of the services beside it.
    pub async fn advance_days(&self, days: u32) {
        let reply = self.sandbox.post("/sandbox/clock", &json!({"advanceDays": days})).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
    }

    pub async fn fault(&self, fault: Value) {
        let reply = self.sandbox.post("/sandbox/faults", &fault).await;
        assert!(reply.status < 300, "{}", reply.text);
    }
}

impl Process {
    /// A service with exactly these settings and a port of its own, ready to be called.
    pub async fn service(dir: &Path, name: &str, settings: &[(&str, &str)]) -> Self {
        Self::service_of(PROGRAM, dir, name, settings).await
    }

    async fn service_of(program: &str, dir: &Path, name: &str, settings: &[(&str, &str)]) -> Self {
        let port = free_port();
        let port_text = port.to_string();
        let mut all = vec![("PORT", port_text.as_str())];
        all.extend(settings);
        let process = Self::spawn(dir, name, port, &[program], &all);
        process.until(|| process.get("/health/ready"), |reply| reply.status == 200).await;
        process
    }

    /// `run`: the program and its arguments.
    /// A sandbox on its own, with these arguments.
    pub async fn sandbox(dir: &Path, arguments: &[&str]) -> Self {
        let port = free_port();
        let (port_text, data_dir) = (port.to_string(), dir.display().to_string());
        let command = [&[PROGRAM, "sandbox", "--port", &port_text], arguments].concat();
        let settings = [("DATA_DIR", data_dir.as_str())];
        let sandbox = Self::spawn(dir, "sandbox", port, &command, &settings);
        sandbox.until(|| sandbox.get("/sandbox/clock"), |reply| reply.status == 200).await;
        sandbox
    }

    fn spawn(dir: &Path, name: &str, port: u16, run: &[&str], settings: &[(&str, &str)]) -> Self {
        let log = dir.join(format!("{name}.log"));
        let file = File::options().create(true).append(true).open(&log).unwrap();
        let mut command = Command::new("sh");
        // A shell sets the limits of a process and becomes it.
        let limited = "[ -z \"$OPEN_FILES\" ] || ulimit -n $OPEN_FILES; exec \"$0\" \"$@\"";
        command.args(["-c", limited]).args(run);
        command.env_clear().envs(settings.iter().copied());
        command.env("PATH", std::env::var("PATH").unwrap_or_default());
        command.current_dir(dir).stdin(Stdio::null());
        command.stdout(file.try_clone().unwrap()).stderr(file);
        let client = Client::builder().no_proxy().build().unwrap();
        let base = format!("http://127.0.0.1:{port}");
        Self { base, log, child: command.spawn().unwrap(), client }
    }

    /// Sends a signal by name; the process goes on being watched.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let flag = format!("-{name}");
        assert!(Command::new("kill").args([&flag, &pid]).status().unwrap().success());
    }

    /// Whether the process has not ended. A process that ended and was not waited for is a zombie.
    pub fn is_running(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()));
        stat.is_ok_and(|stat| stat.rsplit(')').next().is_some_and(|s| !s.starts_with(" Z")))
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and its exit status.
    pub fn terminate(mut self) -> ExitStatus {
        self.signal("TERM");
        self.child.wait().unwrap()
    }

    pub async fn try_get(&self, path: &str) -> reqwest::Result<Reply> {
        let response = self.client.get(format!("{}{path}", self.base)).send().await?;
        reply(response).await
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.try_get(path).await.unwrap_or_else(|_| Reply::none())
    }

    /// `GET /health/ready` with figures of now: they may be a second old.
    pub async fn ready(&self) -> Value {
        tokio::time::sleep(FIGURES_AGE).await;
        self.get("/health/ready").await.data(200)
    }

    pub async fn try_post(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> reqwest::Result<Reply> {
        self.try_send(Method::POST, path, headers, body).await
    }

    pub async fn try_patch(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> reqwest::Result<Reply> {
        self.try_send(Method::PATCH, path, headers, body).await
    }

    async fn try_send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> reqwest::Result<Reply> {
        let mut request = self.client.request(method, format!("{}{path}", self.base)).json(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        reply(request.send().await?).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        let response = self.client.delete(format!("{}{path}", self.base)).send().await.unwrap();
        reply(response).await.unwrap()
    }

    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        self.try_post(path, &[], body).await.unwrap()
    }

    /// Registers a card for `user123`; the billing key.
    pub async fn register(&self) -> String {
        let key = self.post("/billing/register", &card("4111111111111111")).await.data(201);
        key["billingKey"].as_str().unwrap().to_owned()
    }

    /// Settles by hand what was cut short: refused for some seconds, because a process that was taken
    /// for dead may only stand still and send it yet.
    pub async fn settle_by_hand(&self, path: &str, found: &Value) -> Reply {
        self.post(path, found).await.fails(409, "charge_in_progress");
        self.until(|| self.post(path, found), |reply| reply.status != 409).await
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

/// A port that nobody listens on, below those that outgoing connections take on Linux.
pub fn free_port() -> u16 {
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    (0..100).map(|_| fastrand::u16(10_000..32_000)).find(is_free).unwrap()
}

/// Runs a subcommand to its end; what it printed, an error when it failed.
pub fn run(arguments: &[&str], settings: &[(&str, &str)]) -> Result<String, String> {
    run_of(PROGRAM, arguments, settings)
}

/// The same by another build.
pub fn run_of(
    program: &str,
    arguments: &[&str],
    settings: &[(&str, &str)],
) -> Result<String, String> {
    let dir = Folder::new();
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(settings.iter().copied()).current_dir(&*dir);
    let done = command.output().unwrap();
    let text = [done.stdout, done.stderr].concat();
    let text = String::from_utf8(text).unwrap();
    if done.status.success() { Ok(text) } else { Err(text) }
}

/// `kiwoom-billing migrate` with a `DATABASE_URL`.
pub fn migrate(database: &str, arguments: &[&str]) -> Result<String, String> {
    run(&[&["migrate"], arguments].concat(), &[("DATABASE_URL", database)])
}
