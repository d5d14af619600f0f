//! The processes: PostgreSQL, the sandbox, the services. All end with this process.

pub mod ahead;
mod database;
mod operator;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reqwest::Client;
use sqlx::postgres::PgPoolOptions;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::process::{Process, Recipe, free_port};
use crate::simulate::erased;
use crate::simulate::reach::Reach;
use crate::simulate::tap::{self, Side};
use crate::simulate::trap::{Fault, Injected, Traps};
use crate::simulate::{Counters, Failure};
use kiwoom_billing::storage::database::private::{DATABASE, PrivateServer};
use kiwoom_billing::storage::database::{MIGRATIONS, grants, migrating};
use kiwoom_clock::Clock;

/// `KIWOOM_TIMEOUT_SECS` of the services.
const GATEWAY_TIMEOUT_SECS: u64 = 1;
/// The role of the services, which may do what they need and no more.
const ROLE: &str = "service";
/// A service that was told to stop has this long beyond the gateway's time-out.
const STOP_GRACE: Duration = Duration::from_secs(5);
/// A service that is frozen for longer has lost its leases.
const PAST_THE_LEASE: Duration = Duration::from_secs(10);
const READY_TIMEOUT: Duration = Duration::from_mins(1);
const READY_POLL: Duration = Duration::from_millis(10);

/// Everything that runs.
pub struct World {
    /// Where the logs and the ledger are.
    pub dir: PathBuf,
    /// How to call it.
    pub reach: Reach,
    /// What may happen to the services.
    pub traps: Arc<Traps>,
    /// Services that were told to stop and did not in time.
    pub slow_stops: Vec<String>,
    program: PathBuf,
    services: Vec<Process>,
    stalled: Vec<Arc<AtomicBool>>,
    injected: UnboundedReceiver<Injected>,
    set_aside: VecDeque<Injected>,
    frozen_until: Instant,
    stalled_until: Instant,
    sandbox: Process,
    private: Option<PrivateServer>,
}

impl World {
    /// Starts all of it in a new folder; `service` is the program.
    pub async fn start(service: &Path, replicas: usize) -> Result<Self, Failure> {
        let name = format!("kiwoom-simulate-{}", uuid::Uuid::now_v7().simple());
        let dir = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&dir)?;
        println!("  logs and ledger in {}", dir.display());
        let private = PrivateServer::start(&dir, None).await?;
        let pool = PgPoolOptions::new().max_connections(8).connect_with(private.options(DATABASE));
        let pool = pool.await?;
        migrating::apply(&MIGRATIONS, &mut *pool.acquire().await?).await?;
        sqlx::query("create role service login").execute(&pool).await?;
        grants::grant(&mut *pool.acquire().await?, ROLE).await?;
        sqlx::raw_sql(erased::NOTED).execute(&pool).await?;
        let replicas = replicas.max(1);
        let ports = (0..replicas).map(|_| free_port()).collect::<Result<Vec<_>, _>>()?;
        let (injected_in, injected) = unbounded_channel();
        let traps = Traps::new(replicas, injected_in);
        let sandbox_port = free_port()?;
        let notified = format!("http://127.0.0.1:{}", ports[0]);
        let mut environment = vec![("PUBLIC_URL".to_owned(), notified)];
        environment.extend(settings(&dir.display().to_string()));
        let sandbox = Process::start(Recipe {
            program: service.to_owned(),
            name: "sandbox".to_owned(),
            arguments: vec!["sandbox".to_owned(), "--port".to_owned(), sandbox_port.to_string()],
            environment,
            port: sandbox_port,
            dir: dir.clone(),
        })?;
        let sandbox_url = format!("http://127.0.0.1:{sandbox_port}/sandbox");
        let client = Client::builder().no_proxy().timeout(Duration::from_mins(1)).build()?;
        let reach = Reach { client, pool, sandbox_url, ports };
        let mut world = Self {
            dir,
            reach,
            traps,
            slow_stops: Vec::new(),
            program: service.to_owned(),
            services: Vec::new(),
            stalled: (0..replicas).map(|_| Arc::default()).collect(),
            injected,
            set_aside: VecDeque::new(),
            frozen_until: Instant::now(),
            stalled_until: Instant::now(),
            sandbox,
            private: Some(private),
        };
        world.until_answered(&format!("{}/clock", world.reach.sandbox_url)).await?;
        for n in 0..replicas {
            world.add_service(n).await?;
        }
        Ok(world)
    }

    async fn add_service(&mut self, n: usize) -> Result<(), Failure> {
        let side = Side {
            replica: n,
            traps: self.traps.clone(),
            stalled: self.stalled[n].clone(),
            behind: Duration::ZERO,
        };
        let (name, port) = (format!("service-{n}"), self.reach.ports[n]);
        let recipe = self.recipe(side, name, port, &self.dir).await?;
        self.services.push(Process::start(recipe)?);
        self.until_serving(n).await
    }

    /// A service behind taps of its own.
    async fn recipe(
        &self,
        side: Side,
        name: String,
        port: u16,
        data_dir: &Path,
    ) -> Result<Recipe, Failure> {
        let private = self.private.as_ref().ok_or("PostgreSQL is away")?;
        let database = tap::postgres(side.clone(), private.socket()).await?;
        let gateway = tap::gateway(side, self.sandbox.port()).await?;
        let database = format!("postgres://{ROLE}@127.0.0.1:{database}/{DATABASE}");
        let mut environment = vec![
            ("DATABASE_URL".to_owned(), format!("{database}?sslmode=disable")),
            ("KIWOOM_BASE_URL".to_owned(), format!("http://127.0.0.1:{gateway}/sandbox")),
            ("PUBLIC_URL".to_owned(), format!("http://127.0.0.1:{}", self.reach.ports[0])),
            ("PORT".to_owned(), port.to_string()),
        ];
        environment.extend(settings(&data_dir.display().to_string()));
        let (program, dir) = (self.program.clone(), self.dir.clone());
        Ok(Recipe { program, name, arguments: vec![], environment, port, dir })
    }

    /// Repairs what faults have done, and counts them. Call it often.
    pub async fn tend(&mut self, counters: &mut Counters) -> Result<(), Failure> {
        while let Some(injected) = self.next_injected() {
            *counters.entry(injected.to_string()).or_default() += 1;
            let present = i32::try_from(self.services[injected.replica].pid()).ok();
            if injected.pid.is_some_and(|pid| Some(pid.as_raw_nonzero().get()) != present) {
                // Two signals reached a process at once, and it has been replaced after the first.
                continue;
            }
            match injected.fault {
                Fault::Cut | Fault::LockCut | Fault::LockSilent(_) => {}
                Fault::Freeze(time) => {
                    self.frozen_until = self.frozen_until.max(Instant::now() + time);
                    if time >= PAST_THE_LEASE {
                        let ended = self.end_leases().await.unwrap_or(0);
                        *counters.entry("leases run out in a freeze".to_owned()).or_default() +=
                            ended;
                    }
                }
                Fault::Kill => self.revive(injected.replica).await?,
                Fault::Terminate => {
                    self.until_ended(injected).await;
                    self.revive(injected.replica).await?;
                }
            }
        }
        Ok(())
    }

    /// Lets the leases run out as the minutes of a longer freeze would: a simulation cannot wait that
    /// long.
    async fn end_leases(&self) -> sqlx::Result<u64> {
        let query = "update subscriptions set leased_until = now() where leased_until > now()";
        let done = sqlx::query(query).execute(&self.reach.pool).await?;
        Ok(done.rows_affected())
    }

    fn next_injected(&mut self) -> Option<Injected> {
        self.set_aside.pop_front().or_else(|| self.injected.try_recv().ok())
    }

    /// A service that was told to stop ends in time. One that is frozen hears of it afterwards, and
    /// one that is frozen while it stops goes on afterwards.
    async fn until_ended(&mut self, injected: Injected) {
        let frozen = self.frozen_until.saturating_duration_since(Instant::now());
        let limit = Duration::from_secs(GATEWAY_TIMEOUT_SECS) + STOP_GRACE;
        let mut ended = self.services[injected.replica].ended(limit + frozen).await;
        while ended.is_none() {
            let Ok(meanwhile) = self.injected.try_recv() else { break };
            self.set_aside.push_back(meanwhile);
            if let Fault::Freeze(time) = meanwhile.fault
                && meanwhile.replica == injected.replica
            {
                ended = self.services[injected.replica].ended(time + limit).await;
            }
        }
        if ended.is_none() {
            let (replica, at) = (injected.replica, Clock::system().now());
            self.slow_stops.push(format!("service-{replica} {injected}, until {at}"));
        }
    }

    /// Whether a service still stands still, or its database does.
    pub fn stands_still(&self) -> bool {
        Instant::now() < self.frozen_until.max(self.stalled_until)
    }

    async fn revive(&mut self, n: usize) -> Result<(), Failure> {
        self.services[n].restart()?;
        self.until_serving(n).await
    }

    /// Waits for a service; one that is killed while it starts is started again.
    async fn until_serving(&mut self, n: usize) -> Result<(), Failure> {
        let url = self.reach.url(n, "/health/ready");
        let deadline = Instant::now() + READY_TIMEOUT;
        loop {
            self.traps.is_process(n, self.services[n].pid());
            if self.reach.is_answered(&url).await {
                return Ok(());
            }
            if self.services[n].ended(Duration::ZERO).await.is_some() {
                self.services[n].restart()?;
            }
            if Instant::now() > deadline {
                return Err(format!("{url} does not answer; see {}", self.dir.display()).into());
            }
            tokio::time::sleep(READY_POLL).await;
        }
    }

    async fn until_answered(&self, url: &str) -> Result<(), Failure> {
        let deadline = Instant::now() + READY_TIMEOUT;
        while !self.reach.is_answered(url).await {
            if Instant::now() > deadline {
                return Err(format!("{url} does not answer; see {}", self.dir.display()).into());
            }
            tokio::time::sleep(READY_POLL).await;
        }
        Ok(())
    }

    /// Lets nothing through between a service and PostgreSQL for a while: its pool runs dry.
    pub fn stall_database(&mut self, n: usize, time: Duration) {
        self.stalled_until = self.stalled_until.max(Instant::now() + time);
        let stalled = self.stalled[n].clone();
        stalled.store(true, Ordering::SeqCst);
        tokio::spawn(async move {
            tokio::time::sleep(time).await;
            stalled.store(false, Ordering::SeqCst);
        });
    }

    /// What all services have logged.
    pub fn logs(&self) -> String {
        self.services.iter().map(Process::log).collect()
    }

    /// Ends all processes; the folder is kept when there is something to look at.
    pub async fn stop(mut self, clean: bool) {
        self.services.clear();
        self.sandbox.end();
        self.reach.pool.close().await;
        if let Some(private) = self.private.take() {
            private.stop().await;
        }
        if clean {
            drop(std::fs::remove_dir_all(&self.dir));
        }
    }
}

/// What the sandbox and the services are told alike.
fn settings(dir: &str) -> Vec<(String, String)> {
    let timeout = GATEWAY_TIMEOUT_SECS.to_string();
    let settings = [
        ("DATA_DIR", dir),
        ("SANDBOX_STRICT", "true"),
        ("KIWOOM_TIMEOUT_SECS", &timeout),
        ("KIWOOM_RATE_PER_SEC", "0"),
        ("KAKAOPAY_ENABLED", "true"),
        ("SCHEDULER_INTERVAL_SECS", "1"),
        ("RUST_LOG", "warn"),
        ("LOG_FORMAT", "json"),
    ];
    let settings = settings.into_iter().chain(erased::RETENTION);
    settings.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}
