//! A machine whose clock is not the database's: what it takes for due may not be due.

use std::time::Duration;

use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::support::app::Reply;
use crate::support::process::{Process, World};

/// The database's clock from now on, as every process is told it; this machine's stays.
async fn database_clock(db: &mut PgConnection, difference: &str) {
    let sql = format!(
        "create or replace function public.clock_timestamp() returns timestamptz
            language sql volatile as $$ select pg_catalog.clock_timestamp() {difference} $$"
    );
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(db).await.unwrap();
}

/// Waits until health says so.
async fn until(service: &Process, charging: &str, because: Option<&str>) {
    let wanted = |reply: &Reply| {
        let ready = reply.data(200);
        ready["scheduledCharging"] == charging && ready["pausedBecause"].as_str() == because
    };
    service.until(|| service.get("/health/ready"), wanted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_twenty_days_ahead_of_the_database_charges_nothing_scheduled() {
    let world = World::start().await;
    let mut db = world.owner().await;
    database_clock(&mut db, "").await;
    let ours_first = "do $$ begin execute format('alter database %I set search_path
        = public, pg_catalog', current_database()); end $$";
    sqlx::raw_sql(ours_first).execute(&mut db).await.unwrap();
    let mut db = PgConnection::connect(&world.owner_url()).await.unwrap();
    let service = world.service("service", &[("SCHEDULER_INTERVAL_SECS", "1")]).await;
    let body = json!({
        "billingKey": service.register().await, "customerId": "user123", "planId": "monthly",
        "amount": 9900, "productName": "월간 구독", "cycleDay": 15,
    });
    service.post("/billing/subscribe", &body).await.data(201);
    until(&service, "on", None).await;
    database_clock(&mut db, "- interval '20 days'").await;
    until(&service, "paused", Some("clock")).await;
    world.advance_days(31).await;
    for difference in ["- interval '20 days'", "+ interval '6 seconds'", "- interval '6 seconds'"] {
        database_clock(&mut db, difference).await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        until(&service, "paused", Some("clock")).await;
        assert!(world.ledger().await.is_empty(), "{difference}");
    }
    let log = service.output();
    assert_eq!(log.matches("scheduled charging is paused").count(), 1, "{log}");
    assert!(log.contains("이 서버의 시계"), "{log}");
    // Nobody has to say that it may go on. A small difference is none.
    database_clock(&mut db, "- interval '3 seconds'").await;
    until(&service, "on", None).await;
    world.until_charged(1).await;
    assert_eq!(world.ledger().await.len(), 1);
}
