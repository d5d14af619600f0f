//! An answer that is lost after the call was sent: unknown, listed, never sent again, settled by a
//! person.

use serde_json::{Value, json};

use crate::support::app::{TestApp, one_off};
use crate::support::sandbox::{IMPATIENT, LOST, lose};

const CARD: &str = "4111111111111111";

/// How often step 2 was sent for an order.
async fn sent(app: &TestApp, order_no: &str) -> usize {
    let calls = app.get(&format!("/sandbox/calls?orderNo={order_no}")).await.json();
    let calls = calls["calls"].as_array().unwrap().clone();
    calls.iter().filter(|call| call["payMethod"] == "CARD-BATCH").count()
}

async fn unknown_payments(app: &TestApp) -> Vec<Value> {
    let page = app.get("/billing/payments?status=unknown&limit=100").await.data(200);
    page["items"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_unknown_and_is_never_sent_again() {
    let app = TestApp::with(IMPATIENT).await;
    let key = app.register(CARD).await;
    for (n, (kind, taken)) in LOST.iter().enumerate() {
        lose(&app, "CARD-BATCH", kind).await;
        let order_no = format!("LOST-{kind}");
        let mut body = one_off(&key);
        body["orderId"] = json!(order_no);
        let payment = app.post("/billing/pay", &body).await.data(202);
        assert_eq!(payment["status"], "unknown", "{kind}");
        assert_eq!(payment["refundableAmount"], 0, "{kind}");
        assert_eq!(sent(&app, &order_no).await, 1, "{kind}");

        app.post("/billing/pay", &body).await.fails(409, "order_exists");
        let refund = json!({"orderId": order_no});
        app.post("/billing/refund", &refund).await.fails(409, "outcome_unknown");
        assert_eq!(sent(&app, &order_no).await, 1, "{kind}");
        assert_eq!(unknown_payments(&app).await.len(), n + 1, "{kind}");
        let ledger = app.get(&format!("/sandbox/ledger?orderNo={order_no}")).await.json();
        assert_eq!(ledger["transactions"].as_array().unwrap().len(), usize::from(*taken), "{kind}");
    }
    let ready = app.ready().await;
    assert_eq!(ready["unknownOutcomes"], LOST.len());

    app.advance_days(40).await;
    assert_eq!(unknown_payments(&app).await.len(), LOST.len(), "time settles nothing");
    for (kind, taken) in LOST {
        let order_no = format!("LOST-{kind}");
        assert_eq!(sent(&app, &order_no).await, 1, "{kind}");
        settle(&app, &order_no, *taken).await;
    }
    assert_eq!(app.ready().await["unknownOutcomes"], 0);
    assert!(app.ledger().await.iter().all(|t| t["canceledAmount"] == 9900));
}

/// Settles it as it was, once; what was paid can be refunded, what was not cannot.
async fn settle(app: &TestApp, order_no: &str, taken: bool) {
    let ledger = app.get(&format!("/sandbox/ledger?orderNo={order_no}")).await.json();
    let outcome = if taken { "approved" } else { "declined" };
    let found = json!({
        "outcome": outcome, "reason": "가맹점 관리자에서 확인",
        "transactionId": ledger["transactions"][0]["transactionId"],
    });
    let path = format!("/billing/payment/{order_no}/resolve");
    assert_eq!(app.post(&path, &found).await.data(200)["status"], outcome, "{order_no}");
    app.post(&path, &found).await.fails(409, "not_unknown");
    let refund = app.post("/billing/refund", &json!({"orderId": order_no})).await;
    if taken {
        assert_eq!(refund.data(200)["payment"]["status"], "refunded", "{order_no}");
    } else {
        refund.fails(409, "refund_not_allowed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_payment_is_settled_by_hand_once() {
    let app = TestApp::start().await;
    let key = app.register(CARD).await;
    for (outcome, status) in [("approved", "approved"), ("declined", "declined")] {
        lose(&app, "CARD-BATCH", "drop_after").await;
        let payment = app.pay(&key).await.data(202);
        let order_no = payment["orderId"].as_str().unwrap();
        let path = format!("/billing/payment/{order_no}/resolve");
        app.post(&path, &json!({"outcome": "approved", "reason": "확인"}))
            .await
            .fails(400, "invalid_request");
        let ledger = app.get(&format!("/sandbox/ledger?orderNo={order_no}")).await.json();
        let transaction = ledger["transactions"][0]["transactionId"].clone();
        let found = json!({
            "outcome": outcome, "transactionId": transaction, "reason": "가맹점 관리자에서 확인",
        });
        assert_eq!(app.post(&path, &found).await.data(200)["status"], status);
        app.post(&path, &found).await.fails(409, "not_unknown");
        if outcome == "approved" {
            let refund = json!({"orderId": order_no});
            let refunded = app.post("/billing/refund", &refund).await.data(200);
            assert_eq!(refunded["payment"]["status"], "refunded");
        }
    }
    assert!(unknown_payments(&app).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_refund_holds_its_amount_until_it_is_settled() {
    let app = TestApp::start().await;
    let key = app.register(CARD).await;
    let payment = app.pay(&key).await.data(200);
    let part = json!({"paymentId": payment["id"], "amount": 4000});

    lose(&app, "CANCEL", "drop_after").await;
    let unknown = app.post("/billing/refund", &part).await.data(202);
    assert_eq!(unknown["status"], "unknown");
    assert_eq!(unknown["refund"]["status"], "unknown");
    assert_eq!(unknown["payment"]["refundableAmount"], 5900);
    let too_much = json!({"paymentId": payment["id"], "amount": 5901});
    app.post("/billing/refund", &too_much).await.fails(409, "refund_exceeds_balance");
    let listed = app.get("/billing/refunds?status=unknown").await.data(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);

    let path = format!("/billing/refund/{}/resolve", unknown["refund"]["id"].as_str().unwrap());
    let settled =
        app.post(&path, &json!({"outcome": "refunded", "reason": "확인"})).await.data(200);
    assert_eq!(settled["payment"]["status"], "partially_refunded");
    assert_eq!(settled["payment"]["refundableAmount"], 5900);
    app.post(&path, &json!({"outcome": "declined", "reason": "확인"}))
        .await
        .fails(409, "not_unknown");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_period_whose_answer_was_lost_waits_and_the_next_one_is_charged() {
    let app = TestApp::start().await;
    let key = app.register(CARD).await;
    let subscription = app.subscribe(&key, 15).await;
    let id = subscription["id"].as_str().unwrap();
    lose(&app, "CARD-BATCH", "drop_after").await;
    app.advance_days(31).await;
    let first = unknown_payments(&app).await;
    assert_eq!(first.len(), 1);
    let pay = json!({"subscriptionId": id});
    app.post("/billing/pay", &pay).await.fails(409, "outcome_unknown");

    app.advance_days(31).await;
    assert_eq!(app.ledger().await.len(), 2, "one for each period");
    let path = format!("/billing/payment/{}/resolve", first[0]["id"].as_str().unwrap());
    let found = json!({"outcome": "approved", "transactionId": "tFOUND", "reason": "확인"});
    app.post(&path, &found).await.data(200);
    let now = app.get(&format!("/billing/subscription/{id}")).await.data(200);
    assert_eq!(now["status"], "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_never_reached_the_gateway_is_safe_to_retry() {
    let app = TestApp::with(IMPATIENT).await;
    let key = app.register(CARD).await;
    let mut body = one_off(&key);
    body["orderId"] = json!("ORDER-RETRY");
    for kind in [
        "status_before",
        "status",
        "drop_before",
        "drop_after",
        "garbage",
        "html",
        "redirect",
        "truncate",
        "half_close",
        "huge",
        "slow",
        "decline",
    ] {
        let fault = json!({"on": "READY", "kind": kind, "times": 3, "status": 503});
        app.fault(fault).await;
        app.post("/billing/pay", &body).await.fails(502, "gateway_unavailable");
        // One that is not tried three times leaves some waiting.
        app.delete("/sandbox/faults").await;
    }
    assert!(app.ledger().await.is_empty());
    assert!(unknown_payments(&app).await.is_empty());
    app.post("/billing/pay", &body).await.data(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_is_never_sent_to_a_foreign_host() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let app = TestApp::with(IMPATIENT).await;
    let key = app.register(CARD).await;
    for url in [
        format!("http://127.0.0.1:{port}/sandbox/pay/process"),
        format!("http://user@127.0.0.1:{port}/"),
        format!("http://localhost:{port}/"),
    ] {
        app.fault(json!({"on": "READY", "kind": "bad_return_url", "url": url})).await;
        app.pay(&key).await.fails(502, "gateway_unavailable");
    }
    let connected = tokio::time::timeout(std::time::Duration::from_millis(100), listener.accept());
    assert!(connected.await.is_err(), "nobody connected");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_payment_is_still_there_after_a_restart_in_order() {
    let app = TestApp::start().await;
    let key = app.register(CARD).await;
    lose(&app, "CARD-BATCH", "drop_after").await;
    let payment = app.pay(&key).await.data(202);
    let app = app.restart().await;
    let listed = unknown_payments(&app).await;
    assert_eq!(listed, [payment]);
    app.advance_days(40).await;
    assert_eq!(app.ledger().await.len(), 1);
}
