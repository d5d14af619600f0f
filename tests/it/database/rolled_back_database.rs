//! A database that went back in time on the server that it was on: a dump restored over it, a rolled
//! back volume. And the operator's pause, which a restore does not lift.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use kiwoom_billing::storage::database::private::{DATABASE, PrivateServer, StartOptions};
use serde_json::Value;
use sqlx::PgPool;

use crate::support::app::{FIGURES_AGE, TestApp};
use crate::support::process::{Folder, run};

async fn start(dir: &Path) -> PrivateServer {
    StartOptions::new(dir).for_tests().start().await.unwrap()
}

fn bash(script: &str) {
    let done = Command::new("bash").args(["-o", "pipefail", "-c", script]).output().unwrap();
    assert!(done.status.success(), "{script}: {}", String::from_utf8_lossy(&done.stderr));
}

/// A service with one subscription that was not charged yet, on a server of its own.
pub async fn subscribed(server: &PrivateServer) -> TestApp {
    let app = TestApp::with(&[("DATABASE_URL", &server.url(DATABASE))]).await;
    let key = app.register("4111111111111111").await;
    app.subscribe(&key, 15).await;
    app
}

/// What health says of the schedule, and why it is paused. A connection that was in use when the
/// server ended costs an answer.
async fn charging(app: &TestApp) -> (Value, Value) {
    tokio::time::sleep(FIGURES_AGE).await;
    for _ in 0..50 {
        let ready = app.get("/health/ready").await;
        if ready.status == 200 {
            let ready = ready.data(200);
            return (ready["scheduledCharging"].clone(), ready["pausedBecause"].clone());
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("the service is not ready");
}

pub async fn assert_on(app: &TestApp) {
    assert_eq!(charging(app).await, ("on".into(), Value::Null));
}

/// The period that was charged, and is not in the books any more, is not charged again.
pub async fn assert_paused(app: &TestApp, because: &str) {
    assert_eq!(charging(app).await, ("paused".into(), because.into()));
    let ledger = app.ledger().await.len();
    let walk = app.post("/sandbox/clock", &serde_json::json!({"advanceDays": 1})).await;
    assert!(walk.status == 500 && walk.text.contains("resume-charging"), "{}", walk.text);
    assert_eq!(app.ledger().await.len(), ledger);
}

pub fn command(arguments: &[&str], database: &str, data_dir: &Path) -> Result<String, String> {
    let data_dir = data_dir.display().to_string();
    run(arguments, &[("DATABASE_URL", database), ("DATA_DIR", &data_dir)])
}

/// From another machine, which has nothing of the service's `DATA_DIR`.
pub fn resume(server: &PrivateServer) -> String {
    let dir = Folder::new();
    let arguments = ["resume-charging", "--reason", "결제 기록 대조 완료"];
    command(&arguments, &server.url(DATABASE), &dir).unwrap()
}

/// A server whose data can be rolled back while it stands still.
pub struct Volume {
    dir: Folder,
    data: PathBuf,
    copy: Folder,
}

impl Volume {
    pub async fn start() -> (Self, PrivateServer) {
        let dir = Folder::new();
        let server = start(&dir).await;
        let pool = PgPool::connect_with(server.options(DATABASE)).await.unwrap();
        let data: String =
            sqlx::query_scalar("show data_directory").fetch_one(&pool).await.unwrap();
        pool.close().await;
        (Self { dir, data: data.into(), copy: Folder::new() }, server)
    }

    pub async fn snapshot(&self, server: PrivateServer) -> PrivateServer {
        server.stop().await;
        bash(&format!("cp -a '{}' '{}/data'", self.data.display(), self.copy.display()));
        let server = start(&self.dir).await;
        // Connections that were in use within the last second are not tested before they are used.
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        server
    }

    pub async fn roll_back(&self, server: PrivateServer) -> PrivateServer {
        server.stop().await;
        let (data, copy) = (self.data.display(), self.copy.display());
        bash(&format!("rm -rf '{data}' && cp -a '{copy}/data' '{data}'"));
        self.start_again().await
    }

    /// After a stop.
    pub async fn start_again(&self) -> PrivateServer {
        start(&self.dir).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolled_back_volume_is_noticed_by_a_process_that_runs_and_told_to_all() {
    let (volume, server) = Volume::start().await;
    let app = subscribed(&server).await;
    let server = volume.snapshot(server).await;
    assert_on(&app).await;
    app.advance_days(31).await;
    app.until_ledger(1).await;
    let server = volume.roll_back(server).await;

    assert_paused(&app, "paused").await;
    // A process that has seen nothing learns of it.
    let replica = app.replica(&[]).await;
    assert_paused(&replica, "paused").await;
    let told = resume(&server);
    assert!(told.contains("the database went back in time"), "{told}");
    assert_on(&app).await;
    assert_on(&replica).await;
    replica.service.stop().await;
    // What was seen before the operator's word counts no more.
    let app = app.restart().await;
    assert_on(&app).await;
    app.advance_days(1).await;
    app.until_ledger(2).await;
    app.service.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_volume_that_was_rolled_back_while_nothing_ran_is_noticed_at_the_start() {
    let (volume, server) = Volume::start().await;
    let app = subscribed(&server).await;
    let server = volume.snapshot(server).await;
    app.advance_days(31).await;
    app.until_ledger(1).await;
    assert_on(&app).await;
    let (data_dir, database) = (app.data_dir.clone(), server.url(DATABASE));
    app.service.stop().await;
    let server = volume.roll_back(server).await;
    let settings = [("DATABASE_URL", &*database), ("DATA_DIR", data_dir.to_str().unwrap())];
    let app = TestApp::with(&settings).await;
    assert_paused(&app, "paused").await;
    resume(&server);
    assert_on(&app).await;
    app.service.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_restored_over_the_database_is_noticed() {
    let dir = Folder::new();
    let server = start(&dir).await;
    let app = subscribed(&server).await;
    let (database, file) = (server.url(DATABASE), dir.join("dump"));
    let file = file.display();
    bash(&format!("pg_dump -Fc -f '{file}' '{database}'"));
    app.advance_days(31).await;
    app.until_ledger(1).await;
    for restore in [
        format!("pg_restore --clean --if-exists -d '{database}' '{file}'"),
        format!(
            "psql -q '{other}' -c 'drop database {DATABASE} with (force)' \
                -c 'create database {DATABASE}' && pg_restore -d '{database}' '{file}'",
            other = server.url("postgres")
        ),
    ] {
        bash(&restore);
        assert_paused(&app, "replaced").await;
        // A process without a memory of its own, and nothing of the first one's.
        let fresh = app.replica(&[]).await;
        assert_paused(&fresh, "replaced").await;
        fresh.service.stop().await;
        assert!(resume(&server).contains("payments "));
        assert_on(&app).await;
    }
    app.service.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operators_pause_survives_the_restore_that_wipes_it() {
    let (volume, server) = Volume::start().await;
    let app = subscribed(&server).await;
    let server = volume.snapshot(server).await;
    assert_on(&app).await;
    let database = server.url(DATABASE);
    let pause = |dir: &Path| command(&["pause-charging", "--reason", "복원"], &database, dir);

    // Said anywhere, as the service's role could too; the process that runs keeps it.
    let elsewhere = Folder::new();
    pause(&elsewhere).unwrap();
    assert_paused(&app, "paused").await;
    let server = volume.roll_back(server).await;
    assert_paused(&app, "paused").await;
    let app = app.restart().await;
    assert_paused(&app, "paused").await;
    resume(&server);
    assert_on(&app).await;

    // Said while the database is away, where the service's files are.
    server.stop().await;
    let told = pause(&app.data_dir).unwrap_err();
    assert!(told.contains("kept in DATA_DIR") && told.contains("cannot be reached"), "{told}");
    let server = volume.start_again().await;
    assert_paused(&app, "paused").await;
    let replica = app.replica(&[]).await;
    assert_paused(&replica, "paused").await;
    replica.service.stop().await;
    assert!(resume(&server).contains("복원"));
    assert_on(&app).await;
    assert!(resume(&server).contains("nothing was paused"));

    // Said where nothing can be kept, it is kept in the database alone.
    let in_the_way = elsewhere.join("in-the-way");
    std::fs::write(&in_the_way, "").unwrap();
    assert!(pause(&in_the_way).unwrap_err().contains("not kept in DATA_DIR"));
    assert_paused(&app, "paused").await;
    resume(&server);
    assert_on(&app).await;

    // What cannot be read may have been a pause.
    std::fs::write(app.data_dir.join("charging_paused"), "").unwrap();
    assert_paused(&app, "paused").await;
    assert!(resume(&server).contains("charging_paused"));
    assert_on(&app).await;

    let told = command(&["pause-charging", "--reason", "4111111111111111"], &database, &elsewhere);
    assert!(told.unwrap_err().contains("may not contain a card number"));
    app.advance_days(31).await;
    app.until_ledger(1).await;
    app.service.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_planned_move_into_a_new_server_pauses_compares_and_goes_on() {
    let dir = Folder::new();
    let server = start(&dir).await;
    let app = subscribed(&server).await;
    let (old, data_dir) = (server.url(DATABASE), app.data_dir.clone());
    command(&["pause-charging", "--reason", "PostgreSQL 업그레이드"], &old, &data_dir).unwrap();
    let new_dir = Folder::new();
    let new = start(&new_dir).await;
    bash(&format!("pg_dump --no-owner '{old}' | psql -q '{}'", new.url(DATABASE)));
    let app = app.restart_with(&[("DATABASE_URL", &new.url(DATABASE))]).await;
    assert_paused(&app, "replaced").await;
    let resumed =
        command(&["resume-charging", "--reason", "업그레이드 완료"], &new.url(DATABASE), &data_dir);
    assert!(resumed.unwrap().contains("last charge in the books"));
    assert_on(&app).await;
    app.advance_days(31).await;
    app.until_ledger(1).await;
    app.service.stop().await;
    server.stop().await;
    new.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_hides_its_server_is_charged_from_and_can_be_paused() {
    let dir = Folder::new();
    let server = start(&dir).await;
    let app = subscribed(&server).await;
    let owner = PgPool::connect_with(server.options(DATABASE)).await.unwrap();
    for sql in
        ["revoke execute on function pg_control_system() from public", "create role hosted login"]
    {
        sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&owner).await.unwrap();
    }
    let database = server.url(DATABASE).replacen("kiwoom@", "hosted@", 1);
    crate::support::process::migrate(&server.url(DATABASE), &["--grant-to", "hosted"]).unwrap();
    let app = app.restart_with(&[("DATABASE_URL", &database)]).await;
    assert_eq!(charging(&app).await, ("unguarded".into(), Value::Null));
    app.advance_days(31).await;
    app.until_ledger(1).await;
    command(&["pause-charging", "--reason", "복원"], &database, &app.data_dir).unwrap();
    assert_paused(&app, "paused").await;
    resume(&server);
    assert_eq!(charging(&app).await, ("unguarded".into(), Value::Null));
    owner.close().await;
    app.service.stop().await;
    server.stop().await;
}
