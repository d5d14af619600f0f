//! One change after another: what a cancellation does to a pause, a change to a debt, and so on.

use chrono::{Datelike, Days, NaiveDate};
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::subscriptions::{ALWAYS_SHORT, APPROVED, STOLEN, monthly};

const CANCEL: &str = "/billing/cancel";

fn date(value: &Value) -> NaiveDate {
    value.as_str().unwrap().parse().unwrap()
}

/// A subscription whose first renewal has just been tried.
async fn renewed(app: &TestApp, card: &str) -> Value {
    let made = app.subscribe(&app.register(card).await, 15).await;
    app.advance_to_charge(&made["nextBillingDate"]).await;
    app.subscription(&made["id"]).await
}

async fn end_with_period(app: &TestApp, id: &Value) -> Value {
    app.post(CANCEL, &json!({"subscriptionId": id, "atPeriodEnd": true})).await.data(200)
}

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_when_what_is_paid_is_used_up_and_at_once_when_nothing_is_left() {
    let app = TestApp::start().await;
    for (card, status) in [(APPROVED, "active"), (ALWAYS_SHORT, "past_due"), (STOLEN, "unpaid")] {
        let s = renewed(&app, card).await;
        assert_eq!(s["status"], status);
        let charged = app.ledger().await.len();
        let ending = end_with_period(&app, &s["id"]).await;
        assert_eq!(ending["nextBillingDate"], Value::Null);
        let start = date(&s["currentPeriod"]["start"]);
        // The last retry of what is past due comes seven days after it.
        let end = match status {
            "active" => date(&s["currentPeriod"]["end"]),
            "past_due" => start + Days::new(7),
            _ => app.today(),
        };
        if status == "active" {
            app.advance_to(&format!("{}T23:59:59+09:00", end - Days::new(1))).await;
            assert_eq!(app.status(&s["id"]).await, status);
        }
        app.advance_to(&format!("{end}T12:00:00+09:00")).await;
        let ended = app.subscription(&s["id"]).await;
        assert_eq!((&ended["status"], &ended["retry"]), (&json!("canceled"), &Value::Null));
        let hour = if status == "active" { "00:00:0" } else { "10:" };
        let at = ended["canceledAt"].as_str().unwrap();
        assert!(at.starts_with(&format!("{end}T{hour}")), "{status}: {at}");
        app.advance_days(40).await;
        assert_eq!(app.ledger().await.len(), charged, "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_to_end_can_be_paused_and_resumed_and_ends_all_the_same() {
    let app = TestApp::start().await;
    let s = renewed(&app, APPROVED).await;
    let ending = end_with_period(&app, &s["id"]).await;
    app.turn(&s["id"], "pause").await.data(200);
    app.advance_days(3).await;
    let resumed = app.turn(&s["id"], "resume").await.data(200);
    let later = json!(date(&ending["paidThrough"]) + Days::new(3));
    assert_eq!((&resumed["status"], &resumed["paidThrough"]), (&json!("active"), &later));
    assert_eq!(resumed["cancelAtPeriodEnd"], true);
    app.advance_days(60).await;
    assert_eq!(app.status(&s["id"]).await, "canceled");
    assert_eq!(app.ledger().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_debt_that_is_cancelled_is_not_collected_and_the_plan_is_free() {
    let app = TestApp::start().await;
    for card in [ALWAYS_SHORT, STOLEN] {
        let key = app.register(card).await;
        let made = app.post("/billing/subscribe", &monthly(&key)).await.data(201);
        app.advance_to_charge(&made["nextBillingDate"]).await;
        let owed = app.subscription(&made["id"]).await;
        // A card that was declined for good starts no other subscription.
        let good = app.register(APPROVED).await;
        app.post("/billing/subscribe", &monthly(&good)).await.fails(409, "subscription_exists");
        let calls = app.calls("CARD-BATCH").await;
        let canceled = app.post(CANCEL, &json!({"subscriptionId": made["id"]})).await.data(200);
        let mut expected = owed.clone();
        expected["status"] = json!("canceled");
        expected["retry"] = Value::Null;
        expected["accessUntil"] = Value::Null;
        expected["nextBillingDate"] = Value::Null;
        expected["nextCharge"] = Value::Null;
        expected["coverage"] = json!("none");
        expected.as_object_mut().unwrap().remove("openCharge");
        expected["canceledAt"] = canceled["canceledAt"].clone();
        assert_eq!(canceled, expected);
        app.pay_period(&made["id"]).await.fails(409, "subscription_not_active");
        let free = app.post("/billing/subscribe", &monthly(&good)).await.data(201);
        app.post(CANCEL, &json!({"subscriptionId": free["id"]})).await.data(200);
        app.advance_days(40).await;
        assert_eq!(app.calls("CARD-BATCH").await, calls);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_changed_during_a_pause_counts_from_the_resumption_on() {
    let app = TestApp::start().await;
    let s = renewed(&app, APPROVED).await;
    app.turn(&s["id"], "pause").await.data(200);
    let moved = app.change(&s["id"], &json!({"cycleDay": 31})).await.data(200);
    assert_eq!((&moved["status"], &moved["nextBillingDate"]), (&json!("paused"), &Value::Null));
    app.advance_days(80).await;
    let today = app.today();
    let resumed = app.turn(&s["id"], "resume").await.data(200);
    let next = date(&resumed["nextBillingDate"]);
    let paid = date(&s["currentPeriod"]["end"]) - date(&s["currentPeriod"]["start"]);
    assert_eq!(next, today + paid, "what was paid is given back");
    app.advance_to_charge(&resumed["nextBillingDate"]).await;
    assert_eq!(app.charged_on().await[1..], [next.to_string()]);
    let then = date(&app.subscription(&s["id"]).await["nextBillingDate"]);
    assert!((then + Days::new(1)).day() == 1 && then < next + Days::new(32), "{then}");
}

#[tokio::test(flavor = "multi_thread")]
async fn moved_from_the_last_day_to_the_first_no_day_is_billed_twice_and_none_is_left_out() {
    let app = TestApp::start().await;
    let mut body = monthly(&app.register(APPROVED).await);
    body["cycleDay"] = json!(31);
    let made = app.post("/billing/subscribe", &body).await.data(201);
    for day in [31, 1, 30, 29, 28, 31, 2] {
        let now = app.change(&made["id"], &json!({"cycleDay": day})).await.data(200);
        app.advance_to_charge(&now["nextBillingDate"]).await;
        assert_eq!(app.status(&made["id"]).await, "active", "{day}");
    }
    let path = format!("/billing/payments?subscriptionId={}", made["id"].as_str().unwrap());
    let mut payments = app.get(&path).await.data(200)["items"].as_array().unwrap().clone();
    payments.reverse();
    assert_eq!(payments.len(), 7);
    let charged: Vec<Value> = app.charged_on().await.into_iter().map(Value::from).collect();
    let starts: Vec<Value> = payments.iter().map(|p| p["period"]["start"].clone()).collect();
    assert_eq!(charged, starts);
    let ends: Vec<Value> = payments.iter().map(|p| p["period"]["end"].clone()).collect();
    assert_eq!(starts[1..], ends[..6]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_card_pays_what_is_past_due_at_once() {
    let app = TestApp::start().await;
    let s = renewed(&app, ALWAYS_SHORT).await;
    assert_eq!(s["status"], "past_due");
    let good = app.register(APPROVED).await;
    let paid = app.change(&s["id"], &json!({"billingKey": good})).await.data(200);
    assert_eq!(app.ledger().await.len(), 1);
    app.advance_days(10).await;
    assert_eq!(app.subscription(&s["id"]).await, paid);
    assert_eq!((&paid["status"], &paid["retry"]), (&json!("active"), &Value::Null));
    assert_eq!(paid["nextBillingDate"], s["nextBillingDate"]);
    assert_eq!(app.ledger().await.len(), 1);
    let old = s["billingKey"].as_str().unwrap();
    assert_eq!(app.delete(&format!("/billing/key/{old}")).await.data(200)["status"], "deleted");
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_and_nesting_in_metadata_are_the_same_when_read_again() {
    let app = TestApp::start().await;
    let mut body = monthly(&app.register(APPROVED).await);
    let deep = (0..60).fold(json!(1), |inner, _| json!([inner]));
    body["metadata"] = json!({
        "max": u64::MAX, "min": i64::MIN, "float": 1.5, "one": 1.0, "zero": 0.0, "small": 5e-324,
        "large": 1e308, "price": 1234.56, "deep": deep, "z": null, "a": [], "": {},
    });
    let made = app.post("/billing/subscribe", &body).await.data(201);
    assert_eq!(made["metadata"], body["metadata"]);
    assert_eq!(app.subscription(&made["id"]).await, made);
    let merged = app.change(&made["id"], &json!({"metadata": {}})).await.data(200);
    assert_eq!(merged["metadata"], body["metadata"]);
    let cleared = app.change(&made["id"], &json!({"metadata": null})).await.data(200);
    assert_eq!(cleared["metadata"], json!({}));
}
