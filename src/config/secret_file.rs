//! A random secret in a file that only its owner can read.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use aes_gcm::aead::{Generate, Key};
use secrecy::SecretString;
use zeroize::Zeroizing;

/// Longer than any secret, and than what an editor adds to it.
const MAX_BYTES: usize = 1024;
/// What others may do with a file.
const OTHERS: u32 = 0o007;

/// The secret in `path`, without white space around it. An error that names the mode when others
/// than the file's owner and group may use it.
pub fn read(path: &Path) -> io::Result<SecretString> {
    let file = File::open(path)?;
    let mode = file.metadata()?.permissions().mode() & 0o777;
    if mode & OTHERS != 0 {
        let text =
            format!("its mode is {mode:03o}: others may use it; chmod {:03o}", mode & !OTHERS);
        return Err(io::Error::new(ErrorKind::PermissionDenied, text));
    }
    let mut text = Zeroizing::new(String::with_capacity(MAX_BYTES));
    file.take(MAX_BYTES as u64).read_to_string(&mut text)?;
    Ok(SecretString::from(text.trim()))
}

/// The 64 hexadecimal digits in `path`; made there first when there is no such file. Of several
/// processes that start at once, one makes it and all read it.
pub fn read_or_create(path: &Path) -> io::Result<SecretString> {
    if !path.exists() {
        create(path)?;
    }
    read(path).map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

/// The file appears under its name only when it is whole.
fn create(path: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let draft = path.with_extension(uuid::Uuid::now_v7().simple().to_string());
    let secret = Zeroizing::new(hex::encode(Key::<aes_gcm::Aes256Gcm>::generate()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    let written = file.write_all(secret.as_bytes()).and_then(|()| file.sync_all());
    let linked = written.and_then(|()| fs::hard_link(&draft, path));
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn started_at_once_all_read_the_same_whole_secret() {
        let dir = std::env::temp_dir().join(format!("kiwoom-{}", uuid::Uuid::now_v7().simple()));
        for n in 0..200 {
            let path = dir.join(n.to_string());
            let read = || read_or_create(&path).unwrap().expose_secret().to_owned();
            let secrets: BTreeSet<String> = std::thread::scope(|scope| {
                let threads = [(); 4].map(|()| scope.spawn(read));
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert_eq!(secrets.len(), 1, "{secrets:?}");
            assert!(secrets.iter().all(|secret| secret.len() == 64), "{secrets:?}");
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 200);
        fs::remove_dir_all(dir).unwrap();
    }
}
