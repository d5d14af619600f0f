//! Around a lost answer: step 1, the only part that may be tried again, and what is late.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::support::app::{TestApp, card, one_off};
use crate::support::sandbox::{IMPATIENT, lose};

const CARD: &str = "4111111111111111";

/// What can happen to step 1. None of it can have moved money.
const UNREADY: [&str; 14] = [
    "drop_before",
    "drop_after",
    "truncate",
    "half_close",
    "garbage",
    "html",
    "huge",
    "status",
    "status_before",
    "redirect",
    "slow",
    "delay_before",
    "delay_after",
    "decline",
];

async fn no_more_faults(app: &TestApp) {
    let reply = app.send(app.request(Method::DELETE, "/sandbox/faults")).await;
    assert!(reply.status < 300, "{}", reply.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_befalls_step_1_nothing_is_sent_and_the_same_order_works_afterwards() {
    let app = TestApp::with(IMPATIENT).await;
    let key = app.register(CARD).await;
    let mut body = one_off(&key);
    body["orderId"] = json!("ORDER-1");
    for kind in UNREADY {
        let fault = json!({"on": "READY", "kind": kind, "times": 3, "delayMs": 6000});
        app.fault(fault).await;
        app.post("/billing/pay", &body).await.fails(502, "gateway_unavailable");
        no_more_faults(&app).await;
        app.get("/billing/payment/ORDER-1").await.fails(404, "payment_not_found");
    }
    assert_eq!(app.calls("CARD-BATCH").await, 0);
    assert!(app.ledger().await.is_empty());
    assert_eq!(app.ready().await["unknownOutcomes"], 0);
    assert_eq!(app.post("/billing/pay", &body).await.data(200)["orderId"], "ORDER-1");
    assert_eq!(app.ledger().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn step_1_is_tried_again_by_itself_and_step_2_is_not() {
    let app = TestApp::start().await;
    let key = app.register(CARD).await;
    let ready = app.calls("READY").await;
    app.fault(json!({"on": "READY", "kind": "drop_after", "times": 2})).await;
    app.pay(&key).await.data(200);
    assert_eq!((app.calls("READY").await, app.calls("CARD-BATCH").await), (ready + 3, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn step_2_is_not_begun_with_less_time_than_it_needs() {
    let app = TestApp::with(&[("KIWOOM_TIMEOUT_SECS", "4")]).await;
    let key = app.register(CARD).await;
    let mut body = one_off(&key);
    body["orderId"] = json!("ORDER-1");
    let mut other = app.service.ctx.pool.begin().await.unwrap();
    sqlx::query("lock table payments in exclusive mode").execute(&mut *other).await.unwrap();
    let (late, ()) = tokio::join!(app.post("/billing/pay", &body), async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        other.rollback().await.unwrap();
    });
    late.fails(502, "gateway_unavailable");
    assert_eq!(app.calls("CARD-BATCH").await, 0);
    app.get("/billing/payment/ORDER-1").await.fails(404, "payment_not_found");
    app.post("/billing/pay", &body).await.data(200);
    assert_eq!(app.ledger().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_the_gateway_does_not_know_declines_no_card() {
    let app = TestApp::start().await;
    let key = app.register(CARD).await;
    app.fault(json!({"on": "READY", "kind": "wrong_token"})).await;
    app.pay(&key).await.fails(502, "merchant_setting");
    assert_eq!(app.calls("CARD-BATCH").await, 1);
    assert!(app.ledger().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_charges_after_the_time_out_has_charged_once() {
    let app = TestApp::with(IMPATIENT).await;
    let key = app.register(CARD).await;
    app.fault(json!({"on": "CARD-BATCH", "kind": "delay_before", "delayMs": 6000})).await;
    let lost = app.pay(&key).await.data(202);
    assert!(app.ledger().await.is_empty(), "not yet");
    app.advance_days(1).await;
    app.until_ledger(1).await;
    assert_eq!(app.calls("CARD-BATCH").await, 1);
    let listed = app.get("/billing/payments?status=unknown").await.data(200);
    assert_eq!(listed["items"][0]["id"], lost["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_idempotency_key_gives_the_same_unknown_and_sends_nothing() {
    let app = TestApp::start().await;
    let key = app.register(CARD).await;
    lose(&app, "CARD-BATCH", "drop_after").await;
    let pay = || {
        let request = app.request(Method::POST, "/billing/pay").header("Idempotency-Key", "once");
        app.send(request.json(&one_off(&key)))
    };
    let first = pay().await;
    first.data(202);
    for _ in 0..3 {
        let again = pay().await;
        assert_eq!((again.status, &again.text), (202, &first.text));
    }
    assert_eq!(app.calls("CARD-BATCH").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_whose_answer_is_lost_may_be_repeated() {
    let app = TestApp::with(IMPATIENT).await;
    for kind in ["drop_before", "drop_after", "garbage", "wrong_token", "redirect", "slow"] {
        let before = app.calls("CARD-KEYGEN").await;
        lose(&app, "CARD-KEYGEN", kind).await;
        let reply = app.post("/billing/register", &card(CARD)).await;
        reply.fails(502, "gateway_unavailable");
        assert_eq!(app.calls("CARD-KEYGEN").await, before + 1, "{kind}: not repeated by itself");
    }
    assert_eq!(app.get("/billing/keys").await.data(200)["items"], json!([]));
    let key = app.register(CARD).await;
    app.pay(&key).await.data(200);
}
