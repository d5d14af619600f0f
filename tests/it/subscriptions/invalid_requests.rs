//! Bad input to the routes of subscriptions, and ids that name nothing.

use chrono::Months;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::{TestApp, one_off};
use crate::support::refusals::{
    BOOLEAN, CONTROL, Case, EMPTY, NUMBER, PIPE, STRING, UNKNOWN_FIELD, invalid, product_cases,
    wire_id_cases,
};

const SUBSCRIBE: &str = "/billing/subscribe";
const DAY: &str = "1 이상 31 이하의 정수여야 합니다.";
const DATE: &str = "YYYY-MM-DD 형식의 날짜여야 합니다.";
const RETRY_DAYS: &str = "1 이상 27 이하의 정수를 오름차순으로 10개까지 담은 배열이어야 합니다.";
const NO_RETRY_DAYS: [&str; 9] =
    ["1", "\"1,3\"", "{}", "[0]", "[28]", "[3,1]", "[1,1]", "[1.5]", "[1,2,3,4,5,6,7,8,9,10,11]"];
const OBJECT: &str = "JSON 객체여야 합니다.";
const NO_DAYS: [&str; 8] = ["0", "32", "-1", "1.5", "15.0001", "155e-1", "true", "1e2"];

fn body(key: &str) -> Value {
    json!({
        "billingKey": key, "customerId": "user123", "planId": "monthly", "amount": 9900,
        "productName": "월간 구독", "cycleDay": 15,
    })
}

/// What the merchant's own texts are refused for.
fn own_text_cases(field: &'static str) -> Vec<Case> {
    vec![
        (field, "1", STRING),
        (field, "\"\"", EMPTY),
        (field, "\"\\t\"", EMPTY),
        (field, "\"a\\u0000\"", CONTROL),
        (field, "\"a\\r\\nb\"", CONTROL),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_is_refused_for_each_field_that_is_missing_or_wrong() {
    let app = TestApp::start().await;
    let base = body(&app.register("4111111111111111").await);
    let required = ["billingKey", "customerId", "planId", "amount", "productName"];
    app.misses_each(SUBSCRIBE, &base, &required).await;
    let post = || (Method::POST, SUBSCRIBE);
    let (today, last) = (app.today(), app.today() + Months::new(120));
    let start = &*format!("오늘({today})부터 10년 안({last}까지)의 날짜여야 합니다.");
    app.refuses_no_amounts(post(), &base).await;
    let days: Vec<Case> = NO_DAYS.iter().map(|raw| ("cycleDay", *raw, DAY)).collect();
    app.refuses_each(post(), &base, &days).await;
    let retries: Vec<Case> = NO_RETRY_DAYS.iter().map(|r| ("retryDays", *r, RETRY_DAYS)).collect();
    app.refuses_each(post(), &base, &retries).await;
    app.refuses_each(post(), &base, &wire_id_cases("customerId")).await;
    app.refuses_each(post(), &base, &product_cases("productName")).await;
    app.refuses_each(post(), &base, &own_text_cases("planId")).await;
    let cases = [
        ("planId", "\"a|b\"", PIPE),
        ("billingKey", "7", STRING),
        ("cycleDay", "\"15\"", NUMBER),
        ("startDate", "20260101", DATE),
        ("startDate", "\"2026-02-30\"", DATE),
        ("startDate", "\"2026-2-3\"", DATE),
        ("startDate", "\"2026-01-01T00:00:00+09:00\"", DATE),
        ("startDate", "\"tomorrow\"", DATE),
        ("startDate", "\"2020-01-01\"", start),
        ("startDate", "\"9999-12-31\"", start),
        ("chargeNow", "\"true\"", BOOLEAN),
        ("chargeNow", "1", BOOLEAN),
        ("metadata", "[]", OBJECT),
        ("metadata", "\"{}\"", OBJECT),
        ("metadata", "{\"a\":\"\\u0000\"}", CONTROL),
        ("metadata", "{\"a\\u0000\":1}", CONTROL),
        ("metadata", "{\"a\":[{\"b\":[\"\\u0000\"]}]}", CONTROL),
        ("cycleday", "1", UNKNOWN_FIELD),
    ];
    app.refuses_each(post(), &base, &cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn long_texts_and_too_much_metadata_are_refused_and_the_longest_are_taken() {
    let app = TestApp::start().await;
    let base = body(&app.register("4111111111111111").await);
    let with = |field: &str, value: Value| {
        let mut body = base.clone();
        body[field] = value;
        body
    };
    let before = app.everything().await;
    let long = with("planId", json!("p".repeat(101)));
    let expected = invalid(&[("planId", "100자를 넘을 수 없습니다.")]);
    assert_eq!(app.post(SUBSCRIBE, &long).await.error(400), expected);
    let much = with("metadata", json!({"a": "x".repeat(4089)}));
    let expected = invalid(&[("metadata", "4096바이트를 넘을 수 없습니다.")]);
    assert_eq!(app.post(SUBSCRIBE, &much).await.error(400), expected);
    assert_eq!(app.everything().await, before);

    let longest = [
        ("planId", json!("계".repeat(100))),
        ("productName", json!("가".repeat(25))),
        ("metadata", json!({"a": "x".repeat(4088)})),
        ("amount", json!(9_999_999_999_i64)),
        ("amount", json!(1)),
        ("cycleDay", json!(31)),
    ];
    for (field, value) in longest {
        let mut body = with(field, value.clone());
        if field != "planId" {
            body["planId"] = json!(uuid::Uuid::now_v7());
        }
        assert_eq!(app.post(SUBSCRIBE, &body).await.data(201)[field], value);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_refused_for_each_wrong_field() {
    let app = TestApp::start().await;
    let key = app.register("4111111111111111").await;
    let id = app.subscribe(&key, 15).await["id"].as_str().unwrap().to_owned();
    let path = format!("/billing/subscription/{id}");
    let change = || (Method::PATCH, &*path);
    let base = json!({});
    app.refuses_no_amounts(change(), &base).await;
    let days: Vec<Case> = NO_DAYS.iter().map(|raw| ("cycleDay", *raw, DAY)).collect();
    app.refuses_each(change(), &base, &days).await;
    let retries: Vec<Case> = NO_RETRY_DAYS.iter().map(|r| ("retryDays", *r, RETRY_DAYS)).collect();
    app.refuses_each(change(), &base, &retries).await;
    app.refuses_each(change(), &base, &product_cases("productName")).await;
    app.refuses_each(change(), &base, &own_text_cases("planId")).await;
    let cases = [
        ("billingKey", "1", STRING),
        ("metadata", "1", OBJECT),
        ("status", "\"canceled\"", UNKNOWN_FIELD),
        ("customerId", "\"user124\"", UNKNOWN_FIELD),
        ("nextBillingDate", "\"2030-01-01\"", UNKNOWN_FIELD),
        ("id", "\"x\"", UNKNOWN_FIELD),
    ];
    app.refuses_each(change(), &base, &cases).await;
    let wrong = json!({"amount": 0, "cycleDay": 32, "zzz": 1});
    let expected = invalid(&[
        ("amount", "1 이상 9999999999 이하의 정수(원)여야 합니다."),
        ("cycleDay", DAY),
        ("zzz", UNKNOWN_FIELD),
    ]);
    assert_eq!(app.patch(&path, &wrong).await.error(400), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_is_refused_for_each_wrong_field() {
    let app = TestApp::start().await;
    let key = app.register("4111111111111111").await;
    let base = json!({"subscriptionId": app.subscribe(&key, 15).await["id"]});
    app.misses_each("/billing/cancel", &base, &["subscriptionId"]).await;
    app.refuses_each((Method::POST, "/billing/cancel"), &base, &own_text_cases("reason")).await;
    let cases = [
        ("subscriptionId", "1", STRING),
        ("atPeriodEnd", "\"yes\"", BOOLEAN),
        ("atPeriodEnd", "0", BOOLEAN),
        ("at_period_end", "true", UNKNOWN_FIELD),
    ];
    app.refuses_each((Method::POST, "/billing/cancel"), &base, &cases).await;
    let before = app.everything().await;
    let long = json!({"subscriptionId": base["subscriptionId"], "reason": "왜".repeat(201)});
    let expected = invalid(&[("reason", "200자를 넘을 수 없습니다.")]);
    assert_eq!(app.post("/billing/cancel", &long).await.error(400), expected);
    assert_eq!(app.everything().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_that_name_nothing_or_something_of_another_kind_are_404_with_their_code() {
    let app = TestApp::start().await;
    let key = app.register("4111111111111111").await;
    let subscription = app.subscribe(&key, 15).await["id"].as_str().unwrap().to_owned();
    let payment = app.pay(&key).await.data(200)["id"].as_str().unwrap().to_owned();
    let before = app.everything().await;
    let uuid = subscription.trim_start_matches("sub_").to_owned();
    let strangers = [
        "x",
        "0",
        "'; drop table payments; --",
        "bk_",
        "sub_",
        "pay_",
        "ref_",
        &uuid,
        "sub_019ac000-0000-7000-8000-000000000000",
        "bk_00000000-0000-0000-0000-000000000000",
    ];
    for id in strangers.into_iter().chain([&*payment, &*key]) {
        for (method, path, body) in by_subscription(id) {
            let reply = app.send(app.request(method, &path).json(&body)).await;
            assert_eq!(reply.error(404), missing("subscription", "구독을"), "{path} {body}");
        }
    }
    for id in strangers.into_iter().chain([&*payment, &*subscription]) {
        for (method, path, body) in by_key(id, &subscription) {
            let reply = app.send(app.request(method, &path).json(&body)).await;
            assert_eq!(reply.error(404), missing("billing_key", "빌링키를"), "{path} {body}");
        }
    }
    for id in strangers.into_iter().chain([&*key, &*subscription]) {
        for (method, path, body) in by_payment(id) {
            let reply = app.send(app.request(method, &path).json(&body)).await;
            assert_eq!(reply.error(404), missing("payment", "결제를"), "{path} {body}");
        }
        let resolve = format!("/billing/refund/{}/resolve", encoded(id));
        let body = json!({"outcome": "declined", "reason": "x"});
        assert_eq!(app.post(&resolve, &body).await.error(404), missing("refund", "환불을"));
    }
    assert_eq!(app.everything().await, before);
}

type Call = (Method, String, Value);

fn missing(what: &str, korean: &str) -> Value {
    let message = format!("{korean} 찾을 수 없습니다.");
    json!({"code": format!("{what}_not_found"), "message": message})
}

fn encoded(id: &str) -> String {
    percent_encoding::utf8_percent_encode(id, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn by_subscription(id: &str) -> [Call; 6] {
    let path = |tail: &str| format!("/billing/subscription/{}{tail}", encoded(id));
    [
        (Method::GET, path(""), json!({})),
        (Method::PATCH, path(""), json!({"amount": 1})),
        (Method::POST, path("/pause"), json!({})),
        (Method::POST, path("/resume"), json!({})),
        (Method::POST, "/billing/cancel".to_owned(), json!({"subscriptionId": id})),
        (Method::POST, "/billing/pay".to_owned(), json!({"subscriptionId": id})),
    ]
}

fn by_key(id: &str, subscription: &str) -> [Call; 4] {
    [
        (Method::DELETE, format!("/billing/key/{}", encoded(id)), json!({})),
        (Method::POST, SUBSCRIBE.to_owned(), body(id)),
        (Method::POST, "/billing/pay".to_owned(), one_off(id)),
        (Method::PATCH, format!("/billing/subscription/{subscription}"), json!({"billingKey": id})),
    ]
}

fn by_payment(id: &str) -> [Call; 3] {
    let path = |tail: &str| format!("/billing/payment/{}{tail}", encoded(id));
    [
        (Method::GET, path(""), json!({})),
        (
            Method::POST,
            path("/resolve"),
            json!({"outcome": "approved", "transactionId": "T1", "reason": "x"}),
        ),
        (Method::POST, "/billing/refund".to_owned(), json!({"paymentId": id})),
    ]
}
