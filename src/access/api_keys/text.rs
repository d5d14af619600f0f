//! How a key is written.

use aes_gcm::aead::{Generate, Key};
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::redact::keys::{ID_DIGITS, PREFIX, parts};

/// A key that nobody has seen yet.
pub struct NewKey {
    /// Its public id.
    pub id: String,
    /// The whole of it, for the caller: the only time it is there.
    pub text: SecretString,
    /// What is kept of the secret.
    pub hash: [u8; 32],
}

impl NewKey {
    /// 48 random bits of id and 256 of secret.
    pub fn make() -> Self {
        let random = *uuid::Uuid::new_v4().as_bytes();
        // The first six bytes of a UUID of version 4 are random.
        let id = format!("{PREFIX}{}", hex::encode(&random[..ID_DIGITS / 2]));
        let secret = Zeroizing::new(hex::encode(Key::<aes_gcm::Aes256Gcm>::generate()));
        let text = SecretString::from(format!("{id}_{}", *secret));
        Self { id, text, hash: Sha256::digest(secret.as_bytes()).into() }
    }
}

/// A key as a caller sent it: it has the form of one, no more. The secret is hashed at once.
pub struct Presented<'a> {
    /// Its public id.
    pub id: &'a str,
    /// The hash of its secret.
    pub hash: [u8; 32],
}

impl<'a> Presented<'a> {
    /// `None` when it cannot be a key of the table, whatever the table holds.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (id, secret) = parts(text)?;
        Some(Self { id, hash: Sha256::digest(secret).into() })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use secrecy::ExposeSecret;

    use crate::redact::keys::is_id;

    use super::*;

    #[test]
    fn a_new_key_is_read_back_and_no_two_are_the_same() {
        let keys: Vec<_> = (0..1000).map(|_| NewKey::make()).collect();
        for key in &keys {
            let text = key.text.expose_secret();
            let read = Presented::parse(text).unwrap();
            assert_eq!((read.id, read.hash), (key.id.as_str(), key.hash));
            assert!(text.len() == 81 && is_id(&key.id), "{}", key.id);
        }
        assert_eq!(keys.iter().map(|key| &key.id).collect::<BTreeSet<_>>().len(), 1000);
        assert_eq!(keys.iter().map(|key| key.hash).collect::<BTreeSet<_>>().len(), 1000);
    }

    #[test]
    fn what_has_another_form_is_no_key() {
        let key = NewKey::make();
        let text = key.text.expose_secret();
        let bad = [
            String::new(),
            key.id.clone(),
            format!("{}_", key.id),
            text[1..].to_owned(),
            text[..80].to_owned(),
            format!("{text}0"),
            text.to_uppercase(),
            text.replace('_', "-"),
            format!("{} ", &text[..80]),
            format!("kbk_{}", "키".repeat(30)),
            format!("kbk_'; drop ta_{}", "0".repeat(64)),
        ];
        for text in bad {
            assert!(Presented::parse(&text).is_none(), "{text}");
        }
    }
}
