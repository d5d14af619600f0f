//! Notices ahead of time: what they say, to whom, and when.

use chrono::{Datelike, Days, Months, NaiveDate};
use serde_json::{Value, json};

use crate::support::app::{TestApp, card};
use crate::support::subscriptions::{APPROVED, monthly};

/// Registers a card that is good to the end of this month; the billing key.
async fn register_until(app: &TestApp, month: NaiveDate) -> String {
    let mut card = card(APPROVED);
    card["expireDate"] = json!(month.format("%y%m").to_string());
    app.post("/billing/register", &card).await.data(201)["billingKey"].as_str().unwrap().to_owned()
}

async fn subscribe_to(app: &TestApp, key: &str, plan: &str) -> Value {
    let mut body = monthly(key);
    body["planId"] = json!(plan);
    app.post("/billing/subscribe", &body).await.data(201)["id"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_in_use_that_is_about_to_expire_is_told_of_once_with_what_it_pays() {
    let app = TestApp::start().await;
    let month = app.today().with_day(1).unwrap() + Months::new(3);
    let used = register_until(&app, month).await;
    register_until(&app, month).await;
    let left = register_until(&app, month).await;
    app.register(APPROVED).await;
    let paid = [subscribe_to(&app, &used, "a").await, subscribe_to(&app, &used, "b").await];
    for (key, plan) in [(&left, "c"), (&used, "d")] {
        let gone = subscribe_to(&app, key, plan).await;
        app.post("/billing/cancel", &json!({"subscriptionId": gone})).await.data(200);
    }
    app.advance_days(200).await;
    let told = app.events_of("&type=billing_key.expiring").await;
    assert_eq!(told.len(), 1, "{told:?}");
    let day = month + Months::new(1) - Days::new(31);
    assert_eq!(told[0]["timestamp"].as_str().unwrap()[..13], format!("{day}T10"));
    let data = &told[0]["data"];
    assert_eq!((&data["billingKey"], &data["status"]), (&json!(used), &json!("active")));
    assert_eq!(data["expires"], month.format("%Y-%m").to_string());
    assert_eq!(data["subscriptions"], json!(paid));
    let text = Value::from(told).to_string();
    assert!(!text.contains("autokey"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_that_is_first_used_in_its_last_days_is_told_of_then() {
    let app = TestApp::start().await;
    let month = app.today().with_day(1).unwrap() + Months::new(3);
    let key = register_until(&app, month).await;
    let late = month + Months::new(1) - Days::new(10);
    app.advance_to(&format!("{late}T12:00:00+09:00")).await;
    assert_eq!(app.events_of("&type=billing_key.expiring").await, Vec::<Value>::new());
    let id = subscribe_to(&app, &key, "a").await;
    app.advance_to(&format!("{late}T12:00:10+09:00")).await;
    let told = app.events_of("&type=billing_key.expiring").await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["data"]["subscriptions"], json!([id]));
}
