//! A random secret in a file that only its owner can read.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use aes_gcm::aead::{Generate, Key};
use secrecy::SecretString;
use zeroize::Zeroizing;

/// The 64 hexadecimal digits in `path`; made there first when there is no such file.
pub fn read_or_create(path: &Path) -> io::Result<SecretString> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let secret = Zeroizing::new(hex::encode(Key::<aes_gcm::Aes256Gcm>::generate()));
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(mut file) => file.write_all(secret.as_bytes())?,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    let text = Zeroizing::new(fs::read_to_string(path)?);
    Ok(SecretString::from(text.trim()))
}
