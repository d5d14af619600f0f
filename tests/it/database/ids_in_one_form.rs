//! The migration that brings the merchant's ids into one form: ids from before, and ids that would
//! become one.

use kiwoom_billing::storage::database::MIGRATIONS;
use serde_json::json;
use sqlx::{AssertSqlSafe, PgConnection};

use crate::support::app::TestApp;
use crate::support::process::migrate;

/// 홍길동 as a Mac writes it, as a literal of SQL.
const DECOMPOSED: &str = r"E'\u1112\u1169\u11bc\u1100\u1175\u11af\u1103\u1169\u11bc'";

async fn execute(db: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(db).await.unwrap();
}

/// A customer with a subscription and a payment, in the schema from before.
async fn before() -> (TestApp, PgConnection) {
    let app = TestApp::start().await;
    let key = app.register("4111111111111111").await;
    app.subscribe(&key, 15).await;
    app.pay(&key).await.data(200);
    let mut db = app.owner().await;
    let this = MIGRATIONS.iter().find(|m| m.description == "ids in one form").unwrap().version;
    execute(&mut db, &format!("delete from _sqlx_migrations where version = {this}")).await;
    execute(&mut db, "alter table payments disable trigger payments_terms_are_kept").await;
    (app, db)
}

async fn set(db: &mut PgConnection, table: &str, column: &str, literal: &str) {
    execute(db, &format!("update {table} set {column} = {literal}")).await;
}

async fn ids(db: &mut PgConnection) -> Vec<String> {
    let query = sqlx::query_scalar(
        "select customer_id from billing_keys union all select customer_id from subscriptions
         union all select customer_id from payments union all select plan_id from subscriptions",
    );
    query.fetch_all(db).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_from_before_are_brought_into_one_form() {
    let (app, mut db) = before().await;
    for table in ["billing_keys", "subscriptions", "payments"] {
        set(&mut db, table, "customer_id", &format!("{DECOMPOSED} || E'\\u00a0'")).await;
    }
    set(&mut db, "subscriptions", "plan_id", "E' cafe\\u0301'").await;
    execute(&mut db, "alter table payments enable trigger payments_terms_are_kept").await;

    let told = migrate(&app.owner_url(), &[]).unwrap();
    assert!(told.contains("up to date"), "{told}");
    assert_eq!(ids(&mut db).await, ["홍길동", "홍길동", "홍길동", "café"]);
    let page = app.get("/billing/payments?customerId=%ED%99%8D%EA%B8%B8%EB%8F%99").await.data(200);
    assert_eq!(page["items"].as_array().unwrap().len(), 1);
    let kept = "update payments set customer_id = 'x'";
    assert!(sqlx::query(kept).execute(&mut db).await.is_err(), "the terms are kept again");
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_that_would_become_one_are_named_and_nothing_is_changed() {
    let (app, mut db) = before().await;
    let mut other = crate::support::app::card("4111111111111111");
    other["customerId"] = json!("홍길동");
    app.post("/billing/register", &other).await.data(201);
    execute(
        &mut db,
        &format!(
            "update billing_keys set customer_id = {DECOMPOSED} where customer_id = 'user123'"
        ),
    )
    .await;
    set(&mut db, "subscriptions", "plan_id", "'it''s '").await;
    execute(
        &mut db,
        "insert into subscriptions select (jsonb_populate_record(s, jsonb_build_object('id', \
         gen_random_uuid(), 'plan_id', 'it''s'))).* from subscriptions s",
    )
    .await;
    let before = ids(&mut db).await;
    let told = migrate(&app.owner_url(), &[]).unwrap_err();
    for line in [
        r"customerId: E'\u1112\u1169\u11bc\u1100\u1175\u11af\u1103\u1169\u11bc', E'\ud64d\uae38\ub3d9'",
        r"planId: E'it\u0027s', E'it\u0027s\u0020'",
        "docs/upgrade.md",
    ] {
        assert!(told.contains(line), "{told}");
    }
    assert_eq!(ids(&mut db).await, before);

    // Told apart or made one by hand, it goes on. The first literal names the row.
    let apart =
        format!("update billing_keys set customer_id = 'user124' where customer_id = {DECOMPOSED}");
    execute(&mut db, &apart).await;
    execute(
        &mut db,
        r"update subscriptions set plan_id = 'its' where plan_id = E'it\u0027s\u0020'",
    )
    .await;
    migrate(&app.owner_url(), &[]).unwrap();
}
