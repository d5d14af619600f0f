//! Other people's programs around the service, each in a folder of its own. What is not installed is
//! named, and its test is skipped: `scripts/install-proxies.sh` installs them.

use std::ffi::OsStr;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::support::process::{Folder, free_port};

const PATIENCE: Duration = Duration::from_mins(1);

/// Where a program is.
pub fn installed(name: &str) -> Option<PathBuf> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let mut folders = vec![target.join("proxies/bin"), PathBuf::from("/usr/sbin")];
    folders.extend(std::env::split_paths(&path));
    let found = folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file());
    if found.is_none() {
        println!("skipped: {name} is not installed (scripts/install-proxies.sh, scripts/nightly)");
    }
    found
}

/// The configuration of an nginx that keeps to this folder, with these settings of `http`, and the
/// arguments to run it when it is in `file`.
pub fn nginx(dir: &Path, file: &str, http: &str) -> (String, Vec<String>) {
    let dir = dir.display();
    let folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let folders = folders.map(|name| format!("{name}_temp_path {dir}/{name};")).concat();
    let text = format!(
        "user root; daemon off; pid {dir}/pid; error_log {dir}/error.log; events {{}}
         http {{ access_log off; {folders} {http} }}"
    );
    let arguments = ["-p", &dir.to_string(), "-c", file];
    (text, arguments.map(str::to_owned).to_vec())
}

/// A place on this machine where nobody listens.
pub fn free_address() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], free_port()))
}

/// A running program. Dropping it kills it.
pub struct Program {
    pub dir: Folder,
    child: Child,
}

impl Program {
    /// Runs it in this folder until it listens at the address.
    pub async fn start<A: AsRef<OsStr>>(
        path: &Path,
        arguments: &[A],
        dir: Folder,
        address: SocketAddr,
    ) -> Self {
        let output = fs::File::options().create(true).append(true).open(dir.join("output"));
        let output = output.unwrap();
        let child = Command::new(path)
            .args(arguments)
            .current_dir(&*dir)
            .env("HOME", &*dir)
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        let mut program = Self { dir, child };
        let listens = async {
            while TcpStream::connect(address).await.is_err() {
                assert!(program.child.try_wait().unwrap().is_none(), "{}", program.output());
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(PATIENCE, listens).await.unwrap();
        program
    }

    /// What it printed.
    pub fn output(&self) -> String {
        fs::read_to_string(self.dir.join("output")).unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
