//! A link that ends after its window was shown: nobody knows whether it was paid, and nothing is charged
//! until somebody does.

use serde_json::{Value, json};

use super::{link_now, link_to, payments, statuses};
use crate::support::app::TestApp;
use crate::support::payment_page::{open_window, page};
use crate::support::subscriptions::{ALWAYS_SHORT, SHORT_AT_FIRST, STOLEN, renewed_with};
use crate::support::window::{ALL_ON, answered, in_window, paid, tell};

/// A link to a period that is past due, whose window was shown and left, and whose time is up.
async fn left(app: &TestApp, id: &Value) -> (Value, Value) {
    let link = link_to(app, id).await;
    let window = open_window(&link, "KAKAOPAY").await;
    in_window(app, &window, "close").await;
    app.advance_days(8).await;
    (link, window)
}

async fn resolve(app: &TestApp, payment: &Value, outcome: &str) -> Value {
    let path = format!("/billing/payment/{}/resolve", payment["id"].as_str().unwrap());
    let found = json!({
        "outcome": outcome, "transactionId": "T20260101000001", "reason": "가맹점 관리자에서 확인",
    });
    app.post(&path, &found).await.data(200)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_was_left_is_listed_as_unknown_and_the_retries_wait_for_its_settling() {
    let app = TestApp::with(ALL_ON).await;
    let (id, _) = renewed_with(&app, SHORT_AT_FIRST).await;
    let (link, _) = left(&app, &id).await;
    assert_eq!(link_now(&app, &link).await["status"], "unknown");
    assert_eq!(app.subscription(&id).await["status"], "past_due");
    assert_eq!(app.calls("CARD-BATCH").await, 1);
    let listed = app.get("/billing/payments?status=unknown").await.data(200)["items"].clone();
    assert_eq!(listed[0]["subscriptionId"], id);
    app.pay_period(&id).await.fails(409, "outcome_unknown");
    app.post("/easypay/links", &json!({"subscriptionId": id})).await.fails(409, "outcome_unknown");
    assert!(page(&link).await.text.contains("가맹점이 확인하고 있습니다"));
    resolve(&app, &listed[0], "declined").await;
    assert_eq!(link_now(&app, &link).await["status"], "expired");
    app.advance_secs(60).await;
    assert_eq!(app.subscription(&id).await["status"], "active", "the retry is made up for");
    assert_eq!(statuses(&app, &id).await, ["approved", "declined", "declined"]);
    assert_eq!(app.ledger().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn kiwoompays_word_that_comes_after_the_end_pays_the_period() {
    let app = TestApp::with(ALL_ON).await;
    let (id, _) = renewed_with(&app, ALWAYS_SHORT).await;
    let (link, _) = left(&app, &id).await;
    let order = link_now(&app, &link).await["orderId"].as_str().unwrap().to_owned();
    answered(&tell(&app, &paid(&order, "T20261201000001", 9900)).await, 200);
    assert_eq!(link_now(&app, &link).await["status"], "paid");
    assert_eq!(app.subscription(&id).await["status"], "active");
    assert_eq!(statuses(&app, &id).await, ["approved", "declined"]);
    // Told again it changes nothing; another amount or another transaction pays nothing.
    answered(&tell(&app, &paid(&order, "T20261201000001", 9900)).await, 200);
    answered(&tell(&app, &paid(&order, "T20261201000002", 9900)).await, 200);
    let unexpected = app.get("/billing/payments?source=unexpected").await.data(200);
    assert_eq!(unexpected["items"][0]["transactionId"], "T20261201000002");
    assert_eq!(unexpected["items"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_after_somebody_said_unpaid_and_the_card_has_paid_is_money_to_give_back() {
    let app = TestApp::with(ALL_ON).await;
    let (id, _) = renewed_with(&app, SHORT_AT_FIRST).await;
    let (_, window) = left(&app, &id).await;
    let unknown = payments(&app, &id).await.remove(0);
    resolve(&app, &unknown, "declined").await;
    app.advance_secs(60).await;
    assert_eq!(app.subscription(&id).await["status"], "active");
    let order = window["sdkData"]["ORDERNO"].as_str().unwrap();
    answered(&tell(&app, &paid(order, "T20261201000001", 9900)).await, 200);
    let unexpected = app.get("/billing/payments?source=unexpected").await.data(200);
    assert_eq!(unexpected["items"][0]["unexpected"], "already_paid");
    let approved = statuses(&app, &id).await;
    assert_eq!(approved.iter().filter(|status| *status == "approved").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_try_in_the_window_settles_nothing() {
    let app = TestApp::with(ALL_ON).await;
    let (id, _) = renewed_with(&app, ALWAYS_SHORT).await;
    let link = link_to(&app, &id).await;
    let window = open_window(&link, "KAKAOPAY").await;
    let order = window["sdkData"]["ORDERNO"].as_str().unwrap();
    in_window(&app, &window, "fail").await;
    assert_eq!(link_now(&app, &link).await["status"], "opened");
    assert_eq!(app.subscription(&id).await["status"], "past_due");
    answered(&tell(&app, &paid(order, "T20261201000001", 9900)).await, 200);
    assert_eq!(app.subscription(&id).await["status"], "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_to_come_back_has_no_service_while_it_is_unknown() {
    let app = TestApp::with(ALL_ON).await;
    let (id, _) = renewed_with(&app, STOLEN).await;
    let (link, _) = left(&app, &id).await;
    assert_eq!(link_now(&app, &link).await["status"], "unknown");
    let now = app.subscription(&id).await;
    assert_eq!((&now["status"], &now["coverage"]), (&json!("unpaid"), &json!("none")));
    app.advance_days(40).await;
    assert_eq!(app.calls("CARD-BATCH").await, 1, "nothing is charged meanwhile");
    let unknown = payments(&app, &id).await.remove(0);
    resolve(&app, &unknown, "declined").await;
    assert_eq!(app.subscription(&id).await["status"], "unpaid");
    link_to(&app, &id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_link_whose_window_was_shown_is_unknown_at_once() {
    let app = TestApp::with(ALL_ON).await;
    let (id, _) = renewed_with(&app, ALWAYS_SHORT).await;
    let link = link_to(&app, &id).await;
    let window = open_window(&link, "KAKAOPAY").await;
    let path = format!("/easypay/links/{}", link["id"].as_str().unwrap());
    assert_eq!(app.delete(&path).await.data(202)["status"], "unknown");
    assert_eq!(app.delete(&path).await.data(202)["status"], "unknown");
    in_window(&app, &window, "pay").await;
    assert_eq!(app.subscription(&id).await["status"], "active");
    assert_eq!(link_now(&app, &link).await["status"], "paid");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_subscription_takes_its_link_with_it() {
    let app = TestApp::with(ALL_ON).await;
    let (id, _) = renewed_with(&app, ALWAYS_SHORT).await;
    let link = link_to(&app, &id).await;
    app.post("/billing/cancel", &json!({"subscriptionId": id})).await.data(200);
    assert_eq!(link_now(&app, &link).await["status"], "canceled");

    let key = app.register(STOLEN).await;
    let made = app.subscribe(&key, 15).await;
    app.advance_to_charge(&made["nextBillingDate"]).await;
    let link = link_to(&app, &made["id"]).await;
    open_window(&link, "KAKAOPAY").await;
    app.post("/billing/cancel", &json!({"subscriptionId": made["id"]})).await.data(200);
    app.advance_secs(1).await;
    assert_eq!(link_now(&app, &link).await["status"], "unknown");
    assert!(!page(&link).await.text.contains("<button"));
}
