//! A subscription whose charge was lost: its period waits for a person, its months go on.

use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::sandbox::lose;

const APPROVED: &str = "4111111111111111";
const ANSWER_LOST: &str = "4000000000000119";

async fn status_of(app: &TestApp, subscription: &Value) -> Value {
    let path = format!("/billing/subscription/{}", subscription["id"].as_str().unwrap());
    app.get(&path).await.data(200)
}

/// Walks to the charge of the next period.
async fn next_charge(app: &TestApp, subscription: &Value) {
    let next = status_of(app, subscription).await["nextBillingDate"].clone();
    app.advance_to(&format!("{}T10:00:00+09:00", next.as_str().unwrap())).await;
}

async fn payments(app: &TestApp, status: &str) -> Vec<Value> {
    let page = app.get(&format!("/billing/payments?status={status}")).await.data(200);
    page["items"].as_array().unwrap().clone()
}

/// Settles a payment by hand, with the transaction that the gateway has for it.
async fn resolve(app: &TestApp, payment: &Value, outcome: &str) -> Value {
    let order = payment["orderId"].as_str().unwrap();
    let ledger = app.get(&format!("/sandbox/ledger?orderNo={order}")).await.json();
    let transaction = ledger["transactions"][0]["transactionId"].clone();
    let found = json!({"outcome": outcome, "transactionId": transaction, "reason": "확인"});
    app.post(&format!("/billing/payment/{order}/resolve"), &found).await.data(200)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_period_found_to_be_paid_is_closed_and_the_next_month_is_charged_once() {
    let app = TestApp::start().await;
    let key = app.register(ANSWER_LOST).await;
    let subscription = app.subscribe(&key, 31).await;
    next_charge(&app, &subscription).await;
    let waiting = payments(&app, "unknown").await;
    assert_eq!(waiting.len(), 1);
    app.advance_days(20).await;
    assert_eq!(app.ledger().await.len(), 1, "not tried again while it is unknown");
    let pay = json!({"subscriptionId": subscription["id"]});
    app.post("/billing/pay", &pay).await.fails(409, "outcome_unknown");

    assert_eq!(resolve(&app, &waiting[0], "approved").await["status"], "approved");
    app.post("/billing/pay", &pay).await.fails(409, "already_charged");
    assert_eq!(status_of(&app, &subscription).await["status"], "active");
    next_charge(&app, &subscription).await;
    let ledger = app.ledger().await;
    assert_eq!(ledger.len(), 2);
    assert!(ledger.iter().all(|t| t["calls"] == 1), "{ledger:?}");
    assert_ne!(ledger[0]["orderNo"], ledger[1]["orderNo"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_period_found_to_be_unpaid_is_charged_by_its_retry() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    let subscription = app.subscribe(&key, 15).await;
    lose(&app, "CARD-BATCH", "drop_before").await;
    next_charge(&app, &subscription).await;
    app.advance_days(3).await;
    assert_eq!(app.calls("CARD-BATCH").await, 1);
    let waiting = payments(&app, "unknown").await;
    assert_eq!(resolve(&app, &waiting[0], "declined").await["status"], "declined");
    let owed = status_of(&app, &subscription).await;
    assert_eq!(owed["status"], "past_due");
    assert_eq!(owed["retry"]["attempt"], 1);

    app.advance_days(2).await;
    assert_eq!(status_of(&app, &subscription).await["status"], "active");
    assert_eq!(app.ledger().await.len(), 1, "the retry, once");
    assert_eq!(payments(&app, "approved").await[0]["period"], waiting[0]["period"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_is_incomplete_until_somebody_finds_out_about_its_lost_first_charge() {
    let app = TestApp::start().await;
    let key = app.register(ANSWER_LOST).await;
    let subscribe = |plan: &str| {
        json!({
            "billingKey": key, "customerId": "user123", "planId": plan, "amount": 9900,
            "productName": "월간 구독", "cycleDay": 15, "chargeNow": true,
        })
    };
    for (n, outcome) in ["approved", "declined"].into_iter().enumerate() {
        let body = subscribe(outcome);
        let begun = app.post("/billing/subscribe", &body).await.data(202);
        let payment = begun["payment"].clone();
        assert_eq!(
            (&begun["status"], &payment["status"]),
            (&json!("incomplete"), &json!("unknown"))
        );
        assert_eq!(begun["id"], payment["subscriptionId"]);
        let id = begun["id"].as_str().unwrap();
        app.post("/billing/subscribe", &body).await.fails(409, "subscription_exists");
        let path = format!("/billing/subscription/{id}");
        assert_eq!(app.get(&path).await.data(200)["status"], "incomplete");
        let listed = app.get("/billing/subscriptions").await.data(200)["items"].clone();
        assert_eq!(listed.as_array().unwrap().len(), n.min(1), "not among those that are listed");
        assert_eq!(app.ledger().await.len(), n + 1);

        resolve(&app, &payment, outcome).await;
        if outcome == "approved" {
            assert_eq!(app.get(&path).await.data(200)["status"], "active");
            app.post("/billing/subscribe", &body).await.fails(409, "subscription_exists");
        } else {
            app.get(&path).await.fails(404, "subscription_not_found");
        }
    }
    let again = app.post("/billing/subscribe", &subscribe("declined")).await.data(202);
    assert_eq!(again["payment"]["status"], "unknown", "the plan was free again");
    assert_eq!(app.ledger().await.len(), 3);
}
