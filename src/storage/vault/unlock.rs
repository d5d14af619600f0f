//! At start: the data keys are made, decrypted, and encrypted again when the secret was changed.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

use secrecy::SecretString;
use sqlx::PgPool;
use sqlx::postgres::PgConnection;

use crate::storage::vault::bodies::BodyKey;
use crate::storage::vault::key::{self, Key};
use crate::storage::vault::secrets::Secrets;
use crate::storage::vault::store::{self, BILLING_KEYS, DataKey, REQUEST_BODIES, WEBHOOK_SECRETS};
use crate::storage::vault::{Vault, VaultError};

/// The vault of this database with `BILLING_KEY_SECRET` and `BILLING_KEY_SECRET_OLD`. The first
/// start on a database makes its data keys; of several at once, one does. The first start with
/// another secret encrypts them with that. An error, and nothing written, when a data key or a
/// billing key could not be read with these secrets.
pub async fn unlock(
    pool: &PgPool,
    present: &SecretString,
    old: Option<&SecretString>,
) -> Result<Vault, VaultError> {
    let secrets = Secrets::new(present, old)?;
    let mut tx = pool.begin().await?;
    store::lock_start(&mut tx).await?;
    check_earlier(&mut tx, &secrets).await?;
    let mut rows = store::all(&mut tx).await?;
    for purpose in [BILLING_KEYS, REQUEST_BODIES, WEBHOOK_SECRETS] {
        if !rows.iter().any(|row| row.purpose == purpose) {
            rows.push(make(&mut tx, &secrets, purpose).await?);
        }
    }
    let (mut data_keys, mut bodies, mut webhooks) = (BTreeMap::new(), None, None);
    let mut rewrapped = 0;
    for mut row in rows {
        let bytes = secrets.unwrap_bytes(&row)?;
        if secrets.is_old(&row) {
            row.wrapped = secrets.wrap(&row, &bytes)?;
            store::rewrap(&mut tx, &row).await?;
            rewrapped += 1;
        }
        match &*row.purpose {
            REQUEST_BODIES => bodies = Some(BodyKey::new(bytes)),
            WEBHOOK_SECRETS => webhooks = Some(Key::new(row.id.to_be_bytes(), &bytes)?),
            _ => {
                data_keys.insert(row.id, Arc::new(Key::new(row.id.to_be_bytes(), &bytes)?));
            }
        }
    }
    tx.commit().await?;
    if rewrapped > 0 {
        tracing::info!(data_keys = rewrapped, "data keys encrypted with the new secret");
    }
    let bodies = bodies.ok_or(VaultError::Tampered)?;
    let webhooks = webhooks.ok_or(VaultError::Tampered)?;
    Ok(Vault { secrets, bodies, webhooks, data_keys: RwLock::new(data_keys) })
}

/// Makes a data key, the current one from now on.
pub(super) async fn make(
    db: &mut PgConnection,
    secrets: &Secrets,
    purpose: &str,
) -> Result<DataKey, VaultError> {
    let id = store::next_id(db).await?;
    let mut row = DataKey { id, purpose: purpose.to_owned(), wrapped: Vec::new() };
    row.wrapped = secrets.wrap(&row, &key::generate()[..])?;
    store::insert(db, &row).await?;
    Ok(row)
}

/// Better found now than at a charge.
async fn check_earlier(db: &mut PgConnection, secrets: &Secrets) -> Result<(), VaultError> {
    let (unreadable, all) = store::earlier(db, &secrets.ids()).await?;
    if unreadable > 0 {
        return Err(VaultError::Earlier(unreadable));
    }
    if all > 0 {
        tracing::warn!(
            billing_keys = all,
            "encrypted by an earlier version with the secret itself: run `kiwoom-billing keys \
             rotate` before BILLING_KEY_SECRET or BILLING_KEY_SECRET_OLD is taken away"
        );
    }
    Ok(())
}
