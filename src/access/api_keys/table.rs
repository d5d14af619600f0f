//! The keys of the database, read into memory: no request asks the database for its own key.
//!
//! What was read is used for five seconds. So a key that is revoked or expires stops everywhere
//! within five seconds, and a database that is away for longer lets nobody in. A key that is not
//! there may have been made just now: then the table is read again at once. One reading is under way
//! at a time, and all who wait for one take its result, so that a flood of made-up keys costs one
//! connection.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use sqlx::PgPool;
use subtle::ConstantTimeEq;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::access::api_keys::store::{self, Row};
use crate::access::api_keys::{ApiKeyId, Caller, FirstKeyId, Presented, Refused, Scope};
use crate::http::error::{ApiError, Code};

/// Longest use of what was read.
const MAX_AGE: Duration = Duration::from_secs(5);
/// Longest wait for the database.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// The keys as they were at one moment.
pub struct Snapshot {
    rows: HashMap<String, Row>,
    /// When the reading began: what was committed before is in it.
    read_at: Instant,
}

impl Snapshot {
    async fn read(pool: &PgPool) -> sqlx::Result<Self> {
        let read_at = Instant::now();
        let rows = store::all(pool).await?;
        Ok(Self { rows: rows.into_iter().map(|row| (row.id.clone(), row)).collect(), read_at })
    }

    /// Whether no key was ever made.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether any key lets somebody in.
    pub fn has_usable(&self) -> bool {
        self.rows.values().any(|row| row.usable)
    }

    /// Whether there is a key with this id.
    pub fn knows(&self, key: &Presented<'_>) -> bool {
        self.rows.contains_key(key.id)
    }

    /// Whose key this is. The id is public; the secret is compared in constant time.
    pub fn identify(&self, key: &Presented<'_>) -> Result<Caller, Refused> {
        let row = self.rows.get(key.id).ok_or(Refused::Unknown)?;
        let same: bool = row.secret_hash.ct_eq(&key.hash).into();
        if !same {
            return Err(Refused::WrongSecret);
        }
        caller(row).ok_or(Refused::Ended)
    }

    /// Whose key has this public id; `None` when it has ended.
    pub fn with_id(&self, id: &str) -> Option<Caller> {
        caller(self.rows.get(id)?)
    }
}

fn caller(row: &Row) -> Option<Caller> {
    let scopes = row.scopes.iter().filter_map(|name| Scope::parse(name)).collect();
    let first = FirstKeyId(row.first_id.clone());
    row.usable.then(|| Caller { id: ApiKeyId(row.id.clone()), first, scopes })
}

/// See the module.
pub struct Table {
    pool: PgPool,
    latest: RwLock<Arc<Snapshot>>,
    /// Held while the table is read: when the last reading that failed began.
    failed: Mutex<Option<Instant>>,
}

impl Table {
    /// Reads the table for the first time.
    pub async fn open(pool: &PgPool) -> sqlx::Result<Self> {
        let latest = RwLock::new(Arc::new(Snapshot::read(pool).await?));
        Ok(Self { pool: pool.clone(), latest, failed: Mutex::default() })
    }

    /// What was read last, however long ago.
    pub fn latest(&self) -> Arc<Snapshot> {
        self.latest.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The keys as they were at most five seconds ago; `database_unavailable` when nobody knows.
    pub async fn fresh(&self) -> Result<Arc<Snapshot>, ApiError> {
        self.read_unless(|latest| latest.read_at.elapsed() <= MAX_AGE).await
    }

    /// The keys as they were at `moment` or later.
    pub async fn since(&self, moment: Instant) -> Result<Arc<Snapshot>, ApiError> {
        self.read_unless(|latest| latest.read_at >= moment).await
    }

    async fn read_unless(
        &self,
        good: impl Fn(&Snapshot) -> bool,
    ) -> Result<Arc<Snapshot>, ApiError> {
        let asked = Instant::now();
        let latest = self.latest();
        if good(&latest) {
            return Ok(latest);
        }
        let mut failed = self.failed.lock().await;
        // Somebody else may have read it meanwhile, or tried to.
        let latest = self.latest();
        if good(&latest) {
            return Ok(latest);
        }
        if failed.is_some_and(|began| began >= asked) {
            return Err(Code::DatabaseUnavailable.into());
        }
        let began = Instant::now();
        let read = match timeout(READ_TIMEOUT, Snapshot::read(&self.pool)).await {
            Ok(read) => read.map_err(ApiError::from),
            Err(_) => Err(Code::DatabaseUnavailable.into()),
        };
        match read {
            Ok(read) => {
                let read = Arc::new(read);
                *self.latest.write().unwrap_or_else(PoisonError::into_inner) = read.clone();
                Ok(read)
            }
            Err(error) => {
                *failed = Some(began);
                Err(error)
            }
        }
    }
}
