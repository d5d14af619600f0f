//! Whoever has had an answer finds its event, also while another process publishes.

use std::time::Duration;

use serde_json::Value;
use sqlx::PgPool;

use crate::support::app::TestApp;
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
