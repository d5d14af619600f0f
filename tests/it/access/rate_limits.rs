//! How often: requests without a good key, and registrations of cards.

use reqwest::{Method, RequestBuilder};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use kiwoom_billing::access::api_keys::{NewKey, Scope};

use super::OF_SETTINGS;
use crate::support::app::{Reply, TestApp, card};
use crate::support::subscriptions::APPROVED;

const REFUSED_CARD: &str = "4000000000000002";
const WRONG: &str = "wrong-key-0123456789abcdef";

/// Asks with a key as a client behind a trusted proxy.
async fn ask(app: &TestApp, address: &str, key: &str) -> Reply {
    let request = app.request(Method::GET, "/billing/keys").header("x-forwarded-for", address);
    app.send(request.header("x-api-key", key)).await
}

fn retry_after(reply: &Reply) -> u64 {
    reply.headers["retry-after"].to_str().unwrap().parse().unwrap()
}

async fn metric(app: &TestApp, name: &str) -> u64 {
    let text = app.with_key(OF_SETTINGS, Method::GET, "/metrics").await.text;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.map_or(0, |count| count.trim().parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn failing_too_often_is_limited_for_each_address_and_a_good_key_always_passes() {
    let settings = [
        ("API_KEYS", OF_SETTINGS),
        ("TRUSTED_PROXIES", "127.0.0.1"),
        ("AUTH_FAILURES_PER_MINUTE", "5"),
    ];
    let app = TestApp::with(&settings).await;
    let good = app.key(&[Scope::Read]).await;
    ask(&app, "8.8.4.4", &good).await.data(200);
    let limited = r#"kiwoom_billing_auth_failures_total{reason="limited"}"#;
    let before = metric(&app, limited).await;
    for n in 0..5 {
        let key = if n % 2 == 0 { WRONG } else { "" };
        ask(&app, "8.8.8.8", key).await.fails(401, "unauthorized");
    }
    let reply = ask(&app, "8.8.8.8", WRONG).await;
    reply.fails(429, "rate_limited");
    assert!((1..=12).contains(&retry_after(&reply)), "{:?}", reply.headers);
    let without_key =
        app.request(Method::GET, "/billing/keys").header("x-forwarded-for", "8.8.8.8");
    app.send(without_key).await.fails(429, "rate_limited");
    assert!(metric(&app, limited).await >= before + 2);
    ask(&app, "8.8.8.8", &good).await.data(200);
    ask(&app, "8.8.8.8", OF_SETTINGS).await.data(200);
    ask(&app, "8.8.8.9", WRONG).await.fails(401, "unauthorized");
    // The owner of an IPv6 address has 2^64 of them.
    for n in 0..5 {
        ask(&app, &format!("2001:db8::{n}"), WRONG).await.fails(401, "unauthorized");
    }
    ask(&app, "2001:db8::ffff:1", WRONG).await.fails(429, "rate_limited");
    ask(&app, "2001:db8:0:1::1", WRONG).await.fails(401, "unauthorized");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_limited_costs_no_look_into_the_database() {
    let settings = [
        ("API_KEYS", OF_SETTINGS),
        ("TRUSTED_PROXIES", "127.0.0.1"),
        ("AUTH_FAILURES_PER_MINUTE", "1"),
    ];
    let app = TestApp::with(&settings).await;
    let unknown = NewKey::make();
    let unknown = unknown.text.expose_secret();
    ask(&app, "8.8.8.8", unknown).await.fails(401, "unauthorized");
    app.service.ctx.pool.close().await;
    // A look would find no database, as that of somebody else does.
    ask(&app, "8.8.8.8", unknown).await.fails(429, "rate_limited");
    ask(&app, "8.8.8.9", unknown).await.fails(503, "database_unavailable");
}

#[tokio::test(flavor = "multi_thread")]
async fn zero_is_no_limit() {
    let app = TestApp::with(&[("API_KEYS", OF_SETTINGS), ("AUTH_FAILURES_PER_MINUTE", "0")]).await;
    for _ in 0..50 {
        app.with_key(WRONG, Method::GET, "/billing/keys").await.fails(401, "unauthorized");
    }
}

fn body(customer: &str, number: &str) -> Value {
    let mut body = card(number);
    body["customerId"] = json!(customer);
    body
}

fn register(app: &TestApp, key: &str, body: &Value) -> RequestBuilder {
    app.request(Method::POST, "/billing/register").bearer_auth(key).json(body)
}

/// The answer to a registration from an address.
async fn registered(app: &TestApp, key: &str, address: &str, customer: &str) -> Reply {
    let request = register(app, key, &body(customer, APPROVED));
    app.send(request.header("x-forwarded-for", address)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_may_try_so_many_cards_whatever_becomes_of_them() {
    let settings = [("API_KEYS", OF_SETTINGS), ("REGISTER_CUSTOMER_PER_HOUR", "3")];
    let app = TestApp::with(&settings).await;
    let send = async |body: &Value| app.send(register(&app, OF_SETTINGS, body)).await;
    // What is no registration yet does not count.
    for _ in 0..5 {
        send(&json!({"customerId": "u1"})).await.fails(400, "invalid_request");
    }
    let once = register(&app, OF_SETTINGS, &body("u1", APPROVED)).header("idempotency-key", "k");
    let first = app.send(once.try_clone().unwrap()).await;
    first.data(201);
    send(&body("u1", REFUSED_CARD)).await.fails(402, "card_refused");
    send(&body("u1", REFUSED_CARD)).await.fails(402, "card_refused");
    let asked = app.calls("CARD-KEYGEN").await;
    let limited = r#"kiwoom_billing_registrations_limited_total{limit="customer"}"#;
    let before = metric(&app, limited).await;
    for _ in 0..3 {
        let reply = send(&body("u1", APPROVED)).await;
        reply.fails(429, "rate_limited");
        assert!((1000..=1200).contains(&retry_after(&reply)), "{:?}", reply.headers);
        let message = "이 고객의 카드 등록 시도가 너무 많습니다. 잠시 후 다시 시도해 주세요.";
        assert_eq!(reply.error(429)["message"], message);
    }
    assert!(metric(&app, limited).await >= before + 3);
    assert_eq!(app.calls("CARD-KEYGEN").await, asked, "KiwoomPay is not asked");
    // The first answer again is no attempt; neither is it lost.
    assert_eq!(app.send(once).await.text, first.text);
    send(&body("u2", APPROVED)).await.data(201);
    // Refused under an Idempotency-Key, nothing is kept that would be answered later.
    let again = register(&app, OF_SETTINGS, &body("u1", APPROVED)).header("idempotency-key", "l");
    app.send(again.try_clone().unwrap()).await.fails(429, "rate_limited");
    let app = app.restart().await;
    let again = register(&app, OF_SETTINGS, &body("u1", APPROVED)).header("idempotency-key", "l");
    app.send(again).await.data(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_may_register_so_many_cards() {
    let settings = [
        ("API_KEYS", OF_SETTINGS),
        ("TRUSTED_PROXIES", "127.0.0.1"),
        ("REGISTER_ADDRESS_PER_HOUR", "2"),
    ];
    let app = TestApp::with(&settings).await;
    for customer in ["u1", "u2"] {
        registered(&app, OF_SETTINGS, "2001:db8::1", customer).await.data(201);
    }
    let reply = registered(&app, OF_SETTINGS, "2001:db8::2", "u3").await;
    reply.fails(429, "rate_limited");
    assert!((1700..=1800).contains(&retry_after(&reply)), "{:?}", reply.headers);
    registered(&app, OF_SETTINGS, "8.8.8.8", "u3").await.data(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_may_register_so_many_cards_and_what_is_refused_uses_up_nothing() {
    let settings = [
        ("API_KEYS", OF_SETTINGS),
        ("REGISTER_CUSTOMER_PER_HOUR", "1"),
        ("REGISTER_KEY_PER_HOUR", "2"),
    ];
    let app = TestApp::with(&settings).await;
    let other = app.key(&[Scope::Charge]).await;
    registered(&app, OF_SETTINGS, "", "u1").await.data(201);
    for _ in 0..5 {
        registered(&app, OF_SETTINGS, "", "u1").await.fails(429, "rate_limited");
    }
    registered(&app, OF_SETTINGS, "", "u2").await.data(201);
    registered(&app, OF_SETTINGS, "", "u3").await.fails(429, "rate_limited");
    registered(&app, &other, "", "u3").await.data(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_sandbox_nothing_limits_registrations() {
    let app = TestApp::start().await;
    for _ in 0..12 {
        app.register(APPROVED).await;
    }
}
