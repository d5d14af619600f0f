//! Requests that are wrong before their fields are looked at, and the envelope of every answer.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::{TestApp, card};
use crate::support::refusals::with_raw;

const POSTS: [&str; 7] = [
    "/billing/register",
    "/billing/subscribe",
    "/billing/pay",
    "/billing/cancel",
    "/billing/refund",
    "/billing/payment/x/resolve",
    "/billing/refund/x/resolve",
];

fn error(code: &str, message: &str) -> Value {
    json!({"code": code, "message": message})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_no_json_object_is_refused_everywhere() {
    let app = TestApp::start().await;
    let before = app.everything().await;
    let expected = error("invalid_json", "요청 본문이 올바른 JSON 객체가 아닙니다.");
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(200), "]".repeat(200));
    let bodies: [&[u8]; 14] = [
        b"",
        b"{",
        b"[]",
        b"null",
        b"1",
        b"\"x\"",
        b"{\"a\":1}x",
        b"{'a':1}",
        b"{\"a\":1,}",
        b"{\"a\":01}",
        b"{\"a\":1e999}",
        b"{\"a\":\"\\ud800\"}",
        b"{\"a\":\"\xb0\xa1\"}",
        deep.as_bytes(),
    ];
    for path in POSTS {
        for body in bodies {
            let reply = app.send_raw(Method::POST, path, body).await;
            let shown = String::from_utf8_lossy(body);
            assert_eq!(without_place(reply.error(400)), expected, "{path} {shown}");
        }
    }
    let reply = app.send_raw(Method::PATCH, "/billing/subscription/x", "[]").await;
    assert_eq!(without_place(reply.error(400)), expected);
    assert_eq!(app.everything().await, before);
}

/// The error without the place at which the body is no JSON, which it has to tell.
fn without_place(mut error: Value) -> Value {
    let details = error.as_object_mut().unwrap().remove("details").unwrap();
    assert_eq!(details[0]["field"], "body");
    assert!(details[0]["reason"].as_str().unwrap().contains("행 "), "{details}");
    error
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_no_json_is_refused_with_line_and_column() {
    let app = TestApp::start().await;
    let half = "unexpected end of hex escape";
    for (body, place) in [
        ("{\"a\":\"\\ud83d\"}".to_owned(), format!("Line 1, column 13: {half}")),
        (
            "\u{feff}{\n  \"이름\": \"홍\",\n  \"나\": \"가\\ud83d\"}".to_owned(),
            format!("Line 3, column 16: {half}"),
        ),
        ("{\"a\":1".to_owned(), "Line 1, column 6: EOF while parsing an object".to_owned()),
        ("\"4111111111111111\"".to_owned(), "Line 1, column 18".to_owned()),
        (String::new(), "Line 1, column 1: EOF while parsing a value".to_owned()),
    ] {
        let request =
            app.request(Method::POST, "/billing/pay").header("content-type", "application/json");
        let reply = app.send(request.header("accept-language", "en").body(body.clone())).await;
        reply.fails(400, "invalid_json");
        let expected = json!([{"field": "body", "reason": place}]);
        assert_eq!(reply.error(400)["details"], expected, "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_byte_order_mark_before_the_body_is_skipped() {
    let app = TestApp::start().await;
    let body = format!("\u{feff}{}", card("4111111111111111"));
    app.send_raw(Method::POST, "/billing/register", body).await.data(201);
    let twice = format!("\u{feff}\u{feff}{}", card("4111111111111111"));
    app.send_raw(Method::POST, "/billing/register", twice).await.fails(400, "invalid_json");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_another_type_or_of_70_kib_is_refused_everywhere() {
    let app = TestApp::start().await;
    let before = app.everything().await;
    let other = error("unsupported_media_type", "Content-Type은 application/json이어야 합니다.");
    let body = card("4111111111111111").to_string();
    for path in POSTS {
        let bare = app.request(Method::POST, path).body(body.clone());
        assert_eq!(app.send(bare).await.error(415), other, "{path}");
        for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "x"] {
            let request = app.request(Method::POST, path).header("content-type", kind);
            let reply = app.send(request.body(body.clone())).await;
            assert_eq!(reply.error(415), other, "{path} {kind}");
        }
        let large = with_raw(&json!({}), "a", &json!("x".repeat(70 * 1024)).to_string());
        let expected = error("payload_too_large", "요청 본문은 64 KiB를 넘을 수 없습니다.");
        let reply = app.send_raw(Method::POST, path, large).await;
        assert_eq!(reply.error(413), expected, "{path}");
    }
    assert_eq!(app.everything().await, before);
    let request = app.request(Method::POST, "/billing/register");
    let request = request.header("content-type", "Application/JSON; charset=utf-8").body(body);
    assert_eq!(app.send(request).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_route_is_404_and_a_wrong_method_405_in_the_same_envelope() {
    let app = TestApp::start().await;
    let not_found = error("not_found", "존재하지 않는 경로입니다.");
    for path in
        ["/nope", "/billing", "/billing/nope", "/billing/pay/", "/favicon.ico", "/billing//pay"]
    {
        assert_eq!(app.get(path).await.error(404), not_found, "{path}");
        assert_eq!(app.post(path, &json!({})).await.error(404), not_found, "{path}");
    }
    let wrong = error("method_not_allowed", "이 경로에서 지원하지 않는 메서드입니다.");
    let calls = [
        (Method::GET, "/billing/register"),
        (Method::GET, "/billing/pay"),
        (Method::DELETE, "/billing/pay"),
        (Method::PUT, "/billing/subscription/x"),
        (Method::POST, "/billing/payments"),
        (Method::POST, "/health/live"),
        (Method::POST, "/"),
        (Method::DELETE, "/webhook/kiwoom"),
        (Method::POST, "/metrics"),
    ];
    for (method, path) in calls {
        let reply = app.send(app.request(method.clone(), path)).await;
        assert_eq!(reply.error(405), wrong, "{method} {path}");
        assert!(reply.headers.contains_key("allow"), "{method} {path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_is_no_text_names_nothing() {
    let app = TestApp::start().await;
    for id in ["%FF", "%00", "%E0%A4", "a%0Ab", "%F0%9F%8E%89"] {
        app.get(&format!("/billing/payment/{id}")).await.fails(404, "payment_not_found");
        app.get(&format!("/billing/subscription/{id}")).await.fails(404, "subscription_not_found");
        app.delete(&format!("/billing/key/{id}")).await.fails(404, "billing_key_not_found");
        app.get(&format!("/easypay/status/{id}")).await.fails(404, "order_not_found");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_english_for_who_asks_for_it() {
    let app = TestApp::start().await;
    let english = |path: &str, body: Value, language: &str| {
        app.request(Method::POST, path).json(&body).header("accept-language", language)
    };
    let short = json!({"subscriptionId": "sub_x", "atPeriodEnd": 1});
    let expected = json!({
        "code": "invalid_request", "message": "The request is not valid.",
        "details": [{"field": "atPeriodEnd", "reason": "Has to be true or false."}],
    });
    for language in ["en", "en-US,en;q=0.9,ko;q=0.8", "EN"] {
        let reply = app.send(english("/billing/cancel", short.clone(), language)).await;
        assert_eq!(reply.error(400), expected, "{language}");
    }
    let luhn = card("4111111111111112");
    let reply = app.send(english("/billing/register", luhn, "en")).await;
    let reason = "Is not a valid card number (Luhn check): one digit may be mistyped, or two \
        neighbours exchanged.";
    assert_eq!(reply.error(400)["details"], json!([{"field": "cardNumber", "reason": reason}]));
    let nothing = json!({"subscriptionId": "sub_x"});
    let reply = app.send(english("/billing/pay", nothing.clone(), "en-GB")).await;
    let expected = error("subscription_not_found", "There is no such subscription.");
    assert_eq!(reply.error(404), expected);
    let reply = app.send(english("/nope", nothing.clone(), "en")).await;
    assert_eq!(reply.error(404), error("not_found", "There is nothing at this path."));
    for language in ["ko", "ko-KR,ko;q=0.9,en;q=0.8", "ja", "*"] {
        let reply = app.send(english("/billing/pay", nothing.clone(), language)).await;
        let expected = error("subscription_not_found", "구독을 찾을 수 없습니다.");
        assert_eq!(reply.error(404), expected, "{language}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sane_request_id_comes_back_and_any_other_is_replaced() {
    let app = TestApp::start().await;
    let long = "x".repeat(128);
    for path in ["/health/live", "/billing/payment/x", "/nope"] {
        for sane in ["a", "order-7:try.1_x", "0190b1c8-0000-7000-8000-000000000000", &long] {
            let reply = app.send(app.request(Method::GET, path).header("x-request-id", sane)).await;
            assert_eq!(reply.headers["x-request-id"], sane);
            if reply.status >= 400 {
                assert_eq!(reply.json()["error"]["requestId"], sane);
            }
        }
        let too_long = "x".repeat(129);
        for mad in ["", "a b", "a\tb", "<script>", "a\"b", "한글", "${jndi:x}", &too_long] {
            let request = app.request(Method::GET, path);
            let request = request.header("x-request-id", mad.as_bytes());
            let reply = app.send(request).await;
            let id = reply.headers["x-request-id"].to_str().unwrap();
            assert!(uuid::Uuid::try_parse(id).is_ok(), "{mad}: {id}");
        }
    }
    let first = app.get("/health/live").await.headers["x-request-id"].clone();
    assert_ne!(app.get("/health/live").await.headers["x-request-id"], first);
}
