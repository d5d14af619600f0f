//! A failover that loses the intent of a renewal while its call is under way: the days that it pays for
//! are written again with it.

use futures::future::join;
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::backup::Backup;
use crate::support::subscriptions::{APPROVED, monthly};

/// A subscription whose due renewal is charged by the caller, and its intent lost meanwhile; `since` is
/// called of it before the answer comes: nothing or one of its paths (a change, when that is empty), with
/// the body. The payment as it was answered.
async fn charged_and_lost(app: &TestApp, since: Option<(&str, Value)>) -> (Value, Value) {
    let made = app.subscribe(&app.register(APPROVED).await, 15).await;
    app.advance_to_charge(&made["nextBillingDate"]).await;
    let backup = Backup::take(app).await;
    app.fault(json!({"on": "CARD-BATCH", "kind": "delay_after", "delayMs": 2000})).await;
    let (paid, ()) = join(app.pay_period(&made["id"]), async {
        app.until_called("CARD-BATCH", 1).await;
        backup.restore(app).await;
        match since {
            Some(("", change)) => drop(app.change(&made["id"], &change).await.data(200)),
            Some((call, body)) => {
                let path = format!("/billing/subscription/{}/{call}", made["id"].as_str().unwrap());
                app.post(&path, &body).await.data(200);
            }
            None => {}
        }
    })
    .await;
    let paid = paid.data(200);
    assert_eq!((&paid["status"], &paid["amount"]), (&json!("approved"), &json!(9900)));
    (made, paid)
}

#[tokio::test(flavor = "multi_thread")]
async fn its_days_are_paid_and_not_charged_again() {
    for change in [None, Some(("", json!({"metadata": {"note": "since"}})))] {
        let app = TestApp::with(&[("SCHEDULER_ENABLED", "false")]).await;
        let (made, paid) = charged_and_lost(&app, change).await;
        let now = app.subscription(&made["id"]).await;
        assert_eq!((&now["status"], &now["coverage"]), (&json!("active"), &json!("paid")));
        assert_eq!(now["currentPeriod"], paid["period"]);
        assert_eq!(now["paidThrough"], made["nextCharge"]["periodEnd"]);
        app.pay_period(&made["id"]).await.fails(409, "already_charged");
        app.advance_to_charge(&now["nextBillingDate"]).await;
        let next = app.pay_period(&made["id"]).await.data(200);
        assert_eq!(next["period"]["start"], now["paidThrough"]);
        assert_eq!(app.ledger().await.len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn its_days_are_paid_though_the_subscription_would_charge_otherwise_by_now() {
    for (change, amount) in [
        (json!({"amount": 5000}), Some(5000)),
        (json!({"interval": "year", "amount": 50_000}), Some(50_000)),
        (json!({"cycleDay": 20}), None),
    ] {
        let app = TestApp::with(&[("SCHEDULER_ENABLED", "false")]).await;
        let (made, paid) = charged_and_lost(&app, Some(("", change))).await;
        let now = app.subscription(&made["id"]).await;
        assert_eq!((&now["status"], &now["coverage"]), (&json!("active"), &json!("paid")));
        assert_eq!(now["paidThrough"], made["nextCharge"]["periodEnd"]);
        assert_eq!(now["currentPeriod"], paid["period"]);
        app.pay_period(&made["id"]).await.fails(409, "already_charged");
        app.advance_to_charge(&now["nextCharge"]["date"]).await;
        let next = app.pay_period(&made["id"]).await.data(200);
        assert_eq!(next["amount"], now["nextCharge"]["amount"]);
        assert!(amount.is_none_or(|amount| next["amount"] == amount), "{next}");
        assert_eq!(next["period"]["start"], now["paidThrough"]);
        assert_eq!(app.ledger().await.len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_keeps_its_days() {
    let app = TestApp::with(&[("SCHEDULER_ENABLED", "false")]).await;
    let (made, paid) = charged_and_lost(&app, Some(("pause", json!({})))).await;
    let paused = app.subscription(&made["id"]).await;
    let day = |name: &str| -> chrono::NaiveDate {
        paid["period"][name].as_str().unwrap().parse().unwrap()
    };
    let days = (day("end") - day("start")).num_days();
    assert_eq!((&paused["status"], &paused["keptDays"]), (&json!("paused"), &json!(days)));
    let resumed = app.turn(&made["id"], "resume").await.data(200);
    assert_eq!((&resumed["status"], &resumed["coverage"]), (&json!("active"), &json!("paid")));
    assert_eq!(resumed["paidThrough"], paid["period"]["end"]);
    app.pay_period(&made["id"]).await.fails(409, "already_charged");
}

/// A subscription that is changed at once to 19,800 won, and the intent lost meanwhile; `since` is
/// changed before the answer comes.
async fn changed_and_lost(app: &TestApp, since: Option<Value>) -> (Value, Value, Value) {
    let made = app.subscribe(&app.register(APPROVED).await, 15).await;
    app.advance_to_charge(&made["nextBillingDate"]).await;
    app.pay_period(&made["id"]).await.data(200);
    app.advance_days(5).await;
    let before = app.subscription(&made["id"]).await;
    let backup = Backup::take(app).await;
    app.fault(json!({"on": "CARD-BATCH", "kind": "delay_after", "delayMs": 2000})).await;
    let up = json!({"amount": 19_800, "planId": "premium", "metadata": {"grade": "gold"},
        "when": "now", "consent": {"method": "checkbox"}});
    let (changed, ()) = join(app.change(&made["id"], &up), async {
        app.until_called("CARD-BATCH", 2).await;
        backup.restore(app).await;
        if let Some(since) = since {
            app.change(&made["id"], &since).await.data(200);
        }
    })
    .await;
    let now = app.subscription(&made["id"]).await;
    (before, changed.data(200), now)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_at_once_is_made_with_all_that_came_with_it() {
    for since in [None, Some(json!({"productName": "since"}))] {
        let name = since.as_ref().map_or("월간 구독", |_| "since");
        let app = TestApp::with(&[("SCHEDULER_ENABLED", "false")]).await;
        let (before, changed, now) = changed_and_lost(&app, since).await;
        assert_eq!(changed["payment"]["status"], "approved");
        assert_eq!((&now["amount"], &now["coverage"]), (&json!(19_800), &json!("paid")));
        assert_eq!(
            (&now["planId"], &now["metadata"]),
            (&json!("premium"), &json!({"grade": "gold"}))
        );
        assert_eq!(
            (&now["productName"], &now["paidThrough"]),
            (&json!(name), &before["paidThrough"])
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn its_money_is_in_the_books_though_its_days_are_covered_otherwise() {
    let app = TestApp::with(&[("SCHEDULER_ENABLED", "false")]).await;
    // The days of a change at once are those that were paid already.
    let (before, changed, now) = changed_and_lost(&app, Some(json!({"totalCycles": 5}))).await;
    assert_eq!((&now["amount"], &now["paidThrough"]), (&json!(9900), &before["paidThrough"]));
    assert_eq!(now["planId"], before["planId"]);
    let payment = &changed["payment"];
    let path = format!("/billing/payment/{}", payment["id"].as_str().unwrap());
    assert_eq!(app.get(&path).await.data(200)["status"], "approved");
    let refunded = app.post("/billing/refund", &json!({"paymentId": payment["id"]})).await;
    assert_eq!(refunded.data(200)["payment"]["status"], "refunded");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_money_of_a_first_charge_is_in_the_books_though_its_subscription_is_lost() {
    let app = TestApp::with(&[("SCHEDULER_ENABLED", "false")]).await;
    let mut body = monthly(&app.register(APPROVED).await);
    body["chargeNow"] = json!(true);
    let backup = Backup::take(&app).await;
    app.fault(json!({"on": "CARD-BATCH", "kind": "delay_after", "delayMs": 2000})).await;
    let (reply, ()) = join(app.post("/billing/subscribe", &body), async {
        app.until_called("CARD-BATCH", 1).await;
        backup.restore(&app).await;
    })
    .await;
    let paid = reply.data(200);
    assert_eq!(paid["status"], "approved");
    let payments = app.get("/billing/payments").await.data(200)["items"].clone();
    assert_eq!((&payments[0]["id"], payments.as_array().unwrap().len()), (&paid["id"], 1));
    let refunded = app.post("/billing/refund", &json!({"paymentId": paid["id"]})).await;
    assert_eq!(refunded.data(200)["payment"]["status"], "refunded");
}
