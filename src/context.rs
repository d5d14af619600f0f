//! What every part of the service is handed: settings, database, gateway, clock.

use std::sync::Arc;

use sqlx::postgres::PgTransaction;
use sqlx::{AssertSqlSafe, PgPool};
use tokio::sync::{Mutex, Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::access::actor::Actor;
use crate::access::api_keys::ApiKeys;
use crate::access::card_testing::Registrations;
use crate::access::failed_keys::Failures;
use crate::access::forwarding::Forwarding;
use crate::config::Config;
use crate::kiwoom::KiwoomClient;
use crate::kiwoom::pace::Pace;
use crate::rules::schedule::Rules;
use crate::storage::database::rights::Rights;
use crate::storage::failover_guard::Guard;
use crate::storage::live_processes::Instance;
use crate::storage::outcome_journal::OutcomeJournal;
use crate::storage::vault::Vault;
use kiwoom_clock::Clock;

/// Shared by all requests and by the scheduler.
pub type AppState = Arc<Context>;

/// See the fields.
pub struct Context {
    /// The settings.
    pub config: Config,
    /// Connections to PostgreSQL. None is held while the gateway is called.
    pub pool: PgPool,
    /// Connections for lists, files and figures.
    pub reading: PgPool,
    /// Who may call.
    pub api_keys: ApiKeys,
    /// Whether the proxies say who calls.
    pub forwarding: Forwarding,
    /// Who tried to without a good key.
    pub auth_failures: Failures,
    /// Who registers how many cards.
    pub registrations: Registrations,
    /// The time.
    pub clock: Clock,
    /// Where browsers reach the service, without a slash at the end.
    pub public_url: String,
    /// The SDK's script: KiwoomPay's, or the sandbox's.
    pub sdk_url: String,
    /// The gateway.
    pub kiwoom: KiwoomClient,
    /// When it may be called.
    pub pace: Pace,
    /// Encrypts billing keys at rest.
    pub vault: Vault,
    /// The number of this process.
    pub instance: Instance,
    /// Writing requests that may still begin.
    pub requests: Arc<Semaphore>,
    /// The outcomes that the database did not take.
    pub journal: OutcomeJournal,
    /// Whether the database is the one it was.
    pub guard: Guard,
    /// Whether what is sent could be recorded.
    pub rights: Rights,
    /// Work that shutdown waits for: whatever may talk to the gateway.
    pub tasks: TaskTracker,
    /// Cancelled when the service is told to stop: it says so to the balancer, begins nothing by
    /// itself, and serves on for `SHUTDOWN_DRAIN_SECS`.
    pub draining: CancellationToken,
    /// Cancelled after that: no new work is taken.
    pub stop: CancellationToken,
    /// Wakes the schedule before its next tick.
    pub wake: watch::Sender<()>,
    /// Held while a notification from a stranger is counted.
    pub strangers: Mutex<()>,
    /// Held while events are published: who waits for another process holds one connection, not many.
    pub publishing: Mutex<()>,
    /// Held while what is due is charged: once at a time in this process.
    pub charging: Mutex<()>,
    /// Held while the schedule does what there is besides charging.
    pub upkeep: Mutex<()>,
}

impl Context {
    /// Begins a transaction that says who acts and when: every change of money, subscriptions or
    /// keys is made in one, and its event carries both.
    pub async fn begin(&self) -> sqlx::Result<PgTransaction<'static>> {
        self.pool.begin_with(AssertSqlSafe(Actor::present().begin(self.clock.now()))).await
    }

    /// The same, as the settings `kiwoom.actor`, `request`, `traceparent` and `now` of a statement that is a
    /// transaction of its own.
    pub fn acting(&self) -> [String; 4] {
        Actor::present().acting(self.clock.now())
    }

    /// `CHARGE_HOUR` and `RETRY_DAYS`.
    pub fn rules(&self) -> &Rules {
        &self.config.schedule.rules
    }
}
