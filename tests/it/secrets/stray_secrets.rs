//! Card numbers and API keys where none belong: refused or left out, and nothing is kept of them.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::{TestApp, card};
use crate::support::subscriptions::APPROVED;

const CARDS: [&str; 3] = ["4111111111111111", "4111-1111-1111-1111", "카드 4111 1111 1111 1111"];

fn refused(field: &str) -> Value {
    let reason = "카드번호를 넣을 수 없습니다.";
    json!([{"field": field, "reason": reason}])
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_that_would_be_kept_may_not_hold_a_card_number() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    let made = app.subscribe(&key, 15).await;
    let paid = app.pay(&key).await.data(200);
    let before = app.everything().await;
    let pay = json!({
        "billingKey": key, "customerId": "user123", "amount": 9900, "productName": "단건 결제",
    });
    let subscribe = json!({
        "billingKey": key, "customerId": "user123", "planId": "other", "amount": 9900,
        "productName": "월간 구독", "cycleDay": 15,
    });
    let refund = json!({"paymentId": paid["id"]});
    let cancel = json!({"subscriptionId": made["id"]});
    for (path, base, field) in [
        ("/billing/register", card(APPROVED), "customerName"),
        ("/billing/register", card(APPROVED), "customerId"),
        ("/billing/pay", pay.clone(), "productName"),
        ("/billing/pay", pay, "customerId"),
        ("/billing/subscribe", subscribe.clone(), "planId"),
        ("/billing/subscribe", subscribe, "productName"),
        ("/billing/refund", refund, "reason"),
        ("/billing/cancel", cancel, "reason"),
    ] {
        for text in CARDS {
            let mut body = base.clone();
            body[field] = json!(text);
            let error = app.post(path, &body).await.error(400);
            assert_eq!(error["details"], refused(field), "{path} {text}");
        }
    }
    let path = format!("/billing/subscription/{}", made["id"].as_str().unwrap());
    for metadata in [
        json!({"card": CARDS[1]}),
        json!({CARDS[0]: true}),
        json!({"a": [{"b": 4_111_111_111_111_111_i64}]}),
    ] {
        let error = app.patch(&path, &json!({"metadata": metadata})).await.error(400);
        assert_eq!(error["details"], refused("metadata"));
    }
    assert_eq!(app.everything().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_number_is_no_card_number_unless_it_looks_like_one_in_full() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    let mut pay = json!({
        "billingKey": key, "customerId": "user123", "amount": 9900, "productName": "단건 결제",
    });
    for order in ["2026020512345678", "1767225600000", "ORDER-4111111111111111X"] {
        pay["orderId"] = json!(order);
        assert_eq!(app.post("/billing/pay", &pay).await.data(200)["orderId"], order);
    }
    pay["orderId"] = json!("4111111111111111");
    let error = app.post("/billing/pay", &pay).await.error(400);
    assert_eq!(error["details"], refused("orderId"));
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_with_a_card_or_a_key_are_not_taken() {
    let app = TestApp::start().await;
    let api_key = format!("kbk_0123456789ab_{}", "0f".repeat(32));
    let before = app.everything().await;
    for secret in ["4111111111111111", "4111-1111-1111-1111", &api_key] {
        let call = app.request(Method::GET, "/health/live").header("X-Request-Id", secret);
        let reply = app.send(call).await;
        assert_ne!(reply.headers["x-request-id"].to_str().unwrap(), secret);
        let call = app.request(Method::POST, "/billing/register").json(&card(APPROVED));
        let error = app.send(call.header("Idempotency-Key", secret)).await.error(400);
        assert_eq!(error["details"][0]["field"], "Idempotency-Key");
    }
    assert_eq!(app.everything().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateways_words_and_addresses_are_kept_without_card_numbers() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    let message = "카드번호 4111-1111-1111-1111 승인 거절";
    app.fault(json!({"on": "CARD-BATCH", "kind": "decline", "code": "2003", "message": message}))
        .await;
    let error = app.pay(&key).await.error(402);
    assert_eq!(error["gateway"]["message"], "카드번호 4111-11**-****-1111 승인 거절");

    let path = "/billing/pay?cardNumber=4111111111111111&birthDate=901231";
    let mut call = app.request(Method::POST, path).json(&json!({}));
    call = call.header("Idempotency-Key", "with-a-query");
    app.send(call).await.error(400);
    let kept: Vec<String> = sqlx::query_scalar("select path from idempotency_keys")
        .fetch_all(&app.service.ctx.pool)
        .await
        .unwrap();
    assert_eq!(kept, ["/billing/pay?"]);
    // What is not kept is compared all the same.
    let call = app.request(Method::POST, "/billing/pay?x=1").json(&json!({}));
    let reply = app.send(call.header("Idempotency-Key", "with-a-query")).await;
    reply.fails(422, "idempotency_key_reused");
}
