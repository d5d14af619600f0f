//! Another card for a period that is owed: charged at once, and only once.

use chrono::Days;
use serde_json::{Value, json};

use super::retry;
use crate::support::app::TestApp;
use crate::support::sandbox::lose;
use crate::support::subscriptions::{ALWAYS_SHORT, APPROVED, renewed_with};

#[tokio::test(flavor = "multi_thread")]
async fn a_new_card_that_is_declined_too_changes_no_planned_retry() {
    let app = TestApp::start().await;
    let (id, _) = renewed_with(&app, ALWAYS_SHORT).await;
    let late = app.subscription(&id).await;
    let other = app.register(ALWAYS_SHORT).await;
    let mut expected = late.clone();
    expected["billingKey"] = json!(other);
    assert_eq!(app.change(&id, &json!({"billingKey": other})).await.data(200), expected);
    assert_eq!(app.calls("CARD-BATCH").await, 2);
    // The same card again is no change, and so no charge.
    assert_eq!(app.change(&id, &json!({"billingKey": other})).await.data(200), expected);
    assert_eq!(app.calls("CARD-BATCH").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_card_whose_answer_is_lost_is_not_charged_again() {
    let app = TestApp::start().await;
    let (id, _) = renewed_with(&app, ALWAYS_SHORT).await;
    let good = app.register(APPROVED).await;
    app.fault(json!({"on": "CARD-BATCH", "kind": "drop_after"})).await;
    let changed = app.change(&id, &json!({"billingKey": good})).await.data(200);
    assert_eq!((&changed["status"], &changed["retry"]), (&json!("past_due"), &Value::Null));
    app.pay_period(&id).await.fails(409, "outcome_unknown");
    app.advance_days(10).await;
    assert_eq!(app.ledger().await.len(), 1);
    assert_eq!(app.calls("CARD-BATCH").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_card_that_cannot_be_charged_just_now_is_charged_by_the_next_retry() {
    let app = TestApp::start().await;
    let (id, day) = renewed_with(&app, ALWAYS_SHORT).await;
    let good = app.register(APPROVED).await;
    app.fault(json!({"on": "READY", "kind": "status_before", "times": 3})).await;
    let changed = app.change(&id, &json!({"billingKey": good})).await.data(200);
    assert_eq!(changed["retry"], retry(1, day + Days::new(1)));
    app.advance_days(1).await;
    assert_eq!(app.status(&id).await, "active");
    assert_eq!(app.ledger().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_that_is_over_is_not_charged_by_a_new_card_before_the_pass_ends_it() {
    let app = TestApp::start().await;
    let (id, _) = renewed_with(&app, ALWAYS_SHORT).await;
    let ending = app.change(&id, &json!({"cancelAtPeriodEnd": true})).await.data(200);
    let end = ending["currentPeriod"]["end"].as_str().unwrap().to_owned();
    let app = app.restart_with(&[("SCHEDULER_ENABLED", "false")]).await;
    app.advance_to(&format!("{end}T12:00:00+09:00")).await;
    let good = app.register(APPROVED).await;
    app.change(&id, &json!({"billingKey": good})).await.data(200);
    assert!(app.ledger().await.is_empty());
    assert_eq!(app.calls("CARD-BATCH").await, 0, "none since the start");
}

#[tokio::test(flavor = "multi_thread")]
async fn dates_are_changed_while_a_charge_is_open_and_its_days_stay_as_they_are() {
    let app = TestApp::start().await;
    let made = app.subscribe(&app.register(APPROVED).await, 15).await;
    lose(&app, "CARD-BATCH", "drop_before").await;
    app.advance_to_charge(&made["nextBillingDate"]).await;
    let before = app.subscription(&made["id"]).await;
    assert_eq!(before["coverage"], "open");
    let changed = app.change(&made["id"], &json!({"cycleDay": 20})).await.data(200);
    assert_eq!(changed["currentPeriod"], before["currentPeriod"]);
    let end = &before["currentPeriod"]["end"];
    assert_eq!((&changed["nextBillingDate"], &changed["coverage"]), (end, &json!("open")));
    let next = &changed["nextCharge"];
    assert_eq!((&next["periodStart"], &next["reason"]), (end, &json!("stub")));
    assert!(next["periodEnd"].as_str().unwrap().ends_with("-20"), "{changed}");
    let back = app.change(&made["id"], &json!({"cycleDay": 15})).await.data(200);
    assert_eq!(back, before, "there and back is nothing");
}
