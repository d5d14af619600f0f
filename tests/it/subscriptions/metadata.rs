//! The merchant's own data of a subscription: kept to the last digit.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::refusals::{CONTROL, invalid, with_raw};
use crate::support::subscriptions::{APPROVED, monthly};

const EXACT: &str = "12345678901234567890.123456789";
const EXPONENT: &str = "숫자의 지수는 세 자리까지 쓸 수 있습니다.";

#[tokio::test(flavor = "multi_thread")]
async fn every_digit_is_in_the_answer_the_list_the_event_and_the_trail() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    let metadata =
        format!("{{\"a\":{EXACT},\"b\":[{{\"c\":-0.10}}],\"d\":123456789012345678901234}}");
    let body = with_raw(&monthly(&key), "metadata", &metadata);
    let made = app.send_raw(Method::POST, "/billing/subscribe", body).await;
    assert!(made.text.contains(&format!("\"metadata\":{metadata}")), "{}", made.text);
    let id = made.data(201)["id"].as_str().unwrap().to_owned();
    let path = format!("/billing/subscription/{id}");

    let change = format!("{{\"metadata\":{{\"a\":{EXACT},\"e\":0.1234567890123456789}}}}");
    let changed = app.send_raw(Method::PATCH, &path, change).await;
    changed.data(200);
    assert!(changed.text.contains("0.1234567890123456789"), "{}", changed.text);
    app.until_published().await;
    for path in [
        path,
        "/billing/subscriptions".to_owned(),
        "/events?type=subscription.created".to_owned(),
        "/events?type=subscription.updated".to_owned(),
        "/audit".to_owned(),
    ] {
        let shown = app.get(&path).await;
        assert!(shown.text.contains(EXACT), "{path}: {}", shown.text);
    }
    let trail = app.get("/audit").await.text;
    assert!(trail.contains("0.1234567890123456789") && trail.contains("-0.10"), "{trail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_beyond_the_database_s_are_refused_clearly() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    let before = app.everything().await;
    for (metadata, reason) in [
        ("{\"a\":1e-1000}", EXPONENT),
        ("{\"a\":[{\"b\":0e99999}]}", EXPONENT),
        ("{\"a\\u0000\":1}", &format!("{CONTROL} 2번째 문자: '\\0'(U+0000)")),
        ("[1]", "JSON 객체여야 합니다."),
    ] {
        let body = with_raw(&monthly(&key), "metadata", metadata);
        let reply = app.send_raw(Method::POST, "/billing/subscribe", body).await;
        assert_eq!(reply.error(400), invalid(&[("metadata", reason)]), "{metadata}");
    }
    let body = with_raw(&json!({}), "metadata", "{\"a\":1e400}");
    let reply = app.send_raw(Method::POST, "/billing/subscribe", body).await;
    let place = json!([{"field": "body", "reason": "1행 22열: number out of range"}]);
    assert_eq!(reply.error(400)["details"], place);
    assert_eq!(app.everything().await, before);
    let least = with_raw(&monthly(&key), "metadata", "{\"a\":1e-999}");
    let made = app.send_raw(Method::POST, "/billing/subscribe", least).await.data(201);
    let read = app.get(&format!("/billing/subscription/{}", made["id"].as_str().unwrap())).await;
    assert!(read.text.contains(&format!("0.{}1}}", "0".repeat(998))), "{}", read.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_number_is_one_with_an_exponent_too() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    for number in ["4111111111111111e0", "4.111111111111111E15", "4111111111111111.00"] {
        let body = with_raw(&monthly(&key), "metadata", &format!("{{\"a\":{number}}}"));
        let reply = app.send_raw(Method::POST, "/billing/subscribe", body).await;
        let details: Value = reply.error(400)["details"].clone();
        assert_eq!(details[0]["field"], "metadata", "{number}");
    }
}
