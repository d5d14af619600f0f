//! API keys: what needs one, how it is presented, and what is kept apart by it.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::support::app::{TestApp, card, one_off};
use crate::support::subscriptions::APPROVED;

const FIRST: &str = "first-key-0123456789abcdef";
const SECOND: &str = "second-key-0123456789abcdef";
const KEYED: [(&str, &str); 12] = [
    ("GET", "/billing/keys"),
    ("GET", "/billing/payments"),
    ("GET", "/billing/payment/x"),
    ("POST", "/billing/register"),
    ("POST", "/billing/pay"),
    ("PATCH", "/billing/subscription/x"),
    ("DELETE", "/billing/key/x"),
    ("GET", "/easypay/methods"),
    ("POST", "/easypay/prepare"),
    ("GET", "/easypay/status/x"),
    ("POST", "/billing/payment/x/resolve"),
    ("GET", "/metrics"),
];

async fn start() -> TestApp {
    TestApp::with(&[("API_KEYS", &format!("{FIRST}, {SECOND}"))]).await
}

fn call(app: &TestApp, (method, path): (&str, &str)) -> RequestBuilder {
    app.request(method.parse().unwrap(), path)
}

fn unauthorized() -> Value {
    json!({"code": "unauthorized", "message": "API 키가 없거나 올바르지 않습니다."})
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_or_with_a_wrong_one_there_is_nothing_but_401() {
    let app = start().await;
    let before = app.everything().await;
    for route in KEYED {
        let reply = app.send(call(&app, route)).await;
        assert_eq!(reply.error(401), unauthorized(), "{route:?}");
    }
    let wrong = [
        ("authorization", "Bearer wrong-key-0123456789abcdef".to_owned()),
        ("authorization", format!("Bearer {FIRST}x")),
        ("authorization", format!("Bearer {}", &FIRST[..24])),
        ("authorization", format!("Bearer {}", FIRST.to_uppercase())),
        ("authorization", "Bearer ".to_owned()),
        ("authorization", FIRST.to_owned()),
        ("authorization", format!("Basic {FIRST}")),
        ("authorization", format!("Bearer {FIRST}, {SECOND}")),
        ("x-api-key", format!("Bearer {FIRST}")),
        ("x-api-key", String::new()),
        ("x-api-key", format!("{FIRST},{SECOND}")),
        ("cookie", format!("api_key={FIRST}")),
    ];
    for (header, value) in wrong {
        let reply = app.send(call(&app, KEYED[0]).header(header, &value)).await;
        assert_eq!(reply.error(401), unauthorized(), "{header}: {value}");
    }
    let reply = app.get(&format!("/billing/keys?apiKey={FIRST}")).await;
    assert_eq!(reply.error(401), unauthorized());
    // Who has no key learns nothing of the body, not even that it is wrong or too large.
    let request = app.request(Method::POST, "/billing/pay").body("x".repeat(70 * 1024));
    assert_eq!(app.send(request).await.error(401), unauthorized());
    let request = app.request(Method::POST, "/billing/register").json(&card(APPROVED));
    let reply = app.send(request.header("accept-language", "en")).await;
    assert_eq!(reply.error(401)["message"], "The API key is missing or wrong.");
    assert_eq!(app.everything().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_key_opens_the_api_in_either_header() {
    let app = start().await;
    for key in [FIRST, SECOND] {
        for (header, value) in [
            ("authorization", format!("Bearer {key}")),
            ("authorization", format!("bearer {key}")),
            ("x-api-key", key.to_owned()),
        ] {
            let reply = app.send(call(&app, KEYED[0]).header(header, &value)).await;
            assert_eq!(reply.data(200), json!({"items": [], "nextCursor": null}), "{header}");
        }
        let metrics = app.send(call(&app, ("GET", "/metrics")).header("x-api-key", key)).await;
        assert_eq!(metrics.status, 200);
        assert!(metrics.text.contains("kiwoom_billing_requests_total"), "{}", metrics.text);
        assert!(!metrics.text.contains(key));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn health_documents_and_the_example_need_no_key() {
    let app = start().await;
    let open = [
        "/health/live",
        "/health/ready",
        "/openapi.json",
        "/docs/",
        "/easypay/sdk-example",
        "/webhook/health",
        "/sandbox",
        "/sandbox/ledger",
    ];
    for path in open {
        assert_eq!(app.get(path).await.status, 200, "{path}");
    }
    let live = app.get("/health/live").await;
    assert_eq!(live.data(200), json!({"status": "ok"}));
    let ready = app.ready().await;
    let expected = json!({"status": "ok", "database": "ok", "gateway": "sandbox", "unknownOutcomes": 0,
            "scheduledCharging": "on"});
    assert_eq!(ready, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn in_development_without_keys_the_api_is_open() {
    let app = TestApp::start().await;
    app.get("/billing/keys").await.data(200);
    let request = call(&app, KEYED[0]).header("x-api-key", "anything");
    app.send(request).await.data(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotency_key_is_each_api_key_s_own() {
    let app = start().await;
    let request = call(&app, ("POST", "/billing/register")).json(&card(APPROVED));
    let made = app.send(request.header("x-api-key", FIRST)).await.data(201);
    let body = one_off(made["billingKey"].as_str().unwrap());
    let pay = |header: &str, value: String| {
        let request = call(&app, ("POST", "/billing/pay")).json(&body).header(header, value);
        request.header("idempotency-key", "same")
    };
    let first = app.send(pay("x-api-key", FIRST.to_owned())).await;
    let second = app.send(pay("x-api-key", SECOND.to_owned())).await;
    assert_ne!(first.data(200)["id"], second.data(200)["id"]);
    // The same API key in the other header is the same caller.
    let again = app.send(pay("authorization", format!("Bearer {FIRST}"))).await;
    assert_eq!(again.text, first.text);
    assert_eq!(app.ledger().await.len(), 2);
}
