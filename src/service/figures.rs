//! What health and metrics say of the database: measured on a connection of their own, once at a time
//! and for strangers at most once a second, and never waited for longer than a second.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use sqlx::PgPool;
use tokio::time::{Instant, timeout};
use utoipa::ToSchema;

use crate::billing::renewals::{self, Due};
use crate::context::{AppState, Context};
use crate::events::{self, Backlog};
use crate::payments::store::{UnknownOutcomes, merchant_settings, unknown_outcomes};
use crate::storage::database;
use crate::storage::failover_guard::Charging;
use crate::webhook::{self, Notifications};

const PATIENCE: Duration = Duration::from_millis(900);
/// How old figures may be that cost the caller no key.
const FOR_STRANGERS: Duration = Duration::from_secs(1);
/// How old they may be when there are no newer ones in time: a database that is slow for a moment is not
/// away.
const AT_MOST: Duration = Duration::from_secs(5);

/// The newest figures, and the way to newer ones.
pub struct Figures {
    pool: PgPool,
    turn: Arc<tokio::sync::Mutex<()>>,
    last: Mutex<Option<Arc<Reading>>>,
}

/// What was found.
pub struct Reading {
    measured: Instant,
    found: Instant,
    pub unknown: UnknownOutcomes,
    pub merchant_settings: Vec<MerchantSetting>,
    /// `None`: off by `SCHEDULER_ENABLED`.
    pub charging: Option<Charging>,
    pub due: Due,
    pub deliveries: Backlog,
    pub notifications: Notifications,
}

/// A part of the merchant's set-up that does not fit the contract.
#[derive(Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MerchantSetting {
    /// What has to be mended.
    setting: String,
    /// RESULTCODE of the refusals.
    result_code: String,
    /// Subscriptions whose charge waits for it, of the 1,000 that are due first.
    waiting_subscriptions: i64,
}

impl Figures {
    pub fn new(pool: &PgPool) -> Self {
        Self { pool: database::apart(pool, 1), turn: Arc::default(), last: Mutex::default() }
    }

    /// For a caller with a key.
    pub async fn now(self: &Arc<Self>, ctx: &AppState) -> sqlx::Result<Arc<Reading>> {
        self.read(ctx, Duration::ZERO).await
    }

    /// For anybody.
    pub async fn recent(self: &Arc<Self>, ctx: &AppState) -> sqlx::Result<Arc<Reading>> {
        let read = self.read(ctx, FOR_STRANGERS).await;
        let good = |reading: &Arc<Reading>| reading.measured.elapsed() < AT_MOST;
        read.or_else(|error| self.last().filter(good).ok_or(error))
    }

    fn last(&self) -> Option<Arc<Reading>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn read(
        self: &Arc<Self>,
        ctx: &AppState,
        max_age: Duration,
    ) -> sqlx::Result<Arc<Reading>> {
        let asked = Instant::now();
        let good = |reading: &Arc<Reading>| reading.measured + max_age >= asked;
        if let Some(reading) = self.last().filter(good) {
            return Ok(reading);
        }
        let Ok(turn) = self.turn.clone().try_lock_owned() else {
            // Another caller's figures are as good.
            drop(timeout(PATIENCE, self.turn.lock()).await);
            let good = |reading: &Arc<Reading>| reading.found >= asked;
            return self.last().filter(good).ok_or(sqlx::Error::PoolTimedOut);
        };
        let (figures, ctx) = (self.clone(), ctx.clone());
        // What takes longer than this caller waits is there for the next one.
        let measuring = tokio::spawn(async move {
            let _turn = turn;
            let measured = timeout(AT_MOST, measure(&ctx, &figures.pool)).await;
            let reading = Arc::new(measured.unwrap_or(Err(sqlx::Error::PoolTimedOut))?);
            *figures.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(reading.clone());
            Ok(reading)
        });
        match timeout(PATIENCE, measuring).await {
            Ok(Ok(read)) => read,
            _ => Err(sqlx::Error::PoolTimedOut),
        }
    }
}

async fn measure(ctx: &Context, pool: &PgPool) -> sqlx::Result<Reading> {
    let measured = Instant::now();
    let enabled = ctx.config.schedule.enabled;
    let charging = if enabled { Some(ctx.guard.look(pool).await?) } else { None };
    Ok(Reading {
        measured,
        unknown: unknown_outcomes(pool).await?,
        merchant_settings: settings_to_mend(ctx, pool).await?,
        charging,
        due: renewals::due(pool, ctx.clock.now()).await?,
        deliveries: events::backlog(pool).await?,
        notifications: webhook::notifications(pool, ctx.clock.now()).await?,
        found: Instant::now(),
    })
}

/// What subscriptions wait for, and what this process was refused for otherwise.
async fn settings_to_mend(ctx: &Context, pool: &PgPool) -> sqlx::Result<Vec<MerchantSetting>> {
    let waiting = merchant_settings::waiting(pool).await?;
    let mut found: Vec<MerchantSetting> = waiting
        .into_iter()
        .map(|waits| MerchantSetting {
            setting: waits.merchant_setting,
            result_code: waits.failure_code,
            waiting_subscriptions: waits.subscriptions,
        })
        .collect();
    for problem in ctx.kiwoom.set_up().problems() {
        let is_told = |told: &MerchantSetting| {
            told.setting == problem.setting && told.result_code == problem.code
        };
        if !found.iter().any(is_told) {
            let (setting, result_code) = (problem.setting.to_owned(), problem.code);
            found.push(MerchantSetting { setting, result_code, waiting_subscriptions: 0 });
        }
    }
    Ok(found)
}
