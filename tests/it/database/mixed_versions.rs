//! Two versions on one database: an older build beside a newer schema, and a migration that meets work
//! under way.

use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::support::app::TestApp;
use crate::support::postgres::{as_owner, new_database};
use crate::support::process::{migrate, run};
use crate::support::subscriptions::APPROVED;

/// What a later version would have done: a step that only adds.
const LATER: &str = "create table later (n int);
    insert into _sqlx_migrations (version, description, success, checksum, execution_time)
    values (9999, 'later', true, 'x', 0)";
/// The last step that changed `payments`, taken back.
const BEFORE: &str = "drop trigger payments_attempt_day on payments;
    drop trigger payments_attempt_day_of_removed on payments;
    drop trigger payments_attempt_day_of_late on payments;
    drop function attempt_day_changed;
    drop table attempt_days_changed, attempt_day_retries, attempt_day_declines, attempt_days;
    delete from _sqlx_migrations where version = 28";

#[tokio::test(flavor = "multi_thread")]
async fn an_older_build_runs_on_a_newer_schema_unless_that_says_no() {
    let database = new_database().await;
    let mut owner = PgConnection::connect(&as_owner(&database)).await.unwrap();
    owner.execute(LATER).await.unwrap();
    owner.execute("grant select on later to public").await.unwrap();
    let app = TestApp::with(&[("DATABASE_URL", &database)]).await;
    let key = app.register(APPROVED).await;
    app.pay(&key).await.data(200);
    migrate(&as_owner(&database), &[]).unwrap();

    owner.execute("update schema_compatibility set oldest_build = 9999").await.unwrap();
    let settings = [("DATABASE_URL", &*database), ("PORT", "0")];
    let told = run(&["serve"], &settings).unwrap_err();
    assert!(told.contains("9999"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_waits_for_a_lock_keeps_nobody_waiting_behind_it() {
    let database = new_database().await;
    let url = as_owner(&database);
    let mut owner = PgConnection::connect(&url).await.unwrap();
    owner.execute(BEFORE).await.unwrap();
    let mut frozen = owner.begin().await.unwrap();
    frozen.execute("lock table payments in row exclusive mode").await.unwrap();
    let migration = tokio::task::spawn_blocking({
        let url = url.clone();
        move || migrate(&url, &[])
    });

    let mut db = PgConnection::connect(&url).await.unwrap();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(10) {
        let asked = Instant::now();
        let write = "update payments set state = state where false";
        sqlx::query(AssertSqlSafe(write)).execute(&mut db).await.unwrap();
        assert!(asked.elapsed() < Duration::from_secs(4), "{:?}", asked.elapsed());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(!migration.is_finished());
    frozen.rollback().await.unwrap();
    migration.await.unwrap().unwrap();
    let made: i64 =
        sqlx::query_scalar("select count(*) from attempt_days").fetch_one(&mut db).await.unwrap();
    assert_eq!(made, 0);
}
