//! An order whose notification was lost is settled by hand.

use serde_json::{Value, json};

use crate::support::app::{Reply, TestApp};
use crate::support::window::{
    ALL_ON, answered, canceled, in_window, original, paid, prepare, status, tell,
};

async fn resolve(app: &TestApp, order_id: &str, transaction: &str) -> Reply {
    let body = json!({"transactionId": transaction, "reason": "가맹점 관리자에서 확인"});
    app.post(&format!("/easypay/order/{order_id}/resolve"), &body).await
}

async fn prepare_with(app: &TestApp, order_id: &str, method: &str) -> Value {
    let mut body = original();
    body["orderId"] = json!(order_id);
    body["method"] = json!(method);
    app.post("/easypay/prepare", &body).await.data(200)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_notification_is_made_up_for_in_every_state_of_an_order() {
    let app = TestApp::with(ALL_ON).await;
    app.post("/sandbox/notifications", &json!({"kind": "lost", "times": 100})).await;
    let orders = ["READY", "FAILED", "CLOSED", "EXPIRED"];
    let mut transactions = Vec::new();
    for order in orders {
        let prepared = prepare_with(&app, order, "KAKAOPAY").await;
        in_window(&app, &prepared, "pay").await;
        let ledger = app.ledger().await;
        transactions.push(ledger.last().unwrap()["transactionId"].as_str().unwrap().to_owned());
    }
    answered(&tell(&app, &(paid("FAILED", "t1", 9900) + "&RESULTCODE=2003")).await, 200);
    app.post("/easypay/cancel", &json!({"orderId": "CLOSED"})).await.data(200);
    resolve(&app, "READY", &transactions[0]).await.data(200);
    app.advance_days(1).await;
    for (order, transaction) in orders.iter().zip(&transactions).skip(1) {
        let before = status(&app, order).await["status"].clone();
        let expected =
            if *order == "CLOSED" { "canceled".to_owned() } else { order.to_lowercase() };
        assert_eq!(before, expected);
        let settled = resolve(&app, order, transaction).await.data(200);
        assert_eq!(settled, status(&app, order).await);
    }
    for (order, transaction) in orders.iter().zip(&transactions) {
        let settled = status(&app, order).await;
        let seen = (&settled["status"], &settled["transactionId"], &settled["paidAmount"]);
        assert_eq!(seen, (&json!("paid"), &json!(transaction), &json!(9900)), "{order}");
        let late = if *order == "READY" { Value::Null } else { json!(true) };
        assert_eq!(settled["late"], late, "{order}");
        resolve(&app, order, transaction).await.fails(409, "not_unknown");
        // The notification that comes after all changes nothing.
        answered(&tell(&app, &paid(order, transaction, 9900)).await, 200);
        assert_eq!(status(&app, order).await, settled);
        app.post("/easypay/cancel", &json!({"orderId": order})).await.data(200);
    }
    assert!(app.ledger().await.iter().all(|t| t["canceledAmount"] == 9900));
    let paid = app.events_of("&type=order.paid").await;
    assert_eq!(paid.len(), 4);
    let audit = app.get("/audit?limit=100").await.data(200)["items"].clone();
    let reasons = audit.as_array().unwrap().iter().filter(|a| a["action"] == "order.paid");
    assert!(reasons.clone().all(|a| a["reason"] == "가맹점 관리자에서 확인"));
    assert_eq!(reasons.count(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_takes_back_the_money_that_was_told_as_something_else() {
    let app = TestApp::start().await;
    prepare(&app, "MISMATCH").await;
    prepare(&app, "CLOSED").await;
    app.post("/easypay/cancel", &json!({"orderId": "CLOSED"})).await.data(200);
    for (order, transaction, amount) in [("MISMATCH", "t1", 9901), ("CLOSED", "t2", 9900)] {
        answered(&tell(&app, &paid(order, transaction, amount)).await, 200);
        assert_eq!(status(&app, order).await["unexpectedPayments"][0]["amount"], amount);
        let settled = resolve(&app, order, transaction).await.data(200);
        assert_eq!((&settled["status"], &settled["method"]), (&json!("paid"), &json!("KAKAOPAY")));
        assert_eq!(settled["unexpectedPayments"], Value::Null);
        assert_eq!(settled["transactionId"], transaction);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_given_back_already_pays_no_order() {
    let app = TestApp::start().await;
    prepare(&app, "O-1").await;
    answered(&tell(&app, &paid("O-1", "t1", 1000)).await, 200);
    answered(&tell(&app, &canceled("O-1", "t1", 1000, 1)).await, 200);
    let before = status(&app, "O-1").await;
    let refused = resolve(&app, "O-1", "t1").await.error(400);
    assert_eq!(refused["details"][0]["field"], "transactionId");
    assert_eq!(status(&app, "O-1").await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_or_not_so_is_said() {
    let app = TestApp::with(ALL_ON).await;
    prepare(&app, "O-1").await;
    prepare(&app, "O-2").await;
    answered(&tell(&app, &paid("O-2", "t2", 9900)).await, 200);
    let path = "/easypay/order/O-1/resolve";
    for (body, field) in [
        (json!({"reason": "확인"}), "transactionId"),
        (json!({"transactionId": "t1"}), "reason"),
        (json!({"transactionId": "한글", "reason": "확인", "method": "PAYCO"}), "transactionId"),
        (json!({"transactionId": "t1", "reason": "확인", "method": "CASH"}), "method"),
        // It was to be chosen in the window.
        (json!({"transactionId": "t1", "reason": "확인"}), "method"),
        (json!({"transactionId": "t2", "reason": "확인", "method": "PAYCO"}), "transactionId"),
    ] {
        let error = app.post(path, &body).await.error(400);
        assert_eq!(error["details"][0]["field"], field, "{body}");
        assert_eq!(status(&app, "O-1").await["status"], "ready");
    }
    let body = json!({"transactionId": "t1", "reason": "확인", "method": "PAYCO"});
    app.post("/easypay/order/NONE/resolve", &body).await.fails(404, "order_not_found");
    let settled = app.post(path, &body).await.data(200);
    assert_eq!((&settled["status"], &settled["method"]), (&json!("paid"), &json!("PAYCO")));
}
