//! Charges around a lost answer: before it, the only part that may be tried again; after it, what
//! the gateway does late, and what the charge was for.

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{TestApp, card, one_off};
use crate::unknown::{impatient, lose, unknown_payments};

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

async fn count(app: &TestApp, step: &str) -> u64 {
    app.get("/sandbox/calls").await.json()["counters"][step].as_u64().unwrap_or(0)
}

async fn no_more_faults(app: &TestApp) {
    let reply = app.send(app.request(Method::DELETE, "/sandbox/faults")).await;
    assert!(reply.status < 300, "{}", reply.text);
}

fn subscribe_now(key: &str) -> Value {
    json!({
        "billingKey": key, "customerId": "user123", "planId": "monthly", "amount": 9900,
        "productName": "월간 구독", "cycleDay": 15, "chargeNow": true,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_befalls_step_1_nothing_is_sent_and_the_same_order_works_afterwards() {
    let app = impatient().await;
    let key = app.register(CARD).await;
    let mut body = one_off(&key);
    body["orderId"] = json!("ORDER-1");
    for kind in UNREADY {
        let fault = json!({"on": "READY", "kind": kind, "times": 3, "delayMs": 3000});
        app.fault(fault).await;
        app.post("/billing/pay", &body).await.fails(502, "gateway_unavailable");
        no_more_faults(&app).await;
        app.get("/billing/payment/ORDER-1").await.fails(404, "payment_not_found");
    }
    assert_eq!(count(&app, "CARD-BATCH").await, 0);
    assert!(app.ledger().await.is_empty());
    assert_eq!(app.get("/health/ready").await.data(200)["unknownOutcomes"], 0);
    assert_eq!(app.post("/billing/pay", &body).await.data(200)["orderId"], "ORDER-1");
    assert_eq!(app.ledger().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn step_1_is_tried_again_by_itself_and_step_2_is_not() {
    let app = TestApp::start().await;
    let key = app.register(CARD).await;
    let ready = count(&app, "READY").await;
    app.fault(json!({"on": "READY", "kind": "drop_after", "times": 2})).await;
    app.pay(&key).await.data(200);
    assert_eq!((count(&app, "READY").await, count(&app, "CARD-BATCH").await), (ready + 3, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_the_gateway_does_not_know_is_a_refusal_and_no_charge() {
    let app = TestApp::start().await;
    let key = app.register(CARD).await;
    app.fault(json!({"on": "READY", "kind": "wrong_token"})).await;
    app.pay(&key).await.fails(402, "payment_declined");
    assert_eq!(count(&app, "CARD-BATCH").await, 1);
    assert!(app.ledger().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_charges_after_the_time_out_has_charged_once() {
    let app = impatient().await;
    let key = app.register(CARD).await;
    app.fault(json!({"on": "CARD-BATCH", "kind": "delay_before", "delayMs": 2000})).await;
    let lost = app.pay(&key).await.data(202);
    assert!(app.ledger().await.is_empty(), "not yet");
    app.advance_days(1).await;
    app.until_ledger(1).await;
    assert_eq!(count(&app, "CARD-BATCH").await, 1);
    assert_eq!(unknown_payments(&app).await[0]["id"], lost["id"]);
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
    assert_eq!(count(&app, "CARD-BATCH").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_charge_whose_answer_is_lost_holds_the_plan_until_somebody_finds_out() {
    for (outcome, subscriptions) in [("approved", 1), ("declined", 0)] {
        let app = TestApp::start().await;
        let key = app.register(CARD).await;
        lose(&app, "CARD-BATCH", "drop_after").await;
        let lost = app.post("/billing/subscribe", &subscribe_now(&key)).await.data(202);
        assert_eq!(lost["status"], "unknown");
        let again = app.post("/billing/subscribe", &subscribe_now(&key)).await;
        again.fails(409, "subscription_exists");
        let listed = app.get("/billing/subscriptions").await.data(200);
        assert_eq!(listed["items"], json!([]), "unseen until it is paid");
        app.advance_days(70).await;
        assert_eq!(count(&app, "CARD-BATCH").await, 1, "nothing more is sent");

        let path = format!("/billing/payment/{}/resolve", lost["id"].as_str().unwrap());
        let id = app.ledger().await[0]["transactionId"].clone();
        let found = json!({"outcome": outcome, "transactionId": id, "reason": "확인"});
        app.post(&path, &found).await.data(200);
        let listed = app.get("/billing/subscriptions").await.data(200);
        assert_eq!(listed["items"].as_array().unwrap().len(), subscriptions);
        let status = if outcome == "approved" { 409 } else { 201 };
        let again = app.post("/billing/subscribe", &subscribe_now(&key)).await;
        assert_eq!(again.status, status, "{}", again.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_whose_answer_is_lost_may_be_repeated() {
    let app = impatient().await;
    for kind in ["drop_before", "drop_after", "garbage", "wrong_token", "redirect", "slow"] {
        let before = count(&app, "CARD-KEYGEN").await;
        lose(&app, "CARD-KEYGEN", kind).await;
        let reply = app.post("/billing/register", &card(CARD)).await;
        reply.fails(502, "gateway_unavailable");
        assert_eq!(count(&app, "CARD-KEYGEN").await, before + 1, "{kind}: not repeated by itself");
    }
    assert_eq!(app.get("/billing/keys").await.data(200)["items"], json!([]));
    let key = app.register(CARD).await;
    app.pay(&key).await.data(200);
}
