//! A role that lacks a right of `grants.sql` would take money and could not record it: it does not
//! start, and sends nothing when it loses the right.

use std::time::Duration;

use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::support::app::one_off;
use crate::support::postgres::{SERVICE, as_owner, new_database};
use crate::support::process::{World, migrate, run};

/// Rights of each kind: a column, a whole table, a sequence, a function, a column that is not there.
const LOST: [(&str, &str); 6] = [
    ("revoke update (auth_number) on payments from", "update (auth_number) on payments"),
    ("revoke update (state) on refunds from", "update (state) on refunds"),
    ("revoke insert on refunds from", "insert on refunds"),
    ("revoke usage on sequence instance_number from", "usage on instance_number"),
    ("revoke execute on function new_event_id from public,", "execute on new_event_id"),
    (
        "alter table notifications rename copies to times; grant select on notifications to",
        "update (copies) on notifications",
    ),
];

async fn execute(db: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(format!("{sql} {SERVICE}"))).execute(db).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_lacks_a_right_does_not_start_and_says_what_to_run() {
    let database = new_database().await;
    let mut db = PgConnection::connect(&as_owner(&database)).await.unwrap();
    for (sql, lacking) in LOST {
        execute(&mut db, sql).await;
        let told = run(&["serve"], &[("DATABASE_URL", &database), ("PORT", "0")]).unwrap_err();
        assert!(told.contains(lacking), "{sql}: {told}");
        let advice = format!("kiwoom-billing migrate --grant-to {SERVICE}");
        assert!(told.contains(&advice), "{sql}: {told}");
    }
    // What one statement can mend is mended, and nothing else is named.
    let sql = "alter table notifications rename times to copies;
        revoke execute on all functions in schema public from public";
    sqlx::raw_sql(sql).execute(&mut db).await.unwrap();
    migrate(&as_owner(&database), &["--grant-to", SERVICE]).unwrap();
    let world = World { database_url: database, ..World::start().await };
    let service = world.service("service", &[]).await;
    let key = service.register().await;
    let paid = service.post("/billing/pay", &one_off(&key)).await.data(200);
    service.post("/billing/refund", &json!({"paymentId": paid["id"]})).await.data(200);
    service.delete(&format!("/billing/key/{key}")).await.data(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_that_is_lost_while_the_service_runs_stops_charges_and_refunds() {
    let world = World::start().await;
    let service = world.service("service", &[]).await;
    let mut db = world.owner().await;
    let key = service.register().await;
    let paid = service.post("/billing/pay", &one_off(&key)).await.data(200);
    for (sql, lacking) in &LOST[..2] {
        execute(&mut db, sql).await;
        service.until(|| service.get("/health/ready"), |reply| reply.status == 503).await;
        service.post("/billing/pay", &one_off(&key)).await.fails(503, "database_unavailable");
        let refund = json!({"paymentId": paid["id"], "amount": 1000});
        service.post("/billing/refund", &refund).await.fails(503, "database_unavailable");
        let log = service.output();
        assert!(log.contains("nothing is sent to KiwoomPay") && log.contains(lacking), "{log}");
        assert_eq!((world.calls("CARD-BATCH").await, world.calls("CANCEL").await), (1, 0));
        migrate(&world.owner_url(), &["--grant-to", SERVICE]).unwrap();
        service.until(|| service.get("/health/ready"), |reply| reply.status == 200).await;
    }
    let refund = json!({"paymentId": paid["id"], "amount": 1000});
    service.post("/billing/refund", &refund).await.data(200);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(service.output().matches("nothing is sent to KiwoomPay").count(), 2);
}
