//! KiwoomPay's billing keys (AUTOKEY) at rest: AES-256-GCM.
//!
//! A stored value is the key's id (4 bytes), a fresh nonce (12 bytes) and the ciphertext; the row's
//! id is associated data, so that a value copied to another row cannot be read.

use aes_gcm::aead::{Aead, Generate, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use thiserror::Error;
use uuid::Uuid;
use zeroize::Zeroizing;

const KEY_ID_BYTES: usize = 4;
const NONCE_BYTES: usize = 12;

/// Why a stored value cannot be read, or a secret cannot be used.
#[derive(Debug, Error)]
pub enum VaultError {
    /// Not 64 hexadecimal digits.
    #[error("the secret has to be 64 hexadecimal digits")]
    Secret,
    /// Encrypted with a secret that is neither the present nor the old one.
    #[error("the value was encrypted with another secret")]
    OtherSecret,
    /// Changed, truncated, or copied from another row.
    #[error("the value has been tampered with")]
    Tampered,
}

/// Encrypts with the present secret, decrypts with the present or the old one.
pub struct Vault {
    present: Key,
    old: Option<Key>,
}

struct Key {
    id: [u8; KEY_ID_BYTES],
    cipher: Aes256Gcm,
    bodies: Zeroizing<Vec<u8>>,
}

impl Vault {
    /// Takes `BILLING_KEY_SECRET` and `BILLING_KEY_SECRET_OLD`.
    pub fn new(present: &SecretString, old: Option<&SecretString>) -> Result<Self, VaultError> {
        Ok(Self { present: Key::new(present)?, old: old.map(Key::new).transpose()? })
    }

    /// The bytes to store in `row`.
    pub fn seal(&self, row: Uuid, secret: &SecretString) -> Result<Vec<u8>, VaultError> {
        let nonce = Nonce::<<Aes256Gcm as aes_gcm::aead::AeadCore>::NonceSize>::generate();
        let payload = Payload { msg: secret.expose_secret().as_bytes(), aad: row.as_bytes() };
        let sealed = self.present.cipher.encrypt(&nonce, payload);
        let sealed = sealed.map_err(|_| VaultError::Tampered)?;
        Ok([&self.present.id[..], &nonce[..], &sealed[..]].concat())
    }

    /// Reads what was stored in `row`.
    pub fn open(&self, row: Uuid, stored: &[u8]) -> Result<SecretString, VaultError> {
        let (id, rest) = stored.split_at_checked(KEY_ID_BYTES).ok_or(VaultError::Tampered)?;
        let (nonce, sealed) = rest.split_at_checked(NONCE_BYTES).ok_or(VaultError::Tampered)?;
        let mut keys = std::iter::once(&self.present).chain(&self.old);
        let key = keys.find(|k| k.id == id).ok_or(VaultError::OtherSecret)?;
        let nonce = Nonce::try_from(nonce).map_err(|_| VaultError::Tampered)?;
        let payload = Payload { msg: sealed, aad: row.as_bytes() };
        let plain = key.cipher.decrypt(&nonce, payload).map_err(|_| VaultError::Tampered)?;
        String::from_utf8(plain).map(SecretString::from).map_err(|_| VaultError::Tampered)
    }

    /// Tells request bodies apart without keeping a hash that could be guessed: a plain hash of a
    /// registration would give the card number away to whoever tries all numbers.
    pub fn body_mac(&self, body: &[u8]) -> Vec<u8> {
        self.present.mac(body).finalize().into_bytes().to_vec()
    }

    /// Whether `stored` is of this body, made with the present or the old secret.
    pub fn is_body(&self, stored: &[u8], body: &[u8]) -> bool {
        let mut keys = std::iter::once(&self.present).chain(&self.old);
        keys.any(|key| key.mac(body).verify_slice(stored).is_ok())
    }
}

impl Key {
    fn new(secret: &SecretString) -> Result<Self, VaultError> {
        let bytes = Zeroizing::new(decode(secret)?);
        let mut id = [0; KEY_ID_BYTES];
        id.copy_from_slice(&Sha256::digest(&bytes[..])[..KEY_ID_BYTES]);
        let cipher = Aes256Gcm::new_from_slice(&bytes).map_err(|_| VaultError::Secret)?;
        let bodies = Sha256::digest([b"request bodies", &bytes[..]].concat()).to_vec();
        Ok(Self { id, cipher, bodies: Zeroizing::new(bodies) })
    }

    fn mac(&self, body: &[u8]) -> Hmac<Sha256> {
        match Hmac::<Sha256>::new_from_slice(&self.bodies) {
            Ok(mac) => mac.chain_update(body),
            Err(_) => unreachable!("HMAC takes keys of any length"),
        }
    }
}

fn decode(secret: &SecretString) -> Result<Vec<u8>, VaultError> {
    let bytes = hex::decode(secret.expose_secret()).map_err(|_| VaultError::Secret)?;
    if bytes.len() == 32 { Ok(bytes) } else { Err(VaultError::Secret) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(digit: &str) -> SecretString {
        digit.repeat(64).into()
    }

    #[test]
    fn reads_back_only_in_its_own_row_and_with_its_own_secret() {
        let (row, other_row) = (Uuid::now_v7(), Uuid::now_v7());
        let vault = Vault::new(&secret("a"), None).unwrap();
        let sealed = vault.seal(row, &"C20229S2A4020".into()).unwrap();
        assert_eq!(vault.open(row, &sealed).unwrap().expose_secret(), "C20229S2A4020");
        assert!(matches!(vault.open(other_row, &sealed), Err(VaultError::Tampered)));
        assert_ne!(sealed, vault.seal(row, &"C20229S2A4020".into()).unwrap(), "fresh nonce");

        let rotated = Vault::new(&secret("b"), Some(&secret("a"))).unwrap();
        assert!(rotated.open(row, &sealed).is_ok());
        let mac = vault.body_mac(b"{}");
        assert!(rotated.is_body(&mac, b"{}") && !rotated.is_body(&mac, b"{ }"));
        let stranger = Vault::new(&secret("c"), None).unwrap();
        assert!(matches!(stranger.open(row, &sealed), Err(VaultError::OtherSecret)));
        assert!(matches!(vault.open(row, b"short"), Err(VaultError::Tampered)));
    }
}
