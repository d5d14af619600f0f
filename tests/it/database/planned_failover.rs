//! A failover that was announced: charging pauses before it, and goes on after it by itself.

use kiwoom_billing::storage::database::private::{DATABASE, PrivateServer};
use sqlx::{Connection, PgConnection};

use super::rolled_back_database::{Volume, assert_on, assert_paused, command, resume, subscribed};
use crate::support::process::Folder;

const ANNOUNCE: &[&str] = &["resume-charging", "--after-failover", "--reason", "서버 점검"];

fn announce(server: &PrivateServer) -> Result<String, String> {
    command(ANNOUNCE, &server.url(DATABASE), &Folder::new())
}

/// As a replica of the server takes over that has all of it.
async fn promote(volume: &Volume, server: PrivateServer) -> PrivateServer {
    let signal = server.dir().join("standby.signal");
    server.stop().await;
    std::fs::write(signal, "").unwrap();
    let server = volume.start_again().await;
    let mut db = PgConnection::connect(&server.url(DATABASE)).await.unwrap();
    sqlx::query("select pg_promote()").execute(&mut db).await.unwrap();
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn charging_goes_on_by_itself_after_the_failover_that_was_announced() {
    let (volume, server) = Volume::start().await;
    let app = subscribed(&server).await;
    assert_on(&app).await;
    announce(&server).unwrap();
    assert_paused(&app, "planned").await;
    assert!(announce(&server).unwrap_err().contains("has not happened yet"));

    let server = promote(&volume, server).await;
    assert_on(&app).await;
    app.advance_days(31).await;
    app.until_ledger(1).await;

    // One that was called off; and one that nobody announced.
    announce(&server).unwrap();
    assert_paused(&app, "planned").await;
    assert!(resume(&server).contains("to call it off"));
    assert_on(&app).await;
    let server = promote(&volume, server).await;
    assert_paused(&app, "replaced").await;
    resume(&server);
    assert_on(&app).await;
    app.service.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_without_the_last_commits_pauses_although_it_was_announced() {
    let (volume, server) = Volume::start().await;
    let app = subscribed(&server).await;
    assert_on(&app).await;
    announce(&server).unwrap();
    let server = volume.snapshot(server).await;
    let key = app.register("4111111111111111").await;
    app.pay(&key).await.data(200);
    // It has been seen.
    assert_paused(&app, "planned").await;
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;

    let server = volume.roll_back(server).await;
    let server = promote(&volume, server).await;
    assert_paused(&app, "paused").await;
    resume(&server);
    assert_on(&app).await;
    app.service.stop().await;
    server.stop().await;
}
