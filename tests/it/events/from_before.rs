//! Events of a version that gave positions after the commit.

use kiwoom_billing::storage::database::{MIGRATIONS, migrating};
use serde_json::json;
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::support::app::TestApp;
use crate::support::postgres::{SERVICE, as_owner, empty_database};
use crate::support::process::migrate;

fn payment(order: &str) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!(
        "insert into payments (id, order_no, kind, state, amount, product_name, customer_id, initiated_by,
            method, failure_code, failure_message, created_at, settled_at)
         values (gen_random_uuid(), '{order}', 'one_off', 'declined', 9900, '월간 구독', 'user123', 'merchant',
            'CARD', '51', '한도 초과', now(), now())"
    ))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_published_stays_and_what_was_not_is_next_and_nothing_is_lost() {
    let database = empty_database().await;
    let mut db = PgConnection::connect(&as_owner(&database)).await.unwrap();
    let this = MIGRATIONS.iter().find(|m| m.description == "events written once").unwrap().version;
    let earlier = MIGRATIONS.iter().filter(|m| m.version < this).cloned().collect();
    assert!(migrating::apply(&Migrator::with_migrations(earlier), &mut db).await.unwrap());
    for order in ["first", "second", "waiting"] {
        db.execute(payment(order)).await.unwrap();
    }
    let published = "update events set position = 5 + seq,
            data = json_build_object('id', after->>'order_no')
         where after->>'order_no' in ('first', 'second')";
    assert_eq!(db.execute(published).await.unwrap().rows_affected(), 2);
    // A process that nobody has stopped.
    let mut late = PgConnection::connect(&as_owner(&database)).await.unwrap();
    late.execute("begin").await.unwrap();
    late.execute(payment("late")).await.unwrap();
    let owner = as_owner(&database);
    let migrating = tokio::task::spawn_blocking(move || migrate(&owner, &["--grant-to", SERVICE]));
    let waits =
        "select exists (select from pg_locks where not granted and relation = 'events'::regclass)";
    while !sqlx::query_scalar::<_, bool>(waits).fetch_one(&mut db).await.unwrap() {
        tokio::task::yield_now().await;
    }
    late.execute("commit").await.unwrap();
    migrating.await.unwrap().unwrap();

    let app = TestApp::with(&[("DATABASE_URL", &database)]).await;
    let events = app.events().await;
    assert_eq!(
        [&events[0]["data"], &events[1]["data"]],
        [&json!({"id": "first"}), &json!({"id": "second"})]
    );
    let next: Vec<_> = events[2..].iter().map(|event| &event["data"]["orderId"]).collect();
    assert_eq!(next, ["waiting", "late"]);
    let after = app.get("/events?cursor=7").await.data(200);
    assert_eq!(after["items"], json!(events[2..]), "who has read on goes on");

    // What was shown is not shown otherwise, and what is not there is not published.
    let pool = &app.service.ctx.pool;
    for sql in [
        "insert into event_data values (7, '{}')",
        "insert into event_data values (1000, '{}')",
        "update event_data set data = '{}'",
    ] {
        assert!(sqlx::query(sql).execute(pool).await.is_err(), "{sql}");
    }
    let beside = "insert into event_data values (6, '{\"id\": \"other\"}')";
    sqlx::query(beside).execute(pool).await.unwrap();
    assert_eq!(app.events().await, events);
}
