//! A caller's charge that KiwoomPay refuses because of the merchant's set-up: it came to nothing, and
//! the same request works when that is mended.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::{Reply, TestApp, card, one_off};
use crate::support::subscriptions::{APPROVED, monthly};

async fn ask(app: &TestApp, path: &str, body: &Value) -> Reply {
    let request = app.request(Method::POST, path).header("Idempotency-Key", "once");
    app.send(request.json(body)).await
}

async fn refuse_next(app: &TestApp, on: &str, code: &str) {
    app.fault(json!({"on": on, "kind": "decline", "code": code, "message": "계약 확인"})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_is_tried_again_under_a_new_order_number() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    let mut first_now = monthly(&key);
    first_now["chargeNow"] = json!(true);
    for (path, body, status) in
        [("/billing/pay", one_off(&key), 200), ("/billing/subscribe", first_now, 201)]
    {
        let before = app.ledger().await.len();
        for code in ["9103", "FAIL"] {
            refuse_next(&app, "CARD-BATCH", code).await;
            let refused = ask(&app, path, &body).await;
            refused.fails(502, "merchant_setting");
            let gateway = json!({"resultCode": code, "message": "계약 확인"});
            assert_eq!(refused.error(502)["gateway"], gateway);
        }
        let done = ask(&app, path, &body).await;
        done.data(status);
        let again = ask(&app, path, &body).await;
        assert_eq!((again.status, &again.text), (status, &done.text));
        assert_eq!(app.ledger().await.len(), before + 1);
    }
    let ledger = app.ledger().await;
    assert!(ledger.iter().all(|charged| charged["calls"] == 1), "{ledger:?}");
    let refused = app.get("/billing/payments?status=refused").await.data(200);
    assert_eq!(refused["items"].as_array().unwrap().len(), 4);
    assert_eq!(app.get("/billing/payments?status=declined").await.data(200)["items"], json!([]));
    assert_eq!(
        app.get("/billing/subscriptions").await.data(200)["items"].as_array().unwrap().len(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_id_of_the_caller_s_own_was_used_all_the_same() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    let mut body = one_off(&key);
    body["orderId"] = json!("ORDER-1");
    refuse_next(&app, "CARD-BATCH", "9103").await;
    ask(&app, "/billing/pay", &body).await.fails(502, "merchant_setting");
    let refused = app.get("/billing/payment/ORDER-1").await.data(200);
    let failure = json!({"code": "9103", "message": "계약 확인", "setting": "KIWOOM_BILL_TYPE"});
    assert_eq!((&refused["status"], &refused["failure"]), (&json!("refused"), &failure));
    ask(&app, "/billing/pay", &body).await.fails(409, "order_exists");
    assert_eq!(app.calls("CARD-BATCH").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_and_a_refund_are_told_the_same() {
    let app = TestApp::start().await;
    for on in ["CARD-KEYGEN", "READY"] {
        refuse_next(&app, on, "9103").await;
        ask(&app, "/billing/register", &card(APPROVED)).await.fails(502, "merchant_setting");
        let told = app.ready().await["merchantSettings"].clone();
        assert_eq!(told[0]["setting"], "KIWOOM_BILL_TYPE");
    }
    let registered = ask(&app, "/billing/register", &card(APPROVED)).await.data(201);
    assert_eq!(app.ready().await.get("merchantSettings"), None);
    let paid = app.pay(registered["billingKey"].as_str().unwrap()).await.data(200);
    let refund = json!({"paymentId": paid["id"]});
    for on in ["READY", "CANCEL"] {
        refuse_next(&app, on, "FAIL").await;
        ask(&app, "/billing/refund", &refund).await.fails(502, "merchant_setting");
    }
    let done = ask(&app, "/billing/refund", &refund).await.data(200);
    assert_eq!(done["payment"]["status"], "refunded");
    assert_eq!(app.ledger().await[0]["canceledAmount"], 9900);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_typed_wrong_is_named_and_what_nobody_knows_is_no_refusal() {
    let app = TestApp::start().await;
    for (code, field) in [
        ("1011", "cardNumber"),
        ("2011", "cardNumber"),
        ("2015", "expireDate"),
        ("1041", "cardPassword"),
        ("2041", "cardPassword"),
        ("2042", "cardPassword"),
        ("2044", "birthDate"),
        ("2082", "birthDate"),
    ] {
        refuse_next(&app, "CARD-KEYGEN", code).await;
        let refused = app.post("/billing/register", &card(APPROVED)).await;
        refused.fails(402, "card_refused");
        assert_eq!(refused.error(402)["details"][0]["field"], field, "{code}");
    }
    refuse_next(&app, "CARD-KEYGEN", "7777").await;
    let refused = app.post("/billing/register", &card(APPROVED)).await;
    assert_eq!(refused.error(402).get("details"), None);
    refuse_next(&app, "CARD-KEYGEN", "9999").await;
    app.post("/billing/register", &card(APPROVED)).await.fails(502, "gateway_unavailable");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_that_nobody_knows_the_end_of_is_unknown() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    for code in ["9999", "9000"] {
        let paid = app.pay(&key).await.data(200);
        refuse_next(&app, "CANCEL", code).await;
        let refund = app.post("/billing/refund", &json!({"paymentId": paid["id"]})).await.data(202);
        assert_eq!(refund["status"], "unknown");
        assert_eq!(refund["payment"]["refundableAmount"], 0, "held until somebody finds out");
    }
    assert_eq!(app.ready().await["unknownOutcomes"], 2);
}
