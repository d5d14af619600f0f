//! `BILLING_KEY_SECRET` and `BILLING_KEY_SECRET_OLD`: they encrypt the data keys, and once did so
//! with billing keys.

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::storage::vault::VaultError;
use crate::storage::vault::bodies::BodyKey;
use crate::storage::vault::key::{KEY_BYTES, KEY_ID_BYTES, Key, KeyId};
use crate::storage::vault::store::DataKey;

/// The present secret and the one before.
pub(super) struct Secrets {
    present: Secret,
    old: Option<Secret>,
}

struct Secret {
    key: Key,
    /// Of fingerprints that the earlier version made.
    bodies: BodyKey,
}

impl Secrets {
    pub(super) fn new(
        present: &SecretString,
        old: Option<&SecretString>,
    ) -> Result<Self, VaultError> {
        Ok(Self { present: Secret::new(present)?, old: old.map(Secret::new).transpose()? })
    }

    /// The first bytes of what each has encrypted.
    pub(super) fn ids(&self) -> Vec<KeyId> {
        self.all().map(|secret| secret.key.id()).collect()
    }

    /// What either has encrypted.
    pub(super) fn decrypt(
        &self,
        aad: &[u8],
        stored: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let id = stored.get(..KEY_ID_BYTES).ok_or(VaultError::Tampered)?;
        let secret = self.all().find(|secret| secret.key.id() == id);
        secret.ok_or(VaultError::OtherSecret)?.key.decrypt(aad, stored)
    }

    /// A data key's bytes, encrypted with the present secret.
    pub(super) fn wrap(&self, row: &DataKey, bytes: &[u8]) -> Result<Vec<u8>, VaultError> {
        self.present.key.encrypt(&row.place(), bytes)
    }

    /// Whether it is the secret before the present one that reads it.
    pub(super) fn is_old(&self, row: &DataKey) -> bool {
        !row.wrapped.starts_with(&self.present.key.id())
    }

    /// A data key's bytes.
    pub(super) fn unwrap_bytes(&self, row: &DataKey) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        self.decrypt(&row.place(), &row.wrapped)
    }

    /// A data key.
    pub(super) fn unwrap(&self, row: &DataKey) -> Result<Key, VaultError> {
        Key::new(row.id.to_be_bytes(), &self.unwrap_bytes(row)?)
    }

    /// Whether `stored` is the earlier version's fingerprint of `body`.
    pub(super) fn is_body(&self, stored: &[u8], body: &[u8]) -> bool {
        self.all().any(|secret| secret.bodies.is_of(stored, body))
    }

    fn all(&self) -> impl Iterator<Item = &Secret> {
        std::iter::once(&self.present).chain(&self.old)
    }
}

impl Secret {
    fn new(secret: &SecretString) -> Result<Self, VaultError> {
        let bytes = hex::decode(secret.expose_secret()).map_err(|_| VaultError::Secret)?;
        let bytes = Zeroizing::new(bytes);
        if bytes.len() != KEY_BYTES {
            return Err(VaultError::Secret);
        }
        let mut id = KeyId::default();
        id.copy_from_slice(&Sha256::digest(&bytes[..])[..KEY_ID_BYTES]);
        let bodies = Zeroizing::new([b"request bodies", &bytes[..]].concat());
        let bodies = Zeroizing::new(Sha256::digest(&bodies[..]).to_vec());
        Ok(Self { key: Key::new(id, &bytes)?, bodies: BodyKey::new(bodies) })
    }
}
