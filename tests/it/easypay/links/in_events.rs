//! `EASYPAY_LINKS_IN_EVENTS`: what tells of a decline carries where it can be paid.

use chrono::Days;
use serde_json::{Value, json};

use super::link_now;
use crate::support::app::TestApp;
use crate::support::payment_page::open_window;
use crate::support::subscriptions::{ALWAYS_SHORT, APPROVED, STOLEN, renewed_with};
use crate::support::window::{ALL_ON, in_window};

async fn declined(app: &TestApp) -> Vec<Value> {
    app.events_of("&type=payment.declined").await
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_carried_unless_it_is_asked_for() {
    let app = TestApp::with(ALL_ON).await;
    renewed_with(&app, STOLEN).await;
    let told = declined(&app).await;
    assert!(told[0]["data"].get("paymentLink").is_none(), "{told:?}");
    assert_eq!(app.get("/easypay/links").await.data(200)["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_of_an_event_keeps_no_retry_back_and_ends_with_it() {
    let app = TestApp::with(&[ALL_ON, &[("EASYPAY_LINKS_IN_EVENTS", "true")]].concat()).await;
    let (id, day) = renewed_with(&app, ALWAYS_SHORT).await;
    let told = declined(&app).await.remove(0)["data"]["paymentLink"].clone();
    assert_eq!((&told["subscriptionId"], &told["amount"]), (&id, &json!(9900)));
    let retry = format!("{}T10:00:00.000+09:00", day + Days::new(1));
    assert_eq!(told["until"], retry);
    assert_eq!(app.subscription(&id).await["retry"]["nextAt"], retry);
    app.advance_days(1).await;
    assert_eq!(app.calls("CARD-BATCH").await, 2);
    let state = link_now(&app, &told).await["status"].clone();
    assert!(state == "expired" || state == "canceled", "{state}");
    let next = declined(&app).await[1]["data"]["paymentLink"].clone();
    assert_ne!(next["id"], told["id"]);
    let window = open_window(&next, "KAKAOPAY").await;
    in_window(&app, &window, "pay").await;
    assert_eq!(app.subscription(&id).await["status"], "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_card_is_charged_though_an_event_carried_a_link() {
    let app = TestApp::with(&[ALL_ON, &[("EASYPAY_LINKS_IN_EVENTS", "true")]].concat()).await;
    let (id, _) = renewed_with(&app, STOLEN).await;
    let told = declined(&app).await.remove(0)["data"]["paymentLink"].clone();
    let key = app.register(APPROVED).await;
    let changed = app.change(&id, &json!({"billingKey": key})).await.data(200);
    assert_eq!(changed["status"], "active");
    assert_eq!(link_now(&app, &told).await["status"], "canceled");
    assert_eq!(app.ledger().await.len(), 1);
}
