//! `BILLING_KEY_SECRET` and `BILLING_KEY_SECRET_OLD`: each in the environment, or in a file.

use std::path::Path;

use secrecy::{ExposeSecret, SecretString};

use crate::config::read::{Reader, is_hex};
use crate::config::secret_file;

const ACCEPTED: &str = "64 hexadecimal digits, as `openssl rand -hex 32` prints them";

/// The secret that encrypts; production needs one.
pub(super) fn present(r: &mut Reader, required: bool) -> Option<SecretString> {
    const NAME: &str = "BILLING_KEY_SECRET";
    let file = "BILLING_KEY_SECRET_FILE";
    if required && r.text(NAME).is_none() && r.text(file).is_none() {
        return r.missing(NAME, ACCEPTED);
    }
    one_of(r, NAME, file)
}

/// The secret before it.
pub(super) fn old(r: &mut Reader) -> Option<SecretString> {
    one_of(r, "BILLING_KEY_SECRET_OLD", "BILLING_KEY_SECRET_OLD_FILE")
}

fn one_of(r: &mut Reader, name: &'static str, file: &'static str) -> Option<SecretString> {
    match (r.text(name), r.text(file)) {
        (None, None) => None,
        (Some(text), None) if is_hex(&text, 64) => Some(text.into()),
        (Some(_), None) => r.wrong(name, ACCEPTED),
        (None, Some(path)) => match secret_file::read(Path::new(&path)) {
            Ok(secret) if is_hex(secret.expose_secret(), 64) => Some(secret),
            Ok(_) => r.wrong(file, &format!("a file with {ACCEPTED}")),
            Err(error) => {
                r.wrong(file, &format!("a file that only its owner and group may use ({error})"))
            }
        },
        (Some(_), Some(_)) => r.wrong(file, &format!("a path only when {name} is not set")),
    }
}
