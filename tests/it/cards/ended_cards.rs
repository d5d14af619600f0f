//! A card that was refused for good: it becomes inactive, and nobody asks it for money again.

use std::time::Duration;

use chrono::NaiveDate;
use serde_json::{Value, json};
use sqlx::Connection;

use crate::support::app::TestApp;
use crate::support::subscriptions::{APPROVED, monthly};

async fn two_subscriptions(app: &TestApp) -> (String, Value, Value) {
    let key = app.register(APPROVED).await;
    let (first, second) = (app.subscribe(&key, 15).await, app.subscribe(&key, 20).await);
    let date =
        |made: &Value| made["nextBillingDate"].as_str().unwrap().parse::<NaiveDate>().unwrap();
    if date(&first) < date(&second) { (key, first, second) } else { (key, second, first) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_that_is_ended_for_good_is_asked_by_no_subscription_and_can_be_activated() {
    let app = TestApp::start().await;
    let (key, first, second) = two_subscriptions(&app).await;
    let fault =
        json!({"on": "CARD-BATCH", "kind": "decline", "code": "1072", "message": "정지 카드"});
    app.fault(fault).await;
    app.advance_to_charge(&first["nextBillingDate"]).await;
    assert_eq!(app.status(&first["id"]).await, "unpaid");
    assert_eq!(app.status(&second["id"]).await, "active");

    let inactive = app.get("/billing/keys?status=inactive").await.data(200)["items"].clone();
    assert_eq!(
        (&inactive[0]["billingKey"], &inactive[0]["status"]),
        (&json!(key), &json!("inactive"))
    );
    let why = (&inactive[0]["inactive"]["code"], &inactive[0]["inactive"]["message"]);
    assert_eq!(why, (&json!("1072"), &json!("정지 카드")));
    assert_eq!(app.get("/billing/keys").await.data(200)["items"], json!([]));

    let forecast = format!("/billing/forecast?until={}", app.today() + chrono::Days::new(60));
    assert_eq!(app.get(&forecast).await.data(200)["items"], json!([]));

    // Nobody asks it for money again: neither the schedule, nor a caller.
    let calls = |step| app.calls(step);
    let before = (calls("READY").await, calls("CARD-BATCH").await);
    app.advance_to_charge(&second["nextBillingDate"]).await;
    assert_eq!(app.status(&second["id"]).await, "unpaid");
    app.advance_days(70).await;
    let mut other = monthly(&key);
    other["chargeNow"] = json!(true);
    for (path, body) in [
        ("/billing/pay", json!({"subscriptionId": second["id"]})),
        ("/billing/pay", crate::support::app::one_off(&key)),
        ("/billing/subscribe", monthly(&key)),
        ("/billing/subscribe", other),
    ] {
        app.post(path, &body).await.fails(409, "billing_key_inactive");
    }
    assert_eq!((calls("READY").await, calls("CARD-BATCH").await), before);

    let activate = format!("/billing/key/{key}/activate");
    for _ in 0..2 {
        let active = app.post(&activate, &json!({})).await.data(200);
        assert_eq!((&active["status"], active.get("inactive")), (&json!("active"), None));
    }
    assert_eq!(app.pay_period(&second["id"]).await.data(200)["status"], "approved");
    assert_eq!(app.status(&second["id"]).await, "active");
    let told: Vec<_> = app
        .events()
        .await
        .into_iter()
        .filter(|event| event["object"] == "billing_key")
        .map(|event| (event["type"].clone(), event["data"]["status"].clone()))
        .collect();
    let expected = [
        ("billing_key.registered", "active"),
        ("billing_key.deactivated", "inactive"),
        ("billing_key.activated", "active"),
    ];
    assert_eq!(told, expected.map(|(kind, status)| (json!(kind), json!(status))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_of_an_ended_card_is_paid_by_a_new_one() {
    let app = TestApp::start().await;
    let (_, first, second) = two_subscriptions(&app).await;
    app.fault(json!({"on": "CARD-BATCH", "kind": "decline", "code": "2014"})).await;
    app.advance_to_charge(&first["nextBillingDate"]).await;
    app.advance_to_charge(&second["nextBillingDate"]).await;
    let good = app.register(APPROVED).await;
    for made in [first, second] {
        let changed = app.change(&made["id"], &json!({"billingKey": good})).await.data(200);
        assert_eq!(changed["status"], "active");
        assert_eq!(changed["currentPeriod"]["start"], json!(app.today()));
    }
    assert_eq!(app.ledger().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_card_that_is_there_can_be_activated_and_an_ended_one_deleted() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    let activate = format!("/billing/key/{key}/activate");
    app.post("/billing/key/bk_nothing/activate", &json!({}))
        .await
        .fails(404, "billing_key_not_found");
    app.fault(json!({"on": "CARD-BATCH", "kind": "decline", "code": "2016"})).await;
    app.pay(&key).await.fails(402, "payment_declined");
    app.pay(&key).await.fails(409, "billing_key_inactive");
    let deleted = app.delete(&format!("/billing/key/{key}")).await.data(200);
    assert_eq!(deleted["status"], "deleted");
    app.post(&activate, &json!({})).await.fails(409, "billing_key_inactive");
}

/// Ended while KiwoomPay was made ready for a charge of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_card_that_is_ended_in_this_moment_is_not_charged() {
    let app = TestApp::with(&[("SCHEDULER_ENABLED", "false")]).await;
    let key = app.register(APPROVED).await;
    let mut at_once = monthly(&key);
    at_once["chargeNow"] = json!(true);
    let subscription = app.post("/billing/subscribe", &at_once).await.data(201);
    app.advance_days(32).await;
    let before = app.calls("CARD-BATCH").await;
    let due = json!({"subscriptionId": subscription["id"]});
    for body in [crate::support::app::one_off(&key), due] {
        let mut owner = app.owner().await;
        let mut ending = owner.begin().await.unwrap();
        let end = "update billing_keys set inactive_at = now(), inactive_code = '1072',
            inactive_message = '정지 카드'";
        sqlx::raw_sql(end).execute(&mut *ending).await.unwrap();
        let ended = async {
            while !somebody_waits(&app).await {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            ending.commit().await.unwrap();
        };
        let (reply, ()) = tokio::join!(app.post("/billing/pay", &body), ended);
        reply.fails(409, "billing_key_inactive");
        app.post(&format!("/billing/key/{key}/activate"), &json!({})).await.data(200);
    }
    assert_eq!(app.calls("CARD-BATCH").await, before);
    assert_eq!(app.ledger().await.len(), 1);
}

/// Whether somebody waits for a row that another transaction has changed.
async fn somebody_waits(app: &TestApp) -> bool {
    let sql = "select exists (select from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock')";
    sqlx::query_scalar(sql).fetch_one(&app.service.ctx.pool).await.unwrap()
}
