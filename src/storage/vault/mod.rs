//! KiwoomPay's billing keys (AUTOKEY) at rest, and what deliveries are signed with: AES-256-GCM.
//!
//! Data keys (table `data_keys`) encrypt billing keys, and `BILLING_KEY_SECRET` encrypts the data
//! keys. A stored value is the data key's id (4 bytes), a fresh nonce (12 bytes) and the ciphertext.
//! The row's id and the column are associated data: a value copied elsewhere cannot be read. An
//! earlier version encrypted with the secret itself; such values are read and no longer written.

mod bodies;
mod key;
mod rotate;
mod secrets;
mod store;
#[cfg(test)]
mod tests;
mod unlock;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use secrecy::{ExposeSecret, SecretString};
use sqlx::PgExecutor;
use sqlx::postgres::PgConnection;
use thiserror::Error;
use uuid::Uuid;
use zeroize::Zeroizing;

use bodies::BodyKey;
use key::{KEY_ID_BYTES, Key};
pub use rotate::{RotateError, Rotated, rotate};
use secrets::Secrets;
pub use unlock::unlock;

/// Why a stored value cannot be read, or a secret cannot be used.
#[derive(Debug, Error)]
pub enum VaultError {
    /// Not 64 hexadecimal digits.
    #[error("BILLING_KEY_SECRET has to be 64 hexadecimal digits")]
    Secret,
    /// Encrypted with a secret that is neither the present nor the old one.
    #[error(
        "BILLING_KEY_SECRET이 이 데이터베이스의 것이 아닙니다. 시크릿을 교체하는 중이면 이전 값을 \
         BILLING_KEY_SECRET_OLD에 설정해 주세요 (BILLING_KEY_SECRET is not this database's; while you \
         change it, BILLING_KEY_SECRET_OLD takes the one before)"
    )]
    OtherSecret,
    /// Values of the earlier version that neither secret reads.
    #[error(
        "빌링키 {0}개가 BILLING_KEY_SECRET이 아닌 값으로 직접 암호화되어 있습니다. 그 값을 \
         BILLING_KEY_SECRET_OLD에 설정하고 `kiwoom-billing keys rotate`를 실행해 주세요 ({0} billing keys \
         are still encrypted with another secret itself: set BILLING_KEY_SECRET_OLD to it and run \
         `kiwoom-billing keys rotate`)"
    )]
    Earlier(i64),
    /// Changed, truncated, or copied from another row or column.
    #[error("the value has been tampered with")]
    Tampered,
    /// The database.
    #[error("the database refused a query about data keys: {0}")]
    Database(#[from] sqlx::Error),
}

/// An AUTOKEY as `billing_keys` keeps it.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Sealed {
    /// Key id, nonce and ciphertext.
    pub autokey: Vec<u8>,
    /// The data key; `None` for a value of the earlier version.
    pub data_key: Option<i32>,
}

impl Sealed {
    /// Whether the AUTOKEY is gone: only the first four bytes are left of a deleted key's.
    pub fn is_forgotten(&self) -> bool {
        self.autokey.len() == KEY_ID_BYTES
    }
}

/// Encrypts and decrypts with the data keys. Those that other processes make are learnt when they
/// are met.
pub struct Vault {
    secrets: Secrets,
    bodies: BodyKey,
    webhooks: Key,
    data_keys: RwLock<BTreeMap<i32, Arc<Key>>>,
}

impl Vault {
    /// What to store in `row`. The data key stays the current one until the transaction of `db`
    /// ends: once `keys rotate` has retired it, nothing more is encrypted with it.
    pub async fn seal(
        &self,
        db: &mut PgConnection,
        row: Uuid,
        autokey: &SecretString,
    ) -> Result<Sealed, VaultError> {
        let current = store::hold_current(db).await?;
        match self.data_key(db, current).await {
            Ok(key) => seal_with(current, &key, row, autokey),
            // Rotated under a secret that this process was not started with: a card that is
            // registered by now must not be lost.
            Err(VaultError::OtherSecret) => {
                tracing::error!("a data key of another secret: restart with BILLING_KEY_SECRET");
                let (id, key) = self.newest().ok_or(VaultError::OtherSecret)?;
                seal_with(id, &key, row, autokey)
            }
            Err(error) => Err(error),
        }
    }

    /// Reads what was stored in `row`.
    pub async fn open(
        &self,
        db: impl PgExecutor<'_>,
        row: Uuid,
        stored: &Sealed,
    ) -> Result<SecretString, VaultError> {
        let plain = match stored.data_key {
            Some(id) => self.data_key(db, id).await?.decrypt(&place(row), &stored.autokey)?,
            None => self.secrets.decrypt(row.as_bytes(), &stored.autokey)?,
        };
        text(&plain)
    }

    /// What to store of a secret that deliveries to the endpoint `row` are signed with.
    pub fn seal_webhook(&self, row: Uuid, secret: &SecretString) -> Result<Vec<u8>, VaultError> {
        self.webhooks.encrypt(&webhook_place(row), secret.expose_secret().as_bytes())
    }

    /// Reads what was stored of the endpoint `row`.
    pub fn open_webhook(&self, row: Uuid, stored: &[u8]) -> Result<SecretString, VaultError> {
        text(&self.webhooks.decrypt(&webhook_place(row), stored)?)
    }

    /// Tells request bodies apart without keeping a hash that could be guessed: a plain hash of a
    /// registration would give the card number away to whoever tries all numbers.
    pub fn body_mac(&self, body: &[u8]) -> Vec<u8> {
        self.bodies.mac(body)
    }

    /// By which a customer's AUTOKEY is known again when it is not kept any more.
    pub fn autokey_mac(&self, customer_id: &str, autokey: &SecretString) -> Vec<u8> {
        let parts = ["autokey", customer_id, autokey.expose_secret()];
        self.bodies.mac(parts.join("\0").as_bytes())
    }

    /// What stands in the place of an erased customer's id: the same whenever it is asked for, and not
    /// to be guessed without the secret.
    pub fn pseudonym(&self, customer_id: &str) -> String {
        let mac = self.bodies.mac(["customer", customer_id].join("\0").as_bytes());
        mac[..16].iter().fold("erased_".to_owned(), |text, byte| text + &format!("{byte:02x}"))
    }

    /// What an id is made of that is to be the same whenever `parts` come again: not to be guessed, and
    /// telling nothing of them, without the secret.
    pub fn id_bytes(&self, parts: &[&str]) -> [u8; 10] {
        let mac = self.bodies.mac(["id", &parts.join("\0")].join("\0").as_bytes());
        std::array::from_fn(|at| mac[at])
    }

    /// What a payment page link's address ends with: who does not know the secret cannot guess it, and it
    /// is kept nowhere. 160 bits.
    pub fn link_mac(&self, link: Uuid) -> Vec<u8> {
        let mut mac = self.bodies.mac(&[b"payment_link\0", &link.as_bytes()[..]].concat());
        mac.truncate(20);
        mac
    }

    /// Whether `mac` is that of the link, in constant time.
    pub fn is_link_mac(&self, link: Uuid, mac: &[u8]) -> bool {
        self.bodies.is_of(&self.bodies.mac(&self.link_mac(link)), mac)
    }

    /// Whether `stored` is of this body.
    pub fn is_body(&self, stored: &[u8], body: &[u8]) -> bool {
        self.bodies.is_of(stored, body) || self.secrets.is_body(stored, body)
    }

    async fn data_key(&self, db: impl PgExecutor<'_>, id: i32) -> Result<Arc<Key>, VaultError> {
        if let Some(key) = self.held(id) {
            return Ok(key);
        }
        let wrapped = store::find(db, id).await?.ok_or(VaultError::Tampered)?;
        let key = Arc::new(self.secrets.unwrap(&wrapped)?);
        self.learn(id, key.clone());
        Ok(key)
    }

    fn held(&self, id: i32) -> Option<Arc<Key>> {
        self.data_keys.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    fn learn(&self, id: i32, key: Arc<Key>) {
        self.data_keys.write().unwrap_or_else(PoisonError::into_inner).insert(id, key);
    }

    fn newest(&self) -> Option<(i32, Arc<Key>)> {
        let keys = self.data_keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.last_key_value().map(|(id, key)| (*id, key.clone()))
    }
}

/// The associated data of a value: its row and its column.
fn place(row: Uuid) -> Vec<u8> {
    [row.as_bytes(), &b"billing_keys.autokey"[..]].concat()
}

fn webhook_place(row: Uuid) -> Vec<u8> {
    [row.as_bytes(), &b"webhook_endpoints.secret"[..]].concat()
}

fn seal_with(id: i32, key: &Key, row: Uuid, autokey: &SecretString) -> Result<Sealed, VaultError> {
    let autokey = key.encrypt(&place(row), autokey.expose_secret().as_bytes())?;
    Ok(Sealed { autokey, data_key: Some(id) })
}

fn text(plain: &Zeroizing<Vec<u8>>) -> Result<SecretString, VaultError> {
    std::str::from_utf8(plain).map(SecretString::from).map_err(|_| VaultError::Tampered)
}
