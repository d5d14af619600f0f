use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use super::key::{self, Key};
use super::secrets::Secrets;
use super::store::{BILLING_KEYS, DataKey, REQUEST_BODIES};
use super::{Sealed, VaultError, place, seal_with};

const AUTOKEY: &str = "C20229S2A4020";
/// Made with other programs (Python's `cryptography` and `hmac`) for the secret of 64 times `a`.
const EARLIER_VALUE: &str =
    "e0e77a50000102030405060708090a0bd9eae0c6c6b5a2d4f6723654ce174c6b2671295cc26951f53b3a05e582";
const EARLIER_MAC: &str = "78a6a6e55d7b1f362ffcc92a6c8474e809015683145cc872c6f6574e50acdcbe";

fn secret(digit: &str) -> SecretString {
    digit.repeat(64).into()
}

fn data_key(id: i32) -> Key {
    Key::new(id.to_be_bytes(), &key::generate()[..]).unwrap()
}

fn wrapped(id: i32, secrets: &Secrets, bytes: &[u8]) -> DataKey {
    let mut row = DataKey { id, purpose: BILLING_KEYS.to_owned(), wrapped: Vec::new() };
    row.wrapped = secrets.wrap(&row, bytes).unwrap();
    row
}

#[test]
fn a_value_is_read_in_its_own_row_and_column_and_with_its_own_key_only() {
    let (row, other_row, key) = (Uuid::now_v7(), Uuid::now_v7(), data_key(7));
    let Sealed { autokey, data_key: id } = seal_with(7, &key, row, &AUTOKEY.into()).unwrap();
    assert_eq!((id, &autokey[..4]), (Some(7), &[0, 0, 0, 7][..]));
    assert_eq!(key.decrypt(&place(row), &autokey).unwrap()[..], *AUTOKEY.as_bytes());
    let other_column = [row.as_bytes(), &b"billing_keys.customer_name"[..]].concat();
    for aad in [&place(other_row)[..], &other_column, row.as_bytes(), b""] {
        assert!(matches!(key.decrypt(aad, &autokey), Err(VaultError::Tampered)));
    }
    let refused = data_key(8).decrypt(&place(row), &autokey);
    assert!(matches!(refused, Err(VaultError::OtherSecret)));
    let refused = data_key(7).decrypt(&place(row), &autokey);
    assert!(matches!(refused, Err(VaultError::Tampered)), "the same id, another key");
}

#[test]
fn a_value_with_any_bit_turned_or_byte_missing_is_refused() {
    let (row, key) = (Uuid::now_v7(), data_key(7));
    let value = seal_with(7, &key, row, &AUTOKEY.into()).unwrap().autokey;
    assert_eq!(value.len(), 4 + 12 + AUTOKEY.len() + 16);
    for bit in 0..value.len() * 8 {
        let mut changed = value.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(key.decrypt(&place(row), &changed).is_err(), "bit {bit}");
    }
    for length in 0..value.len() {
        assert!(key.decrypt(&place(row), &value[..length]).is_err(), "{length} bytes");
    }
}

#[test]
fn each_value_has_a_nonce_of_its_own() {
    let (row, key) = (Uuid::now_v7(), data_key(7));
    let nonces: std::collections::BTreeSet<Vec<u8>> = (0..1000)
        .map(|_| seal_with(7, &key, row, &AUTOKEY.into()).unwrap().autokey[4..16].to_vec())
        .collect();
    assert_eq!(nonces.len(), 1000);
}

#[test]
fn a_data_key_is_read_in_its_own_row_for_its_own_purpose_with_the_present_or_old_secret() {
    let first = Secrets::new(&secret("a"), None).unwrap();
    let bytes = key::generate();
    let row = wrapped(7, &first, &bytes[..]);
    assert_eq!(first.unwrap_bytes(&row).unwrap()[..], bytes[..]);
    assert!(!first.is_old(&row));

    let changed = Secrets::new(&secret("b"), Some(&secret("a"))).unwrap();
    assert!(changed.is_old(&row));
    assert_eq!(changed.unwrap_bytes(&row).unwrap()[..], bytes[..]);
    assert!(!changed.is_old(&wrapped(7, &changed, &bytes[..])));

    let stranger = Secrets::new(&secret("c"), None).unwrap();
    assert!(matches!(stranger.unwrap(&row), Err(VaultError::OtherSecret)));
    let moved = DataKey { id: 8, purpose: BILLING_KEYS.to_owned(), wrapped: row.wrapped.clone() };
    assert!(matches!(first.unwrap(&moved), Err(VaultError::Tampered)));
    let other = DataKey { purpose: REQUEST_BODIES.to_owned(), ..row };
    assert!(matches!(first.unwrap(&other), Err(VaultError::Tampered)));
}

/// A value that the earlier version stored: key id, nonce and ciphertext under the secret itself,
/// with the row's id alone as associated data.
#[test]
fn values_and_fingerprints_of_the_earlier_version_are_read() {
    let row = Uuid::parse_str("01a210f6-0000-7000-8000-000000000001").unwrap();
    let value = hex::decode(EARLIER_VALUE).unwrap();
    let mac = hex::decode(EARLIER_MAC).unwrap();
    for secrets in [
        Secrets::new(&secret("a"), None).unwrap(),
        Secrets::new(&secret("b"), Some(&secret("a"))).unwrap(),
    ] {
        assert_eq!(secrets.decrypt(row.as_bytes(), &value).unwrap()[..], *AUTOKEY.as_bytes());
        assert!(secrets.is_body(&mac, b"{}") && !secrets.is_body(&mac, b"{ }"));
    }
    let stranger = Secrets::new(&secret("c"), None).unwrap();
    assert!(matches!(stranger.decrypt(row.as_bytes(), &value), Err(VaultError::OtherSecret)));
    assert!(!stranger.is_body(&mac, b"{}"));
}

#[test]
fn a_secret_is_64_hexadecimal_digits() {
    for bad in ["", "a", &"g".repeat(64), &"a".repeat(62), &"a".repeat(66)] {
        assert!(matches!(Secrets::new(&bad.into(), None), Err(VaultError::Secret)), "{bad}");
    }
    let shown = format!("{:?}", secret("a"));
    assert!(!shown.contains("aaaa"), "{shown}");
    assert_eq!(secret("a").expose_secret().len(), 64);
}
