//! Fingerprints of request bodies.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// Prints nothing and wipes itself.
pub(super) struct BodyKey(Zeroizing<Vec<u8>>);

impl BodyKey {
    pub(super) fn new(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }

    pub(super) fn mac(&self, body: &[u8]) -> Vec<u8> {
        self.hmac(body).finalize().into_bytes().to_vec()
    }

    /// In constant time.
    pub(super) fn is_of(&self, stored: &[u8], body: &[u8]) -> bool {
        self.hmac(body).verify_slice(stored).is_ok()
    }

    fn hmac(&self, body: &[u8]) -> Hmac<Sha256> {
        match Hmac::<Sha256>::new_from_slice(&self.0) {
            Ok(mac) => mac.chain_update(body),
            Err(_) => unreachable!("HMAC takes keys of any length"),
        }
    }
}
