//! `kiwoom-billing keys rotate`: a new data key, and every billing key encrypted with it, while the
//! services go on.
//!
//! From the moment in which the new key is there, nothing more is encrypted with another one
//! ([`Vault::seal`] holds the current key until its commit). So the walk ends, and when it has ended
//! no value of an older key is left. A run that was cut short left its key without `rotated_at`: the
//! next run goes on with that key.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sqlx::PgPool;
use sqlx::postgres::PgConnection;
use thiserror::Error;
use uuid::Uuid;

use crate::storage::vault::key::Key;
use crate::storage::vault::store::{self, BILLING_KEYS};
use crate::storage::vault::{Vault, VaultError, seal_with, unlock};

/// Billing keys in one transaction: a charge of one of them waits for no more than some
/// milliseconds.
const BATCH: i64 = 200;
/// Before another look at rows that somebody works on.
const PAUSE: Duration = Duration::from_millis(200);

/// Why a rotation ended early. What it has done stays, and the next run goes on from there.
#[derive(Debug, Error)]
pub enum RotateError {
    /// Another one runs.
    #[error("다른 교체가 실행 중입니다 (another rotation is running)")]
    Busy,
    /// What was written is not what was read.
    #[error("billing key bk_{0} did not read back; its batch was rolled back")]
    NotReadBack(Uuid),
    /// The data keys.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The database.
    #[error("the database failed, run it again: {0}")]
    Database(#[from] sqlx::Error),
}

/// What a rotation has done.
#[derive(Debug, Default)]
pub struct Rotated {
    /// The data key that now encrypts every billing key.
    pub data_key: i32,
    /// Whether it went on with a rotation that was cut short.
    pub resumed: bool,
    /// Billing keys encrypted again by this run.
    pub billing_keys: u64,
    /// Billing keys that cannot be read, and so stay as they are.
    pub unreadable: BTreeSet<Uuid>,
    /// Billing keys of other data keys that can be read; 0.
    pub left: i64,
    /// Data keys that were deleted: unused, and retired for more than a day.
    pub forgotten: u64,
}

/// Encrypts every billing key with a new data key. `progress` is told after each batch.
pub async fn rotate(
    pool: &PgPool,
    vault: &Vault,
    progress: impl FnMut(&Rotated),
) -> Result<Rotated, RotateError> {
    let mut db = pool.acquire().await?;
    if !store::lock_rotate(&mut db).await? {
        return Err(RotateError::Busy);
    }
    let rotated = rotate_locked(&mut db, vault, progress).await;
    // The server notices only some moments later that a connection was closed.
    store::unlock_rotate(&mut db).await?;
    rotated
}

async fn rotate_locked(
    db: &mut PgConnection,
    vault: &Vault,
    mut progress: impl FnMut(&Rotated),
) -> Result<Rotated, RotateError> {
    let unfinished = store::unfinished(db).await?;
    let data_key = match unfinished {
        Some(id) => id,
        None => unlock::make(db, &vault.secrets, BILLING_KEYS).await?.id,
    };
    let key = vault.data_key(&mut *db, data_key).await?;
    let mut done = Rotated { data_key, resumed: unfinished.is_some(), ..Rotated::default() };
    loop {
        let mut after = Uuid::nil();
        while let Some(last) = batch(db, vault, &key, after, &mut done).await? {
            after = last;
            progress(&done);
        }
        let unreadable = i64::try_from(done.unreadable.len()).unwrap_or(i64::MAX);
        done.left = store::left(db, data_key).await? - unreadable;
        if done.left <= 0 {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    store::finish(db, data_key).await?;
    done.forgotten = store::forget(db).await?;
    let Rotated { billing_keys, forgotten, .. } = done;
    tracing::info!(data_key, billing_keys, forgotten, "billing keys encrypted with a new data key");
    Ok(done)
}

/// Encrypts the next billing keys after `after`; the last of them, or nothing when there was none.
async fn batch(
    db: &mut PgConnection,
    vault: &Vault,
    key: &Key,
    after: Uuid,
    done: &mut Rotated,
) -> Result<Option<Uuid>, RotateError> {
    let mut tx = sqlx::Connection::begin(db).await?;
    let rows = store::take_batch(&mut tx, done.data_key, after, BATCH).await?;
    let Some(last) = rows.last().map(|row| row.id) else { return Ok(None) };
    let (mut ids, mut autokeys, mut plain) = (Vec::new(), Vec::new(), HashMap::new());
    let mut forgotten = Vec::new();
    for row in rows {
        if row.sealed.is_forgotten() {
            forgotten.push(row.id);
            continue;
        }
        match vault.open(&mut *tx, row.id, &row.sealed).await {
            Ok(autokey) => {
                autokeys.push(seal_with(done.data_key, key, row.id, &autokey)?.autokey);
                ids.push(row.id);
                plain.insert(row.id, autokey);
            }
            Err(VaultError::Database(error)) => return Err(error.into()),
            Err(error) => {
                if done.unreadable.insert(row.id) {
                    tracing::error!(billing_key = %row.id, %error, "billing key not readable");
                }
            }
        }
    }
    let written = store::rewrite(&mut tx, done.data_key, &ids, &autokeys).await?;
    for row in written {
        let read = vault.open(&mut *tx, row.id, &row.sealed).await?;
        if !plain.remove(&row.id).is_some_and(|autokey| is_same(&autokey, &read)) {
            return Err(RotateError::NotReadBack(row.id));
        }
    }
    if let Some(id) = plain.into_keys().next() {
        return Err(RotateError::NotReadBack(id));
    }
    store::move_forgotten(&mut tx, done.data_key, &forgotten).await?;
    tx.commit().await?;
    done.billing_keys += ids.len() as u64;
    Ok(Some(last))
}

fn is_same(one: &SecretString, other: &SecretString) -> bool {
    one.expose_secret() == other.expose_secret()
}
