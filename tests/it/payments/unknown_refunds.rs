//! A refund whose answer is lost: its amount is held, nothing is sent again, a person settles it.

use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::sandbox::{IMPATIENT, LOST, lose};

/// The unknown refunds, newest first.
async fn unknown(app: &TestApp) -> Vec<Value> {
    let page = app.get("/billing/refunds?status=unknown&limit=100").await.data(200);
    page["items"].as_array().unwrap().clone()
}

/// Refunds 4,000 won of a new payment, and the answer is lost; the refund's answer.
async fn refund_and_lose(app: &TestApp, key: &str, kind: &str) -> Value {
    let payment = app.pay(key).await.data(200);
    lose(app, "CANCEL", kind).await;
    let part = json!({"paymentId": payment["id"], "amount": 4000, "reason": kind});
    app.post("/billing/refund", &part).await.data(202)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_to_a_refund_holds_its_amount_and_is_never_sent_again() {
    let app = TestApp::with(IMPATIENT).await;
    let key = app.register("4111111111111111").await;
    for (n, (kind, given)) in LOST.iter().enumerate() {
        let unsure = refund_and_lose(&app, &key, kind).await;
        assert_eq!(unsure["status"], "unknown", "{kind}");
        assert_eq!(unsure["refund"]["status"], "unknown", "{kind}");
        assert_eq!(unsure["payment"]["refundableAmount"], 5900, "{kind}");
        assert_eq!(app.calls("CANCEL").await, n + 1, "{kind}");
        let too_much = json!({"paymentId": unsure["payment"]["id"], "amount": 5901});
        app.post("/billing/refund", &too_much).await.fails(409, "refund_exceeds_balance");
        let ledger = app.ledger().await;
        assert_eq!(ledger[n]["canceledAmount"], if *given { 4000 } else { 0 }, "{kind}");
    }
    assert_eq!(app.ready().await["unknownOutcomes"], LOST.len());

    app.advance_days(40).await;
    let waiting = unknown(&app).await;
    assert_eq!(waiting.len(), LOST.len(), "time settles nothing");
    assert_eq!(app.calls("CANCEL").await, LOST.len(), "nothing is sent again");
    for (refund, (kind, given)) in waiting.iter().rev().zip(LOST) {
        assert_eq!(refund["reason"], *kind);
        settle(&app, refund, *given).await;
    }
    assert_eq!(app.ready().await["unknownOutcomes"], 0);
    assert!(app.ledger().await.iter().all(|t| t["canceledAmount"] == 9900));
}

/// Settles it as it was, once, and refunds the rest, which is all that the gateway still has.
async fn settle(app: &TestApp, refund: &Value, given: bool) {
    let path = format!("/billing/refund/{}/resolve", refund["id"].as_str().unwrap());
    let outcome = if given { "refunded" } else { "declined" };
    let found = json!({"outcome": outcome, "reason": "가맹점 관리자에서 확인"});
    let settled = app.post(&path, &found).await.data(200);
    assert_eq!(settled["refund"]["status"], outcome);
    let left = if given { 5900 } else { 9900 };
    assert_eq!(settled["payment"]["refundableAmount"], left);
    app.post(&path, &found).await.fails(409, "not_unknown");
    let rest = json!({"paymentId": refund["paymentId"]});
    let refunded = app.post("/billing/refund", &rest).await.data(200);
    assert_eq!(refunded["refund"]["amount"], left);
    assert_eq!(refunded["payment"]["status"], "refunded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_that_never_reached_the_gateway_holds_nothing() {
    let app = TestApp::with(IMPATIENT).await;
    let key = app.register("4111111111111111").await;
    let payment = app.pay(&key).await.data(200);
    let all = json!({"paymentId": payment["id"]});
    for kind in ["status_before", "drop_before", "garbage", "html", "redirect", "truncate"] {
        app.fault(json!({"on": "READY", "kind": kind, "times": 3, "status": 503})).await;
        app.post("/billing/refund", &all).await.fails(502, "gateway_unavailable");
        app.delete("/sandbox/faults").await;
    }
    assert!(unknown(&app).await.is_empty());
    assert_eq!(app.calls("CANCEL").await, 0);
    assert_eq!(app.post("/billing/refund", &all).await.data(200)["refund"]["amount"], 9900);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_that_the_gateway_refuses_frees_its_amount() {
    let app = TestApp::start().await;
    let key = app.register("4111111111111111").await;
    let paid = app.pay(&key).await.data(200);
    let all = json!({"paymentId": paid["id"]});
    let no = json!({"on": "CANCEL", "kind": "decline", "code": "9204", "message": "취소 불가"});
    app.fault(no).await;
    let refused = app.post("/billing/refund", &all).await.error(409);
    assert_eq!(refused["code"], "refund_not_allowed");
    assert_eq!(refused["gateway"], json!({"resultCode": "9204", "message": "취소 불가"}));
    assert_eq!(app.ledger().await[0]["canceledAmount"], 0);
    app.post("/billing/refund", &all).await.data(200);
    assert_eq!(app.ledger().await[0]["canceledAmount"], 9900);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_notification_of_one_refund_does_not_settle_another_of_the_same_amount() {
    let app = TestApp::start().await;
    let key = app.register("4111111111111111").await;
    let payment = app.pay(&key).await.data(200);
    let part = json!({"paymentId": payment["id"], "amount": 1000});
    app.fault(json!({"on": "CANCEL", "kind": "drop_before"})).await;
    app.post("/billing/refund", &part).await.data(202);
    app.post("/billing/refund", &part).await.data(200);
    // The sandbox tells of the second within a second.
    let told = "select count(*) from refunds where confirmed_by is not null";
    for _ in 0..400 {
        let count: i64 = sqlx::query_scalar(told).fetch_one(&app.service.ctx.pool).await.unwrap();
        if count == 1 {
            assert_eq!(unknown(&app).await.len(), 1, "the first is still unknown");
            assert_eq!(app.ledger().await[0]["canceledAmount"], 1000);
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("not told of");
}
