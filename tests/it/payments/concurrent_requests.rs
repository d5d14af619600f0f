//! Many at once: one charge, and never more back than was paid.

use futures::future::join_all;
use reqwest::Method;
use serde_json::json;

use crate::support::app::{TestApp, one_off};

const CARD: &str = "4111111111111111";

#[tokio::test(flavor = "multi_thread")]
async fn fifty_pays_with_one_order_id_charge_once() {
    let app = TestApp::start().await;
    let key = app.register(CARD).await;
    let mut body = one_off(&key);
    body["orderId"] = json!("ORDER-1");
    let replies = join_all((0..50).map(|_| app.post("/billing/pay", &body))).await;
    let approved = replies.iter().filter(|r| r.status == 200).count();
    assert_eq!(approved, 1);
    replies.iter().filter(|r| r.status != 200).for_each(|r| r.fails(409, "order_exists"));
    assert_eq!(app.ledger().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_pays_with_one_idempotency_key_charge_once() {
    let app = TestApp::start().await;
    let key = app.register(CARD).await;
    let body = one_off(&key);
    let pay = || {
        let request = app.request(Method::POST, "/billing/pay").header("Idempotency-Key", "once");
        app.send(request.json(&body))
    };
    let replies = join_all((0..50).map(|_| pay())).await;
    let first = pay().await;
    assert_eq!(first.status, 200, "{}", first.text);
    for reply in &replies {
        if reply.status == 200 {
            assert_eq!(reply.text, first.text, "byte for byte");
        } else {
            reply.fails(409, "request_in_progress");
            assert!(reply.headers.contains_key("retry-after"));
        }
    }
    assert!(replies.iter().any(|r| r.status == 200));
    assert_eq!(app.ledger().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn refunds_at_once_never_give_back_more_than_was_paid() {
    let app = TestApp::start().await;
    let key = app.register(CARD).await;
    let payment = app.pay(&key).await.data(200);
    let body = json!({"paymentId": payment["id"], "amount": 1000});
    let replies = join_all((0..20).map(|_| app.post("/billing/refund", &body))).await;
    let done = replies.iter().filter(|r| r.status == 200).count();
    assert_eq!(done, 9);
    replies.iter().filter(|r| r.status != 200).for_each(|r| r.fails(409, "refund_exceeds_balance"));
    assert_eq!(app.ledger().await[0]["canceledAmount"], 9000);
    let payment = app.get(&format!("/billing/payment/{}", payment["id"].as_str().unwrap())).await;
    assert_eq!(payment.data(200)["refundableAmount"], 900);
}

#[tokio::test(flavor = "multi_thread")]
async fn subscribing_at_once_to_one_plan_makes_one_subscription_and_one_charge() {
    let app = TestApp::start().await;
    let key = app.register(CARD).await;
    let body = json!({
        "billingKey": key, "customerId": "user123", "planId": "monthly", "amount": 9900,
        "productName": "월간 구독", "cycleDay": 15, "chargeNow": true,
    });
    let replies = join_all((0..20).map(|_| app.post("/billing/subscribe", &body))).await;
    assert_eq!(replies.iter().filter(|r| r.status == 201).count(), 1);
    replies.iter().filter(|r| r.status != 201).for_each(|r| r.fails(409, "subscription_exists"));
    assert_eq!(app.ledger().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn paying_what_is_owed_at_once_and_by_the_schedule_charges_once() {
    let app = TestApp::start().await;
    // Short of funds at the first charge, approved at the second.
    let key = app.register("4000000000009995").await;
    let subscription = app.subscribe(&key, 15).await;
    let next = subscription["nextBillingDate"].as_str().unwrap();
    app.advance_to(&format!("{next}T10:00:00+09:00")).await;
    let id = subscription["id"].as_str().unwrap();
    let owed = app.get(&format!("/billing/subscription/{id}")).await.data(200);
    assert_eq!(owed["status"], "past_due");

    let body = json!({"subscriptionId": id});
    let pays = join_all((0..20).map(|_| app.post("/billing/pay", &body)));
    let (replies, ()) = tokio::join!(pays, app.advance_days(1));
    assert!(replies.iter().all(|r| matches!(r.status, 200 | 409)), "{replies:?}");
    assert_eq!(app.ledger().await.len(), 1, "one approved charge of the period");
}
