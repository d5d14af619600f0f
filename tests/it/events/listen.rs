//! `kiwoom-billing listen`: events on the way to a program on the developer's machine.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::process::{World, run};
use crate::support::production::production;
use crate::support::receiver::Receiver;

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_from_now_on_is_posted_signed_and_told() {
    let world = World::start().await;
    let service = world.service("service", &[]).await;
    service.register().await;
    let receiver = Receiver::start().await;
    let [(_, to), (_, secret)] = receiver.settings();
    let mut listening = Command::new(env!("CARGO_BIN_EXE_kiwoom-billing"))
        .args(["listen", "--forward-to", &to, "--url", &service.base, "--secret", &secret])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(listening.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().ends_with(&to));
    assert!(lines.next().unwrap().unwrap().contains(&secret));

    service.register().await;
    let since = Instant::now();
    while receiver.taken().is_empty() {
        assert!(since.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let told = lines.next().unwrap().unwrap();
    listening.kill().unwrap();
    listening.wait().unwrap();
    let taken = receiver.taken();
    assert_eq!(taken.len(), 1, "what was before is not sent");
    assert_eq!(taken[0]["type"], "billing_key.registered");
    assert!(told.contains(taken[0]["id"].as_str().unwrap()) && told.ends_with("→ 204"), "{told}");
}

#[test]
fn in_production_it_says_what_is_there_for_that() {
    let told = run(
        &["listen", "--forward-to", "http://127.0.0.1:1"],
        &production("postgres://localhost/none"),
    );
    assert!(told.unwrap_err().contains("MERCHANT_WEBHOOK_URL"));
}
