//! Orders of the hosted window, answer by answer: what reaches the window, what may be prepared
//! again, what a cancellation answers.

use serde_json::{Value, json};

use crate::support::app::{TestApp, steady};
use crate::support::window::{ALL_ON, answered, in_window, original, paid, prepare, status, tell};

/// Status and count of every payment: what a refused request may not change.
async fn books(app: &TestApp) -> Vec<(String, String, i64)> {
    sqlx::query_as("select order_no, state, amount from payments order by order_no")
        .fetch_all(&app.service.ctx.pool)
        .await
        .unwrap()
}

fn for_order(order_id: &str, more: &Value) -> Value {
    let mut body = original();
    body["orderId"] = json!(order_id);
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn each_method_is_switched_on_by_itself() {
    let methods = [
        ("KAKAOPAY", "카카오페이"),
        ("NAVERPAY", "네이버페이"),
        ("SAMSUNGPAY", "삼성페이"),
        ("PAYCO", "페이코"),
    ];
    for (code, name) in methods {
        let app = TestApp::with(&[(&format!("{code}_ENABLED"), "true")]).await;
        let expected = json!({"methods": [{"code": code, "name": name, "enabled": true}]});
        assert_eq!(app.get("/easypay/methods").await.data(200), expected);
        for (other, _) in methods {
            let body = for_order(other, &json!({"method": other}));
            let reply = app.post("/easypay/prepare", &body).await;
            if other == code {
                let fields = reply.data(200)["sdkData"].clone();
                assert_eq!(
                    (&fields["PAYMETHOD"], &fields["SVCCDIN"]),
                    (&json!(code), &json!(code))
                );
                continue;
            }
            let reason = "사용하지 않는 결제수단입니다.";
            let expected = json!({
                "code": "invalid_request", "message": "요청 값이 올바르지 않습니다.",
                "details": [{"field": "method", "reason": reason}],
            });
            assert_eq!(reply.error(400), expected, "{other}");
        }
        let every = prepare(&app, "O-1").await;
        let fields = &every["sdkData"];
        assert_eq!((&fields["PAYMETHOD"], &fields["SVCCDIN"]), (&json!("TOTAL"), &json!(code)));
        let ready = |order: &str| (order.to_owned(), "ready".to_owned(), 9900);
        let mut expected = vec![ready(code), ready("O-1")];
        expected.sort();
        assert_eq!(books(&app).await, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_the_caller_sends_reaches_the_window() {
    let app = TestApp::with(ALL_ON).await;
    for (device, tax_free, code) in [("P", 0, "00"), ("M", 9900, "01"), ("W", 4000, "02")] {
        let body = for_order(
            device,
            &json!({
                "customerId": "user-1", "customerEmail": "hong@example.com", "method": "PAYCO",
                "device": device, "returnUrl": "https://shop.example/ok?a=1",
                "failUrl": "http://shop.example/fail", "closeUrl": "https://shop.example/close#x",
                "taxFreeAmount": tax_free,
            }),
        );
        let mut fields = app.post("/easypay/prepare", &body).await.data(200)["sdkData"].clone();
        assert!(fields.as_object_mut().unwrap().remove("KIWOOM_ENC").is_some());
        let mut expected = json!({
            "PAYMETHOD": "PAYCO", "TYPE": device, "CPID": "CTSANDBOX", "ORDERNO": device,
            "AMOUNT": "9900", "PRODUCTTYPE": "1", "PRODUCTNAME": "프리미엄 구독",
            "PRODUCTCODE": "", "USERID": "user-1", "USERNAME": "홍길동",
            "EMAIL": "hong@example.com", "TAXFREECD": code,
            "HOMEURL": "https://shop.example/ok?a=1", "FAILURL": "http://shop.example/fail",
            "CLOSEURL": "https://shop.example/close#x", "DIRECTRESULTFLAG": "Y",
            "SVCCDIN": "PAYCO",
        });
        if code == "02" {
            expected["TELNO2"] = json!("4000");
            expected["FREEAMT"] = json!("4000");
        }
        assert_eq!(fields, expected, "{device}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_waits_failed_or_expired_can_be_prepared_again() {
    let app = TestApp::start().await;
    let first = prepare(&app, "O-1").await;
    let again = prepare(&app, "O-1").await;
    assert_ne!(first["sdkData"]["KIWOOM_ENC"], again["sdkData"]["KIWOOM_ENC"]);
    let ready = json!({
        "orderId": "O-1", "status": "ready", "amount": 9900, "paidAmount": 0,
        "canceledAmount": 0, "method": null, "transactionId": null, "receiptUrl": null,
        "paidAt": null, "canceledAt": null, "createdAt": "at",
    });
    assert_eq!(steady(status(&app, "O-1").await), ready);

    let failed = paid("O-1", "t1", 9900) + "&RES_CD=2003&RES_MSG=%C7%D1%B5%B5%C3%CA%B0%FA";
    answered(&tell(&app, &failed).await, 200);
    let mut expected = ready.clone();
    expected["status"] = json!("failed");
    expected["failure"] = json!({"code": "2003", "message": "한도초과"});
    assert_eq!(steady(status(&app, "O-1").await), expected);
    prepare(&app, "O-1").await;
    assert_eq!(steady(status(&app, "O-1").await), ready);

    app.advance_secs(29 * 60).await;
    assert_eq!(status(&app, "O-1").await["status"], "ready");
    app.advance_secs(2 * 60).await;
    assert_eq!(status(&app, "O-1").await["status"], "expired");
    prepare(&app, "O-1").await;
    assert_eq!(steady(status(&app, "O-1").await), ready);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_paid_closed_or_in_dispute_is_not_prepared_again() {
    let app = TestApp::start().await;
    for order in ["CLOSED", "DISPUTED", "PAID", "READY"] {
        prepare(&app, order).await;
    }
    app.post("/easypay/cancel", &json!({"orderId": "CLOSED"})).await.data(200);
    answered(&tell(&app, &paid("DISPUTED", "t1", 1)).await, 200);
    answered(&tell(&app, &paid("PAID", "t2", 9900)).await, 200);
    let before = books(&app).await;
    let exists = json!({"code": "order_exists", "message": "이미 사용된 주문번호입니다."});
    for order in ["CLOSED", "DISPUTED", "PAID"] {
        let reply = app.post("/easypay/prepare", &for_order(order, &json!({}))).await;
        assert_eq!(reply.error(409), exists, "{order}");
    }
    let dearer = for_order("READY", &json!({"amount": 9901}));
    assert_eq!(app.post("/easypay/prepare", &dearer).await.error(409), exists);
    assert_eq!(books(&app).await, before);
    let refund = app.post("/easypay/cancel", &json!({"orderId": "DISPUTED"})).await;
    refund.fails(409, "refund_not_allowed");
    assert_eq!(books(&app).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_cancellation_answers_with_refund_payment_and_order() {
    let app = TestApp::with(ALL_ON).await;
    let prepared = prepare(&app, "O-1").await;
    in_window(&app, &prepared, "pay").await;
    let transaction = app.ledger().await[0]["transactionId"].clone();
    let auth = app.ledger().await[0]["authNo"].clone();
    let receipt = status(&app, "O-1").await["receiptUrl"].clone();
    let body = json!({"transactionId": transaction, "reason": "변심"});
    let canceled = app.post("/easypay/cancel", &body).await.data(200);
    let expected = json!({
        "refund": {
            "id": "ref_", "paymentId": "pay_", "amount": 9900, "status": "refunded",
            "reason": "변심", "refundedAt": "at", "transactionId": transaction,
        },
        "payment": {
            "id": "pay_", "orderId": "O-1", "status": "refunded", "amount": 9900,
            "refundableAmount": 0, "customerId": null, "billingKey": null,
            "productName": "프리미엄 구독", "method": "KAKAOPAY", "transactionId": transaction,
            "authNumber": auth, "approvedAt": "at", "receiptUrl": receipt, "failure": null,
            "createdAt": "at", "source": "window",
        },
        "order": {
            "orderId": "O-1", "status": "canceled", "amount": 9900, "paidAmount": 9900,
            "canceledAmount": 9900, "method": "KAKAOPAY", "transactionId": transaction,
            "receiptUrl": receipt, "paidAt": "at", "canceledAt": "at", "createdAt": "at",
        },
    });
    assert_eq!(steady(canceled), expected);
    let exceeds = json!({
        "code": "refund_exceeds_balance", "message": "환불할 수 있는 금액을 넘었습니다.",
    });
    assert_eq!(app.post("/easypay/cancel", &body).await.error(409), exceeds);
    assert_eq!(app.get("/sandbox/calls").await.json()["counters"]["CANCEL"], 1);
    // Its own notification changes nothing.
    let after = status(&app, "O-1").await;
    app.advance_secs(1).await;
    assert_eq!(status(&app, "O-1").await, after);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_refused_by_the_gateway_leaves_the_order_paid() {
    let app = TestApp::with(ALL_ON).await;
    let prepared = prepare(&app, "O-1").await;
    in_window(&app, &prepared, "pay").await;
    let before = status(&app, "O-1").await;
    let fault =
        json!({"on": "CANCEL", "kind": "decline", "code": "9202", "message": "원거래 없음"});
    app.fault(fault).await;
    let refused = app.post("/easypay/cancel", &json!({"orderId": "O-1"})).await.error(409);
    let expected = json!({
        "code": "refund_not_allowed", "message": "환불할 수 있는 상태의 결제가 아닙니다.",
        "gateway": {"resultCode": "9202", "message": "원거래 없음"},
    });
    assert_eq!(refused, expected);
    assert_eq!(status(&app, "O-1").await, before);
    app.fault(json!({"on": "READY", "kind": "drop_before", "times": 10})).await;
    let away = app.post("/easypay/cancel", &json!({"orderId": "O-1"})).await;
    away.fails(502, "gateway_unavailable");
    assert_eq!(status(&app, "O-1").await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_charge_is_no_order() {
    let app = TestApp::start().await;
    let key = app.register("4111111111111111").await;
    let charge = app.pay(&key).await.data(200);
    for name in ["orderId", "transactionId"] {
        let body = json!({name: charge[name]});
        app.post("/easypay/cancel", &body).await.fails(404, "order_not_found");
    }
    assert_eq!(app.ledger().await[0]["canceledAmount"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_refunded_like_a_card_payment_has_one_set_of_books() {
    let app = TestApp::with(ALL_ON).await;
    let prepared = prepare(&app, "O-1").await;
    in_window(&app, &prepared, "pay").await;
    let part = json!({"orderId": "O-1", "amount": 9000});
    app.post("/billing/refund", &part).await.data(200);
    for path in ["/billing/refund", "/easypay/cancel"] {
        app.post(path, &part).await.fails(409, "refund_exceeds_balance");
    }
    app.post("/easypay/cancel", &json!({"orderId": "O-1"})).await.data(200);
    assert_eq!(status(&app, "O-1").await["status"], "canceled");
    assert_eq!(app.ledger().await[0]["canceledAmount"], 9900);
}
