//! Whoever has had an answer finds its event, also while another process publishes.

use std::time::Duration;

use serde_json::Value;
use sqlx::{AssertSqlSafe, PgPool};

use crate::support::app::TestApp;
use crate::support::process::World;
use crate::support::subscriptions::APPROVED;

const WAITING: &str = "select exists (select from pg_locks
     where locktype = 'advisory' and not granted
        and database = (select oid from pg_database where datname = current_database()))";

async fn until_one_waits(pool: &PgPool) {
    let waits = async {
        while !sqlx::query_scalar::<_, bool>(WAITING).fetch_one(pool).await.unwrap() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waits).await.expect("somebody waits");
}

fn kinds(page: &Value, field: &str) -> Vec<String> {
    let items = page["items"].as_array().unwrap();
    items.iter().map(|item| item[field].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_waits_for_the_process_that_looked_before_the_change() {
    let app = TestApp::start().await;
    let pool = app.service.ctx.pool.clone();
    for (path, field) in [("/events?limit=100", "type"), ("/audit?limit=100", "action")] {
        let mut other = pool.begin().await.unwrap();
        let lock = sqlx::query("select pg_advisory_xact_lock(hashtext('events'))");
        lock.execute(&mut *other).await.unwrap();
        app.register(APPROVED).await;
        let before = kinds(&app.get("/audit?limit=100").await.data(200), "action");
        assert!(before.len() < 2, "nobody is waited for without end: {before:?}");
        let (page, ()) = tokio::join!(app.get(path), async {
            until_one_waits(&pool).await;
            other.commit().await.unwrap();
        });
        let found = kinds(&page.data(200), field);
        let cards = found.iter().filter(|kind| *kind == "billing_key.registered").count();
        assert_eq!(cards, before.len() + 1, "{path}: {found:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_reads_past_an_event_that_is_committed_late() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    app.subscribe(&key, 15).await;
    let change = "update subscriptions set product_name = product_name || '.'";
    let again = format!("savepoint a; {change}; rollback to a; {change}");
    let (updated, registered) = ("subscription.updated", "billing_key.registered");
    for (begun, end, expected) in [
        (change, "commit", [updated, registered].as_slice()),
        (again.as_str(), "commit", &[updated, registered]),
        (change, "rollback", &[registered]),
    ] {
        let read = app.get("/events?limit=100").await.data(200);
        let path = format!("/events?cursor={}", read["nextCursor"].as_str().unwrap());
        let mut other = app.owner().await;
        let begun = format!("begin; {begun}");
        sqlx::raw_sql(AssertSqlSafe(begun)).execute(&mut other).await.unwrap();
        app.register(APPROVED).await;
        let none = kinds(&app.get(&path).await.data(200), "type");
        assert!(none.is_empty(), "{none:?} before {end}");
        sqlx::raw_sql(AssertSqlSafe(end)).execute(&mut other).await.unwrap();
        assert_eq!(kinds(&app.get(&path).await.data(200), "type"), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_keeps_events_back_is_named() {
    let world = World::start().await;
    let service = world.service("service", &[]).await;
    service.register().await;
    let mut other = world.owner().await;
    let begun = "begin; update billing_keys set customer_name = '김'";
    sqlx::raw_sql(begun).execute(&mut other).await.unwrap();
    let pid: i32 =
        sqlx::query_scalar("select pg_backend_pid()").fetch_one(&mut other).await.unwrap();
    let named = format!("keep events from being published alert=true pids=[{pid}]");
    let said = async {
        while !service.output().contains(&named) {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), said).await.expect("it is named");
    sqlx::raw_sql("commit").execute(&mut other).await.unwrap();
    let events = service.get("/events").await.data(200);
    assert_eq!(kinds(&events, "type"), ["billing_key.registered", "billing_key.updated"]);
}
