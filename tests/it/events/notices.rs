//! Notices ahead of time: what they say, to whom, and when.

use chrono::{Datelike, Days, Months, NaiveDate};
use serde_json::{Value, json};

use crate::support::app::{TestApp, card};
use crate::support::subscriptions::{APPROVED, STOLEN, monthly};

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

/// The events of one kind about one subscription.
async fn told_of(app: &TestApp, kind: &str, id: &Value) -> Vec<Value> {
    app.events_of(&format!("&type=subscription.{kind}&subscriptionId={}", id.as_str().unwrap()))
        .await
}

fn date(value: &Value) -> NaiveDate {
    value.as_str().unwrap().parse().unwrap()
}

async fn subscribe_with(app: &TestApp, key: &str, plan: &str, more: &Value) -> Value {
    let mut body = monthly(key);
    body["planId"] = json!(plan);
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    app.post("/billing/subscribe", &body).await.data(201)
}

async fn move_to(app: &TestApp, day: NaiveDate, time: &str) {
    app.advance_to(&format!("{day}T{time}+09:00")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_that_was_too_early_at_first_is_asked_for_on_its_first_day() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    let long = subscribe_with(&app, &key, "a", &json!({"freeCycles": 2})).await;
    let short = subscribe_with(&app, &key, "b", &json!({"trialDays": 14})).await;
    let first = date(&long["trialEnd"]) - Days::new(30);
    assert_eq!(date(&long["consentFrom"]), first);
    move_to(&app, first, "09:59:00").await;
    assert_eq!(told_of(&app, "consent_needed", &long["id"]).await, Vec::<Value>::new());
    move_to(&app, first, "10:01:00").await;
    let told = told_of(&app, "consent_needed", &long["id"]).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["timestamp"].as_str().unwrap()[..13], format!("{first}T10"));
    assert_eq!(told[0]["data"]["trialEnd"], long["trialEnd"]);

    app.consent(&long["id"], 9900).await.data(201);
    move_to(&app, date(&long["trialEnd"]) + Days::new(2), "12:00:00").await;
    assert_eq!(told_of(&app, "consent_needed", &long["id"]).await.len(), 1);
    assert_eq!(told_of(&app, "trial_ending", &long["id"]).await.len(), 1);
    assert_eq!(told_of(&app, "price_rise_upcoming", &long["id"]).await, Vec::<Value>::new());
    let asked_again = told_of(&app, "consent_needed", &short["id"]).await;
    let told: Vec<_> = asked_again.iter().map(|event| &event["data"]["trialEnd"]).collect();
    assert!(!told.contains(&&short["trialEnd"]), "it could have come with the trial: {told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_of_the_phases_is_told_of_a_week_before_with_its_price() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    let mut body = monthly(&key);
    for name in ["amount", "cycleDay"] {
        body.as_object_mut().unwrap().remove(name);
    }
    body["chargeNow"] = json!(true);
    body["phases"] = json!([{"cycles": 1, "amount": 100}, {"amount": 9900}]);
    let made = app.post("/billing/subscribe", &body).await.data(201);
    let rise = date(&made["pendingFrom"]);
    move_to(&app, rise - Days::new(7), "10:01:00").await;
    let told = told_of(&app, "price_rise_upcoming", &made["id"]).await;
    assert_eq!(told.len(), 1, "{told:?}");
    let data = &told[0]["data"];
    assert_eq!(
        (&data["pendingAmount"], &data["pendingFrom"]),
        (&json!(9900), &made["pendingFrom"])
    );
    assert_eq!((&data["nextCharge"]["amount"], &data["coverage"]), (&json!(100), &json!("paid")));
    assert_eq!(told_of(&app, "trial_ending", &made["id"]).await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_of_nothing_is_told_when_it_happens_and_not_announced() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    let mut body = monthly(&key);
    body.as_object_mut().unwrap().remove("cycleDay");
    body["freeCycles"] = json!(3);
    let made = app.post("/billing/subscribe", &body).await.data(201);
    let id = &made["id"];
    app.advance_days(45).await;
    assert_eq!(app.ledger().await, Vec::<Value>::new());
    let told = told_of(&app, "renewed", id).await;
    assert_eq!(told.len(), 1, "{told:?}");
    let data = &told[0]["data"];
    assert_eq!((&data["coverage"], &data["status"]), (&json!("free"), &json!("active")));
    assert_eq!(told_of(&app, "renewal_upcoming", id).await, Vec::<Value>::new());

    let change = json!({"metadata": {"seat": 1}});
    app.change(id, &change).await.data(200);
    assert_eq!(told_of(&app, "renewed", id).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_at_once_and_free_days_are_no_renewal() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    let mut body = monthly(&key);
    body.as_object_mut().unwrap().remove("cycleDay");
    body["chargeNow"] = json!(true);
    let made = app.post("/billing/subscribe", &body).await.data(201);
    let id = &made["id"];
    app.advance_days(5).await;
    app.change(id, &json!({"amount": 4900, "when": "now"})).await.data(200);
    let path = format!("/billing/subscription/{}/extend", id.as_str().unwrap());
    let given = app.post(&path, &json!({"days": 10, "reason": "장애 보상"})).await.data(200);
    let through = date(&given["paidThrough"]);
    move_to(&app, through - Days::new(2), "12:00:00").await;
    app.change(id, &json!({"metadata": {"seat": 1}})).await.data(200);
    assert_eq!(told_of(&app, "renewed", id).await, Vec::<Value>::new());
    move_to(&app, through, "12:00:00").await;
    let renewed = told_of(&app, "renewed", id).await;
    assert_eq!(renewed.len(), 1, "{renewed:?}");
    assert_eq!(renewed[0]["data"]["currentPeriod"]["start"], given["paidThrough"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_to_come_tells_of_a_card_that_will_be_over_by_then() {
    let app = TestApp::start().await;
    let first = app.today() + Days::new(10);
    let key = register_until(&app, first).await;
    let body = json!({"cycleDay": first.day(), "startDate": first.to_string()});
    let made = subscribe_with(&app, &key, "a", &body).await;
    assert_eq!(date(&made["nextBillingDate"]), first);
    move_to(&app, first + Days::new(1), "12:00:00").await;
    let second = date(&app.subscription(&made["id"]).await["nextBillingDate"]);
    move_to(&app, second - Days::new(7), "10:01:00").await;
    let told = told_of(&app, "renewal_upcoming", &made["id"]).await;
    let cards: Vec<_> = told.iter().map(|event| event["data"].get("card").cloned()).collect();
    let over = json!({"expires": first.format("%Y-%m").to_string(), "overByThen": true});
    assert_eq!(cards, [None, Some(over)]);
    assert_eq!(told[1]["data"]["nextCharge"]["date"], second.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_renewal_is_announced_for_a_card_that_was_ended() {
    let app = TestApp::start().await;
    let first = app.today() + Days::new(10);
    let key = app.register(STOLEN).await;
    let body = json!({"cycleDay": first.day(), "startDate": first.to_string()});
    let ended = subscribe_with(&app, &key, "a", &body).await;
    let later = first + Days::new(12);
    let body = json!({"cycleDay": later.day(), "startDate": later.to_string()});
    let waiting = subscribe_with(&app, &key, "b", &body).await;
    move_to(&app, later - Days::new(1), "12:00:00").await;
    assert_eq!(told_of(&app, "renewal_upcoming", &ended["id"]).await.len(), 1);
    assert_eq!(told_of(&app, "renewal_upcoming", &waiting["id"]).await, Vec::<Value>::new());
    assert_eq!(app.status(&waiting["id"]).await, "active");
}
