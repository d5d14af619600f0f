//! A link to what a subscription owes: retries wait, and a payment is what an approved retry is.

use chrono::Days;
use serde_json::{Value, json};

use super::{link_now, link_to, payments, statuses};
use crate::support::app::TestApp;
use crate::support::payment_page::{open_window, page, press};
use crate::support::subscriptions::{ALWAYS_SHORT, APPROVED, SHORT_AT_FIRST, STOLEN, renewed_with};
use crate::support::window::{ALL_ON, in_window};

#[tokio::test(flavor = "multi_thread")]
async fn a_period_that_is_past_due_is_paid_at_its_link_as_by_a_retry() {
    let app = TestApp::with(ALL_ON).await;
    let (id, day) = renewed_with(&app, SHORT_AT_FIRST).await;
    let late = app.subscription(&id).await;
    let link = link_to(&app, &id).await;
    assert_eq!((&link["amount"], &link["kind"]), (&json!(9900), &json!("subscription")));
    assert_eq!(app.subscription(&id).await["retry"], Value::Null);
    app.advance_days(4).await;
    assert_eq!(app.calls("CARD-BATCH").await, 1, "retries wait");
    app.pay_period(&id).await.fails(409, "payment_link_open");
    app.post("/easypay/links", &json!({"subscriptionId": id}))
        .await
        .fails(409, "payment_link_open");
    let window = open_window(&link, "KAKAOPAY").await;
    app.pay_period(&id).await.fails(409, "charge_in_progress");
    in_window(&app, &window, "pay").await;
    let paid = app.subscription(&id).await;
    assert_eq!(paid["status"], "active");
    assert_eq!(paid["coverage"], "paid");
    assert_eq!(paid["paidThrough"], late["currentPeriod"]["end"]);
    assert_eq!(paid["nextBillingDate"], late["nextBillingDate"]);
    assert_eq!(link_now(&app, &link).await["status"], "paid");
    let newest = payments(&app, &id).await.remove(0);
    assert_eq!(newest["status"], "approved");
    assert_eq!((&newest["method"], &newest["billingKey"]), (&json!("KAKAOPAY"), &Value::Null));
    assert_eq!(newest["period"], late["currentPeriod"]);
    assert_eq!(app.ledger().await.len(), 1);
    // Given back as it was paid, and the next period is charged to the card on its own day.
    let refund = json!({"paymentId": newest["id"], "amount": 900});
    app.post("/billing/refund", &refund).await.data(200);
    assert_eq!(app.ledger().await[0]["canceledAmount"], 900);
    app.advance_to_charge(&late["nextBillingDate"]).await;
    assert_eq!(app.subscription(&id).await["status"], "active");
    assert_eq!(app.ledger().await.len(), 2);
    assert!(day < app.today());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_left_alone_lets_the_retries_go_on_and_one_makes_up_for_those_that_passed() {
    let app = TestApp::with(ALL_ON).await;
    let (id, day) = renewed_with(&app, ALWAYS_SHORT).await;
    let until = format!("{}T12:00:00+09:00", day + Days::new(6));
    let body = json!({"subscriptionId": id, "until": until});
    let link = app.post("/easypay/links", &body).await.data(201);
    app.advance_to(&format!("{}T11:59:59+09:00", day + Days::new(6))).await;
    assert_eq!(app.calls("CARD-BATCH").await, 1);
    app.advance_to(&until).await;
    assert_eq!(link_now(&app, &link).await["status"], "expired");
    assert_eq!(app.calls("CARD-BATCH").await, 2, "one for days 1, 3 and 5");
    let now = app.subscription(&id).await;
    assert_eq!((&now["status"], &now["retry"]["attempt"]), (&json!("past_due"), &json!(4)));
    app.advance_to_charge(&json!(day + Days::new(7))).await;
    assert_eq!(app.calls("CARD-BATCH").await, 3);
    assert_eq!(app.subscription(&id).await["status"], "unpaid");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_cancelled_in_time_leaves_the_schedule_as_it_was() {
    let app = TestApp::with(ALL_ON).await;
    let (id, _) = renewed_with(&app, SHORT_AT_FIRST).await;
    let before = app.subscription(&id).await;
    let link = link_to(&app, &id).await;
    let path = format!("/easypay/links/{}", link["id"].as_str().unwrap());
    assert_eq!(app.delete(&path).await.data(200)["status"], "canceled");
    assert_eq!(app.subscription(&id).await, before);
    app.advance_days(1).await;
    assert_eq!(app.subscription(&id).await["status"], "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_may_live_as_long_as_a_retry_can_be_made_in_the_days_that_are_owed() {
    let app = TestApp::with(ALL_ON).await;
    let (id, _) = renewed_with(&app, SHORT_AT_FIRST).await;
    let end = app.subscription(&id).await["nextBillingDate"].as_str().unwrap().to_owned();
    let last: chrono::NaiveDate = end.parse().unwrap();
    let last = last.pred_opt().unwrap();
    let with = |until: String| json!({"subscriptionId": id, "until": until});
    let error =
        app.post("/easypay/links", &with(format!("{last}T10:00:01+09:00"))).await.error(400);
    let reason = error["details"][0]["reason"].as_str().unwrap();
    assert!(reason.contains(&format!("{last}T10:00:00.000+09:00")), "{reason}");
    app.post("/easypay/links", &with(format!("{last}T10:00:00+09:00"))).await.data(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_unpaid_comes_back_from_the_day_of_the_first_window_on() {
    let app = TestApp::with(ALL_ON).await;
    let (id, day) = renewed_with(&app, STOLEN).await;
    assert_eq!(app.subscription(&id).await["status"], "unpaid");
    let link = link_to(&app, &id).await;
    app.advance_days(3).await;
    let shown = page(&link).await;
    let window = open_window(&link, "KAKAOPAY").await;
    let asked: i64 = window["sdkData"]["AMOUNT"].as_str().unwrap().parse().unwrap();
    assert!(
        asked < 9900 && shown.text.contains("원"),
        "{asked}: days without service cost nothing"
    );
    assert_eq!(app.subscription(&id).await["status"], "unpaid", "no service yet");
    in_window(&app, &window, "pay").await;
    let back = app.subscription(&id).await;
    assert_eq!((&back["status"], &back["coverage"]), (&json!("active"), &json!("paid")));
    assert_eq!(back["currentPeriod"]["start"], json!(day + Days::new(3)));
    assert_eq!(app.ledger().await[0]["amount"], asked);
    assert_eq!(statuses(&app, &id).await, ["approved", "declined"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_card_waits_for_the_link_that_asks_for_what_it_would_be_charged() {
    let app = TestApp::with(ALL_ON).await;
    let (id, _) = renewed_with(&app, ALWAYS_SHORT).await;
    let link = link_to(&app, &id).await;
    let key = app.register(APPROVED).await;
    let change = json!({"billingKey": key});
    let error = app.change(&id, &change).await.error(409);
    assert_eq!(error["code"], "payment_link_open");
    assert_eq!(error["details"][0]["reason"], link["id"]);
    app.delete(&format!("/easypay/links/{}", link["id"].as_str().unwrap())).await.data(200);
    assert_eq!(app.change(&id, &change).await.data(200)["status"], "active");
    assert_eq!(app.ledger().await.len(), 1);
    let shown = page(&link).await;
    assert!(shown.text.contains("취소된 링크"));
    let pressed = press(link["url"].as_str().unwrap(), &shown, "KAKAOPAY").await;
    assert_eq!(pressed.status, 409);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_owes_nothing_has_no_link() {
    let app = TestApp::with(ALL_ON).await;
    let (id, _) = renewed_with(&app, APPROVED).await;
    let body = json!({"subscriptionId": id});
    app.post("/easypay/links", &body).await.fails(409, "subscription_not_active");
}
