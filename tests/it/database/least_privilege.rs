//! What the service's role may not do. That it may do enough is shown by all other tests, which run
//! with it.

use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::support::app::TestApp;
use crate::support::postgres::{SERVICE, as_owner, new_database};
use crate::support::process::migrate;
use crate::support::subscriptions::monthly;

/// The columns that the service may change in the books and in what is evidence.
const CHANGING: [(&str, &str); 15] = [
    (
        "payments",
        "approved_at auth_number cpid customer_email customer_id customer_name earlier_cpids \
         expires_at failure_code failure_message late merchant_setting method methods product_name \
         refunded_amount refunding_amount resolve_reason sender settled_at state tax_free_amount \
         transaction_id",
    ),
    (
        "refunds",
        "confirmed_by failure_code failure_message refunded_at resolve_reason sender state \
         transaction_id",
    ),
    ("events", ""),
    ("event_data", ""),
    ("movements", ""),
    ("movement_days", ""),
    ("movements_closed", ""),
    ("price_consents", ""),
    ("delivery_attempts", ""),
    ("event_deliveries", "attempts leased_until next_at planned_at refused state"),
    (
        "webhook_endpoints",
        "deleted_at description enabled position previous_secret previous_secret_until revision secret \
         types url",
    ),
    (
        "payment_links",
        "amount canceled_at charge_no ended_at expires_at opened_at payment_id state tax_free_amount",
    ),
    ("console_sessions", "seen_at"),
    ("forgotten_autokeys", ""),
    ("retention_progress", ""),
];

/// Tables of which rows are taken back, guarded by a trigger.
const TAKEN_BACK: [&str; 4] = ["payments", "refunds", "subscriptions", "subscription_charges"];
/// Tables of which rows are written anew.
const WRITTEN_ANEW: [&str; 4] =
    ["subscription_segments", "subscription_phases", "attempt_days", "attempt_days_changed"];
/// Tables of which rows end.
const ENDING: [&str; 1] = ["console_sessions"];

const ANYWHERE: &[&str] = &[
    "create table own (n int)",
    "create temporary table events (n int)",
    "create schema own",
    "create function own() returns int language sql as 'select 1'",
    "drop extension plpgsql",
    "create role own",
    "alter role current_user createdb",
    "set role pg_database_owner",
    "set session_replication_role = replica",
    "alter system set fsync = off",
    "alter sequence instance_number restart",
    "select setval('instance_number', 1)",
    "drop function record_event() cascade",
    "create or replace function keep_events() returns trigger language plpgsql as
        'begin return new; end'",
    "copy (select 1) to program 'true'",
    "copy gateway_turns from program 'true'",
    "copy (select 1) to '/tmp/own'",
    "select pg_read_file('PG_VERSION')",
    "select lo_import('/etc/passwd')",
    "select pg_reload_conf()",
];

/// The words of a text.
fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

/// Whether the right to it is missing; another error would be an accident. The tables are empty.
async fn is_refused(db: &mut PgConnection, sql: &str) -> bool {
    let done = sqlx::raw_sql(AssertSqlSafe(sql)).execute(db).await;
    let Err(error) = done else { return false };
    let code = error.as_database_error().and_then(|e| e.code().map(String::from));
    assert_eq!(code.as_deref(), Some("42501"), "{sql}: {error}");
    true
}

async fn as_service(database: &str) -> PgConnection {
    PgConnection::connect(database).await.unwrap()
}

async fn tables(db: &mut PgConnection) -> Vec<String> {
    let sql = "select tablename::text from pg_tables where schemaname = 'public' order by 1";
    sqlx::query_scalar(sql).fetch_all(db).await.unwrap()
}

async fn columns(db: &mut PgConnection, table: &str) -> Vec<String> {
    let sql = "select attname::text from pg_attribute
         where attrelid = $1::regclass and attnum > 0 and not attisdropped order by 1";
    sqlx::query_scalar(sql).bind(table).fetch_all(db).await.unwrap()
}

/// What the owner of a table could do to it.
fn owners_statements(table: &str, column: &str) -> Vec<String> {
    vec![
        format!("truncate {table} cascade"),
        format!("drop table {table} cascade"),
        format!("alter table {table} add column own int"),
        format!("alter table {table} drop column {column} cascade"),
        format!("alter table {table} disable trigger all"),
        format!("alter table {table} rename to own"),
        format!("alter table {table} owner to {SERVICE}"),
        format!("create index on {table} ({column})"),
        format!(
            "create trigger own before insert on {table} for each row
                execute function keep_events()"
        ),
        format!("comment on table {table} is ''"),
        format!("copy {table} to program 'true'"),
        format!("copy {table} to '/tmp/own'"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_can_do_to_the_database_only_what_its_code_does() {
    let database = new_database().await;
    // Rights of the database itself are not copied from a template.
    migrate(&as_owner(&database), &["--grant-to", SERVICE]).unwrap();
    let mut db = as_service(&database).await;
    let mut refused = 0;
    for sql in ANYWHERE {
        assert!(is_refused(&mut db, sql).await, "{sql}");
        refused += 1;
    }
    for table in tables(&mut db).await {
        let columns = columns(&mut db, &table).await;
        for sql in owners_statements(&table, &columns[0]) {
            assert!(is_refused(&mut db, &sql).await, "{sql}");
            refused += 1;
        }
        let delete = is_refused(&mut db, &format!("delete from {table}")).await;
        let deleted = [&TAKEN_BACK[..], &WRITTEN_ANEW, &ENDING].concat();
        assert_eq!(delete, !deleted.contains(&&*table), "delete from {table}");
        refused += usize::from(delete);
        let mut changing = Vec::new();
        for column in columns {
            let sql = format!("update {table} set {column} = default");
            if is_refused(&mut db, &sql).await {
                refused += 1;
            } else {
                changing.push(column);
            }
        }
        if let Some((_, expected)) = CHANGING.iter().find(|(name, _)| *name == table) {
            assert_eq!(changing, words(expected), "{table}");
        }
    }
    println!("{refused} statements were refused");
    assert!(refused > 250, "{refused}");
}

/// A new table has to be given its rights, or the service would not start.
#[tokio::test(flavor = "multi_thread")]
async fn every_table_stands_in_the_list_of_rights() {
    let database = new_database().await;
    let grants = include_str!("../../../src/storage/database/grants.sql");
    for table in tables(&mut as_service(&database).await).await {
        assert!(grants.contains(&format!(" on {table} to ")), "{table} is not in grants.sql");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_was_not_sent_can_be_deleted_from_the_books() {
    let app = TestApp::start().await;
    let key = app.register("4111111111111111").await;
    let paid = app.pay(&key).await.data(200);
    let refund = json!({"paymentId": paid["id"], "amount": 1000});
    app.post("/billing/refund", &refund).await.data(200);
    let mut at_once = monthly(&key);
    at_once["chargeNow"] = json!(true);
    app.post("/billing/subscribe", &at_once).await.data(201);
    for table in TAKEN_BACK {
        let sql = format!("delete from {table}");
        let mut tx = app.service.ctx.pool.begin().await.unwrap();
        let error = sqlx::query(AssertSqlSafe(sql)).execute(&mut *tx).await.unwrap_err();
        let kept = format!("{} are kept", table.trim_start_matches("subscription_"));
        assert!(error.to_string().contains(&kept), "{error}");
    }
    let path = format!("/billing/payment/{}", paid["id"].as_str().unwrap());
    assert_eq!(app.get(&path).await.data(200)["refundableAmount"], 8900);
}

/// An order that is not paid may be opened again on other terms; a payment that was made may not.
#[tokio::test(flavor = "multi_thread")]
async fn the_terms_of_a_payment_are_kept() {
    let app = TestApp::start().await;
    app.pay(&app.register("4111111111111111").await).await.data(200);
    for column in ["customer_id", "customer_name", "customer_email", "product_name"] {
        let sql = format!("update payments set {column} = 'another'");
        let pool = &app.service.ctx.pool;
        let error = sqlx::query(AssertSqlSafe(sql)).execute(pool).await.unwrap_err();
        assert!(error.to_string().contains("the terms of a payment are kept"), "{error}");
    }
}

/// A temporary table is found before any other, but not by the trigger that writes the trail.
#[tokio::test(flavor = "multi_thread")]
async fn the_trail_cannot_be_led_into_a_temporary_table() {
    let app = TestApp::start().await;
    app.register("4111111111111111").await;
    let mut db = as_service(app.setting("DATABASE_URL")).await;
    let sql = "create temporary table events (like public.events including all);
         set search_path = pg_temp, public;
         update billing_keys set status = 'deleted'";
    sqlx::raw_sql(sql).execute(&mut db).await.unwrap();
    let sql = "select (select count(*) from pg_temp.events), (select count(*) from public.events)";
    let counts: (i64, i64) = sqlx::query_as(sql).fetch_one(&mut db).await.unwrap();
    assert_eq!(counts, (0, 2));
}

/// Object, actor, request, reason, before, the status after, and whether its stream is the object's.
type TrailRow = (String, String, Option<String>, Option<String>, Option<String>, String, bool);

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_what_is_not_so_cannot_be_written() {
    let app = TestApp::start().await;
    app.register("4111111111111111").await;
    let sql = |kind: &str, notice: &str| {
        format!(
            "insert into events (id, type, object, object_id, stream, notice, actor, request_id, reason,
                before, after, created_at)
             select gen_random_uuid(), '{kind}', 'payment', id, gen_random_uuid(), {notice},
                'key_1', 'r', 'a reason', '{{}}', '{{\"status\": \"deleted\"}}', now() from billing_keys"
        )
    };
    let pool = &app.service.ctx.pool;
    for (kind, notice, expected) in [
        ("billing_key.deleted", "null", "events tell of changes"),
        ("customer.erased", "null", "events tell of changes"),
        ("billing_key.deleted", "'a notice'", "is no notice"),
        ("payment.refunded", "'a notice'", "is no notice"),
        ("subscription.trial_ending", "'a notice'", "to give notice of"),
    ] {
        let error = sqlx::query(AssertSqlSafe(sql(kind, notice))).execute(pool).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{kind}: {error}");
    }
    // A notice is one of the object as it is, whatever the service says of it.
    let given = sql("billing_key.expiring", "'a notice'");
    sqlx::query(AssertSqlSafe(given)).execute(pool).await.unwrap();
    let sql = "select object, actor, request_id, reason, before::text, after->>'status', stream = object_id
         from events where notice = 'a notice'";
    let row: TrailRow = sqlx::query_as(sql).fetch_one(pool).await.unwrap();
    let text = str::to_owned;
    let expected = (text("billing_key"), text("scheduler"), None, None, None, text("active"), true);
    assert_eq!(row, expected);
}

/// The functions that forget run as the owner, and keep what the law wants kept.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_law_wants_kept_is_not_forgotten_in_production() {
    let app = TestApp::start().await;
    app.pay(&app.register("4111111111111111").await).await.data(200);
    let mut owner = app.owner().await;
    sqlx::query("update environment set name = 'production'").execute(&mut owner).await.unwrap();
    let pool = &app.service.ctx.pool;
    let forget = "select forget(kind, now() + interval '1 day', 1000)
         from unnest(array['events', 'notifications', 'names']) kind";
    let done: Vec<i32> = sqlx::query_scalar(forget).fetch_all(pool).await.unwrap();
    assert_eq!(done, [0, 0, 0]);
    for sql in ["delete from events", "set kiwoom.forgets = 'on'; delete from events"] {
        let error = sqlx::raw_sql(sql).execute(pool).await.unwrap_err();
        assert_eq!(error.as_database_error().unwrap().code().unwrap(), "42501");
    }
}
