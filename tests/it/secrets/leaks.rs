//! The leak test as users run it: marked secrets through everything, and none is left anywhere.

use std::process::Command;

use crate::support::process::Folder;

#[test]
fn no_secret_is_left_anywhere() {
    let dir = Folder::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_kiwoom-billing"));
    command.args(["self-check", "--leaks"]).env_clear().current_dir(&*dir);
    let path = std::env::var("PATH").unwrap_or_default();
    let done = command.env("PATH", path).env("TMPDIR", &*dir).output().unwrap();
    let out = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{out}\n{}", String::from_utf8_lossy(&done.stderr));
    assert!(out.contains("verdict: clean, 0 hits"), "{out}");
    for place in ["pg_dump", "write-ahead log", "log, trace, json", "deliveries to the merchant"] {
        let line = out.lines().find(|line| line.trim_start().starts_with(place)).unwrap();
        assert!(line.ends_with(" 0 hits") && !line.contains(" 0 bytes"), "{line}");
    }
}
