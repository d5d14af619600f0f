//! A process that crashes leaves its memory to nobody.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::process::Folder;

/// A crash by this signal, of a process started by somebody who allows core dumps of any size.
fn crash(signal: &str) {
    let dir = Folder::new();
    // A shell has its background jobs ignore QUIT, and what they start with them.
    let mut command = Command::new("env");
    let start = "ulimit -c $(ulimit -H -c); exec \"$0\" sandbox --port 0";
    command.args(["--default-signal", "sh", "-c", start]);
    command.arg(env!("CARGO_BIN_EXE_kiwoom-billing")).current_dir(&*dir);
    command.env_clear().env("DATA_DIR", &*dir).stdin(Stdio::null()).stdout(Stdio::null());
    let mut child = command.spawn().unwrap();
    let limits = format!("/proc/{}/limits", child.id());
    let is_off = || {
        let text = std::fs::read_to_string(&limits).unwrap();
        let line = text.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        line.split_whitespace().skip(4).take(2).eq(["0", "0"])
    };
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_off() {
        assert!(Instant::now() < deadline, "core dumps stay on");
        std::thread::sleep(Duration::from_millis(10));
    }
    let flag = format!("-{signal}");
    let pid = child.id().to_string();
    assert!(Command::new("kill").args([&flag, &pid]).status().unwrap().success());
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        assert!(Instant::now() < deadline, "{signal} does not end it");
        std::thread::sleep(Duration::from_millis(10));
    };
    assert!(status.signal().is_some() && !status.core_dumped(), "{signal}: {status}");
    let left = std::fs::read_dir(&*dir).unwrap().flatten().map(|entry| entry.file_name());
    let cores: Vec<_> = left.filter(|name| name.to_string_lossy().contains("core")).collect();
    assert!(cores.is_empty(), "{cores:?}");
}

#[test]
fn a_crash_leaves_no_core() {
    // Not SEGV: Rust's handler lets one that is no fault of the process pass.
    for signal in ["ABRT", "QUIT", "ILL"] {
        crash(signal);
    }
}
