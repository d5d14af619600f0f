//! Bad input at the edges: references, dates that only look like dates, and bodies of the routes
//! that are not asked often.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::{TestApp, card, one_off};
use crate::support::refusals::{
    CONTROL, Case, EMPTY, NUMBER, STRING, invalid, product_cases, wire_id_cases, wire_text_cases,
    with_raw,
};
use crate::support::window::original;

const ORDER: &str = "영문, 숫자, -_.:=@+만 사용할 수 있습니다.";
const DATE: &str = "YYYY-MM-DD 형식의 날짜여야 합니다.";
const INSTANT: &str = "RFC 3339 시각이어야 합니다.";

/// Ten characters, as a date has, that a lenient reader takes for one.
const LOOKALIKES: [&str; 9] = [
    "2030-1 -01",
    "2030-01- 1",
    "2030 -1-01",
    " 2030-01-1",
    "+2030-1-01",
    "+99999-1-1",
    "-99999-1-1",
    "2030-1-001",
    "２０30-01-",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_date_has_four_two_and_two_digits_and_no_year_breaks_a_list() {
    let app = TestApp::start().await;
    let mut body = one_off(&app.register("4111111111111111").await);
    body["planId"] = json!("monthly");
    body["cycleDay"] = json!(15);
    let before = app.everything().await;
    for text in LOOKALIKES {
        body["startDate"] = json!(text);
        let reply = app.post("/billing/subscribe", &body).await;
        assert_eq!(reply.error(400), invalid(&[("startDate", DATE)]), "{text}");
        for field in ["from", "to"] {
            let query = url::form_urlencoded::Serializer::new(String::new())
                .append_pair(field, text)
                .finish();
            let reply = app.get(&format!("/billing/payments?{query}")).await;
            assert_eq!(reply.error(400), invalid(&[(field, INSTANT)]), "{query}");
        }
    }
    for text in ["0000-01-01", "9999-12-31", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59"] {
        for field in ["from", "to"] {
            app.get(&format!("/billing/payments?{field}={text}")).await.data(200);
        }
    }
    assert_eq!(app.everything().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reference_that_can_name_nothing_is_refused_for_what_is_wrong_with_it() {
    let app = TestApp::start().await;
    let long = format!("\"{}\"", "x".repeat(256));
    let (too_long, order_long) = ("255자를 넘을 수 없습니다.", "50자를 넘을 수 없습니다.");
    let texts = |field: &'static str| -> Vec<Case> {
        vec![
            (field, "0", STRING),
            (field, "{}", STRING),
            (field, "\"\"", EMPTY),
            (field, "\"\\n\"", EMPTY),
            (field, "\"a\\u0000\"", CONTROL),
            (field, "\"a\\u009fb\"", CONTROL),
        ]
    };
    let refund = |field: &str| json!({field: "x", "amount": 1});
    let references: [(&str, Value, &'static str); 6] = [
        ("/billing/refund", refund("paymentId"), "paymentId"),
        ("/billing/refund", refund("transactionId"), "transactionId"),
        ("/billing/cancel", json!({"subscriptionId": "x"}), "subscriptionId"),
        ("/billing/pay", json!({"subscriptionId": "x"}), "subscriptionId"),
        ("/billing/pay", one_off("x"), "billingKey"),
        ("/easypay/cancel", json!({"transactionId": "x"}), "transactionId"),
    ];
    for (path, base, field) in &references {
        app.refuses_each((Method::POST, path), base, &texts(field)).await;
        let reply = app.send_raw(Method::POST, path, with_raw(base, field, &long)).await;
        assert_eq!(reply.error(400), invalid(&[(field, too_long)]), "{path} {field}");
    }
    for (path, base) in
        [("/billing/refund", refund("orderId")), ("/easypay/cancel", json!({"orderId": "x"}))]
    {
        let order = [
            ("orderId", "\"a b\"", ORDER),
            ("orderId", "\"주문\"", ORDER),
            ("orderId", "\"🎉\"", ORDER),
            ("orderId", "\"a|b\"", ORDER),
            ("orderId", &long, order_long),
        ];
        app.refuses_each((Method::POST, path), &base, &texts("orderId")).await;
        app.refuses_each((Method::POST, path), &base, &order).await;
    }
    let cancel = json!({"orderId": "x"});
    app.refuses_no_amounts((Method::POST, "/easypay/cancel"), &cancel).await;
    let base = card("4111111111111111");
    let address = format!("\"{}@example.com\"", "a".repeat(89));
    let cases = [("customerEmail", &*address, "100자를 넘을 수 없습니다.")];
    app.refuses_each((Method::POST, "/billing/register"), &base, &cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_problem_of_a_request_is_named_at_once_in_the_order_of_the_contract() {
    let app = TestApp::start().await;
    let before = app.everything().await;
    let body = json!({
        "zzz": 1, "cycleDay": 0, "amount": "9900", "planId": "", "startDate": "2026-02-30",
        "chargeNow": 1, "metadata": [],
    });
    let expected = invalid(&[
        ("billingKey", "필수 값입니다."),
        ("customerId", "필수 값입니다."),
        ("planId", EMPTY),
        ("amount", NUMBER),
        ("productName", "필수 값입니다."),
        ("cycleDay", "1 이상 31 이하의 정수여야 합니다."),
        ("startDate", DATE),
        ("chargeNow", "true 또는 false여야 합니다."),
        ("metadata", "JSON 객체여야 합니다."),
        ("zzz", "알 수 없는 필드입니다."),
    ]);
    assert_eq!(app.post("/billing/subscribe", &body).await.error(400), expected);
    assert_eq!(app.everything().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_and_an_order_need_a_json_body_of_at_most_64_kib() {
    let app = TestApp::start().await;
    let id = app.subscribe(&app.register("4111111111111111").await, 15).await["id"].clone();
    let change = format!("/billing/subscription/{}", id.as_str().unwrap());
    let calls = [
        (Method::PATCH, &*change),
        (Method::POST, "/easypay/prepare"),
        (Method::POST, "/easypay/cancel"),
    ];
    let before = app.everything().await;
    let error = |code: &str, message: &str| json!({"code": code, "message": message});
    for (method, path) in calls {
        for body in ["", "{", "null", "[{\"amount\":1}]", "{\"amount\":1}}", "amount=1"] {
            let reply = app.send_raw(method.clone(), path, body).await;
            reply.fails(400, "invalid_json");
        }
        for kind in [None, Some("text/json"), Some("multipart/form-data; boundary=x")] {
            let mut request = app.request(method.clone(), path).body("{\"amount\":1}");
            if let Some(kind) = kind {
                request = request.header("content-type", kind);
            }
            let message = "Content-Type은 application/json이어야 합니다.";
            let expected = error("unsupported_media_type", message);
            assert_eq!(app.send(request).await.error(415), expected, "{path} {kind:?}");
        }
        let large = json!({"productName": "x".repeat(70 * 1024)}).to_string();
        let expected = error("payload_too_large", "요청 본문은 64 KiB를 넘을 수 없습니다.");
        let reply = app.send_raw(method.clone(), path, large).await;
        assert_eq!(reply.error(413), expected, "{path}");
    }
    for what in ["pause", "resume"] {
        let path = format!("{change}/{what}");
        let reply = app.get(&path).await;
        let expected = error("method_not_allowed", "이 경로에서 지원하지 않는 메서드입니다.");
        assert_eq!(reply.error(405), expected, "{path}");
        let large = app.send_raw(Method::POST, &path, "x".repeat(70 * 1024)).await;
        assert_eq!(large.error(413)["code"], "payload_too_large", "{path}");
    }
    assert_eq!(app.everything().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_refused_for_each_field_that_is_missing_or_wrong() {
    const PREPARE: &str = "/easypay/prepare";
    let app = TestApp::start().await;
    let base = original();
    let required = ["orderId", "amount", "productName", "customerName"];
    app.misses_each(PREPARE, &base, &required).await;
    app.refuses_no_amounts((Method::POST, PREPARE), &base).await;
    let cases = [
        product_cases("productName"),
        wire_text_cases("customerName"),
        wire_id_cases("customerId"),
    ];
    for cases in cases {
        app.refuses_each((Method::POST, PREPARE), &base, &cases).await;
    }
    let url = "http 또는 https 주소여야 합니다.";
    let long = format!("\"https://shop.example/{}\"", "x".repeat(240));
    let cases = [
        ("returnUrl", "1", STRING),
        ("returnUrl", "\"\"", EMPTY),
        ("returnUrl", "\"http://\"", url),
        ("returnUrl", "\"https://shop.example/a b\"", url),
        ("returnUrl", "\"https://가게.example/\"", url),
        ("returnUrl", "\"data:text/html,x\"", url),
        ("returnUrl", &long, "255자를 넘을 수 없습니다."),
        ("taxFreeAmount", "\"0\"", NUMBER),
        ("taxFreeAmount", "9901", "amount를 넘을 수 없습니다."),
        ("method", "[]", "KAKAOPAY, NAVERPAY, SAMSUNGPAY, PAYCO, CARD, BANK 중 하나여야 합니다."),
        ("device", "1", "P, M, W 중 하나여야 합니다."),
    ];
    app.refuses_each((Method::POST, PREPARE), &base, &cases).await;
}
