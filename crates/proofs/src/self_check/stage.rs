//! What a run watches: PostgreSQL, the sandbox, a service for each log level, the merchant's
//! receiver.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, PgPool};

use crate::process::{Failure, Process, Recipe, free_port};
use crate::self_check::caller::{Answers, Caller};
use crate::self_check::marks::Marks;
use crate::self_check::receiver::Receiver;
use kiwoom_billing::storage::database::private::PrivateServer;

/// As loud as it gets, also for the parts of libraries that print what they send.
const LOUD: &str = "trace,hyper=trace,hyper::proto=trace,hyper_util::client=trace,reqwest=trace,\
    reqwest::connect=trace,sqlx=trace,sqlx::query=trace,sqlx_core=trace,\
    sqlx_postgres::connection=trace,rustls::client=trace,h2::codec=trace";
/// The levels, each with a format; the lowest level in both.
pub const LEVELS: [(&str, &str, &str); 6] = [
    ("error", "error", "json"),
    ("warn", "warn", "pretty"),
    ("info", "info", "json"),
    ("debug", "debug", "pretty"),
    ("trace", LOUD, "json"),
    ("trace", LOUD, "pretty"),
];
const READY_TIMEOUT: Duration = Duration::from_mins(1);
const STOP_TIMEOUT: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(20);

/// See the module.
pub struct Stage {
    /// Where everything is.
    pub dir: PathBuf,
    /// The sandbox of each service: its faults concern no other service.
    pub sandbox_urls: Vec<String>,
    /// A caller of each service, in the order of [`LEVELS`].
    pub callers: Vec<Caller>,
    /// For what concerns PostgreSQL as a whole.
    pub admin: PgPool,
    /// For looks into the database of each service.
    pub pools: Vec<PgPool>,
    /// The merchant's backend.
    pub receiver: Receiver,
    /// What commands have printed.
    pub printed: Vec<u8>,
    /// What `GET /metrics` has shown.
    pub metrics: Vec<u8>,
    program: PathBuf,
    services: Vec<Process>,
    sandboxes: Vec<Process>,
    pub(super) private: Option<PrivateServer>,
    settings: Vec<(String, String)>,
    api_key: String,
    password: String,
}

impl Stage {
    /// Starts all of it in a new folder; `service` is the program.
    pub async fn start(service: &Path, marks: &Marks) -> Result<Self, Failure> {
        let name = format!("kiwoom-leaks-{}", uuid::Uuid::now_v7().simple());
        let dir = std::env::temp_dir().join(name);
        std::fs::create_dir_all(dir.join("data"))?;
        println!("  everything is in {}", dir.display());
        let private = PrivateServer::start(&dir, None).await?;
        let admin = PgPoolOptions::new().max_connections(2);
        let admin = admin.connect_with(private.options("postgres")).await?;
        // Every segment of the write-ahead log is kept for the search.
        for sql in ["alter system set wal_keep_size = '16GB'", "select pg_reload_conf()"] {
            sqlx::query(sql).execute(&admin).await?;
        }
        let receiver = Receiver::start().await?;
        let settings = pairs(&[
            ("API_KEYS", &marks.api_key),
            ("BILLING_KEY_SECRET", &marks.secret),
            ("BILLING_KEY_SECRET_OLD", &marks.old_secret),
            ("MERCHANT_WEBHOOK_URL", &receiver.url),
            ("MERCHANT_WEBHOOK_SECRET", &format!("whsec_{}", marks.webhook_secret)),
            (
                "MERCHANT_WEBHOOK_PREVIOUS_SECRET",
                &format!("whsec_{}", marks.previous_webhook_secret),
            ),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &receiver.collector),
            ("DATABASE_MAX_CONNECTIONS", "8"),
            ("AUTH_FAILURES_PER_MINUTE", "0"),
            ("REGISTER_CUSTOMER_PER_HOUR", "0"),
            ("REGISTER_ADDRESS_PER_HOUR", "0"),
            ("REGISTER_KEY_PER_HOUR", "0"),
            ("KIWOOM_TIMEOUT_SECS", "2"),
            ("KIWOOM_RATE_PER_SEC", "0"),
            ("KAKAOPAY_ENABLED", "true"),
            ("SCHEDULER_INTERVAL_SECS", "1"),
        ]);
        let mut stage = Self {
            dir,
            sandbox_urls: Vec::new(),
            callers: Vec::new(),
            admin,
            pools: Vec::new(),
            receiver,
            printed: Vec::new(),
            metrics: Vec::new(),
            program: service.to_owned(),
            services: Vec::new(),
            sandboxes: Vec::new(),
            private: Some(private),
            settings,
            api_key: marks.api_key.clone(),
            password: marks.database_password.clone(),
        };
        let answers = Arc::default();
        for (level, filter, format) in LEVELS {
            let log = pairs(&[("RUST_LOG", filter), ("LOG_FORMAT", format)]);
            stage.start_service(&format!("{level}-{format}"), log, &answers).await?;
        }
        Ok(stage)
    }

    /// A service with its sandbox.
    async fn start_service(
        &mut self,
        name: &str,
        log: Vec<(String, String)>,
        answers: &Arc<Mutex<Answers>>,
    ) -> Result<(), Failure> {
        let (port, sandbox_port) = (free_port()?, free_port()?);
        let base = format!("http://127.0.0.1:{port}");
        let sandbox_url = format!("http://127.0.0.1:{sandbox_port}/sandbox");
        let dir = self.dir.clone();
        let data_dir = dir.join("data").join(name).display().to_string();
        let shared = pairs(&[("DATA_DIR", &data_dir), ("PUBLIC_URL", &base)]);
        self.sandboxes.push(Process::start(Recipe {
            program: self.program.clone(),
            name: format!("sandbox-{name}"),
            arguments: ["sandbox", "--strict", "--port", &sandbox_port.to_string()]
                .map(str::to_owned)
                .to_vec(),
            environment: shared.clone(),
            port: sandbox_port,
            dir: dir.clone(),
        })?);
        self.until_answered(&format!("{sandbox_url}/clock")).await?;
        let database_url = self.add_database(name).await?;
        let own = pairs(&[
            ("DATABASE_URL", &database_url),
            ("KIWOOM_BASE_URL", &sandbox_url),
            ("PORT", &port.to_string()),
        ]);
        // The last service's sandbox is that of the commands too.
        self.settings.retain(|(name, _)| !shared.iter().chain(&own).any(|(n, _)| n == name));
        self.settings.extend(shared.into_iter().chain(own));
        let environment = [self.settings.clone(), log].concat();
        self.services.push(Process::start(Recipe {
            program: self.program.clone(),
            name: format!("service-{name}"),
            arguments: vec![],
            environment,
            port,
            dir,
        })?);
        self.until_answered(&format!("{base}/health/ready")).await?;
        self.callers.push(Caller::new(base, &self.api_key, answers)?);
        self.sandbox_urls.push(sandbox_url);
        Ok(())
    }

    /// A database of its own, because two sandboxes give out the same transaction ids. Its address
    /// has a password, which PostgreSQL does not ask for here.
    async fn add_database(&mut self, name: &str) -> Result<String, Failure> {
        let private = self.private.as_ref().ok_or("PostgreSQL is away")?;
        let create = format!("create database \"{name}\"");
        sqlx::query(AssertSqlSafe(create)).execute(&self.admin).await?;
        let pool = PgPoolOptions::new().max_connections(2).connect_with(private.options(name));
        self.pools.push(pool.await?);
        Ok(private.url(name).replacen('@', &format!(":{}@", self.password), 1))
    }

    /// Waits until an address answers with success.
    pub async fn until_answered(&self, url: &str) -> Result<(), Failure> {
        let client = reqwest::Client::builder().no_proxy().build()?;
        let deadline = Instant::now() + READY_TIMEOUT;
        while !client.get(url).send().await.is_ok_and(|answer| answer.status().is_success()) {
            if Instant::now() > deadline {
                return Err(format!("{url} does not answer; see {}", self.dir.display()).into());
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// Ends PostgreSQL as a power cut does.
    pub async fn crash_database(&mut self) {
        if let Some(private) = self.private.take() {
            private.crash().await;
        }
    }

    /// Starts PostgreSQL again.
    pub async fn revive_database(&mut self) -> Result<(), Failure> {
        self.private = Some(PrivateServer::start(&self.dir, None).await?);
        for caller in &self.callers {
            self.until_answered(&format!("{}/health/ready", caller.base)).await?;
        }
        Ok(())
    }

    /// Runs a command of the program with the services' settings and these besides, and keeps what
    /// it prints on standard error; both outputs, unless the output is the secret that was asked for.
    pub async fn run(
        &mut self,
        arguments: &[&str],
        settings: &[(&str, &str)],
    ) -> Result<(bool, String), Failure> {
        let mut command = tokio::process::Command::new(&self.program);
        command.args(arguments).env_clear().envs(self.settings.iter().cloned());
        command.env("RUST_LOG", LOUD).env("RUST_BACKTRACE", "full");
        command.envs(settings.iter().copied()).current_dir(&self.dir).stdin(Stdio::null());
        let output = command.output().await?;
        self.printed.extend(&output.stderr);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if !arguments.starts_with(&["keys", "new"]) {
            self.printed.extend(&output.stdout);
        }
        Ok((output.status.success(), text))
    }

    /// Whether a core file of any service would be empty.
    pub fn writes_no_core(&self) -> bool {
        self.services.iter().all(|service| {
            let limits = std::fs::read_to_string(format!("/proc/{}/limits", service.pid()));
            let limit = |text: String| {
                let line = text.lines().find(|line| line.starts_with("Max core file size"))?;
                Some(line.split_whitespace().skip(4).all(|word| word == "0" || word == "bytes"))
            };
            // Not Linux: there is no such file to look into.
            limits.is_err() || limits.ok().and_then(limit) == Some(true)
        })
    }

    /// Tells the services to stop; whether all have in time.
    pub async fn terminate(&mut self) -> Result<bool, Failure> {
        let mut ended = true;
        for service in &self.services {
            service.terminate()?;
        }
        for service in &mut self.services {
            ended &= service.ended(STOP_TIMEOUT).await.is_some();
        }
        Ok(ended)
    }

    /// Ends all processes; the folder is kept when there is something to look at.
    pub async fn stop(mut self, clean: bool) {
        self.services.clear();
        for pool in self.pools.iter().chain([&self.admin]) {
            pool.close().await;
        }
        if let Some(private) = self.private.take() {
            private.stop().await;
        }
        if clean {
            drop(std::fs::remove_dir_all(&self.dir));
        }
    }
}

fn pairs(settings: &[(&str, &str)]) -> Vec<(String, String)> {
    settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
