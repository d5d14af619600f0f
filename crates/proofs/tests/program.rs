//! The proofs as users run them.

use std::process::{Command, Output};

fn proofs(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kiwoom-proofs"));
    command.args(arguments).env_clear().env("TMPDIR", std::env::temp_dir());
    command.env("PATH", std::env::var("PATH").unwrap_or_default());
    command.output().expect("kiwoom-proofs starts")
}

/// Marked secrets go through everything, and none is left anywhere. Runs the kiwoom-billing that was
/// built beside the proofs.
#[test]
fn no_secret_is_left_anywhere() {
    let done = proofs(&["self-check", "--leaks"]);
    let out = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{out}\n{}", String::from_utf8_lossy(&done.stderr));
    assert!(out.contains("verdict: clean, 0 hits"), "{out}");
    for place in ["pg_dump", "write-ahead log", "log, trace, json", "deliveries to the merchant"] {
        let line = out.lines().find(|line| line.trim_start().starts_with(place)).unwrap();
        assert!(line.ends_with(" 0 hits") && !line.contains(" 0 bytes"), "{line}");
    }
}

#[test]
fn a_service_that_is_missing_is_named_with_what_builds_it() {
    let done = proofs(&["--service", "/nowhere/kiwoom-billing", "simulate"]);
    let error = String::from_utf8_lossy(&done.stderr);
    assert!(!done.status.success() && done.stdout.is_empty());
    for part in ["/nowhere/kiwoom-billing is missing", "cargo build --locked", "--service PATH"] {
        assert!(error.contains(part), "{error}");
    }
}
