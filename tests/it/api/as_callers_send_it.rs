//! What programs of every language send: numbers, encodings, characters that have no place.

use reqwest::Method;
use serde_json::json;

use crate::support::app::{TestApp, card, one_off};
use crate::support::refusals::{NUMBER, WON, invalid, with_raw};
use crate::support::subscriptions::{APPROVED, monthly};

#[tokio::test(flavor = "multi_thread")]
async fn an_amount_is_what_its_literal_is_exactly() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    for (literal, won) in [
        ("9900", 9900),
        ("9900.0", 9900),
        ("9900.00", 9900),
        ("9.9E+3", 9900),
        ("9.90e3", 9900),
        ("990000e-2", 9900),
        ("1e4", 10_000),
    ] {
        let body = with_raw(&one_off(&key), "amount", literal);
        let paid = app.send_raw(Method::POST, "/billing/pay", body).await.data(200);
        assert_eq!(paid["amount"], won, "{literal}");
    }
    for (literal, reason) in [("9900.5", WON), ("9900.0000000000000001", WON), ("\"9900\"", NUMBER)]
    {
        let body = with_raw(&one_off(&key), "amount", literal);
        let reply = app.send_raw(Method::POST, "/billing/pay", body).await;
        assert_eq!(reply.error(400), invalid(&[("amount", reason)]), "{literal}");
    }
    assert_eq!(app.ledger().await.len(), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_number_is_read_by_its_literal() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    let mut body = monthly(&key);
    body["phases"] = json!([{"cycles": 2, "amount": 100}, {"amount": 9900}]);
    body.as_object_mut().unwrap().remove("amount");
    let text = with_raw(&body, "phases", "[{\"cycles\":2.0,\"amount\":1e2},{\"amount\":9900.0}]");
    let text = text.replace("\"cycleDay\":15", "\"cycleDay\":1.5e1,\"retryDays\":[1.0,3]");
    let made = app.send_raw(Method::POST, "/billing/subscribe", text).await.data(201);
    assert_eq!((&made["cycleDay"], &made["retryDays"]), (&json!(15), &json!([1, 3])));
    assert_eq!(made["phases"], json!([{"cycles": 2, "amount": 100}, {"amount": 9900}]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_not_utf_8_is_told_so() {
    let app = TestApp::start().await;
    let before = app.everything().await;
    // 홍길동 in CP949.
    let body = b"{\n \"customerName\": \"\xc8\xab\xb1\xe6\xb5\xbf\"}".to_vec();
    let reply = app.send_raw(Method::POST, "/billing/register", body.clone()).await;
    reply.fails(400, "invalid_json");
    let reason = "2행 20열: 본문은 UTF-8이어야 합니다.";
    assert_eq!(reply.error(400)["details"], json!([{"field": "body", "reason": reason}]));
    for charset in ["EUC-KR", "\"euc-kr\"", "cp949", "ISO-8859-1"] {
        for body in [body.clone(), card(APPROVED).to_string().into_bytes()] {
            let request = app.request(Method::POST, "/billing/register").body(body);
            let kind = format!("application/json; charset={charset}");
            let reply = app.send(request.header("content-type", kind)).await;
            let expected = json!({
                "code": "unsupported_media_type", "message": "본문은 UTF-8이어야 합니다.",
            });
            assert_eq!(reply.error(415), expected, "{charset}");
        }
    }
    assert_eq!(app.everything().await, before);
    for charset in ["UTF-8", "\"utf8\"", "us-ascii"] {
        let request = app.request(Method::POST, "/billing/register");
        let request = request.header("content-type", format!("application/json;charset={charset}"));
        assert_eq!(
            app.send(request.body(card(APPROVED).to_string())).await.status,
            201,
            "{charset}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_character_that_is_refused_is_named_with_its_code_point_and_place() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    let before = app.everything().await;
    for (field, text, told) in [
        ("customerId", "us|er", "3번째 문자: '|'(U+007C)"),
        ("customerId", "user\u{9}", "5번째 문자: '\\t'(U+0009)"),
        ("productName", "a\nb", "2번째 문자: '\\n'(U+000A)"),
        ("productName", "월간\u{0}구독", "3번째 문자: '\\0'(U+0000)"),
        ("productName", "월간\u{7f}", "3번째 문자: '\\u{7f}'(U+007F)"),
        ("productName", "월간\u{85}", "3번째 문자: '\\u{85}'(U+0085)"),
        ("productName", "🎉", "1번째 문자: '🎉'(U+1F389)"),
    ] {
        let mut body = one_off(&key);
        body[field] = json!(text);
        let reply = app.post("/billing/pay", &body).await;
        reply.fails(400, "invalid_request");
        let error = &reply.json()["error"];
        let reason = error["details"][0]["reason"].as_str().unwrap();
        assert_eq!(error["details"][0]["field"], field);
        assert!(reason.ends_with(told), "{text:?}: {reason}");
    }
    assert_eq!(app.everything().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_names_what_is_in_the_way() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    let mut body = one_off(&key);
    body["orderId"] = json!("A-1");
    let paid = app.post("/billing/pay", &body).await.data(200);
    let error = app.post("/billing/pay", &body).await.error(409);
    let reason = format!("{} 결제가 사용한 주문번호입니다.", paid["id"].as_str().unwrap());
    assert_eq!(error["details"], json!([{"field": "orderId", "reason": reason}]));
    let made = app.post("/billing/subscribe", &monthly(&key)).await.data(201);
    let error = app.post("/billing/subscribe", &monthly(&key)).await.error(409);
    let reason = format!("{} 구독이 있습니다.", made["id"].as_str().unwrap());
    assert_eq!(error["details"], json!([{"field": "planId", "reason": reason}]));
    for wrong in ["metadata=gold", "metadata=:gold", "metadata=grade:"] {
        let error = app.get(&format!("/billing/subscriptions?{wrong}")).await.error(400);
        assert_eq!(error["details"][0]["field"], "metadata", "{wrong}");
    }
}
