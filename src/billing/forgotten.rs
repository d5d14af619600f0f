//! A deleted billing key loses its AUTOKEY: nothing can charge it any more. A fingerprint with a key of
//! ours stays, by which an import knows it again.

use sqlx::postgres::PgConnection;

use crate::billing::store::{self, BillingKey};
use crate::context::Context;
use crate::storage::vault::VaultError;

const BATCH: i64 = 100;

/// Forgets the AUTOKEY of a deleted key, if it is still there.
pub async fn forget(ctx: &Context, db: &mut PgConnection, key: &BillingKey) -> sqlx::Result<()> {
    if key.sealed.is_forgotten() {
        return Ok(());
    }
    let mac = match ctx.vault.open(&mut *db, key.id.0, &key.sealed).await {
        Ok(autokey) => Some(ctx.vault.autokey_mac(&key.customer_id, &autokey)),
        Err(VaultError::Database(error)) => return Err(error),
        Err(error) => {
            tracing::error!(billing_key = %key.id, %error, "deleted without being known again");
            None
        }
    };
    store::forget_autokey(db, key.id, mac).await
}

/// Forgets those that an earlier version kept.
pub async fn forget_deleted(ctx: &Context) -> sqlx::Result<()> {
    loop {
        let mut tx = ctx.begin().await?;
        let keys = store::deleted_with_autokey(&mut tx, BATCH).await?;
        for key in &keys {
            forget(ctx, &mut tx, key).await?;
        }
        tx.commit().await?;
        if keys.is_empty() {
            return Ok(());
        }
    }
}
