//! What the subcommands do.

pub mod adopt;
pub mod import;
pub mod keys;
pub mod pause_charging;
pub mod resume_charging;
mod rotate;

use std::error::Error;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn;
use sqlx::PgPool;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::config::{Config, Gateway};
use crate::layers::headers;
use crate::redact::cards::holds_card;
use crate::service::{self, Service};
use crate::service::{clock_file, telemetry};
use crate::storage::database;
use crate::storage::database::errors::is_forbidden;
use crate::storage::database::private::PrivateServer;
use crate::{sandbox, self_check, simulate};
use kiwoom_clock::Clock;

type Done = Result<(), Box<dyn Error + Send + Sync>>;

/// Runs the service until SIGTERM or SIGINT.
pub async fn serve(config: Config) -> Done {
    telemetry::init(&config);
    // From here on: one that came between the first answer and this would end it outright.
    let mut signals = Signals::listen()?;
    let service = tokio::select! {
        started = Service::start(config) => started?,
        () = signals.received() => return Ok(()),
    };
    greet(&service);
    signals.received().await;
    tracing::info!("stopping: waiting for calls under way");
    service.stop().await;
    Ok(())
}

/// Leaves the database, and stops the private server of development.
async fn close(pool: &PgPool, private: Option<PrivateServer>) {
    pool.close().await;
    if let Some(private) = private {
        private.stop().await;
    }
}

/// Brings the schema up to date, and gives the role `grant_to` the rights that the service needs.
pub async fn migrate(config: Config, grant_to: Option<&str>) -> Done {
    telemetry::init(&config);
    let (pool, private) = database::open(&config).await?;
    println!("데이터베이스 스키마가 최신입니다 (the schema is up to date).");
    if let Some(role) = grant_to {
        database::grants::grant(&mut *pool.acquire().await?, role).await?;
        println!(
            "{role}: 서비스에 필요한 권한만 주었습니다 (has what the service needs, no more)."
        );
    }
    close(&pool, private).await;
    Ok(())
}

const FOR_THE_OWNER: &str = "이 역할에는 권한이 없습니다. 테이블 소유자의 DATABASE_URL로 실행해 주세요 \
    (this role has no right to: run it with the DATABASE_URL of the tables' owner)";

/// Says so when it is the service's role that tried.
fn for_the_owner(error: sqlx::Error) -> Box<dyn Error + Send + Sync> {
    if is_forbidden(&error) { FOR_THE_OWNER.into() } else { error.into() }
}

/// A reason is kept, so it may not be empty or contain a card number.
fn check_reason(reason: &str) -> Done {
    // Not in the parser, whose errors repeat what was written.
    if holds_card(reason) {
        return Err("the reason is kept: it may not contain a card number".into());
    }
    if reason.trim().is_empty() {
        return Err("이유를 적어 주세요 (say why: --reason)".into());
    }
    Ok(())
}

/// Takes over billing keys or subscriptions from a CSV file, all of it or nothing; an error when a
/// line was bad.
pub async fn import(config: Config, file: &Path, dry_run: bool) -> Done {
    telemetry::init(&config);
    let sheet = import::Sheet::read(file)?;
    let clock = service::clock(&config)?;
    let (pool, private) = database::open(&config).await?;
    let imported = async {
        let vault = service::vault(&config, &pool).await?;
        let rules = config.schedule.rules.clone();
        import::Importer { vault, clock, rules, dry_run }.import(&pool, sheet).await
    };
    let imported = imported.await;
    close(&pool, private).await;
    if imported? { Ok(()) } else { Err("the file has bad lines".into()) }
}

/// Runs the sandbox alone, with books of its own.
pub async fn sandbox(config: Config, port: u16) -> Done {
    if config.is_production() {
        return Err("production never has a sandbox".into());
    }
    telemetry::init(&config);
    let clock = clock_file::load(&config.data_dir.join("sandbox"))?;
    let options = sandbox::Options {
        cpid: sandbox::CPID.to_owned(),
        auth_key: sandbox::AUTH_KEY.to_owned(),
        data_dir: Some(config.data_dir.clone()),
        advance_clock: saved_jump(config.data_dir.join("sandbox"), clock.clone()),
        clock,
        notify_url: config.public_url.map(|url| format!("{url}webhook/kiwoom")),
    };
    let router = Router::new()
        .nest("/sandbox", sandbox::router(sandbox::open(options)?))
        .layer(from_fn(headers::protect));
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port))).await?;
    println!("KIWOOM_BASE_URL=http://{}/sandbox", listener.local_addr()?);
    let mut signals = Signals::listen()?;
    let server = axum::serve(listener, router)
        .with_graceful_shutdown(async move { signals.received().await });
    Ok(server.await?)
}

/// Runs the simulation; an error when a rule about money was broken.
pub async fn simulate(options: &simulate::Options) -> Done {
    if simulate::run(options).await? { Ok(()) } else { Err("rules about money were broken".into()) }
}

/// Runs the checks that were asked for; an error when one found something.
pub async fn self_check(options: &self_check::Options) -> Done {
    if self_check::run(options).await? { Ok(()) } else { Err("the self-check failed".into()) }
}

/// Sets the clock and writes it down, for the services that share the folder.
fn saved_jump(dir: PathBuf, clock: Clock) -> sandbox::AdvanceClock {
    Arc::new(move |instant| {
        clock.advance_to(instant);
        let saved = clock_file::save(&dir, &clock).map_err(|error| error.to_string());
        Box::pin(std::future::ready(saved))
    })
}

/// Asks the service on this machine whether it is ready.
pub async fn health(config: Config) -> Done {
    let host = if config.host.is_unspecified() { [127, 0, 0, 1].into() } else { config.host };
    let url = format!("http://{}/health/ready", SocketAddr::new(host, config.port));
    let client = reqwest::Client::builder().no_proxy().build()?;
    let response = client.get(&url).timeout(Duration::from_secs(3)).send().await?;
    if response.status().is_success() { Ok(()) } else { Err(response.text().await?.into()) }
}

/// SIGTERM and SIGINT, which end nothing outright any more.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self { terminate, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn received(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Where to look next.
fn greet(service: &Service) {
    let config = &service.ctx.config;
    let base = &service.ctx.public_url;
    println!("kiwoom-billing {}", env!("CARGO_PKG_VERSION"));
    println!("  API      {base}");
    println!("  문서     {base}/docs");
    if matches!(config.kiwoom.gateway, Gateway::Sandbox) {
        println!("  결제 예제 {base}/easypay/sdk-example");
        println!("  샌드박스 {base}/sandbox  (테스트 카드, 원장, 시계)");
    }
    if service.ctx.api_keys.is_open() {
        println!("  API 키가 없어 누구나 호출할 수 있습니다 (개발 환경에서만). The API is open.");
    }
}
