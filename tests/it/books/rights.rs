//! The service's role can neither write a movement nor keep one from being written.

use sqlx::{Connection, Executor, PgConnection};

use super::{agree, approved, at, moved, named};
use crate::support::app::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn the_service_neither_makes_nor_loses_a_movement() {
    let app = TestApp::start().await;
    let now = "2999-03-01T12:00:00+09:00";
    at(&app, now, &[approved("O-1", "user123", 100, now)]).await;
    let mut db = PgConnection::connect(app.setting("DATABASE_URL")).await.unwrap();
    for sql in [
        "insert into movements (id, kind, amount, tax_free_amount, method, order_no, payment_id,
            moved_at, booked_at) select gen_random_uuid(), 'charge', 1, 0, 'CARD', 'O-1', id, now(), now()
            from payments",
        "update movements set amount = 1",
        "delete from movements",
        "truncate movements",
        "insert into movement_days values ('2999-03-01', 'charge', 'CARD', 1, 1, 0, 0)",
        "update movements_closed set through = '2999-03-01'",
        "delete from movements_closed",
        "drop trigger payments_movement on payments",
        "alter table payments disable trigger payments_movement_of_new",
        "set session_replication_role = replica",
        "alter function payment_movement() security invoker",
        "create or replace function payment_movement() returns trigger language plpgsql as
            'begin return null; end'",
    ] {
        let error = db.execute(sql).await.unwrap_err();
        let code = error.as_database_error().unwrap().code().unwrap().into_owned();
        assert_eq!(code, "42501", "{sql}: {error}");
    }
    // The trigger looks for its table where it was made.
    let sql = format!(
        "create temporary table movements (like public.movements including all);
         create temporary table movements_closed (through date);
         set search_path = pg_temp, public; {}",
        approved("O-2", "user123", 10, now)
    );
    db.execute(sqlx::AssertSqlSafe(sql)).await.unwrap();
    // Nor do the other settings of a session that a role may change help.
    let sql = format!("set role none; set row_security = off; {}", approved("O-3", "u", 1, now));
    PgConnection::connect(app.setting("DATABASE_URL"))
        .await
        .unwrap()
        .execute(sqlx::AssertSqlSafe(sql))
        .await
        .unwrap();
    assert_eq!(moved(&app, "").await.len(), 3);
    agree(&app).await;
    for (sql, told) in [
        ("update movements set amount = 1", "movements are append-only"),
        ("delete from movements", "movements are append-only"),
        ("truncate movements", "movements are append-only"),
        ("update movement_days set amount = 1", "closed days are kept"),
        ("truncate movement_days", "closed days are kept"),
    ] {
        let mut owner = app.owner().await;
        owner.execute("select close_movements('2999-03-03')").await.unwrap();
        let error = owner.execute(sql).await.unwrap_err();
        assert!(error.to_string().contains(told), "{sql}: {error}");
    }
    let mut all = moved(&app, "").await;
    all.sort();
    assert_eq!(all, named(&[("charge", 1), ("charge", 10), ("charge", 100)]));
}
