//! What an order may be called: whatever its characters, it is found by its name.

use serde_json::{Value, json};

use crate::support::app::{TestApp, one_off};
use crate::support::subscriptions::ANSWER_LOST;
use crate::support::window::{ALL_ON, in_window, original, prepare, status};

/// Order ids that look like ids of the service, in every writing of a UUID that can be one.
const LIKE_IDS: [&str; 3] = [
    "pay_6f9619ff-8b86-4011-b42d-00c04fc964ff",
    "pay_6F9619FF-8B86-4011-B42D-00C04FC964FE",
    "pay_6f9619ff8b864011b42d00c04fc964fd",
];

async fn shown(app: &TestApp, id: &Value) -> Value {
    app.get(&format!("/billing/payment/{}", id.as_str().unwrap())).await.data(200)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_is_found_by_an_order_id_that_looks_like_another_id() {
    let app = TestApp::start().await;
    let key = app.register("4111111111111111").await;
    let first = app.pay(&key).await.data(200);
    let named_like_first = first["id"].as_str().unwrap();
    for order in LIKE_IDS.into_iter().chain([named_like_first]) {
        let mut body = one_off(&key);
        body["orderId"] = json!(order);
        let paid = app.post("/billing/pay", &body).await.data(200);
        assert_eq!(shown(&app, &paid["id"]).await, paid);
        let found = shown(&app, &paid["orderId"]).await;
        // An id is an id first.
        assert_eq!(found, if order == named_like_first { first.clone() } else { paid.clone() });
        let refund = json!({"orderId": order, "amount": 100});
        let refunded = app.post("/billing/refund", &refund).await.data(200);
        assert_eq!(refunded["payment"]["id"], paid["id"]);
    }
    let lost = app.register(ANSWER_LOST).await;
    let mut body = one_off(&lost);
    body["orderId"] = json!("pay_00000000-0000-4000-8000-000000000000");
    let unknown = app.post("/billing/pay", &body).await.data(202);
    let resolve = format!("/billing/payment/{}/resolve", body["orderId"].as_str().unwrap());
    let declined = json!({"outcome": "declined", "reason": "확인"});
    assert_eq!(app.post(&resolve, &declined).await.data(200)["id"], unknown["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_found_by_its_own_name_and_by_no_other() {
    let app = TestApp::with(ALL_ON).await;
    for order in LIKE_IDS {
        let prepared = prepare(&app, order).await;
        assert_eq!(status(&app, order).await["status"], "ready");
        in_window(&app, &prepared, "pay").await;
        let paid = status(&app, order).await;
        assert_eq!((&paid["orderId"], &paid["status"]), (&json!(order), &json!("paid")));
        let canceled = app.post("/easypay/cancel", &json!({"orderId": order})).await.data(200);
        assert_eq!(canceled["order"]["status"], "canceled");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_character_of_an_order_id_comes_back_from_the_window() {
    let app = TestApp::with(ALL_ON).await;
    let order = "aZ09-_.:=@+a+b==@@";
    let prepared = prepare(&app, order).await;
    for (url, result) in [("HOMEURL", "paid"), ("FAILURL", "failed"), ("CLOSEURL", "closed")] {
        let text = prepared["sdkData"][url].as_str().unwrap();
        let parsed = url::Url::parse(text).unwrap();
        let pairs: Vec<(String, String)> = parsed.query_pairs().into_owned().collect();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(pairs, [pair("result", result), pair("orderId", order)], "{text}");
    }
    in_window(&app, &prepared, "pay").await;
    let paid = status(&app, order).await;
    assert_eq!((&paid["orderId"], &paid["status"]), (&json!(order), &json!("paid")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_id_that_a_renewal_would_have_is_refused() {
    let app = TestApp::start().await;
    let key = app.register("4111111111111111").await;
    let subscription = app.subscribe(&key, 15).await;
    let id = subscription["id"].as_str().unwrap().trim_start_matches("sub_").replace('-', "");
    let day = subscription["nextBillingDate"].as_str().unwrap().replace('-', "");
    let taken = format!("SUB{id}-{day}-1");
    let mut body = one_off(&key);
    body["orderId"] = json!(taken);
    let refused = app.post("/billing/pay", &body).await.error(400);
    let reason = "'SUB'와 구독 ID로 시작하는 주문번호는 정기결제에 사용합니다.";
    assert_eq!(refused["details"], json!([{"field": "orderId", "reason": reason}]));
    let mut order = original();
    order["orderId"] = json!(taken);
    let refused = app.post("/easypay/prepare", &order).await.error(400);
    assert_eq!(refused["details"], json!([{"field": "orderId", "reason": reason}]));
    for fine in ["SUB-1", "SUBSCRIPTION-2026", "sub0"] {
        order["orderId"] = json!(fine);
        app.post("/easypay/prepare", &order).await.data(200);
    }
    app.advance_days(31).await;
    let ledger = app.ledger().await;
    assert_eq!((ledger.len(), &ledger[0]["orderNo"]), (1, &json!(taken)));
    // It is found by that number all the same.
    app.get(&format!("/billing/payment/{taken}")).await.data(200);
    let refund = json!({"orderId": taken, "amount": 100});
    app.post("/billing/refund", &refund).await.data(200);
}
