//! The callers' API keys: those of `API_KEYS`, and those of the table `api_keys`, which
//! `kiwoom-billing keys` makes and revokes while the service runs.
//!
//! A key of the table reads `kbk_<12 hexadecimal digits>_<64 hexadecimal digits>`. The part before
//! the second `_` is its public id, shown in lists, logs and the audit trail. The rest is the secret,
//! of which the database has the hash.

mod scope;
pub mod store;
mod table;
mod text;

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use sqlx::PgPool;
use subtle::ConstantTimeEq;
use tokio::time::Instant;

use crate::config::Config;
use crate::http::error::ApiError;
pub use scope::{SCOPES, Scope, needed};
pub use store::Row;
use table::Table;
pub use text::{NewKey, Presented};

/// The id of whoever calls without a key, where anybody may.
pub const OPEN: &str = "open";

/// Whose request it is, without the key: the public id, or for a key of `API_KEYS` the beginning of
/// its hash; of a request by way of the console with ` (console)` after it. It never holds a quote.
#[derive(Clone, Debug)]
pub struct ApiKeyId(pub String);

/// Of keys that replaced each other the public id of the first, else the key's own: what an
/// `Idempotency-Key` belongs to.
#[derive(Clone, Debug)]
pub struct FirstKeyId(pub String);

/// Who calls, and what it may.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who.
    pub id: ApiKeyId,
    /// The first of its keys.
    pub first: FirstKeyId,
    scopes: Vec<Scope>,
}

impl Caller {
    fn with_everything(id: String) -> Self {
        Self { first: FirstKeyId(id.clone()), id: ApiKeyId(id), scopes: vec![Scope::Admin] }
    }

    /// The same by way of the console: the audit trail says so.
    pub fn by_console(&self) -> Self {
        Self { id: ApiKeyId(format!("{} (console)", self.id.0)), ..self.clone() }
    }

    /// Whether it may do what takes this scope: `admin` includes the others, which stand each for
    /// itself.
    pub fn may(&self, needed: Scope) -> bool {
        self.scopes.contains(&needed) || self.scopes.contains(&Scope::Admin)
    }
}

/// Why a request has no caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// No key was presented, or something that is none.
    NoKey,
    /// There is no key with this id.
    Unknown,
    /// The id is one of ours, the secret is not.
    WrongSecret,
    /// Revoked or expired.
    Ended,
}

/// See the module.
pub struct ApiKeys {
    of_settings: Vec<(String, [u8; 32])>,
    table: Table,
    /// Without any key at all, anybody may call.
    open_without_keys: bool,
}

impl ApiKeys {
    /// Reads the keys of the settings and of the database.
    pub async fn open(pool: &PgPool, config: &Config) -> sqlx::Result<Self> {
        let hash = |key: &SecretString| <[u8; 32]>::from(Sha256::digest(key.expose_secret()));
        let of_settings = config.api_keys.iter().map(hash);
        let of_settings: Vec<_> = of_settings.map(|hash| (hex::encode(&hash[..6]), hash)).collect();
        Ok(Self {
            open_without_keys: of_settings.is_empty() && !config.is_production(),
            of_settings,
            table: Table::open(pool).await?,
        })
    }

    /// Whether any key would be let in.
    pub fn has_usable(&self) -> bool {
        !self.of_settings.is_empty() || self.table.latest().has_usable()
    }

    /// Whether anybody may call: in development, as long as no key was ever made. A key that was
    /// revoked or has expired opens nothing.
    pub fn is_open(&self) -> bool {
        self.open_without_keys && self.table.latest().is_empty()
    }

    /// Who presents this key. `may_look_up` is asked when the key is not among those read at most
    /// five seconds ago, as one that was made just now: whether to look again at once.
    pub async fn identify(
        &self,
        presented: Option<&str>,
        may_look_up: impl FnOnce() -> bool,
    ) -> Result<Result<Caller, Refused>, ApiError> {
        let arrived = Instant::now();
        if let Some(caller) = presented.and_then(|key| self.of_settings(key)) {
            return Ok(Ok(caller));
        }
        let key = presented.and_then(Presented::parse);
        if key.is_none() && !self.open_without_keys {
            return Ok(Err(Refused::NoKey));
        }
        let mut table = self.table.fresh().await?;
        if let Some(key) = &key
            && !table.knows(key)
            && may_look_up()
        {
            table = self.table.since(arrived).await?;
        }
        if self.open_without_keys && table.is_empty() {
            return Ok(Ok(Caller::with_everything(OPEN.to_owned())));
        }
        Ok(key.ok_or(Refused::NoKey).and_then(|key| table.identify(&key)))
    }

    /// Who calls with the key of this public id, when it would be let in: of a session that began with
    /// the key itself. `None` when the key has ended.
    pub async fn with_id(&self, id: &str) -> Result<Option<Caller>, ApiError> {
        if self.of_settings.iter().any(|(known, _)| known == id) {
            return Ok(Some(Caller::with_everything(id.to_owned())));
        }
        if id == OPEN && !self.open_without_keys {
            return Ok(None);
        }
        let table = self.table.fresh().await?;
        if id == OPEN {
            return Ok(table.is_empty().then(|| Caller::with_everything(OPEN.to_owned())));
        }
        Ok(table.with_id(id))
    }

    /// Compares hashes in constant time, all keys every time.
    fn of_settings(&self, presented: &str) -> Option<Caller> {
        let presented = Sha256::digest(presented);
        let found = self.of_settings.iter().fold(None, |found, (id, hash)| {
            let same: bool = hash.ct_eq(&presented).into();
            found.or(same.then_some(id))
        });
        found.map(|id| Caller::with_everything(id.clone()))
    }
}
