//! From the order to its cancellation without a browser, and what may befall the notification.

use serde_json::{Value, json};

use crate::support::app::{TestApp, steady};
use crate::support::window::{ALL_ON, answered, in_window, paid, prepare, status, tell};

/// An order paid in the window after `kind` was scripted for its notification.
async fn with_mishap(kind: &str) -> TestApp {
    let app = TestApp::with(ALL_ON).await;
    let scripted = app.post("/sandbox/notifications", &json!({"kind": kind})).await;
    assert_eq!(scripted.status, 200, "{}", scripted.text);
    let prepared = prepare(&app, "O-1").await;
    in_window(&app, &prepared, "pay").await;
    app
}

/// Kind, verdict and copies of every notification that came, in order.
async fn told(app: &TestApp) -> Vec<(String, String, i32)> {
    sqlx::query_as("select kind, verdict, copies from notifications order by id")
        .fetch_all(&app.service.ctx.pool)
        .await
        .unwrap()
}

fn row(kind: &str, verdict: &str, copies: i32) -> (String, String, i32) {
    (kind.to_owned(), verdict.to_owned(), copies)
}

/// The order as it is when nothing went wrong.
async fn paid_order(app: &TestApp) -> Value {
    let transaction = app.ledger().await[0]["transactionId"].clone();
    let id = transaction.as_str().unwrap();
    let public = &app.service.ctx.public_url;
    json!({
        "orderId": "O-1", "status": "paid", "amount": 9900, "paidAmount": 9900,
        "canceledAmount": 0, "method": "KAKAOPAY", "transactionId": transaction,
        "receiptUrl": format!("{public}/sandbox/common/PayInfoPrintKakaoPay.jsp?DAOUTRX={id}"),
        "paidAt": "at", "canceledAt": null, "createdAt": "at",
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_prepared_paid_told_and_cancelled() {
    let app = TestApp::with(ALL_ON).await;
    let prepared = prepare(&app, "O-1").await;
    in_window(&app, &prepared, "pay").await;
    let mut expected = paid_order(&app).await;
    assert_eq!(steady(status(&app, "O-1").await), expected);
    let approved = app.ledger().await[0]["approvedAt"].as_str().unwrap()[..19].to_owned();
    let paid_at = status(&app, "O-1").await["paidAt"].as_str().unwrap()[..19].to_owned();
    assert_eq!(paid_at, approved, "the gateway's time, to its second");

    app.post("/easypay/cancel", &json!({"orderId": "O-1"})).await.data(200);
    app.advance_secs(1).await;
    expected["status"] = json!("canceled");
    expected["canceledAmount"] = json!(9900);
    expected["canceledAt"] = json!("at");
    assert_eq!(steady(status(&app, "O-1").await), expected);
    let rows = [row("payment", "applied", 1), row("cancellation", "applied", 1)];
    assert_eq!(told(&app).await, rows);
    let health = app.webhook_health().await;
    let expected = json!({
        "status": "ok", "database": "ok", "lastNotificationAt": "at", "notifications24h": 2,
        "rejected24h": 0, "review24h": 0, "unknownOutcomes": 0,
    });
    assert_eq!(steady(health), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn told_twice_it_is_paid_once() {
    let app = with_mishap("twice").await;
    assert_eq!(steady(status(&app, "O-1").await), paid_order(&app).await);
    assert_eq!(told(&app).await, [row("payment", "applied", 2)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn told_late_it_is_ready_until_then() {
    let app = with_mishap("late").await;
    assert_eq!(status(&app, "O-1").await["status"], "ready");
    app.advance_secs(9 * 60).await;
    assert_eq!(status(&app, "O-1").await["status"], "ready");
    app.advance_secs(2 * 60).await;
    assert_eq!(steady(status(&app, "O-1").await), paid_order(&app).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn told_after_its_cancellation_it_is_cancelled() {
    let app = with_mishap("reversed").await;
    let transaction = app.ledger().await[0]["transactionId"].clone();
    let cancel = json!({"transactionId": transaction, "amount": 4000});
    assert_eq!(app.post("/sandbox/admin/cancel", &cancel).await.status, 200);
    app.advance_secs(1).await;
    let mut expected = paid_order(&app).await;
    expected["status"] = json!("partially_canceled");
    expected["canceledAmount"] = json!(4000);
    expected["canceledAt"] = json!("at");
    assert_eq!(steady(status(&app, "O-1").await), expected);
    let rows = [row("cancellation", "applied", 1), row("payment", "applied", 1)];
    assert_eq!(told(&app).await, rows);
    let sent = app.get("/sandbox/notifications").await.json()["sent"].clone();
    let words: Vec<_> = sent.as_array().unwrap().iter().map(|s| s["payMethod"].clone()).collect();
    assert_eq!(words, ["KAKAOCANCEL", "KAKAOPAY"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn told_with_another_amount_it_is_a_mismatch_and_the_money_is_kept() {
    let app = with_mishap("wrong_amount").await;
    app.advance_days(1).await;
    let money = status(&app, "O-1").await["unexpectedPayments"].clone();
    assert_eq!((&money[0]["amount"], &money[1]), (&json!(9901), &Value::Null));
    let expected = json!({
        "orderId": "O-1", "status": "mismatch", "amount": 9900, "paidAmount": 0,
        "canceledAmount": 0, "method": null, "transactionId": null, "receiptUrl": null,
        "paidAt": null, "canceledAt": null, "createdAt": "at",
        "failure": {"code": "AMOUNT_MISMATCH", "message": "통지된 금액: 9901원"},
        "unexpectedPayments": steady(money),
    });
    assert_eq!(steady(status(&app, "O-1").await), expected);
    assert_eq!(told(&app).await, [row("payment", "unexpected", 1)], "kept, so not sent again");
    let health = app.webhook_health().await;
    assert_eq!((&health["rejected24h"], &health["review24h"]), (&json!(0), &json!(0)));
    let transaction = app.ledger().await[0]["transactionId"].as_str().unwrap().to_owned();
    answered(&tell(&app, &paid("O-1", &transaction, 9900)).await, 200);
    let order = status(&app, "O-1").await;
    assert_eq!((&order["status"], &order["failure"]), (&json!("paid"), &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn never_told_it_expires_and_nothing_is_invented() {
    let app = with_mishap("lost").await;
    app.advance_secs(29 * 60).await;
    assert_eq!(status(&app, "O-1").await["status"], "ready");
    app.advance_days(1).await;
    let expected = json!({
        "orderId": "O-1", "status": "expired", "amount": 9900, "paidAmount": 0,
        "canceledAmount": 0, "method": null, "transactionId": null, "receiptUrl": null,
        "paidAt": null, "canceledAt": null, "createdAt": "at",
    });
    assert_eq!(steady(status(&app, "O-1").await), expected);
    assert_eq!(app.ledger().await.len(), 1, "the buyer did pay");
    assert!(told(&app).await.is_empty());
    // The merchant has it sent again from KiwoomPay's pages.
    let transaction = app.ledger().await[0]["transactionId"].as_str().unwrap().to_owned();
    answered(&tell(&app, &paid("O-1", &transaction, 9900)).await, 200);
    let mut expected = paid_order(&app).await;
    expected["late"] = json!(true);
    assert_eq!(steady(status(&app, "O-1").await), expected);
}
