//! Subscriptions at the edges of the day, of the settings and of a charge that is under way.

use chrono::{Datelike, Days, NaiveDate};
use futures::future::join;
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::subscriptions::{ALWAYS_SHORT, APPROVED, monthly};

fn date(value: &Value) -> NaiveDate {
    value.as_str().unwrap().parse().unwrap()
}

/// A subscription on the day on which it is due.
async fn due(app: &TestApp, card: &str) -> Value {
    let made = app.subscribe(&app.register(card).await, 15).await;
    app.advance_to_charge(&made["nextBillingDate"]).await;
    made
}

#[tokio::test(flavor = "multi_thread")]
async fn today_and_tomorrow_are_korea_s_from_midnight_to_midnight() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    let mut today = app.today() + Days::new(2);
    for time in ["00:00:01", "08:59:59", "09:00:00", "23:59:50"] {
        app.advance_to(&format!("{today}T{time}+09:00")).await;
        let tomorrow = today + Days::new(1);
        let mut body = monthly(&key);
        body["planId"] = json!(time);
        body["cycleDay"] = json!(tomorrow.day());
        let made = app.post("/billing/subscribe", &body).await.data(201);
        assert_eq!(made["currentPeriod"], json!({"start": today, "end": tomorrow}), "{time}");
        assert_eq!(made["nextBillingDate"], json!(tomorrow), "{time}");
        assert!(made["createdAt"].as_str().unwrap().starts_with(&format!("{today}T")), "{made}");
        body["planId"] = json!(format!("{time}, from yesterday"));
        body["startDate"] = json!(today - Days::new(1));
        app.post("/billing/subscribe", &body).await.fails(400, "invalid_request");
        today = tomorrow;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn charges_and_retries_are_made_at_the_hour_that_is_set() {
    for hour in ["00", "23"] {
        let app = TestApp::with(&[("CHARGE_HOUR", hour), ("RETRY_DAYS", "1")]).await;
        let made = app.subscribe(&app.register(ALWAYS_SHORT).await, 31).await;
        let mut good = monthly(&app.register(APPROVED).await);
        good["cycleDay"] = json!(31);
        app.post("/billing/subscribe", &good).await.data(201);
        let day = date(&made["nextBillingDate"]);
        let before = match hour {
            "00" => format!("{}T23:59:59+09:00", day - Days::new(1)),
            _ => format!("{day}T22:59:59+09:00"),
        };
        app.advance_to(&before).await;
        assert_eq!(app.ledger().await, Vec::<Value>::new(), "hour {hour}");
        app.advance_to(&format!("{day}T{hour}:00:00+09:00")).await;
        let at = app.ledger().await[0]["approvedAt"].as_str().unwrap().to_owned();
        assert!(at.starts_with(&format!("{day}T{hour}:00:0")), "{at}");
        let late = app.subscription(&made["id"]).await;
        let next = format!("{}T{hour}:00:00.000+09:00", day + Days::new(1));
        assert_eq!(late["retry"], json!({"attempt": 1, "nextAt": next}));
        app.advance_days(1).await;
        assert_eq!(app.status(&made["id"]).await, "unpaid", "hour {hour}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_retry_days_one_decline_leaves_it_unpaid() {
    let app = TestApp::with(&[("RETRY_DAYS", "none")]).await;
    let made = due(&app, ALWAYS_SHORT).await;
    let given_up = app.subscription(&made["id"]).await;
    let mut expected = made.clone();
    expected["status"] = json!("unpaid");
    expected["nextBillingDate"] = Value::Null;
    expected["nextCharge"] = Value::Null;
    assert_eq!(given_up, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_period_is_being_charged_it_is_not_charged_again_nor_its_card_deleted() {
    let app = TestApp::with(&[("SCHEDULER_ENABLED", "false")]).await;
    let made = due(&app, APPROVED).await;
    app.fault(json!({"on": "CARD-BATCH", "kind": "delay_before", "delayMs": 1500})).await;
    let (paid, ()) = join(app.pay_period(&made["id"]), async {
        app.until_called("CARD-BATCH", 1).await;
        let again = app.pay_period(&made["id"]).await;
        let expected = json!({"code": "charge_in_progress", "message": "결제가 진행 중입니다."});
        assert_eq!(again.error(409), expected);
        let key = made["billingKey"].as_str().unwrap();
        assert_eq!(app.delete(&format!("/billing/key/{key}")).await.status, 409);
        let changed = app.change(&made["id"], &json!({"amount": 20_000})).await.data(200);
        assert_eq!((&changed["amount"], &changed["pendingAmount"]), (&json!(9900), &json!(20_000)));
        let pending = app.get("/billing/payments?status=pending").await.data(200);
        assert_eq!(pending["items"][0]["status"], "pending");
        assert_eq!(pending["items"][0]["period"]["start"], made["nextBillingDate"]);
    })
    .await;
    let paid = paid.data(200);
    assert_eq!((&paid["amount"], &paid["status"]), (&json!(9900), &json!("approved")));
    let now = app.subscription(&made["id"]).await;
    assert_eq!((&now["pendingAmount"], &now["status"]), (&json!(20_000), &json!("active")));
    assert_eq!(now["currentPeriod"]["start"], made["nextBillingDate"]);
    app.pay_period(&made["id"]).await.fails(409, "already_charged");
    assert_eq!(app.ledger().await.len(), 1);
    app.advance_days(2).await;
    app.consent(&made["id"], 20_000).await.data(201);
    app.advance_to_charge(&now["nextBillingDate"]).await;
    assert_eq!(app.pay_period(&made["id"]).await.data(200)["amount"], 20_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelled_while_it_is_being_charged_it_stays_cancelled_and_the_charge_can_be_refunded() {
    for (card, status) in [(APPROVED, 200), (ALWAYS_SHORT, 402)] {
        let app = TestApp::with(&[("SCHEDULER_ENABLED", "false")]).await;
        let made = due(&app, card).await;
        app.fault(json!({"on": "CARD-BATCH", "kind": "delay_before", "delayMs": 1000})).await;
        let cancel = json!({"subscriptionId": made["id"]});
        let (paid, canceled) = join(app.pay_period(&made["id"]), async {
            app.until_called("CARD-BATCH", 1).await;
            app.post("/billing/cancel", &cancel).await.data(200)
        })
        .await;
        assert_eq!(paid.status, status, "{}", paid.text);
        let mut expected = canceled.clone();
        assert_eq!(canceled["status"], "canceled");
        // What was paid stays paid; nothing was covered otherwise.
        let days = &made["nextCharge"];
        expected["currentPeriod"] = made["currentPeriod"].clone();
        if status == 200 {
            expected["currentPeriod"] =
                json!({"start": days["periodStart"], "end": days["periodEnd"]});
            expected["paidThrough"] = days["periodEnd"].clone();
        }
        assert_eq!(app.subscription(&made["id"]).await, expected);
        if status == 200 {
            let refund = json!({"paymentId": paid.data(200)["id"]});
            let refunded = app.post("/billing/refund", &refund).await.data(200);
            assert_eq!(refunded["payment"]["status"], "refunded");
        }
        let app = app.restart_with(&[("SCHEDULER_ENABLED", "true")]).await;
        app.advance_days(70).await;
        assert_eq!(app.calls("CARD-BATCH").await, 0, "none since the start");
        assert_eq!(app.subscription(&made["id"]).await, expected);
    }
}
