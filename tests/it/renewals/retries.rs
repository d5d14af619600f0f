//! Renewals that fail: retries, giving up, paying what is owed, outcomes nobody knows.

use chrono::{Days, NaiveDate};
use serde_json::{Value, json};

use super::retry;
use crate::support::app::TestApp;
use crate::support::subscriptions::{ALWAYS_SHORT, APPROVED, SHORT_AT_FIRST, STOLEN, renewed_with};

fn date(value: &Value) -> NaiveDate {
    value.as_str().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_short_of_funds_is_past_due_and_pays_on_the_next_day() {
    let app = TestApp::start().await;
    let (id, day) = renewed_with(&app, SHORT_AT_FIRST).await;
    let late = app.subscription(&id).await;
    assert_eq!(late["status"], "past_due");
    assert_eq!(late["retry"], retry(1, day + Days::new(1)));
    assert_eq!(late["accessUntil"], retry(4, day + Days::new(7))["nextAt"]);
    assert_eq!(late["currentPeriod"]["start"], json!(day));
    assert_eq!(late["nextBillingDate"], late["currentPeriod"]["end"]);
    app.advance_days(1).await;
    let paid = app.subscription(&id).await;
    let mut expected = late.clone();
    expected["status"] = json!("active");
    expected["retry"] = Value::Null;
    expected["accessUntil"] = Value::Null;
    expected["coverage"] = json!("paid");
    expected["paidThrough"] = late["currentPeriod"]["end"].clone();
    expected.as_object_mut().unwrap().remove("openCharge");
    assert_eq!(paid, expected);
    assert_eq!(app.charged_on().await, [(day + Days::new(1)).to_string()]);
    let path = format!("/billing/payments?subscriptionId={}", id.as_str().unwrap());
    let payments = app.get(&path).await.data(200)["items"].clone();
    let told = |n: usize| (payments[n]["status"].clone(), payments[n]["period"].clone());
    assert_eq!(told(0), (json!("approved"), late["currentPeriod"].clone()));
    assert_eq!(told(1), (json!("declined"), late["currentPeriod"].clone()));
    let failure = json!({"code": "2003", "message": "한도초과 또는 잔액부족입니다."});
    assert_eq!(payments[1]["failure"], failure);
    assert_eq!(payments.as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_always_short_is_tried_on_the_retry_days_and_then_given_up() {
    let app = TestApp::start().await;
    let (id, day) = renewed_with(&app, ALWAYS_SHORT).await;
    for (n, days) in [1, 3, 5, 7].into_iter().enumerate() {
        let now = app.subscription(&id).await;
        let attempt = n + 1;
        assert_eq!(now["status"], "past_due");
        assert_eq!(now["retry"], retry(attempt, day + Days::new(days)));
        assert_eq!(app.calls("CARD-BATCH").await, attempt);
        app.advance_to(&format!("{}T09:59:59+09:00", day + Days::new(days))).await;
        assert_eq!(app.calls("CARD-BATCH").await, attempt);
        app.advance_to_charge(&json!(day + Days::new(days))).await;
        assert_eq!(app.calls("CARD-BATCH").await, attempt + 1);
    }
    let given_up = app.subscription(&id).await;
    assert_eq!(given_up["status"], "unpaid");
    assert_eq!((&given_up["retry"], &given_up["nextBillingDate"]), (&Value::Null, &Value::Null));
    app.advance_days(90).await;
    assert_eq!(app.subscription(&id).await, given_up);
    assert_eq!(app.calls("CARD-BATCH").await, 5);
    assert_eq!(app.ledger().await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_card_is_given_up_at_once() {
    let app = TestApp::start().await;
    let (id, _) = renewed_with(&app, STOLEN).await;
    let given_up = app.subscription(&id).await;
    assert_eq!((&given_up["status"], &given_up["retry"]), (&json!("unpaid"), &Value::Null));
    app.advance_days(90).await;
    assert_eq!(app.calls("CARD-BATCH").await, 1);
    for what in ["pause", "resume"] {
        app.turn(&id, what).await.fails(409, "subscription_not_active");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_caller_settles_what_is_past_due_and_the_retry_is_void() {
    let app = TestApp::start().await;
    let (id, day) = renewed_with(&app, SHORT_AT_FIRST).await;
    let paid = app.pay_period(&id).await.data(200);
    assert_eq!((&paid["status"], &paid["subscriptionId"]), (&json!("approved"), &id));
    assert_eq!(paid["period"]["start"], json!(day));
    let now = app.subscription(&id).await;
    assert_eq!((&now["status"], &now["retry"]), (&json!("active"), &Value::Null));
    app.pay_period(&id).await.fails(409, "already_charged");
    app.advance_days(10).await;
    assert_eq!(app.ledger().await.len(), 1);
    assert_eq!(app.calls("CARD-BATCH").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decline_of_the_caller_s_own_try_uses_up_no_retry() {
    let app = TestApp::start().await;
    let (id, day) = renewed_with(&app, ALWAYS_SHORT).await;
    let before = app.subscription(&id).await;
    app.pay_period(&id).await.fails(402, "payment_declined");
    assert_eq!(app.subscription(&id).await, before);
    assert_eq!(before["retry"], retry(1, day + Days::new(1)));
    app.advance_days(10).await;
    assert_eq!(app.status(&id).await, "unpaid");
    assert_eq!(app.calls("CARD-BATCH").await, 6);
    app.pay_period(&id).await.fails(402, "payment_declined");
    assert_eq!(app.status(&id).await, "unpaid");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_unpaid_is_settled_with_another_card_and_billed_again_next_month() {
    let app = TestApp::start().await;
    let (id, _) = renewed_with(&app, STOLEN).await;
    app.advance_days(70).await;
    let good = app.register(APPROVED).await;
    let now = app.change(&id, &json!({"billingKey": good})).await.data(200);
    assert_eq!(now["status"], "active");
    let path = format!("/billing/payments?subscriptionId={}", id.as_str().unwrap());
    let paid = app.get(&path).await.data(200)["items"][0].clone();
    assert_eq!((&paid["status"], &paid["billingKey"]), (&json!("approved"), &json!(good)));
    assert_eq!(paid["period"], json!({"start": app.today(), "end": now["nextBillingDate"]}));
    assert!(paid["amount"].as_i64().unwrap() < 9900, "the days from today to the anchor: {paid}");
    app.pay_period(&id).await.fails(409, "already_charged");
    let next = date(&now["nextBillingDate"]);
    assert!(next > app.today() && next <= app.today() + Days::new(31), "{now}");
    app.advance_to_charge(&now["nextBillingDate"]).await;
    assert_eq!(app.ledger().await.len(), 2);
    assert_eq!(app.charged_on().await[1], next.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_amount_does_not_change_what_the_open_period_asks_for() {
    let app = TestApp::start().await;
    let (id, day) = renewed_with(&app, SHORT_AT_FIRST).await;
    let change = json!({"amount": 20_000, "productName": "새 상품"});
    app.change(&id, &change).await.data(200);
    app.advance_days(1).await;
    app.consent(&id, 20_000).await.data(201);
    let next = app.subscription(&id).await["nextBillingDate"].clone();
    app.advance_to_charge(&next).await;
    app.advance_days(1).await;
    let charged: Vec<_> = app
        .ledger()
        .await
        .into_iter()
        .map(|t| (t["amount"].clone(), t["productName"].clone()))
        .collect();
    let expected = [(json!(9900), json!("월간 구독")), (json!(20_000), json!("새 상품"))];
    assert_eq!(charged, expected);
    let days = [day, date(&next)].map(|d| (d + Days::new(1)).to_string());
    assert_eq!(app.charged_on().await, days);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_renewal_waits_and_the_next_period_is_charged() {
    let app = TestApp::start().await;
    app.fault(json!({"on": "CARD-BATCH", "kind": "drop_after"})).await;
    let (id, day) = renewed_with(&app, APPROVED).await;
    let list = format!("/billing/payments?subscriptionId={}&status=unknown", id.as_str().unwrap());
    let unknown = app.get(&list).await.data(200)["items"][0].clone();
    assert_eq!(unknown["period"]["start"], json!(day));
    app.pay_period(&id).await.fails(409, "outcome_unknown");
    app.advance_days(10).await;
    assert_eq!(app.ledger().await.len(), 1);
    let next = app.subscription(&id).await["nextBillingDate"].clone();
    app.advance_to_charge(&next).await;
    let days = [day.to_string(), next.as_str().unwrap().to_owned()];
    assert_eq!(app.charged_on().await, days);
    app.pay_period(&id).await.fails(409, "already_charged");

    let before = app.subscription(&id).await;
    let resolve = format!("/billing/payment/{}/resolve", unknown["id"].as_str().unwrap());
    let approved = json!({
        "outcome": "approved", "transactionId": app.ledger().await[0]["transactionId"],
        "reason": "확인",
    });
    assert_eq!(app.post(&resolve, &approved).await.data(200)["status"], "approved");
    assert_eq!(app.subscription(&id).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_renewal_found_declined_is_retried_as_any_other() {
    let app = TestApp::start().await;
    app.fault(json!({"on": "CARD-BATCH", "kind": "drop_before"})).await;
    let (id, _) = renewed_with(&app, APPROVED).await;
    let unknown = app.get("/billing/payments?status=unknown").await.data(200)["items"][0].clone();
    let resolve = format!("/billing/payment/{}/resolve", unknown["id"].as_str().unwrap());
    let declined = json!({"outcome": "declined", "reason": "승인 내역 없음"});
    app.post(&resolve, &declined).await.data(200);
    let late = app.subscription(&id).await;
    assert_eq!(late["status"], "past_due");
    assert_eq!(late["retry"]["attempt"], 1);
    app.advance_days(1).await;
    assert_eq!(app.status(&id).await, "active");
    assert_eq!(app.ledger().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_that_was_not_sent_is_tried_again_five_minutes_later() {
    let app = TestApp::start().await;
    let fault = json!({"on": "READY", "kind": "status_before", "times": 3});
    let key = app.register(APPROVED).await;
    let made = app.subscribe(&key, 15).await;
    app.fault(fault).await;
    app.advance_to_charge(&made["nextBillingDate"]).await;
    assert_eq!(app.ledger().await, Vec::<Value>::new());
    let mut expected = made.clone();
    expected["coverage"] = json!("open");
    assert_eq!(app.subscription(&made["id"]).await, expected);
    let day = made["nextBillingDate"].as_str().unwrap();
    app.advance_to(&format!("{day}T10:04:59+09:00")).await;
    assert_eq!(app.ledger().await, Vec::<Value>::new());
    app.advance_to(&format!("{day}T10:06:00+09:00")).await;
    let charged = app.ledger().await;
    assert_eq!(charged.len(), 1);
    let at = charged[0]["approvedAt"].as_str().unwrap();
    assert!(at.starts_with(&format!("{day}T10:05:")), "{at}");
    assert_eq!(app.status(&made["id"]).await, "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_moved_while_a_renewal_waits_bills_no_day_that_is_paid() {
    let app = TestApp::start().await;
    let (id, _) = renewed_with(&app, APPROVED).await;
    let paid = app.subscription(&id).await["currentPeriod"].clone();
    app.fault(json!({"on": "READY", "kind": "status_before", "times": 3})).await;
    app.advance_to_charge(&paid["end"]).await;
    assert_eq!(app.subscription(&id).await["currentPeriod"], paid);
    let moved = app.change(&id, &json!({"cycleDay": 20})).await.data(200);
    let stub = moved["nextCharge"].clone();
    assert_eq!((&stub["periodStart"], &stub["reason"]), (&paid["end"], &json!("stub")));
    app.advance_to_charge(&stub["periodEnd"]).await;
    let days = [&stub["periodStart"], &stub["periodEnd"]].map(|day| day.as_str().unwrap());
    assert_eq!(app.charged_on().await[1..], days);
    let amounts: Vec<_> = app.ledger().await.iter().map(|t| t["amount"].clone()).collect();
    // 15 to 20 January: 5 of the 31 days from 20 December on.
    assert_eq!(amounts, [json!(9900), json!(1596), json!(9900)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_s_own_retry_days_hold_for_it_alone() {
    let app = TestApp::start().await;
    let key = app.register(ALWAYS_SHORT).await;
    let other = app.subscribe(&key, 15).await;
    let body = json!({
        "billingKey": key, "customerId": "user123", "planId": "own", "amount": 9900,
        "productName": "월간 구독", "cycleDay": 15, "retryDays": [2, 9],
    });
    let made = app.post("/billing/subscribe", &body).await.data(201);
    assert_eq!((&made["retryDays"], &made["accessUntil"]), (&json!([2, 9]), &Value::Null));
    let day = date(&made["nextBillingDate"]);
    app.advance_to_charge(&made["nextBillingDate"]).await;
    let late = app.subscription(&made["id"]).await;
    assert_eq!(late["retry"], retry(1, day + Days::new(2)));
    assert_eq!(late["accessUntil"], retry(2, day + Days::new(9))["nextAt"]);
    assert_eq!(app.subscription(&other["id"]).await["retry"], retry(1, day + Days::new(1)));

    // Changed on the way, they count from the next decline on.
    let changed = app.change(&made["id"], &json!({"retryDays": [2, 4]})).await.data(200);
    assert_eq!(changed["retry"], late["retry"]);
    assert_eq!(changed["accessUntil"], retry(2, day + Days::new(4))["nextAt"]);
    app.advance_days(2).await;
    assert_eq!(app.subscription(&made["id"]).await["retry"], retry(2, day + Days::new(4)));
    app.advance_days(2).await;
    let given_up = app.subscription(&made["id"]).await;
    assert_eq!((&given_up["status"], &given_up["accessUntil"]), (&json!("unpaid"), &Value::Null));
}
