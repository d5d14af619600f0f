//! A failover that loses the intent of a renewal while its call is under way: the days that it pays for
//! are written again with it.

use futures::future::join;
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::backup::Backup;
use crate::support::subscriptions::APPROVED;

/// A subscription whose due renewal is charged by the caller, and its intent lost meanwhile; `change` is
/// made to it before the answer comes. The payment as it was answered.
async fn charged_and_lost(app: &TestApp, change: Option<Value>) -> (Value, Value) {
    let made = app.subscribe(&app.register(APPROVED).await, 15).await;
    app.advance_to_charge(&made["nextBillingDate"]).await;
    let backup = Backup::take(app).await;
    app.fault(json!({"on": "CARD-BATCH", "kind": "delay_after", "delayMs": 2000})).await;
    let (paid, ()) = join(app.pay_period(&made["id"]), async {
        app.until_called("CARD-BATCH", 1).await;
        backup.restore(app).await;
        if let Some(change) = change {
            app.change(&made["id"], &change).await.data(200);
        }
    })
    .await;
    let paid = paid.data(200);
    assert_eq!((&paid["status"], &paid["amount"]), (&json!("approved"), &json!(9900)));
    (made, paid)
}

#[tokio::test(flavor = "multi_thread")]
async fn its_days_are_paid_and_not_charged_again() {
    for change in [None, Some(json!({"metadata": {"note": "since"}}))] {
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
async fn its_money_is_in_the_books_though_the_subscription_would_charge_otherwise_by_now() {
    let app = TestApp::with(&[("SCHEDULER_ENABLED", "false")]).await;
    let (made, mut paid) = charged_and_lost(&app, Some(json!({"amount": 5000}))).await;
    paid.as_object_mut().unwrap().remove("subscription");
    let path = format!("/billing/payments?subscriptionId={}", made["id"].as_str().unwrap());
    let payments = app.get(&path).await.data(200)["items"].clone();
    assert_eq!(payments, json!([paid]));
    assert_eq!(
        app.subscription(&made["id"]).await["paidThrough"],
        Value::Null,
        "no days are known"
    );
    let refund = json!({"paymentId": paid["id"]});
    let refunded = app.post("/billing/refund", &refund).await.data(200);
    assert_eq!(refunded["payment"]["status"], "refunded");
}
