//! `Idempotency-Key`: one request, one answer, however often it is sent.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::{Reply, TestApp, card, one_off};
use crate::support::refusals::invalid;
use crate::support::sandbox::{IMPATIENT, lose};
use crate::support::subscriptions::{ALWAYS_SHORT, APPROVED, monthly};
use crate::support::window::original;

const PAY: &str = "/billing/pay";
const KEY: &str = "공백 없는 ASCII 문자 1~255자여야 합니다.";

async fn keyed(app: &TestApp, path: &str, key: &str, body: &Value) -> Reply {
    let request = app.request(Method::POST, path).json(body);
    app.send(request.header("idempotency-key", key.as_bytes())).await
}

/// Sends the same three times; the one answer that all three have to be.
async fn thrice(app: &TestApp, path: &str, body: &Value) -> Reply {
    let key = uuid::Uuid::now_v7().to_string();
    let first = keyed(app, path, &key, body).await;
    let after = app.everything().await;
    for _ in 0..2 {
        let again = keyed(app, path, &key, body).await;
        assert_eq!((again.status, &again.text), (first.status, &first.text));
        let kind = |reply: &Reply| reply.headers["content-type"].clone();
        assert_eq!(kind(&again), kind(&first));
    }
    assert_eq!(app.everything().await, after);
    first
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_has_the_same_answer_byte_for_byte_and_happens_once() {
    let app = TestApp::start().await;
    let registered = thrice(&app, "/billing/register", &card(APPROVED)).await.data(201);
    let key = registered["billingKey"].as_str().unwrap();
    let made = thrice(&app, "/billing/subscribe", &monthly(key)).await.data(201);
    let mut at_once = monthly(key);
    at_once["planId"] = json!("other");
    at_once["chargeNow"] = json!(true);
    thrice(&app, "/billing/subscribe", &at_once).await.data(201);
    let paid = thrice(&app, PAY, &one_off(key)).await.data(200);
    let part = json!({"paymentId": paid["id"], "amount": 1000});
    // Its notification would come between the looks at the rows.
    app.post("/sandbox/notifications", &json!({"kind": "lost"})).await;
    thrice(&app, "/billing/refund", &part).await.data(200);
    thrice(&app, "/billing/cancel", &json!({"subscriptionId": made["id"]})).await.data(200);
    let ledger = app.ledger().await;
    assert_eq!(ledger.len(), 2);
    assert_eq!(ledger[1]["canceledAmount"], 1000);
    let keys = app.get("/billing/keys").await.data(200);
    assert_eq!(keys["items"], json!([registered]));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_other_post_has_one_answer_too() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    let made = app.subscribe(&key, 15).await;
    let id = made["id"].as_str().unwrap();
    let nothing = json!({});
    for (what, status) in [("pause", "paused"), ("resume", "active")] {
        let path = format!("/billing/subscription/{id}/{what}");
        assert_eq!(thrice(&app, &path, &nothing).await.data(200)["status"], status);
    }
    let paid = app.pay(&key).await.data(200);
    app.fault(json!({"on": "CANCEL", "kind": "drop_before"})).await;
    let refund = app.post("/billing/refund", &json!({"paymentId": paid["id"]})).await.data(202);
    let path = format!("/billing/refund/{}/resolve", refund["refund"]["id"].as_str().unwrap());
    let declined = json!({"outcome": "declined", "reason": "확인"});
    thrice(&app, &path, &declined).await.data(200);
    app.fault(json!({"on": "CARD-BATCH", "kind": "drop_before"})).await;
    let unknown = app.pay(&key).await.data(202);
    let path = format!("/billing/payment/{}/resolve", unknown["id"].as_str().unwrap());
    thrice(&app, &path, &declined).await.data(200);
    let order = original();
    thrice(&app, "/easypay/prepare", &order).await.data(200);
    let cancel = json!({"orderId": order["orderId"]});
    thrice(&app, "/easypay/cancel", &cancel).await.data(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_answers_too() {
    let app = TestApp::start().await;
    let key = app.register(ALWAYS_SHORT).await;
    thrice(&app, PAY, &one_off(&key)).await.fails(402, "payment_declined");
    thrice(&app, "/billing/register", &card("4000000000000002")).await.fails(402, "card_refused");
    thrice(&app, PAY, &one_off("bk_x")).await.fails(404, "billing_key_not_found");
    let mut wrong = one_off(&key);
    wrong["amount"] = json!(0);
    thrice(&app, PAY, &wrong).await.fails(400, "invalid_request");
    thrice(&app, PAY, &json!([1])).await.fails(400, "invalid_json");
    assert_eq!(app.get("/sandbox/calls").await.json()["counters"]["CARD-BATCH"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_kept_even_when_the_reason_for_it_is_gone() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    app.fault(json!({"on": "CARD-BATCH", "kind": "decline", "code": "2003"})).await;
    let declined = keyed(&app, PAY, "order-1", &one_off(&key)).await;
    declined.fails(402, "payment_declined");
    assert_eq!(keyed(&app, PAY, "order-1", &one_off(&key)).await.text, declined.text);
    assert_eq!(app.ledger().await, Vec::<Value>::new());
    keyed(&app, PAY, "order-2", &one_off(&key)).await.data(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_outlives_the_process_and_any_number_of_months() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    let first = keyed(&app, PAY, "months", &one_off(&key)).await;
    first.data(200);
    app.advance_days(400).await;
    let app = app.restart().await;
    assert_eq!(keyed(&app, PAY, "months", &one_off(&key)).await.text, first.text);
    assert_eq!(app.ledger().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_with_another_body_is_422_and_on_another_path_it_is_another_key() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    keyed(&app, PAY, "k", &one_off(&key)).await.data(200);
    let before = app.everything().await;
    let mut other = one_off(&key);
    other["amount"] = json!(9901);
    let expected = json!({
        "code": "idempotency_key_reused",
        "message": "이 Idempotency-Key는 다른 본문으로 이미 사용되었습니다.",
    });
    assert_eq!(keyed(&app, PAY, "k", &other).await.error(422), expected);
    // The same JSON in other bytes is another body: what was signed for is the bytes.
    let spaced = one_off(&key).to_string().replace(',', ", ");
    let request = app.request(Method::POST, PAY).header("content-type", "application/json");
    let reply = app.send(request.header("idempotency-key", "k").body(spaced)).await;
    assert_eq!(reply.error(422), expected);
    assert_eq!(app.everything().await, before);
    keyed(&app, "/billing/subscribe", "k", &monthly(&key)).await.data(201);
    keyed(&app, PAY, "K", &one_off(&key)).await.data(200);
    assert_eq!(app.ledger().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_still_runs_is_409_with_retry_after() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    app.fault(json!({"on": "CARD-BATCH", "kind": "delay_before", "delayMs": 1500})).await;
    let body = one_off(&key);
    let (slow, early) = tokio::join!(keyed(&app, PAY, "slow", &body), async {
        // The first one is at the gateway once its intent is written.
        let sending = "select exists (select from payments where state = 'sending')";
        let pool = &app.service.ctx.pool;
        while !sqlx::query_scalar::<_, bool>(sending).fetch_one(pool).await.unwrap() {
            tokio::task::yield_now().await;
        }
        keyed(&app, PAY, "slow", &body).await
    });
    let expected = json!({
        "code": "request_in_progress",
        "message": "같은 Idempotency-Key의 요청이 처리 중입니다.",
    });
    assert_eq!(early.error(409), expected);
    assert_eq!(early.headers["retry-after"], "1");
    slow.data(200);
    assert_eq!(keyed(&app, PAY, "slow", &body).await.text, slow.text);
    assert_eq!(app.ledger().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_no_key_is_refused_and_the_longest_is_taken() {
    let app = TestApp::start().await;
    let billing_key = app.register(APPROVED).await;
    let before = app.everything().await;
    let too_long = "k".repeat(256);
    for key in ["", "a b", "a\tb", "열쇠", "é", &too_long] {
        let reply = keyed(&app, PAY, key, &one_off(&billing_key)).await;
        assert_eq!(reply.error(400), invalid(&[("Idempotency-Key", KEY)]), "{key}");
    }
    assert_eq!(app.everything().await, before);
    for key in ["k".repeat(255), "'; drop table idempotency_keys; --".replace(' ', "_")] {
        let first = keyed(&app, PAY, &key, &one_off(&billing_key)).await;
        first.data(200);
        assert_eq!(keyed(&app, PAY, &key, &one_off(&billing_key)).await.text, first.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_did_nothing_is_not_kept_and_tried_again() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    let body = one_off(&key);
    app.fault(json!({"on": "READY", "kind": "drop_before", "times": 3})).await;
    let first = keyed(&app, PAY, "again", &body).await;
    first.fails(502, "gateway_unavailable");
    assert!(!first.headers.contains_key("idempotency-replayed"));
    assert!(app.ledger().await.is_empty());

    let second = keyed(&app, PAY, "again", &body).await;
    assert_eq!(second.data(200)["status"], "approved");
    let third = keyed(&app, PAY, "again", &body).await;
    assert_eq!(third.text, second.text);
    assert_eq!(third.headers["idempotency-replayed"], "true");
    assert_eq!(app.ledger().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_202_answers_with_what_became_of_it_and_charges_nothing() {
    let app = TestApp::with(IMPATIENT).await;
    let key = app.register(APPROVED).await;
    let mut body = one_off(&key);
    body["orderId"] = json!("LOST-1");
    lose(&app, "CARD-BATCH", "drop_after").await;
    let first = keyed(&app, PAY, "lost", &body).await.data(202);
    assert_eq!(first["status"], "unknown");
    let again = keyed(&app, PAY, "lost", &body).await;
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert_eq!(again.data(202), first);

    let transaction = app.ledger().await[0]["transactionId"].clone();
    let found = json!({"outcome": "approved", "transactionId": transaction, "reason": "확인"});
    app.post("/billing/payment/LOST-1/resolve", &found).await.data(200);
    let settled = keyed(&app, PAY, "lost", &body).await;
    assert_eq!(settled.headers["idempotency-replayed"], "true");
    assert_eq!(settled.data(200)["status"], "approved");
    assert_eq!(settled.json()["data"]["id"], first["id"]);
    assert_eq!(keyed(&app, PAY, "lost", &body).await.text, settled.text);
    assert_eq!(app.ledger().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_as_long_as_paths_may_be_is_kept_too() {
    let app = TestApp::start().await;
    let path = format!("/billing/payment/{}/resolve", "x".repeat(2_700));
    let body = json!({"outcome": "declined", "reason": "확인"});
    let first = keyed(&app, &path, "long", &body).await;
    first.fails(404, "payment_not_found");
    let again = keyed(&app, &path, "long", &body).await;
    assert_eq!((again.status, &again.text), (404, &first.text));
    assert_eq!(again.headers["idempotency-replayed"], "true");
    // Another path of the same beginning is another request.
    let other = format!("/billing/payment/{}y/resolve", "x".repeat(2_699));
    let other = keyed(&app, &other, "long", &body).await;
    assert!(!other.headers.contains_key("idempotency-replayed"));
}
