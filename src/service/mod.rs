//! Start-up and shutdown.

mod addresses;
pub mod clock_file;
pub mod core_dumps;
pub mod docs;
mod figures;
#[doc(hidden)]
pub mod fuzzing;
pub mod health;
pub mod openapi;
mod proxies;
pub mod retention;
pub mod router;
pub mod scheduler;
pub mod server;
mod start_error;
mod status;
pub mod telemetry;
mod watch;
mod webhook_health;

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kiwoom_clock::Clock;
use kiwoom_sandbox::Sandbox;
use secrecy::SecretString;
use sqlx::PgPool;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, Semaphore};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use url::Url;

use crate::access::api_keys::ApiKeys;
use crate::access::card_testing::Registrations;
use crate::access::failed_keys::Failures;
use crate::access::forwarding::Forwarding;
use crate::billing::cards::tell_of_cards_elsewhere;
use crate::config::secret_file;
use crate::config::{Config, Gateway};
use crate::context::{AppState, Context};
use crate::events::couriers;
use crate::events::deliver::Courier;
use crate::kiwoom::codes::Codes;
use crate::kiwoom::pace::Pace;
use crate::kiwoom::{Endpoints, KiwoomClient};
use crate::layers::idempotency;
use crate::rules::forward_proxy::ForwardProxy;
use crate::storage::database;
use crate::storage::database::private::PrivateServer;
use crate::storage::database::rights::Rights;
use crate::storage::environment;
use crate::storage::failover_guard::Guard;
use crate::storage::live_processes::Instance;
use crate::storage::outcome_journal::OutcomeJournal;
use crate::storage::vault::{self, Vault};
use crate::{events, payments};
use addresses::{is_stand_alone_sandbox, public_url, reachable, sdk_url};
pub use start_error::StartError;

/// After the gateway's time-out, for the outcome to be recorded; and for closing connections. A stop is
/// over within `SHUTDOWN_DRAIN_SECS`, the gateway's time-out and five seconds.
const RECORDING: Duration = Duration::from_millis(3_700);
const GOODBYE: Duration = Duration::from_millis(500);

/// Connections for lists and files.
const READING: u32 = 4;

/// A running service.
pub struct Service {
    /// Where it listens.
    pub address: SocketAddr,
    /// What its requests share.
    pub ctx: AppState,
    server: JoinHandle<()>,
    scheduler: JoinHandle<()>,
    events: JoinHandle<()>,
    /// The database server of development, when there is no `DATABASE_URL`.
    pub private: Option<PrivateServer>,
    /// While it is held, other processes see this one as alive.
    alive: DropGuard,
}

impl Service {
    /// Starts everything; when it returns the service answers requests.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        telemetry::metrics();
        let (pool, private) = database::open(&config).await?;
        let (vault, unnamed_cpid) = check(&config, &pool).await?;
        let wanted = SocketAddr::new(config.host, config.port);
        let listener = listen(wanted)?;
        let address = listener.local_addr().map_err(|e| StartError::Listen(wanted, e))?;

        // Not `stop`: the calls that shutdown waits for are still this process's.
        let ended = CancellationToken::new();
        let alive = ended.clone().drop_guard();
        let ctx = Arc::new(context(config, (pool, vault, unnamed_cpid), address, ended).await?);
        if ctx.config.is_production() && !ctx.api_keys.has_usable() {
            return Err(StartError::NoApiKey);
        }
        let sandboxed = matches!(ctx.config.kiwoom.gateway, Gateway::Sandbox);
        let sandbox_dir = ctx.config.data_dir.join("sandbox");
        if is_stand_alone_sandbox(&ctx.config) {
            let (clock, wake) = (ctx.clock.clone(), ctx.wake.clone());
            tokio::spawn(clock_file::follow(sandbox_dir, clock, wake, ctx.stop.clone()));
        }
        payments::recovery::recover(&ctx).await?;
        tell_of_cards_elsewhere(&ctx).await?;
        // The first start on a new database confirms it; a restored one is told of at once.
        ctx.guard.may_charge(&ctx.pool).await?;
        telemetry::gauges::say_what_runs(&ctx);
        tokio::spawn(telemetry::keep(ctx.stop.clone()));
        tokio::spawn(watch::run(ctx.clone()));
        tokio::spawn(watch::keep_high_water_mark(ctx.clone()));
        tokio::spawn(proxies::probe(ctx.clone()));
        // Before anything can happen, so that it is not taken for history.
        let courier = courier(&ctx).await?;
        let sandbox = if sandboxed { Some(open_sandbox(&ctx, address)?) } else { None };
        let router = router::router(ctx.clone(), sandbox);
        let server =
            tokio::spawn(server::serve(listener, router, ctx.draining.clone(), ctx.stop.clone()));
        let scheduler = tokio::spawn(scheduler::run(ctx.clone()));
        let events = tokio::spawn(events::run(ctx.clone(), courier));
        Ok(Self { address, ctx, server, scheduler, events, private, alive })
    }

    /// Serves on while the balancer learns of it, takes no new work then, waits for calls under way,
    /// records their outcomes, and ends.
    pub async fn stop(self) {
        self.ctx.draining.cancel();
        let drain = self.ctx.config.shutdown_drain;
        let limit = drain + self.ctx.config.kiwoom.timeout + RECORDING;
        let orderly = async {
            tokio::time::sleep(drain).await;
            self.ctx.stop.cancel();
            drop(self.scheduler.await);
            drop(self.events.await);
            self.ctx.tasks.close();
            self.ctx.tasks.wait().await;
            drop(self.server.await);
            self.ctx.guard.close(&self.ctx.pool).await;
        };
        if tokio::time::timeout(limit, orderly).await.is_err() {
            self.ctx.stop.cancel();
            tracing::error!("work under way did not end in time; it will be listed as unknown");
        }
        drop(self.alive);
        // A database that hangs keeps nobody: what it was not told of is found unknown.
        let close = async { tokio::join!(self.ctx.pool.close(), self.ctx.reading.close()) };
        drop(tokio::time::timeout(GOODBYE, close).await);
        if let Some(private) = self.private {
            private.stop().await;
        }
    }
}

/// Whether the database is fit for these settings. What its billing keys are encrypted with, and the
/// CPID of the payments of which it names none.
pub(crate) async fn check(config: &Config, pool: &PgPool) -> Result<(Vault, String), StartError> {
    database::check(pool, config.is_production()).await?;
    let books = environment::check(pool, &environment::Settings::of(config)).await?;
    Ok((vault(config, pool).await?, books.unnamed_cpid))
}

/// What everything is handed, in a service that listens on `address`. Other processes see this one as
/// alive until `ended` is cancelled.
pub(crate) async fn context(
    config: Config,
    (pool, vault, unnamed_cpid): (PgPool, Vault, String),
    address: SocketAddr,
    ended: CancellationToken,
) -> Result<Context, StartError> {
    let (api_keys, instance) = tokio::try_join!(
        ApiKeys::open(&pool, &config),
        Instance::register(&pool, &config.data_dir, ended),
    )?;
    let clock = clock(&config)?;
    let public_url = public_url(&config, address);
    Ok(Context {
        kiwoom: gateway(&config, address, unnamed_cpid)?,
        pace: Pace::new(&pool, config.kiwoom.rate_per_sec),
        api_keys,
        forwarding: Forwarding::new(config.trusted_proxies.clone()),
        auth_failures: Failures::new(config.limits.auth_failures_per_minute),
        registrations: Registrations::new(config.limits),
        sdk_url: sdk_url(&config, &public_url),
        public_url,
        vault,
        reading: database::apart(&pool, READING),
        pool,
        journal: OutcomeJournal::open(&config.data_dir, instance.number()),
        guard: Guard::open(&config, clock.clone()).map_err(StartError::HighWaterMark)?,
        clock,
        instance,
        requests: Arc::new(Semaphore::new(idempotency::MAX_REQUESTS)),
        rights: Rights::default(),
        tasks: TaskTracker::new(),
        draining: CancellationToken::new(),
        stop: CancellationToken::new(),
        wake: tokio::sync::watch::Sender::new(()),
        strangers: Mutex::new(()),
        publishing: Mutex::new(()),
        charging: Mutex::new(()),
        upkeep: Mutex::new(()),
        config,
    })
}

async fn courier(ctx: &Context) -> Result<Option<Courier>, StartError> {
    let courier = couriers::of_settings(ctx)?;
    if courier.is_some() {
        events::begin(&ctx.pool).await?;
    }
    Ok(courier)
}

/// The time: as the sandbox's clock was left, and else the system's.
pub(crate) fn clock(config: &Config) -> Result<Clock, StartError> {
    if matches!(config.kiwoom.gateway, Gateway::Sandbox) || is_stand_alone_sandbox(config) {
        return clock_file::load(&config.data_dir.join("sandbox")).map_err(StartError::DataDir);
    }
    Ok(Clock::system())
}

fn listen(wanted: SocketAddr) -> Result<TcpListener, StartError> {
    server::listen(wanted).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => StartError::InUse(wanted),
        _ => StartError::Listen(wanted, error),
    })
}

/// The sandbox on the service's own port, with a clock that walks.
fn open_sandbox(ctx: &AppState, address: SocketAddr) -> Result<Arc<Sandbox>, StartError> {
    let walk_ctx = ctx.clone();
    let options = kiwoom_sandbox::Options {
        data_dir: Some(ctx.config.data_dir.clone()),
        clock: ctx.clock.clone(),
        notify_url: Some(format!("http://{}/webhook/kiwoom", reachable(address))),
        strict: ctx.config.sandbox_strict,
        advance_clock: Arc::new(move |target| scheduler::walker(walk_ctx.clone(), target)),
        service: Some(kiwoom_sandbox::Service { has_console: ctx.config.console_enabled }),
    };
    kiwoom_sandbox::open(options).map_err(StartError::DataDir)
}

/// The gateway, as a service at this address calls it; `unnamed_cpid` as in [`KiwoomClient::new`].
pub(crate) fn gateway(
    config: &Config,
    address: SocketAddr,
    unnamed_cpid: String,
) -> Result<KiwoomClient, StartError> {
    let endpoints = endpoints(config, address, &public_url(config, address))?;
    Ok(KiwoomClient::new(endpoints, config.kiwoom.contracts.clone(), unnamed_cpid)?)
}

fn endpoints(
    config: &Config,
    address: SocketAddr,
    public_url: &str,
) -> Result<Endpoints, StartError> {
    // A proxy does not reach the sandbox of this process.
    let is_elsewhere = |_: &&ForwardProxy| !config.kiwoom.gateway.is_sandbox();
    let (base_url, agent_url, window_url) = match &config.kiwoom.gateway {
        Gateway::Remote { base_url, agent_url } => {
            (base_url.clone(), agent_url.clone(), base_url.clone())
        }
        Gateway::Sandbox => {
            // The service reaches its own sandbox on this machine; browsers by the public name.
            let base = Url::parse(&format!("http://{}/sandbox", reachable(address)))?;
            let public = Url::parse(&format!("{public_url}/sandbox"))?;
            (base, public.clone(), public)
        }
    };
    Ok(Endpoints {
        base_url,
        agent_url,
        window_url,
        timeout: config.kiwoom.timeout,
        proxy: config.kiwoom.proxy.as_ref().filter(is_elsewhere).cloned(),
        codes: Codes::new(config.kiwoom.codes.clone()),
    })
}

/// The vault of the database. Development without `BILLING_KEY_SECRET` keeps a secret of its own in
/// `DATA_DIR`.
pub(crate) async fn vault(config: &Config, pool: &PgPool) -> Result<Vault, StartError> {
    let made = match &config.billing_key_secret {
        Some(secret) => secret.clone(),
        None => development_secret(&config.data_dir).map_err(StartError::DataDir)?,
    };
    Ok(vault::unlock(pool, &made, config.billing_key_secret_old.as_ref()).await?)
}

fn development_secret(data_dir: &Path) -> io::Result<SecretString> {
    secret_file::read_or_create(&data_dir.join("billing_key_secret"))
}
