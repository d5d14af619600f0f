//! What a caller does with a live subscription: cancel, pause, resume, change.

use serde_json::{Value, json};

use crate::support::app::{TestApp, card};
use crate::support::subscriptions::{APPROVED, monthly};

const CANCEL: &str = "/billing/cancel";

#[tokio::test(flavor = "multi_thread")]
async fn cancelled_at_once_nothing_is_charged_again_and_twice_answers_the_same() {
    let app = TestApp::start().await;
    let made = app.subscribe(&app.register(APPROVED).await, 15).await;
    let body = json!({"subscriptionId": made["id"], "reason": "고객 요청"});
    let canceled = app.post(CANCEL, &body).await.data(200);
    let mut expected = made.clone();
    expected["status"] = json!("canceled");
    expected["nextBillingDate"] = Value::Null;
    expected["nextCharge"] = Value::Null;
    expected["canceledAt"] = canceled["canceledAt"].clone();
    expected["cancelReason"] = json!("고객 요청");
    assert_eq!(canceled, expected);
    assert!(canceled["canceledAt"].is_string());
    let again = json!({"subscriptionId": made["id"], "reason": "다른 사유", "atPeriodEnd": true});
    assert_eq!(app.post(CANCEL, &again).await.data(200), canceled);
    for what in ["pause", "resume"] {
        app.turn(&made["id"], what).await.fails(409, "subscription_not_active");
    }
    app.change(&made["id"], &json!({"amount": 1})).await.fails(409, "subscription_not_active");
    app.pay_period(&made["id"]).await.fails(409, "subscription_not_active");
    app.advance_days(90).await;
    assert_eq!(app.ledger().await, Vec::<Value>::new());
    assert_eq!(app.subscription(&made["id"]).await, canceled);
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelled_at_the_end_of_its_period_it_lives_until_then() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    let made = app.subscribe(&key, 15).await;
    app.advance_to_charge(&made["nextBillingDate"]).await;
    let running = app.subscription(&made["id"]).await;
    let body = json!({"subscriptionId": made["id"], "atPeriodEnd": true});
    let ending = app.post(CANCEL, &body).await.data(200);
    let mut expected = running.clone();
    expected["cancelAtPeriodEnd"] = json!(true);
    expected["nextBillingDate"] = Value::Null;
    expected["nextCharge"] = Value::Null;
    assert_eq!(ending, expected);
    assert_eq!(app.post(CANCEL, &body).await.data(200), ending);

    let end = running["currentPeriod"]["end"].as_str().unwrap().to_owned();
    app.advance_to(&format!("{end}T00:00:00+09:00")).await;
    let ended = app.subscription(&made["id"]).await;
    assert_eq!((&ended["status"], &ended["nextBillingDate"]), (&json!("canceled"), &Value::Null));
    assert!(ended["canceledAt"].as_str().unwrap().starts_with(&format!("{end}T00:00")), "{ended}");
    app.advance_days(60).await;
    assert_eq!(app.ledger().await.len(), 1);
    assert_eq!(app.post(CANCEL, &body).await.data(200), ended);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_to_end_with_its_period_can_still_be_cancelled_at_once() {
    let app = TestApp::start().await;
    let made = app.subscribe(&app.register(APPROVED).await, 15).await;
    app.post(CANCEL, &json!({"subscriptionId": made["id"], "atPeriodEnd": true})).await.data(200);
    let canceled = app.post(CANCEL, &json!({"subscriptionId": made["id"]})).await.data(200);
    assert_eq!(canceled["status"], "canceled");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_of_a_pause_is_not_billed() {
    let app = TestApp::start().await;
    let made = app.subscribe(&app.register(APPROVED).await, 15).await;
    let paused = app.turn(&made["id"], "pause").await.data(200);
    let mut expected = made.clone();
    expected["status"] = json!("paused");
    expected["nextBillingDate"] = Value::Null;
    expected["nextCharge"] = Value::Null;
    assert_eq!(paused, expected);
    assert_eq!(app.turn(&made["id"], "pause").await.data(200), paused);
    app.pay_period(&made["id"]).await.fails(409, "subscription_not_active");
    app.advance_days(100).await;
    assert_eq!(app.ledger().await, Vec::<Value>::new());

    let resumed = app.turn(&made["id"], "resume").await.data(200);
    assert_eq!(resumed["status"], "active");
    let next = resumed["nextBillingDate"].as_str().unwrap();
    assert!(next.ends_with("-15") && next >= app.today().to_string().as_str(), "{next}");
    assert_eq!(app.turn(&made["id"], "resume").await.data(200), resumed);
    app.advance_to_charge(&resumed["nextBillingDate"]).await;
    assert_eq!(app.charged_on().await, [next]);
    let now = app.subscription(&made["id"]).await;
    assert_eq!(now["currentPeriod"]["start"], next);
    app.advance_to_charge(&now["nextBillingDate"]).await;
    assert_eq!(app.ledger().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_days_that_a_pause_keeps_are_given_back() {
    let app = TestApp::start().await;
    let made = app.subscribe(&app.register(APPROVED).await, 15).await;
    app.advance_to_charge(&made["nextBillingDate"]).await;
    let running = app.subscription(&made["id"]).await;
    app.turn(&made["id"], "pause").await.data(200);
    app.advance_days(3).await;
    let resumed = app.turn(&made["id"], "resume").await.data(200);
    let end: chrono::NaiveDate = running["paidThrough"].as_str().unwrap().parse().unwrap();
    let later = json!(end + chrono::Days::new(3));
    assert_eq!((&resumed["status"], &resumed["paidThrough"]), (&json!("active"), &later));
    assert_eq!(
        (&resumed["nextBillingDate"], &resumed["nextCharge"]["reason"]),
        (&later, &json!("stub"))
    );
    app.advance_to_charge(&later).await;
    assert_eq!(
        app.subscription(&made["id"]).await["nextBillingDate"],
        running["nextCharge"]["periodEnd"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_field_can_be_changed_and_counts_from_the_next_period_on() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    let made = app.post("/billing/subscribe", &monthly(&key)).await.data(201);
    let id = &made["id"];
    let other_card = app.register("4242424242424242").await;
    let mut expected = made.clone();
    for (field, value) in [
        ("amount", json!(8900)),
        ("planId", json!("yearly")),
        ("productName", json!("연간 구독")),
        ("metadata", json!({"grade": "gold"})),
        ("billingKey", json!(other_card)),
    ] {
        expected[field] = value.clone();
        expected["nextCharge"]["amount"] = expected["amount"].clone();
        assert_eq!(app.change(id, &json!({field: value})).await.data(200), expected, "{field}");
        assert_eq!(app.subscription(id).await, expected);
    }
    assert_eq!(app.change(id, &json!({})).await.data(200), expected);
    app.delete(&format!("/billing/key/{key}")).await.data(200);
    assert_eq!(app.delete(&format!("/billing/key/{other_card}")).await.status, 409);

    // A later day of the month moves the next charge, and no day is paid for twice.
    let moved = app.change(id, &json!({"cycleDay": 20})).await.data(200);
    assert_eq!(moved["cycleDay"], 20);
    let next = moved["nextBillingDate"].as_str().unwrap();
    assert_eq!(&next[8..], "20");
    assert!(next > made["nextBillingDate"].as_str().unwrap());
    app.advance_to_charge(&moved["nextBillingDate"]).await;
    let charged = app.ledger().await;
    assert_eq!(charged.len(), 1);
    assert_eq!(charged[0]["amount"], 8900);
    assert_eq!(charged[0]["productName"], "연간 구독");
    assert_eq!(app.charged_on().await, [next]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_to_a_taken_plan_or_to_a_key_that_cannot_be_charged_is_refused() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    app.post("/billing/subscribe", &monthly(&key)).await.data(201);
    let second = app.subscribe(&key, 1).await;
    let before = app.everything().await;
    let taken = app.change(&second["id"], &json!({"planId": "monthly"})).await;
    taken.fails(409, "subscription_exists");
    assert_eq!(app.everything().await, before);

    let deleted = app.register(APPROVED).await;
    app.delete(&format!("/billing/key/{deleted}")).await.data(200);
    let change = app.change(&second["id"], &json!({"billingKey": deleted})).await;
    change.fails(409, "billing_key_inactive");
    let mut stranger = card(APPROVED);
    stranger["customerId"] = json!("user124");
    let stranger = app.post("/billing/register", &stranger).await.data(201);
    let change = app.change(&second["id"], &json!({"billingKey": stranger["billingKey"]})).await;
    change.fails(404, "billing_key_not_found");
    assert_eq!(app.subscription(&second["id"]).await, second);
}
