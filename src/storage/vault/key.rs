//! One key of AES-256-GCM.

use aes_gcm::aead::{Aead, Generate, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use zeroize::Zeroizing;

use crate::storage::vault::VaultError;

pub(super) const KEY_BYTES: usize = 32;
pub(super) const KEY_ID_BYTES: usize = 4;
const NONCE_BYTES: usize = 12;

/// The id that stands in front of what a key has encrypted.
pub(super) type KeyId = [u8; KEY_ID_BYTES];

/// Prints nothing, and the cipher wipes itself.
pub(super) struct Key {
    id: KeyId,
    cipher: Aes256Gcm,
}

impl Key {
    /// Takes 32 bytes.
    pub(super) fn new(id: KeyId, bytes: &[u8]) -> Result<Self, VaultError> {
        let cipher = Aes256Gcm::new_from_slice(bytes).map_err(|_| VaultError::Tampered)?;
        Ok(Self { id, cipher })
    }

    pub(super) fn id(&self) -> KeyId {
        self.id
    }

    /// Key id, a fresh nonce and the ciphertext.
    pub(super) fn encrypt(&self, aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, VaultError> {
        let nonce = Nonce::<<Aes256Gcm as aes_gcm::aead::AeadCore>::NonceSize>::generate();
        let sealed = self.cipher.encrypt(&nonce, Payload { msg: plain, aad });
        let sealed = sealed.map_err(|_| VaultError::Tampered)?;
        Ok([&self.id[..], &nonce[..], &sealed[..]].concat())
    }

    /// The plain bytes of what [`Self::encrypt`] gave for the same `aad`.
    pub(super) fn decrypt(
        &self,
        aad: &[u8],
        stored: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let (id, rest) = stored.split_at_checked(KEY_ID_BYTES).ok_or(VaultError::Tampered)?;
        let (nonce, sealed) = rest.split_at_checked(NONCE_BYTES).ok_or(VaultError::Tampered)?;
        if id != self.id {
            return Err(VaultError::OtherSecret);
        }
        let nonce = Nonce::try_from(nonce).map_err(|_| VaultError::Tampered)?;
        let plain = self.cipher.decrypt(&nonce, Payload { msg: sealed, aad });
        plain.map(Zeroizing::new).map_err(|_| VaultError::Tampered)
    }
}

/// The bytes of a new key.
pub(super) fn generate() -> Zeroizing<[u8; KEY_BYTES]> {
    Zeroizing::new(Generate::generate())
}
