//! What runs: PostgreSQL, the sandbox, two services and the merchant's receiver.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::net::TcpListener;

use crate::process::{Failure, Process, Recipe, free_port};
use crate::soak::Sizes;
use kiwoom_billing::storage::database::private::{DATABASE, PrivateServer};
use kiwoom_billing::storage::database::{MIGRATIONS, migrating};

const READY_TIMEOUT: Duration = Duration::from_mins(1);
const SECRET: &str = "whsec_c29hay1zZWNyZXQtb2YtMjQtYnl0ZXMtLS0tLS0t";
const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// The merchant's backend: which events it was told of, and whether it answers at all.
#[derive(Default)]
pub struct Receiver {
    pub ids: Mutex<HashSet<String>>,
    pub is_away: AtomicBool,
}

/// See the module.
pub struct Stage {
    pub dir: PathBuf,
    pub pool: PgPool,
    pub sandbox_url: String,
    pub services: Vec<Process>,
    pub receiver: Arc<Receiver>,
    private: Option<PrivateServer>,
    _sandbox: Process,
}

impl Stage {
    pub async fn start(service: &Path) -> Result<Self, Failure> {
        let name = format!("kiwoom-soak-{}", uuid::Uuid::now_v7().simple());
        let dir = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&dir)?;
        println!("  logs are in {}", dir.display());
        let private = PrivateServer::start(&dir, None).await?;
        let pool = PgPoolOptions::new().max_connections(2);
        let pool = pool.connect_with(private.options(DATABASE)).await?;
        migrating::apply(&MIGRATIONS, &mut *pool.acquire().await?).await?;
        let receiver = Arc::<Receiver>::default();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let events = format!("http://{}/events", listener.local_addr()?);
        let router = Router::new().route("/events", post(take)).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let (ports, sandbox_port) = ([free_port()?, free_port()?], free_port()?);
        let sandbox_url = format!("http://127.0.0.1:{sandbox_port}/sandbox");
        let data_dir = dir.display().to_string();
        let process = |name: &str, port: u16, arguments: &[&str], settings: &[(&str, &str)]| {
            let environment = settings.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
            Process::start(Recipe {
                program: service.to_owned(),
                name: name.to_owned(),
                arguments: arguments.iter().map(|text| (*text).to_owned()).collect(),
                environment: environment.collect(),
                port,
                dir: dir.clone(),
            })
        };
        let public_url = format!("http://127.0.0.1:{}", ports[0]);
        let shared = [("DATA_DIR", data_dir.as_str()), ("PUBLIC_URL", &public_url)];
        let port_text = sandbox_port.to_string();
        let sandbox = process(
            "sandbox",
            sandbox_port,
            &["sandbox", "--strict", "--port", &port_text],
            &shared,
        )?;
        until_answered(&format!("{sandbox_url}/clock")).await?;
        let mut services = Vec::new();
        for (n, port) in ports.into_iter().enumerate() {
            let (database, port_text) = (private.url(DATABASE), port.to_string());
            let own = [
                ("DATABASE_URL", database.as_str()),
                ("KIWOOM_BASE_URL", &sandbox_url),
                ("PORT", &port_text),
                ("BILLING_KEY_SECRET", KEY),
                ("KIWOOM_TIMEOUT_SECS", "4"),
                ("KIWOOM_RATE_PER_SEC", "0"),
                ("REGISTER_CUSTOMER_PER_HOUR", "0"),
                ("REGISTER_ADDRESS_PER_HOUR", "0"),
                ("REGISTER_KEY_PER_HOUR", "0"),
                ("MERCHANT_WEBHOOK_URL", &events),
                ("MERCHANT_WEBHOOK_SECRET", SECRET),
                ("RUST_LOG", "warn"),
            ];
            services.push(process(
                &format!("service-{n}"),
                port,
                &[],
                &[&shared[..], &own].concat(),
            )?);
            until_answered(&format!("http://127.0.0.1:{port}/health/ready")).await?;
        }
        let private = Some(private);
        Ok(Self { dir, pool, sandbox_url, services, receiver, private, _sandbox: sandbox })
    }

    /// Where the services listen.
    pub fn bases(&self) -> Vec<String> {
        self.services.iter().map(|s| format!("http://127.0.0.1:{}", s.port())).collect()
    }

    /// What each service has in memory, in kilobytes.
    pub fn sizes(&self) -> Result<Sizes, Failure> {
        let size = |service: &Process| {
            let status = std::fs::read_to_string(format!("/proc/{}/status", service.pid()))?;
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
            let number = line.and_then(|line| line.split_whitespace().next());
            Ok(number.ok_or("a service has ended")?.parse()?)
        };
        self.services.iter().map(size).collect()
    }

    /// Ends PostgreSQL as a power cut does, and starts it again.
    pub async fn crash_database(&mut self) -> Result<(), Failure> {
        if let Some(private) = self.private.take() {
            private.crash().await;
        }
        self.private = Some(PrivateServer::start(&self.dir, None).await?);
        Ok(())
    }

    /// Ends all processes; the folder is kept when there is something to look at.
    pub async fn stop(mut self, is_good: bool) {
        self.services.clear();
        self.pool.close().await;
        if let Some(private) = self.private.take() {
            private.stop().await;
        }
        if is_good {
            drop(std::fs::remove_dir_all(&self.dir));
        }
    }
}

async fn until_answered(url: &str) -> Result<(), Failure> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let deadline = Instant::now() + READY_TIMEOUT;
    while !client.get(url).send().await.is_ok_and(|answer| answer.status().is_success()) {
        if Instant::now() > deadline {
            return Err(format!("{url} does not answer").into());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

async fn take(State(receiver): State<Arc<Receiver>>, headers: HeaderMap) -> StatusCode {
    if receiver.is_away.load(Ordering::Relaxed) {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    let id = headers.get("webhook-id").and_then(|id| id.to_str().ok()).unwrap_or_default();
    receiver.ids.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned());
    StatusCode::NO_CONTENT
}
