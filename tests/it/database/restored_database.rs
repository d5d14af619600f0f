//! A database that is not the one it was: restored from a copy, or failed over to a replica. What the
//! schedule sent may have been erased there, so it charges nothing until a person says so.

use std::path::Path;
use std::process::Command;

use kiwoom_billing::storage::database::private::{DATABASE, PrivateServer, StartOptions};
use serde_json::json;

use crate::support::app::{FIGURES_AGE, TestApp};
use crate::support::process::Folder;

async fn start(dir: &Path) -> PrivateServer {
    StartOptions::new(dir).for_tests().start().await.unwrap()
}

/// A service with one subscription, charged once, on a server of its own.
async fn charged_once(server: &PrivateServer) -> (TestApp, String) {
    let app = TestApp::with(&[("DATABASE_URL", &server.url(DATABASE))]).await;
    let key = app.register("4111111111111111").await;
    app.subscribe(&key, 15).await;
    app.advance_days(31).await;
    assert_eq!(app.ledger().await.len(), 1);
    assert_eq!(charging(&app).await, "on");
    (app, key)
}

async fn charging(app: &TestApp) -> String {
    tokio::time::sleep(FIGURES_AGE).await;
    let mut ready = app.get("/health/ready").await;
    // A connection that was in use just before the server ended costs an answer.
    for _ in 0..20 {
        if ready.status == 200 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        ready = app.get("/health/ready").await;
    }
    let ready = ready.data(200);
    ready["scheduledCharging"].as_str().unwrap().to_owned()
}

/// Paused: the clock does not walk past what is due, callers are served, and nothing is charged.
async fn assert_paused(app: &TestApp, key: &str) {
    assert_eq!(charging(app).await, "paused");
    let walk = app.post("/sandbox/clock", &json!({"advanceDays": 31})).await;
    assert_eq!(walk.status, 500, "{}", walk.text);
    assert!(walk.text.contains("resume-charging"), "{}", walk.text);
    assert_eq!(app.ledger().await.len(), 1);
    app.pay(key).await.data(200);
    let metrics = app.get("/metrics").await.text;
    assert!(metrics.contains("kiwoom_billing_scheduled_charging_paused 1"), "{metrics}");
}

fn resume(server: &PrivateServer) -> String {
    let dir = Folder::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_kiwoom-billing"));
    command.args(["resume-charging", "--reason", "결제 기록 대조 완료"]).env_clear();
    command.env("DATA_DIR", &*dir).env("DATABASE_URL", server.url(DATABASE));
    let done = command.output().unwrap();
    let text = String::from_utf8(done.stdout).unwrap();
    assert!(done.status.success(), "{text}{}", String::from_utf8_lossy(&done.stderr));
    text
}

/// The period that was due is charged, once, and billing goes on.
async fn assert_goes_on(app: &TestApp) {
    assert_eq!(charging(app).await, "on");
    app.advance_days(31).await;
    let subscriptions = "select count(*) from payments where kind = 'subscription'";
    let count: i64 =
        sqlx::query_scalar(subscriptions).fetch_one(&app.service.ctx.pool).await.unwrap();
    assert_eq!((count, app.ledger().await.len()), (2, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_took_over_charges_nothing_until_it_is_confirmed() {
    let dir = Folder::new();
    let server = start(&dir).await;
    let (app, key) = charged_once(&server).await;

    // The server comes back as a standby and is promoted: it writes another timeline from then on.
    let data: String =
        sqlx::query_scalar("show data_directory").fetch_one(&app.service.ctx.pool).await.unwrap();
    server.stop().await;
    std::fs::write(Path::new(&data).join("standby.signal"), "").unwrap();
    let server = start(&dir).await;
    let pool = sqlx::PgPool::connect_with(server.options(DATABASE)).await.unwrap();
    let promoted: bool = sqlx::query_scalar("select pg_promote()").fetch_one(&pool).await.unwrap();
    assert!(promoted);

    assert_paused(&app, &key).await;
    let told = resume(&server);
    assert!(told.contains("timeline 00000001") && told.contains("timeline 00000002"), "{told}");
    assert_goes_on(&app).await;
    assert!(resume(&server).contains("nothing was paused"));
    app.service.stop().await;
    pool.close().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_in_another_cluster_charges_nothing_until_it_is_confirmed() {
    let dir = Folder::new();
    let server = start(&dir).await;
    let (app, key) = charged_once(&server).await;

    let copy_dir = Folder::new();
    let copy = start(&copy_dir).await;
    copy_database(&server, &copy);
    let app = app.restart_with(&[("DATABASE_URL", &copy.url(DATABASE))]).await;

    assert_paused(&app, &key).await;
    assert!(resume(&copy).contains("timeline 00000001"));
    assert_goes_on(&app).await;
    app.service.stop().await;
    server.stop().await;
    copy.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_are_held_too_when_they_are_guarded() {
    let dir = Folder::new();
    let server = start(&dir).await;
    let (app, key) = charged_once(&server).await;
    let copy_dir = Folder::new();
    let copy = start(&copy_dir).await;
    copy_database(&server, &copy);
    let url = copy.url(DATABASE);
    let app = app.restart_with(&[("DATABASE_URL", &*url), ("GUARD_CALLERS", "true")]).await;

    assert_eq!(app.pay(&key).await.error(503)["code"], "charging_paused");
    assert_eq!(app.ledger().await.len(), 1);
    resume(&copy);
    app.pay(&key).await.data(200);
    assert_eq!(app.ledger().await.len(), 2);
    app.service.stop().await;
    server.stop().await;
    copy.stop().await;
}

/// `pg_dump` into an empty database.
fn copy_database(from: &PrivateServer, to: &PrivateServer) {
    let script =
        format!("pg_dump --no-owner '{}' | psql -q '{}'", from.url(DATABASE), to.url(DATABASE));
    let copied = Command::new("bash").args(["-o", "pipefail", "-c", &script]).output().unwrap();
    assert!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
}
