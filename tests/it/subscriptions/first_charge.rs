//! The first charge of a subscription: approved, declined, not sent, unknown.

use serde_json::{Value, json};

use crate::support::app::{TestApp, card};
use crate::support::subscriptions::{ANSWER_LOST, APPROVED, SHORT_AT_FIRST, monthly};

fn at_once(key: &str) -> Value {
    let mut body = monthly(key);
    body["chargeNow"] = json!(true);
    body
}

const SUBSCRIBE: &str = "/billing/subscribe";

#[tokio::test(flavor = "multi_thread")]
async fn a_first_charge_that_is_approved_starts_the_subscription() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    let made = app.post(SUBSCRIBE, &at_once(&key)).await.data(201);
    let expected = json!({
        "id": made["id"], "status": "active", "billingKey": key, "customerId": "user123",
        "planId": "monthly", "amount": 9900, "productName": "월간 구독", "cycleDay": 15,
        "nextBillingDate": made["nextBillingDate"],
        "currentPeriod": {"start": app.today(), "end": made["nextBillingDate"]},
        "paidThrough": made["nextBillingDate"], "coverage": "paid", "creditBalance": 0,
        "nextCharge": {
            "date": made["nextBillingDate"], "amount": 9900, "reason": "whole",
            "periodStart": made["nextBillingDate"], "periodEnd": made["nextCharge"]["periodEnd"],
        },
        "cancelAtPeriodEnd": false, "retry": null, "retryDays": [1, 3, 5, 7],
        "accessUntil": null, "metadata": {},
        "createdAt": made["createdAt"], "canceledAt": null, "cancelReason": null,
    });
    assert_eq!(made, expected);
    assert_eq!(app.subscription(&made["id"]).await, made);
    assert_eq!(app.ledger().await.len(), 1);
    app.pay_period(&made["id"]).await.fails(409, "already_charged");
    app.advance_to_charge(&made["nextBillingDate"]).await;
    assert_eq!(app.ledger().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_charge_that_is_declined_leaves_no_subscription_but_its_payment() {
    let app = TestApp::start().await;
    let key = app.register(SHORT_AT_FIRST).await;
    let expected = json!({
        "code": "payment_declined", "message": "결제가 거절되었습니다.",
        "gateway": {"resultCode": "2003", "message": "한도초과 또는 잔액부족입니다."},
    });
    assert_eq!(app.post(SUBSCRIBE, &at_once(&key)).await.error(402), expected);
    let nothing = json!({"items": [], "nextCursor": null});
    assert_eq!(app.get("/billing/subscriptions").await.data(200), nothing);
    let payments = app.get("/billing/payments?status=declined").await.data(200);
    assert_eq!(payments["items"].as_array().unwrap().len(), 1);
    app.post(SUBSCRIBE, &at_once(&key)).await.data(201);
    assert_eq!(app.ledger().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_charge_that_is_not_sent_leaves_nothing() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    app.fault(json!({"on": "READY", "kind": "status_before", "times": 10})).await;
    app.post(SUBSCRIBE, &at_once(&key)).await.fails(502, "gateway_unavailable");
    let nothing = json!({"items": [], "nextCursor": null});
    for list in ["subscriptions", "payments"] {
        assert_eq!(app.get(&format!("/billing/{list}")).await.data(200), nothing);
    }
    assert_eq!(app.ledger().await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_is_incomplete_until_somebody_finds_out_about_its_unknown_first_charge() {
    let app = TestApp::start().await;
    let key = app.register(ANSWER_LOST).await;
    let begun = app.post(SUBSCRIBE, &at_once(&key)).await.data(202);
    let (id, unknown) = (begun["id"].clone(), begun["payment"].clone());
    assert_eq!((&begun["status"], &unknown["status"]), (&json!("incomplete"), &json!("unknown")));
    assert_eq!(unknown["subscriptionId"], id);
    assert_eq!(app.status(&id).await, "incomplete");
    app.pay_period(&id).await.fails(404, "subscription_not_found");
    app.post("/billing/cancel", &json!({"subscriptionId": id})).await.error(404);
    app.post(SUBSCRIBE, &monthly(&key)).await.fails(409, "subscription_exists");
    app.advance_days(40).await;
    assert_eq!(app.ledger().await.len(), 1);

    let resolve = format!("/billing/payment/{}/resolve", unknown["id"].as_str().unwrap());
    let approved = json!({
        "outcome": "approved", "transactionId": app.ledger().await[0]["transactionId"],
        "reason": "가맹점 관리자에서 확인",
    });
    let settled = app.post(&resolve, &approved).await.data(200);
    assert_eq!(settled["status"], "approved");
    assert_eq!(app.status(&id).await, "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_first_charge_found_declined_leaves_the_plan_free() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    app.fault(json!({"on": "CARD-BATCH", "kind": "drop_before"})).await;
    let unknown = app.post(SUBSCRIBE, &at_once(&key)).await.data(202)["payment"].clone();
    let resolve = format!("/billing/payment/{}/resolve", unknown["id"].as_str().unwrap());
    let declined = json!({"outcome": "declined", "reason": "승인 내역 없음"});
    let settled = app.post(&resolve, &declined).await.data(200);
    assert_eq!(settled["status"], "declined");
    let expected = json!({"code": "RESOLVED", "message": "승인 내역 없음"});
    assert_eq!(settled["failure"], expected);
    let path = format!("/billing/subscription/{}", unknown["subscriptionId"].as_str().unwrap());
    app.get(&path).await.fails(404, "subscription_not_found");
    assert_eq!(app.ledger().await, Vec::<Value>::new());
    app.post(SUBSCRIBE, &at_once(&key)).await.data(201);
    assert_eq!(app.ledger().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_subscribed_once_with_a_live_key_of_the_customer() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    let mut other = card(APPROVED);
    other["customerId"] = json!("user124");
    let other = app.post("/billing/register", &other).await.data(201)["billingKey"].clone();
    let other = other.as_str().unwrap();
    for body in [monthly(other), at_once(other)] {
        app.post(SUBSCRIBE, &body).await.fails(404, "billing_key_not_found");
    }
    let made = app.post(SUBSCRIBE, &monthly(&key)).await.data(201);
    for body in [monthly(&key), at_once(&key)] {
        app.post(SUBSCRIBE, &body).await.fails(409, "subscription_exists");
    }
    let in_use = app.delete(&format!("/billing/key/{key}")).await;
    let reason = format!("구독 {}이(가) 사용 중인 빌링키입니다.", made["id"].as_str().unwrap());
    let expected = json!([{"field": "billingKey", "reason": reason}]);
    assert_eq!(in_use.error(409)["details"], expected);
    app.turn(&made["id"], "pause").await.data(200);
    assert_eq!(app.delete(&format!("/billing/key/{key}")).await.status, 409);
    app.post(SUBSCRIBE, &monthly(&key)).await.fails(409, "subscription_exists");

    app.post("/billing/cancel", &json!({"subscriptionId": made["id"]})).await.data(200);
    let again = app.post(SUBSCRIBE, &monthly(&key)).await.data(201);
    app.post("/billing/cancel", &json!({"subscriptionId": again["id"]})).await.data(200);
    let deleted = app.delete(&format!("/billing/key/{key}")).await.data(200);
    assert_eq!(deleted["status"], "deleted");
    assert_eq!(app.delete(&format!("/billing/key/{key}")).await.data(200), deleted);
    for body in [monthly(&key), at_once(&key)] {
        app.post(SUBSCRIBE, &body).await.fails(409, "billing_key_inactive");
    }
    app.pay(&key).await.fails(409, "billing_key_inactive");
    assert_eq!(app.ledger().await, Vec::<Value>::new());
}
