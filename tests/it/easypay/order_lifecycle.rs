//! Orders of the hosted window: prepared, paid in the sandbox's window, cancelled, expired.

use serde_json::json;

use crate::support::app::{Reply, TestApp, one_off};
use crate::support::window::{ALL_ON, in_window, original, post_form, prepare, status};

#[tokio::test(flavor = "multi_thread")]
async fn methods_that_are_switched_on_are_listed() {
    let app = TestApp::with(ALL_ON).await;
    let expected = json!({"methods": [
        {"code": "KAKAOPAY", "name": "카카오페이", "enabled": true},
        {"code": "NAVERPAY", "name": "네이버페이", "enabled": true},
        {"code": "SAMSUNGPAY", "name": "삼성페이", "enabled": true},
        {"code": "PAYCO", "name": "페이코", "enabled": true},
    ]});
    assert_eq!(app.get("/easypay/methods").await.data(200), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_originals_prepare_command_works_as_it_stands() {
    let app = TestApp::start().await;
    let mut prepared = app.post("/easypay/prepare", &original()).await.data(200);
    let hash = prepared["sdkData"].as_object_mut().unwrap().remove("KIWOOM_ENC").unwrap();
    assert!(!hash.as_str().unwrap().is_empty());
    let public = &app.service.ctx.public_url;
    let back = |result: &str| {
        format!("{public}/easypay/return?result={result}&orderId=ORDER-20260205-001")
    };
    let expected = json!({
        "orderId": "ORDER-20260205-001",
        "amount": 9900,
        "sdkUrl": format!("{public}/sandbox/sdk.js"),
        "sdkMode": "DEV",
        "displayMode": "FRAME",
        "formAction": format!("{public}/sandbox/pay/linkEnc"),
        "sdkData": {
            "PAYMETHOD": "TOTAL", "TYPE": "P", "CPID": "CTSANDBOX",
            "ORDERNO": "ORDER-20260205-001", "AMOUNT": "9900", "PRODUCTTYPE": "1",
            "PRODUCTNAME": "프리미엄 구독", "PRODUCTCODE": "", "USERID": "", "USERNAME": "홍길동",
            "EMAIL": "", "TAXFREECD": "00", "HOMEURL": back("paid"), "FAILURL": back("failed"),
            "CLOSEURL": back("closed"), "DIRECTRESULTFLAG": "Y",
            "SVCCDIN": "KAKAOPAY,NAVERPAY,SAMSUNGPAY,PAYCO",
        },
    });
    assert_eq!(prepared, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_paid_in_the_window_and_cancelled_in_parts() {
    let app = TestApp::with(ALL_ON).await;
    let prepared = prepare(&app, "O-1").await;
    assert_eq!(status(&app, "O-1").await["status"], "ready");
    let back = in_window(&app, &prepared, "pay").await;
    assert!(back.ends_with("/easypay/return?result=paid&orderId=O-1"), "{back}");
    let paid = status(&app, "O-1").await;
    assert_eq!((&paid["status"], &paid["method"]), (&json!("paid"), &json!("KAKAOPAY")));
    let receipt = paid["receiptUrl"].as_str().unwrap();
    assert!(receipt.contains("PayInfoPrintKakaoPay.jsp?DAOUTRX="), "{receipt}");

    let part = json!({"orderId": "O-1", "amount": 3000, "reason": "고객 요청"});
    let canceled = app.post("/easypay/cancel", &part).await.data(200);
    assert_eq!(canceled["refund"]["amount"], 3000);
    assert_eq!(canceled["order"]["status"], "partially_canceled");
    let too_much = json!({"orderId": "O-1", "amount": 6901});
    app.post("/easypay/cancel", &too_much).await.fails(409, "refund_exceeds_balance");
    let rest = json!({"transactionId": paid["transactionId"]});
    let canceled = app.post("/easypay/cancel", &rest).await.data(200);
    assert_eq!(canceled["refund"]["amount"], 6900);
    assert_eq!(canceled["order"]["status"], "canceled");
    assert_eq!(app.ledger().await[0]["canceledAmount"], 9900);
    app.post("/easypay/prepare", &{
        let mut body = original();
        body["orderId"] = json!("O-1");
        body
    })
    .await
    .fails(409, "order_exists");
}

#[tokio::test(flavor = "multi_thread")]
async fn failing_and_closing_in_the_window_leave_the_order_payable() {
    let app = TestApp::with(ALL_ON).await;
    let prepared = prepare(&app, "O-1").await;
    assert!(in_window(&app, &prepared, "close").await.contains("result=closed"));
    assert_eq!(status(&app, "O-1").await["status"], "ready");
    let prepared = prepare(&app, "O-1").await;
    assert!(in_window(&app, &prepared, "fail").await.contains("result=failed"));
    let prepared = prepare(&app, "O-1").await;
    in_window(&app, &prepared, "pay").await;
    assert_eq!(status(&app, "O-1").await["status"], "paid");
    assert_eq!(app.ledger().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_amount_is_refused_by_the_window() {
    let app = TestApp::with(ALL_ON).await;
    let mut prepared = prepare(&app, "O-1").await;
    prepared["sdkData"]["AMOUNT"] = json!("100");
    let form_action = prepared["formAction"].as_str().unwrap();
    let page = post_form(form_action, &prepared["sdkData"]).await.text().await.unwrap();
    assert!(!page.contains("결제하기"), "{page}");
    assert!(app.ledger().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_was_never_paid_is_closed_without_the_gateway() {
    let app = TestApp::start().await;
    prepare(&app, "O-1").await;
    let before = app.get("/sandbox/calls").await.json()["counters"].clone();
    for _ in 0..2 {
        let closed = app.post("/easypay/cancel", &json!({"orderId": "O-1"})).await.data(200);
        assert_eq!(
            (&closed["refund"], &closed["order"]["status"]),
            (&json!(null), &json!("canceled"))
        );
    }
    assert_eq!(app.get("/sandbox/calls").await.json()["counters"], before);
    app.post("/easypay/cancel", &json!({"orderId": "O-2"})).await.fails(404, "order_not_found");
    app.get("/easypay/status/O-2").await.fails(404, "order_not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unpaid_order_expires_and_a_late_payment_still_counts() {
    let app = TestApp::with(ALL_ON).await;
    let prepared = prepare(&app, "O-1").await;
    app.advance_days(1).await;
    assert_eq!(status(&app, "O-1").await["status"], "expired");
    in_window(&app, &prepared, "pay").await;
    let late = status(&app, "O-1").await;
    assert_eq!((&late["status"], &late["late"]), (&json!("paid"), &json!(true)));
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_one_order_number_space() {
    let app = TestApp::start().await;
    let key = app.register("4111111111111111").await;
    let mut charge = one_off(&key);
    charge["orderId"] = json!("O-1");
    app.post("/billing/pay", &charge).await.data(200);
    let mut order = original();
    order["orderId"] = json!("O-1");
    app.post("/easypay/prepare", &order).await.fails(409, "order_exists");
    app.get("/easypay/status/O-1").await.fails(404, "order_not_found");

    prepare(&app, "O-2").await;
    charge["orderId"] = json!("O-2");
    app.post("/billing/pay", &charge).await.fails(409, "order_exists");
    app.get("/billing/payment/O-2").await.fails(404, "payment_not_found");
    order["orderId"] = json!("O-2");
    order["amount"] = json!(9901);
    app.post("/easypay/prepare", &order).await.fails(409, "order_exists");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_to_a_cancellation_is_settled_by_its_notification() {
    let app = TestApp::with(ALL_ON).await;
    let prepared = prepare(&app, "O-1").await;
    in_window(&app, &prepared, "pay").await;
    app.fault(json!({"on": "CANCEL", "kind": "drop_after"})).await;
    let late = json!({"kind": "late", "orderNo": "O-1"});
    assert_eq!(app.post("/sandbox/notifications", &late).await.status, 200);
    let unknown = app.post("/easypay/cancel", &json!({"orderId": "O-1", "amount": 4000})).await;
    assert_eq!(unknown.data(202)["status"], "unknown");
    // Ten minutes later the sandbox tells of the cancellation.
    app.advance_secs(601).await;
    for _ in 0..200 {
        let order = status(&app, "O-1").await;
        if order["status"] == "partially_canceled" {
            assert_eq!(order["canceledAmount"], 4000);
            return;
        }
        assert_eq!(order["status"], "unknown");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("not settled");
}

#[track_caller]
fn refused(reply: &Reply, field: &str, reason: &str) {
    reply.fails(400, "invalid_request");
    let expected = json!([{"field": field, "reason": reason}]);
    assert_eq!(reply.json()["error"]["details"], expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_orders_are_refused_with_the_reason() {
    let app = TestApp::with(&[("PAYCO_ENABLED", "true")]).await;
    let url = "http 또는 https 주소여야 합니다.";
    let amount = "1 이상 9999999999 이하의 정수(원)여야 합니다.";
    let unreadable =
        "KiwoomPay에 표시할 수 있는 문자(CP949)가 하나도 없습니다. 1번째 문자: '🎉'(U+1F389)";
    let cases = [
        ("amount", json!(0), amount),
        ("amount", json!("9900"), "문자열이 아니라 숫자로 보내세요."),
        ("amount", json!(9900.5), amount),
        ("productName", json!("🎉 🎉"), unreadable),
        ("customerId", json!("a|b"), "'|' 문자를 사용할 수 없습니다. 2번째 문자: '|'(U+007C)"),
        ("customerName", json!(""), "비어 있을 수 없습니다."),
        (
            "orderId",
            json!("주문 1"),
            "영문, 숫자, -_.:=@+만 사용할 수 있습니다. 1번째 문자: '주'(U+C8FC)",
        ),
        ("method", json!("KAKAOPAY"), "사용하지 않는 결제수단입니다."),
        (
            "method",
            json!("CASH"),
            "KAKAOPAY, NAVERPAY, SAMSUNGPAY, PAYCO, CARD, BANK 중 하나여야 합니다.",
        ),
        ("device", json!("X"), "P, M, W 중 하나여야 합니다."),
        ("returnUrl", json!("javascript:alert(1)"), url),
        ("failUrl", json!("https://a.example/?a|b"), url),
        ("closeUrl", json!("/relative"), url),
        ("taxFreeAmount", json!(9901), "amount를 넘을 수 없습니다."),
        ("customerEmail", json!("hong"), "이메일 주소여야 합니다."),
        ("colour", json!("red"), "알 수 없는 필드입니다."),
    ];
    for (field, value, reason) in cases {
        let mut body = original();
        body[field] = value;
        refused(&app.post("/easypay/prepare", &body).await, field, reason);
    }
    let both = json!({"orderId": "a", "transactionId": "b"});
    let one = "orderId, transactionId 중 하나만 보내야 합니다.";
    refused(&app.post("/easypay/cancel", &both).await, "orderId", one);
    refused(&app.post("/easypay/cancel", &json!({})).await, "orderId", one);
    let calls = app.get("/sandbox/calls").await.json();
    assert!(calls["counters"].as_object().unwrap().is_empty(), "{calls}");
}
