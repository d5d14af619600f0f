//! Money that KiwoomPay says was taken and nobody asked for is kept, told, listed and given back.

use kiwoom_sandbox::CPID;
use serde_json::{Value, json};

use crate::support::app::{TestApp, one_off, steady};
use crate::support::window::{
    ALL_ON, answered, canceled, in_window, original, paid, prepare, status, tell,
};

async fn unexpected(app: &TestApp, order_id: &str) -> Vec<Value> {
    let order = status(app, order_id).await;
    order["unexpectedPayments"].as_array().cloned().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_transaction_of_an_order_is_kept_told_listed_and_given_back() {
    let app = TestApp::with(ALL_ON).await;
    let prepared = prepare(&app, "O-1").await;
    in_window(&app, &prepared, "pay").await;
    // The buyer pays again in another window that is still open.
    in_window(&app, &prepared, "pay").await;
    let second = app.ledger().await[1]["transactionId"].clone();
    let order = status(&app, "O-1").await;
    assert_eq!((&order["status"], &order["paidAmount"]), (&json!("paid"), &json!(9900)));
    let public = &app.service.ctx.public_url;
    let receipt = format!(
        "{public}/sandbox/common/PayInfoPrintKakaoPay.jsp?DAOUTRX={}",
        second.as_str().unwrap()
    );
    let money = json!({
        "id": "pay_", "orderId": "O-1", "status": "approved", "amount": 9900,
        "refundableAmount": 9900, "customerId": null, "billingKey": null,
        "productName": "프리미엄 구독", "method": "KAKAOPAY", "transactionId": second,
        "authNumber": app.ledger().await[1]["authNo"], "approvedAt": "at", "receiptUrl": receipt,
        "failure": null, "createdAt": "at", "unexpected": "already_paid",
    });
    assert_eq!(steady(order["unexpectedPayments"].clone()), json!([money]));
    let listed = app.get("/billing/payments").await.data(200)["items"].clone();
    assert_eq!(steady(listed), json!([money]));
    let told = app.events_of("&type=payment.unexpected").await;
    assert_eq!(told.len(), 1);
    assert_eq!(steady(told[0]["data"].clone()), money);

    let part = json!({"transactionId": second, "amount": 900});
    let answer = app.post("/easypay/cancel", &part).await.data(200);
    assert_eq!(answer["refund"]["amount"], 900);
    assert_eq!(answer["order"]["canceledAmount"], 0, "the order itself is untouched");
    let rest = json!({"transactionId": second});
    let refunded = app.post("/billing/refund", &rest).await.data(200);
    assert_eq!(
        (&refunded["refund"]["amount"], &refunded["payment"]["status"]),
        (&json!(9000), &json!("refunded"))
    );
    app.post("/billing/refund", &rest).await.fails(409, "refund_exceeds_balance");
    let given_back: Vec<_> =
        app.ledger().await.iter().map(|t| t["canceledAmount"].clone()).collect();
    assert_eq!(given_back, [json!(0), json!(9900)]);
    app.advance_secs(1).await;
    let after = status(&app, "O-1").await;
    assert_eq!((&after["status"], &after["canceledAmount"]), (&json!("paid"), &json!(0)));
    assert_eq!(after["unexpectedPayments"][0]["refundableAmount"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_of_a_closed_order_leaves_it_closed() {
    let app = TestApp::with(ALL_ON).await;
    let prepared = prepare(&app, "O-1").await;
    let reason = json!({"orderId": "O-1", "reason": "품절"});
    app.post("/easypay/cancel", &reason).await.data(200);
    in_window(&app, &prepared, "pay").await;
    let order = status(&app, "O-1").await;
    assert_eq!((&order["status"], &order["paidAmount"]), (&json!("canceled"), &json!(0)));
    assert_eq!(order["unexpectedPayments"][0]["unexpected"], "order_closed");
    let transaction = app.ledger().await[0]["transactionId"].clone();
    app.post("/easypay/cancel", &json!({"transactionId": transaction})).await.data(200);
    assert_eq!(app.ledger().await[0]["canceledAmount"], 9900);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_amount_is_kept_until_the_right_one_is_told_of() {
    let app = TestApp::start().await;
    prepare(&app, "O-1").await;
    answered(&tell(&app, &paid("O-1", "t1", 1000)).await, 200);
    let order = status(&app, "O-1").await;
    assert_eq!((&order["status"], &order["paidAmount"]), (&json!("mismatch"), &json!(0)));
    let money = &unexpected(&app, "O-1").await[0];
    let seen = (&money["unexpected"], &money["amount"], &money["refundableAmount"]);
    assert_eq!(seen, (&json!("other_amount"), &json!(1000), &json!(1000)));
    let listed = || async { app.get("/billing/payments").await.data(200)["items"].clone() };
    assert_eq!(listed().await.as_array().unwrap().len(), 1);
    // The same transaction, with its right amount: it was never another one.
    answered(&tell(&app, &paid("O-1", "t1", 9900)).await, 200);
    let order = status(&app, "O-1").await;
    assert_eq!((&order["status"], &order["transactionId"]), (&json!("paid"), &json!("t1")));
    assert!(unexpected(&app, "O-1").await.is_empty());
    assert_eq!(listed().await, json!([]));
    answered(&tell(&app, &paid("O-1", "t2", 0)).await, 409);
    app.post("/billing/refund", &json!({"transactionId": "t1", "amount": 9901}))
        .await
        .fails(409, "refund_exceeds_balance");
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_and_two_processes_keep_it_once() {
    let app = TestApp::start().await;
    let replica = app.replica(&[]).await;
    prepare(&app, "O-1").await;
    answered(&tell(&app, &paid("O-1", "t1", 9900)).await, 200);
    let told = paid("O-1", "t2", 9900);
    let copies = (0..40).map(|n| tell(if n % 2 == 0 { &app } else { &replica }, &told));
    for reply in futures::future::join_all(copies).await {
        answered(&reply, 200);
    }
    // The same transaction in other words.
    answered(&tell(&app, &told.replace("SETTDATE=20261125101010", "")).await, 200);
    assert_eq!(unexpected(&app, "O-1").await.len(), 1);
    // What belongs to one order is not another's.
    prepare(&app, "O-2").await;
    for taken in ["t1", "t2"] {
        answered(&tell(&app, &paid("O-2", taken, 9900)).await, 409);
    }
    assert_eq!(status(&app, "O-2").await["status"], "ready");
    let health = app.webhook_health().await;
    assert_eq!(health["status"], "degraded");
}

#[tokio::test(flavor = "multi_thread")]
async fn its_cancellation_is_learnt_before_or_after_it() {
    let app = TestApp::start().await;
    prepare(&app, "O-1").await;
    answered(&tell(&app, &paid("O-1", "t1", 9900)).await, 200);
    answered(&tell(&app, &paid("O-1", "t2", 9900)).await, 200);
    answered(&tell(&app, &canceled("O-1", "t2", 4000, 1)).await, 200);
    answered(&tell(&app, &canceled("O-1", "t2", 5901, 2)).await, 409);
    let money = &unexpected(&app, "O-1").await[0];
    assert_eq!(
        (&money["status"], &money["refundableAmount"]),
        (&json!("partially_refunded"), &json!(5900))
    );
    assert_eq!(status(&app, "O-1").await["canceledAmount"], 0);
    // One whose cancellation came first, without an order number.
    let first = canceled("O-1", "t3", 9900, 3).replace("&ORDERNO=O-1", "");
    answered(&tell(&app, &first).await, 200);
    answered(&tell(&app, &paid("O-1", "t3", 9900)).await, 200);
    assert_eq!(unexpected(&app, "O-1").await[1]["status"], "refunded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_that_was_charged_twice_for_one_order_is_seen() {
    let app = TestApp::start().await;
    let key = app.register("4111111111111111").await;
    let mut body = one_off(&key);
    body["orderId"] = json!("C-1");
    app.post("/billing/pay", &body).await.data(200);
    let again = format!("PAYMETHOD=CARD&CPID={CPID}&DAOUTRX=t2&ORDERNO=C-1&AMOUNT=9900&AUTHNO=1");
    answered(&tell(&app, &again).await, 200);
    let items = app.get("/billing/payments").await.data(200)["items"].clone();
    let seen: Vec<_> = items.as_array().unwrap().iter().map(|p| p["unexpected"].clone()).collect();
    assert_eq!(seen, [json!("already_paid"), Value::Null]);
    assert_eq!(items[0]["billingKey"], json!(key));
    let refund = app.post("/billing/refund", &json!({"transactionId": "t2"})).await;
    refund.fails(409, "refund_not_allowed");
    let asked = &app.requests("CANCEL").await[0];
    assert_eq!(asked["orderNo"].as_str(), Some(""), "asked KiwoomPay, which knows no such one");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_of_what_was_never_paid_cannot_be_cancelled() {
    let app = TestApp::start().await;
    prepare(&app, "O-1").await;
    let ready = status(&app, "O-1").await;
    for amount in [1, 3000, 9900] {
        let part = json!({"orderId": "O-1", "amount": amount});
        app.post("/easypay/cancel", &part).await.fails(409, "refund_not_allowed");
        assert_eq!(status(&app, "O-1").await, ready);
    }
    answered(&tell(&app, &paid("O-1", "t1", 9900)).await, 200);
    assert_eq!(status(&app, "O-1").await["status"], "paid");

    prepare(&app, "O-2").await;
    let close = json!({"orderId": "O-2", "reason": "고객 변심"});
    app.post("/easypay/cancel", &close).await.data(200);
    let part = json!({"orderId": "O-2", "amount": 1000});
    app.post("/easypay/cancel", &part).await.fails(409, "refund_not_allowed");
    let closed = app.events_of("&type=order.closed").await;
    assert_eq!(closed.len(), 1);
    let audit = app.get("/audit?limit=1").await.data(200)["items"][0].clone();
    assert_eq!((&audit["action"], &audit["reason"]), (&json!("order.closed"), &json!("고객 변심")));
    let mut body = original();
    body["orderId"] = json!("O-2");
    app.post("/easypay/prepare", &body).await.fails(409, "order_exists");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declined_attempt_that_was_made_after_all_pays_no_period_twice() {
    let app = TestApp::start().await;
    let key = app.register("4111111111111111").await;
    let subscription = app.subscribe(&key, 15).await;
    app.fault(json!({"on": "CARD-BATCH", "kind": "decline", "code": "2003"})).await;
    app.advance_days(40).await;
    let id = subscription["id"].as_str().unwrap();
    let list = format!("/billing/payments?subscriptionId={id}");
    let attempts = app.get(&list).await.data(200)["items"].clone();
    let declined = attempts.as_array().unwrap().iter().find(|p| p["status"] == "declined").unwrap();
    let order = declined["orderId"].as_str().unwrap();
    let told = paid(order, "t9", 9900).replace("KAKAOPAY", "CARD");
    answered(&tell(&app, &told).await, 200);
    assert_eq!(app.get(&list).await.data(200)["items"], attempts);
    let money = app.get("/billing/payments").await.data(200)["items"][0].clone();
    let seen = (&money["unexpected"], &money["orderId"], &money["refundableAmount"]);
    assert_eq!(seen, (&json!("already_paid"), &json!(order), &json!(9900)));
}
