//! An index that comes with a new version is made while cards are charged.

use std::time::{Duration, Instant};

use kiwoom_billing::storage::database::MIGRATIONS;
use kiwoom_billing::storage::database::migrating::apply;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{Connection, Executor, PgConnection, SqlSafeStr};
use tokio::runtime::Handle;

use crate::support::app::TestApp;
use crate::support::subscriptions::APPROVED;

const STEP: &str =
    "-- no-transaction\ncreate index concurrently payments_rehearsed on payments (product_name);";
/// Longer than that nobody may be held up.
const SOON: Duration = Duration::from_secs(2);

/// A later version's steps.
fn later() -> Migrator {
    let mut steps: Vec<Migration> = MIGRATIONS.iter().cloned().collect();
    let sql = STEP.into_sql_str();
    steps.push(Migration::new(9000, "rehearsed".into(), MigrationType::Simple, sql, true));
    Migrator::with_migrations(steps)
}

async fn connection(app: &TestApp) -> PgConnection {
    PgConnection::connect(&app.owner_url()).await.unwrap()
}

/// Whether the index is valid; `None`: there is none.
async fn is_valid(db: &mut PgConnection) -> Option<bool> {
    let query =
        "select indisvalid from pg_index where indexrelid = to_regclass('payments_rehearsed')";
    sqlx::query_scalar(query).fetch_optional(db).await.unwrap()
}

/// Waits until the index is there, not valid yet.
async fn until_begun(db: &mut PgConnection) {
    let begun = Instant::now();
    while is_valid(db).await != Some(false) {
        assert!(begun.elapsed() < Duration::from_secs(30));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_holds_up_nobody_and_is_made_again_after_it_was_cut_short() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    app.pay(&key).await.data(200);
    let (mut db, mut open) = (connection(&app).await, connection(&app).await);
    let mut open = open.begin().await.unwrap();
    open.execute("update payments set state = state").await.unwrap();

    // It waits for the open transaction, and no charge waits for it.
    let mut migrating = connection(&app).await;
    let migration = tokio::task::spawn_blocking(move || {
        Handle::current().block_on(async { apply(&later(), &mut migrating).await })
    });
    until_begun(&mut db).await;
    for _ in 0..3 {
        let asked = Instant::now();
        app.pay(&key).await.data(200);
        assert!(asked.elapsed() < SOON, "{:?}", asked.elapsed());
    }
    // Another process does not wait for it in a statement, which it would wait for in its turn.
    assert!(!apply(&later(), &mut db).await.unwrap());
    assert!(!migration.is_finished());

    let cut = "select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and query like '%concurrently%' and pid <> pg_backend_pid()";
    db.execute(cut).await.unwrap();
    migration.await.unwrap().unwrap_err();
    assert_eq!(is_valid(&mut db).await, Some(false));
    open.rollback().await.unwrap();
    assert!(apply(&later(), &mut db).await.unwrap());
    assert_eq!(is_valid(&mut db).await, Some(true));

    // Cut short between the index and the note that it is made.
    db.execute("delete from _sqlx_migrations where version = 9000").await.unwrap();
    for _ in 0..2 {
        assert!(apply(&later(), &mut db).await.unwrap());
    }
    assert_eq!(is_valid(&mut db).await, Some(true));
    app.pay(&key).await.data(200);
}
