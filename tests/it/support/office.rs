//! `LibreOffice`, where it is installed.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What `LibreOffice` makes of a file; `None` when it is not installed.
pub fn converted(dir: &Path, file: &str, arguments: &[&str]) -> Option<PathBuf> {
    let mut command = Command::new("soffice");
    command.arg(format!("-env:UserInstallation=file://{}/profile", dir.display()));
    command.args(["--headless", "--norestore"]).args(arguments);
    command.arg("--outdir").arg(dir.join("out")).arg(dir.join(file)).env("HOME", dir);
    let done = match command.output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            println!("skipped: LibreOffice");
            eprintln!("skipped: LibreOffice is not installed (Debian: libreoffice-calc)");
            return None;
        }
        done => done.unwrap(),
    };
    let told = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{told}");
    let stem = file.split('.').next().unwrap();
    let to = arguments.last().unwrap().split(':').next().unwrap();
    let file = dir.join("out").join(format!("{stem}.{to}"));
    assert!(file.exists(), "{told}");
    Some(file)
}
