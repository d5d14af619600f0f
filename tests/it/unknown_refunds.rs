//! A refund whose answer is lost: its amount stays held, and nothing is sent again.

use serde_json::{Value, json};

use crate::app::TestApp;
use crate::unknown::{LOST, impatient, lose, no_notifications};

const CARD: &str = "4111111111111111";

/// How many cancellations reached the gateway.
async fn cancellations(app: &TestApp) -> u64 {
    let calls = app.get("/sandbox/calls").await.json();
    calls["counters"]["CANCEL"].as_u64().unwrap_or(0)
}

/// What the gateway gave back of an order.
async fn given_back(app: &TestApp, order_no: &Value) -> i64 {
    let path = format!("/sandbox/ledger?orderNo={}", order_no.as_str().unwrap());
    app.get(&path).await.json()["transactions"][0]["canceledAmount"].as_i64().unwrap()
}

async fn unknown_refunds(app: &TestApp) -> Vec<Value> {
    let page = app.get("/billing/refunds?status=unknown&limit=100").await.data(200);
    page["items"].as_array().unwrap().clone()
}

async fn payment(app: &TestApp, refund: &Value) -> Value {
    let path = format!("/billing/payment/{}", refund["paymentId"].as_str().unwrap());
    app.get(&path).await.data(200)
}

fn resolve_path(refund: &Value) -> String {
    format!("/billing/refund/{}/resolve", refund["id"].as_str().unwrap())
}

/// One refund lost in this way; `taken` tells whether the gateway gave the money back.
async fn lose_one(app: &TestApp, key: &str, kind: &str, taken: bool) -> Value {
    let paid = app.pay(key).await.data(200);
    let before = cancellations(app).await;
    lose(app, "CANCEL", kind).await;
    let all = json!({"paymentId": paid["id"]});
    let lost = app.post("/billing/refund", &all).await;
    assert_eq!(lost.status, 202, "{kind}: {}", lost.text);
    let lost = lost.data(202);
    assert_eq!(lost["status"], "unknown", "{kind}");
    assert_eq!(lost["refund"]["status"], "unknown", "{kind}");
    assert_eq!(lost["refund"]["refundedAt"], Value::Null, "{kind}");
    assert_eq!(lost["payment"]["status"], "approved", "{kind}");
    assert_eq!(lost["payment"]["refundableAmount"], 0, "{kind}");

    let more = json!({"paymentId": paid["id"], "amount": 1});
    for again in [&all, &more] {
        app.post("/billing/refund", again).await.fails(409, "refund_exceeds_balance");
    }
    assert_eq!(cancellations(app).await, before + 1, "{kind}");
    let given_back = given_back(app, &paid["orderId"]).await;
    assert_eq!(given_back, if taken { 9900 } else { 0 }, "{kind}");
    lost["refund"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_whose_answer_is_lost_is_sent_once_and_settled_by_hand_once() {
    let app = impatient().await;
    no_notifications(&app).await;
    let key = app.register(CARD).await;
    let mut lost = Vec::new();
    for (kind, taken) in LOST {
        lost.push((lose_one(&app, &key, kind, *taken).await, *taken));
        assert_eq!(unknown_refunds(&app).await.len(), lost.len(), "{kind}");
    }
    let sent = cancellations(&app).await;
    app.advance_days(40).await;
    assert_eq!(unknown_refunds(&app).await.len(), LOST.len(), "time settles nothing");
    let ready = app.get("/health/ready").await.data(200);
    assert_eq!(ready["unknownOutcomes"], LOST.len());
    assert_eq!(cancellations(&app).await, sent);

    for (refund, taken) in &lost {
        let outcome = if *taken { "refunded" } else { "declined" };
        let found = json!({"outcome": outcome, "reason": "가맹점 관리자에서 확인"});
        let settled = app.post(&resolve_path(refund), &found).await.data(200);
        assert_eq!(settled["refund"]["status"], outcome);
        for outcome in ["refunded", "declined"] {
            let again = json!({"outcome": outcome, "reason": "다시"});
            app.post(&resolve_path(refund), &again).await.fails(409, "not_unknown");
        }
        let (status, left) = if *taken { ("refunded", 0) } else { ("approved", 9900) };
        let now = payment(&app, refund).await;
        assert_eq!((&now["status"], &now["refundableAmount"]), (&json!(status), &json!(left)));
    }
    assert_eq!(cancellations(&app).await, sent, "settling sends nothing");
    assert_eq!(app.get("/health/ready").await.data(200)["unknownOutcomes"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_found_not_refunded_can_be_refunded_again_but_never_beyond_the_payment() {
    let app = TestApp::start().await;
    let key = app.register(CARD).await;
    let lost = lose_one(&app, &key, "drop_before", false).await;
    let found = json!({"outcome": "declined", "reason": "확인"});
    app.post(&resolve_path(&lost), &found).await.data(200);

    let part = json!({"paymentId": lost["paymentId"], "amount": 9000});
    app.post("/billing/refund", &part).await.data(200);
    app.post("/billing/refund", &part).await.fails(409, "refund_exceeds_balance");
    let rest = json!({"paymentId": lost["paymentId"], "amount": 900});
    let refunded = app.post("/billing/refund", &rest).await.data(200);
    assert_eq!(refunded["payment"]["status"], "refunded");
    assert_eq!(app.ledger().await[0]["canceledAmount"], 9900);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_that_never_reached_the_gateway_holds_nothing() {
    let app = impatient().await;
    let key = app.register(CARD).await;
    let paid = app.pay(&key).await.data(200);
    let all = json!({"paymentId": paid["id"]});
    for kind in ["drop_before", "html", "redirect", "slow", "decline", "bad_return_url"] {
        app.fault(json!({"on": "READY", "kind": kind, "times": 3})).await;
        app.post("/billing/refund", &all).await.fails(502, "gateway_unavailable");
        let reply = app.request(reqwest::Method::DELETE, "/sandbox/faults");
        assert!(app.send(reply).await.status < 300);
        let now = app.get(&format!("/billing/payment/{}", paid["id"].as_str().unwrap())).await;
        assert_eq!(now.data(200), paid, "{kind}");
    }
    assert_eq!(cancellations(&app).await, 0);
    let listed = app.get("/billing/refunds").await.data(200);
    assert_eq!(listed["items"], json!([]));
    app.post("/billing/refund", &all).await.data(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_that_the_gateway_refuses_frees_its_amount() {
    let app = TestApp::start().await;
    let key = app.register(CARD).await;
    let paid = app.pay(&key).await.data(200);
    let all = json!({"paymentId": paid["id"]});
    let no = json!({"on": "CANCEL", "kind": "decline", "code": "9199", "message": "취소 불가"});
    app.fault(no).await;
    let refused = app.post("/billing/refund", &all).await.error(409);
    assert_eq!(refused["code"], "refund_not_allowed");
    assert_eq!(refused["gateway"], json!({"resultCode": "9199", "message": "취소 불가"}));
    assert_eq!(app.ledger().await[0]["canceledAmount"], 0);
    app.post("/billing/refund", &all).await.data(200);
    assert_eq!(app.ledger().await[0]["canceledAmount"], 9900);
}
