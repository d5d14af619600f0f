//! `RETENTION_*_DAYS`: what is too old goes, and nothing that is needed goes with it.

use chrono::{DateTime, Utc};
use kiwoom_billing::service::retention::forget;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::{Reply, TestApp};
use crate::support::receiver::Receiver;
use crate::support::subscriptions::APPROVED;
use crate::support::window::{in_window, original};

const SHORT: &[(&str, &str)] = &[
    ("KAKAOPAY_ENABLED", "true"),
    ("RETENTION_EVENTS_DAYS", "90"),
    ("RETENTION_NOTIFICATIONS_DAYS", "90"),
    ("RETENTION_NAMES_DAYS", "90"),
];

async fn count(app: &TestApp, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(&app.service.ctx.pool).await.unwrap()
}

/// The events after those of `page`.
async fn after(app: &TestApp, page: &Value) -> Value {
    let cursor = page["nextCursor"].as_str().unwrap();
    app.get(&format!("/events?limit=100&cursor={cursor}")).await.data(200)
}

async fn pay_once(app: &TestApp, key: &str) -> Reply {
    let body =
        json!({"billingKey": key, "customerId": "user123", "amount": 9900, "productName": "꽃"});
    let pay = app.request(Method::POST, "/billing/pay").json(&body);
    app.send(pay.header("Idempotency-Key", "pay")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_no_longer_kept_is_no_reason_to_charge_again() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    pay_once(&app, &key).await.data(200);
    let ctx = &app.service.ctx;
    assert_eq!(forget(ctx, "answers").await.unwrap(), 0, "younger than 90 days");
    let aged = "update idempotency_keys set started_at = now() - interval '91 days'";
    sqlx::query(aged).execute(&mut app.owner().await).await.unwrap();
    assert_eq!(forget(ctx, "answers").await.unwrap(), 1);
    assert_eq!(forget(ctx, "answers").await.unwrap(), 0);
    let error = pay_once(&app, &key).await.error(409);
    assert_eq!(error["code"], "idempotency_key_expired");
    assert_eq!(app.ledger().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_texts_and_names_go_after_their_days_and_the_books_stay() {
    let app = TestApp::with(SHORT).await;
    let key = app.register(APPROVED).await;
    let paid = app.pay(&key).await.data(200);
    let prepared = app.post("/easypay/prepare", &original()).await.data(200);
    in_window(&app, &prepared, "pay").await;
    let first = app.get("/events?limit=100").await.data(200);
    assert!(first["items"].as_array().unwrap().len() >= 5, "{first}");
    let ctx = &app.service.ctx;
    for kind in ["events", "notifications", "names"] {
        assert_eq!(forget(ctx, kind).await.unwrap(), 0, "{kind}");
    }
    app.advance_days(91).await;
    let late = app.pay(&key).await.data(200);
    let second = app.get("/events?limit=100").await.data(200);
    let young =
        second["items"].as_array().unwrap().len() - first["items"].as_array().unwrap().len();
    for kind in ["events", "notifications", "names"] {
        assert!(forget(ctx, kind).await.unwrap() > 0, "{kind}");
        assert_eq!(forget(ctx, kind).await.unwrap(), 0, "{kind}");
    }
    let left = app.get("/events?limit=100").await.data(200);
    let left = left["items"].as_array().unwrap();
    assert_eq!(left.len(), young, "{left:?}");
    let since = after(&app, &first).await;
    assert_eq!(since["items"].as_array().unwrap().len(), young, "an old cursor is good");
    assert_eq!(count(&app, "select count(*) from notifications where raw <> ''").await, 0);
    let named =
        "select count(*) from payments where customer_name <> '' or customer_email is not null";
    assert_eq!(count(&app, named).await, 1, "of the payment that is young");
    for payment in [paid, late] {
        let path = format!("/billing/payment/{}", payment["id"].as_str().unwrap());
        assert_eq!(app.get(&path).await.data(200)["amount"], 9900);
    }
    // The next event follows the last one, also when all others are gone.
    app.advance_days(91).await;
    forget(ctx, "events").await.unwrap();
    assert_eq!(count(&app, "select count(*) from events").await, 1);
    app.pay(&key).await.data(200);
    let since = after(&app, &second).await;
    assert_eq!(since["items"].as_array().unwrap().len(), 2, "{since}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_of_deliveries_goes_and_what_waits_is_delivered_all_the_same() {
    let receiver = Receiver::start().await;
    let app = receiver.app().await;
    app.register(APPROVED).await;
    receiver.until_delivered(&app).await;
    let ctx = &app.service.ctx;
    assert_eq!(forget(ctx, "deliveries").await.unwrap(), 0);
    let aged: DateTime<Utc> = ctx.clock.host_now() + chrono::Duration::days(1);
    let sql = "select forget('deliveries', $1, 1000)";
    let gone: i32 = sqlx::query_scalar(sql).bind(aged).fetch_one(&ctx.pool).await.unwrap();
    assert_eq!(gone, 1);
    assert_eq!(count(&app, "select count(*) from delivery_attempts").await, 0);
    app.register(APPROVED).await;
    receiver.until_delivered(&app).await;
    assert_eq!(receiver.taken().len(), 2);
}
