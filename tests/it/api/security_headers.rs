//! What every answer tells a browser, on every route and for every kind of answer; and that nothing
//! is said to pages of other origins.

use std::collections::BTreeSet;

use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::support::app::{Reply, TestApp, one_off};
use crate::support::window::ALL_ON;

/// Of what is no page.
const NOTHING: &str =
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Paths beside those that the description has.
const PAGES: [&str; 35] = [
    "/easypay/pay/x",
    "/",
    "/nope",
    "/openapi.json",
    "/docs",
    "/docs/",
    "/docs/index.html",
    "/docs/swagger-ui.css",
    "/docs/swagger-ui-bundle.js",
    "/docs/swagger-initializer.js",
    "/docs/nope",
    "/billing/payment/%ff",
    "/sandbox",
    "/sandbox/nope",
    "/sandbox/sandbox.css",
    "/sandbox/sandbox.js",
    "/sandbox/window.js",
    "/sandbox/sdk.js",
    "/sandbox/pay/ready",
    "/sandbox/pay/process",
    "/sandbox/pay/hash",
    "/sandbox/pay/link",
    "/sandbox/pay/linkEnc",
    "/sandbox/pay/window/x",
    "/sandbox/common/PayInfoPrint.jsp",
    "/sandbox/common/PayInfoPrintDirectCard.jsp",
    "/sandbox/common/PayInfoPrintKakaoPay.jsp",
    "/sandbox/common/PayInfoPrintNaverPay.jsp",
    "/sandbox/common/x",
    "/sandbox/admin/cancel",
    "/sandbox/notifications",
    "/sandbox/ledger",
    "/sandbox/calls",
    "/sandbox/faults",
    "/sandbox/clock",
];

const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"];
const ORIGINS: [&str; 4] =
    ["https://evil.example", "null", "http://localhost:5173", "https://shop.example"];

/// A service whose redirects are looked at, not followed.
async fn start(settings: &[(&str, &str)]) -> TestApp {
    let mut app = TestApp::with(settings).await;
    let client = reqwest::Client::builder().no_proxy();
    app.client = client.redirect(reqwest::redirect::Policy::none()).build().unwrap();
    app
}

/// Every path there is, a page's too.
async fn paths(app: &TestApp) -> Vec<String> {
    let doc = app.get("/openapi.json").await.json();
    let described = doc["paths"].as_object().unwrap().keys().map(|p| p.replace(['{', '}'], ""));
    described.chain(PAGES.map(str::to_owned)).collect()
}

fn is(headers: &HeaderMap, name: &str, value: &str) -> bool {
    let all: Vec<_> = headers.get_all(name).iter().collect();
    all == [value]
}

/// Of scripts and of everything by default, and whether others may frame it.
fn directive<'a>(policy: &'a str, name: &str) -> Option<&'a str> {
    policy.split(';').find_map(|d| d.trim().strip_prefix(name)?.strip_prefix(' '))
}

#[track_caller]
fn protects(what: &str, reply: &Reply) {
    let headers = &reply.headers;
    assert!(is(headers, "x-content-type-options", "nosniff"), "{what}: {headers:?}");
    assert!(is(headers, "referrer-policy", "no-referrer"), "{what}: {headers:?}");
    assert!(is(headers, "cache-control", "no-store"), "{what}: {headers:?}");
    assert_eq!(headers.get_all("content-security-policy").iter().count(), 1, "{what}");
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert_eq!(directive(policy, "default-src"), Some("'none'"), "{what}: {policy}");
    assert_eq!(directive(policy, "base-uri"), Some("'none'"), "{what}: {policy}");
    let scripts = ["script-src", "style-src"].map(|d| directive(policy, d).unwrap_or_default());
    let scripts = scripts.concat();
    for unsafe_source in ["unsafe", "*", "http:", "https:", "data:", "blob:"] {
        assert!(!scripts.contains(unsafe_source), "{what}: {policy}");
    }
    let ancestors = directive(policy, "frame-ancestors");
    match what.rsplit(' ').next().unwrap() {
        "/easypay/return" if policy != NOTHING => assert_eq!(ancestors, Some("'self'"), "{what}"),
        path if path.starts_with("/sandbox/pay/") && policy != NOTHING => {
            assert_eq!(ancestors, Some("*"), "merchants frame the window: {what}");
        }
        _ => assert_eq!(ancestors, Some("'none'"), "{what}: {policy}"),
    }
    let html = headers.get("content-type").is_some_and(|t| t.to_str().unwrap().contains("html"));
    if policy == NOTHING {
        assert!(is(headers, "x-frame-options", "DENY"), "{what}: {headers:?}");
    } else {
        let documented = what.contains("/docs") || what.contains("/openapi.json");
        assert!(html || documented, "{what}: {headers:?}");
    }
}

#[track_caller]
fn tells_no_other_origin(what: &str, reply: &Reply) {
    let names = reply.headers.keys().map(reqwest::header::HeaderName::as_str);
    let told: Vec<&str> = names.filter(|name| name.starts_with("access-control")).collect();
    assert!(told.is_empty(), "{what}: {told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_carries_the_headers_that_protect_a_browser() {
    const KEY: &str = "a-key-of-more-than-24-characters";
    let open = start(&[ALL_ON, &[("TRUSTED_PROXIES", "127.0.0.1")]].concat()).await;
    let keyed = start(&[("API_KEYS", KEY), ("AUTH_FAILURES_PER_MINUTE", "0")]).await;
    let (mut tried, mut statuses) = (0, BTreeSet::new());
    for app in [&open, &keyed] {
        for path in paths(app).await {
            for method in METHODS {
                let request = app.request(method.parse::<Method>().unwrap(), &path);
                let reply = app.send(request).await;
                let what = format!("{} {method} {path}", reply.status);
                protects(&what, &reply);
                tells_no_other_origin(&what, &reply);
                statuses.insert(reply.status);
                tried += 1;
            }
        }
    }
    let long = "x".repeat(70 * 1024);
    for (path, kind) in [("/billing/pay", "application/json"), ("/billing/pay", "text/plain")] {
        for body in [long.as_str(), "{", "{}", "{\"billingKey\":1}"] {
            let request = open.request(Method::POST, path).header("content-type", kind);
            let reply = open.send(request.body(body.to_owned())).await;
            protects(&format!("{} POST {path}", reply.status), &reply);
            statuses.insert(reply.status);
            tried += 1;
        }
    }
    assert_eq!(tried, 2 * 97 * METHODS.len() + 8);
    let expected = [200, 303, 400, 401, 404, 405, 413, 415].into();
    assert!(statuses.is_superset(&expected), "{statuses:?}");
    for path in ["/webhook/kiwoom", "/webhook/noti"] {
        let request = open.request(Method::GET, path).header("X-Forwarded-For", "8.8.8.8");
        let reply = open.send(request).await;
        assert_eq!(reply.status, 403);
        protects(&format!("403 GET {path}"), &reply);
    }
}

/// An answer that is kept under an `Idempotency-Key` has them the second time too.
#[tokio::test(flavor = "multi_thread")]
async fn a_stored_answer_and_an_export_carry_them_too() {
    let app = TestApp::start().await;
    let key = app.register("4111111111111111").await;
    for _ in 0..2 {
        let request = app.request(Method::POST, "/billing/pay").header("Idempotency-Key", "k");
        let reply = app.send(request.json(&one_off(&key))).await;
        reply.data(200);
        protects("200 POST /billing/pay", &reply);
    }
    let reply = app.get("/billing/payments.csv").await;
    assert_eq!(reply.status, 200);
    protects("200 GET /billing/payments.csv", &reply);
}

/// A nonce that comes twice protects nobody.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_has_another_nonce_each_time_and_no_script_without_it() {
    let app = TestApp::start().await;
    let mut seen = BTreeSet::new();
    for path in ["/easypay/sdk-example", "/easypay/return?result=paid&orderId=O-1"] {
        for _ in 0..20 {
            let page = app.get(path).await;
            let policy = page.headers["content-security-policy"].to_str().unwrap();
            let nonce = directive(policy, "script-src").unwrap();
            let nonce = nonce.strip_prefix("'nonce-").unwrap().strip_suffix('\'').unwrap();
            assert!(nonce.len() >= 22, "{nonce}");
            let opened = page.text.matches("<script").count() + page.text.matches("<style").count();
            let with_nonce = page.text.matches(&format!("nonce=\"{nonce}\"")).count();
            assert!(opened >= 2 && opened == with_nonce, "{path}");
            assert!(!page.text.contains(" style=\"") && !page.text.contains(" onclick"), "{path}");
            seen.insert(nonce.to_owned());
        }
    }
    assert_eq!(seen.len(), 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_of_another_origin_is_told_anything_on_any_route() {
    const KEY: &str = "a-key-of-more-than-24-characters";
    let open = start(&[]).await;
    let keyed = start(&[("API_KEYS", KEY), ("AUTH_FAILURES_PER_MINUTE", "0")]).await;
    let mut tried = 0;
    for (app, key) in [(&open, None), (&keyed, None), (&keyed, Some(KEY))] {
        for path in paths(app).await {
            for origin in ORIGINS {
                tells_nothing(app, &path, origin, key).await;
                tried += 2;
            }
        }
    }
    assert_eq!(tried, 3 * 97 * ORIGINS.len() * 2);
}

/// Neither a preflight nor a simple request from this origin.
async fn tells_nothing(app: &TestApp, path: &str, origin: &str, key: Option<&str>) {
    for method in [Method::OPTIONS, Method::GET] {
        let mut request = app.request(method.clone(), path).header("Origin", origin);
        if let Some(key) = key {
            request = request.header("X-API-Key", key);
        }
        if method == Method::OPTIONS {
            let wanted = "authorization,content-type,idempotency-key";
            request = request.header("Access-Control-Request-Method", "POST");
            request = request.header("Access-Control-Request-Headers", wanted);
            request = request.header("Access-Control-Request-Private-Network", "true");
        }
        let reply = app.send(request).await;
        let what = format!("{} {method} {path}", reply.status);
        tells_no_other_origin(&what, &reply);
        protects(&what, &reply);
        if method == Method::OPTIONS {
            refuses_options(&what, &reply);
        }
    }
}

/// In the envelope: 405 on a route, 404 beside it, 401 for who has no key.
#[track_caller]
fn refuses_options(what: &str, reply: &Reply) {
    let code: Value = reply.error(reply.status)["code"].clone();
    let expected = match reply.status {
        401 => "unauthorized",
        404 => "not_found",
        _ => "method_not_allowed",
    };
    assert_eq!(code, expected, "{what}");
    assert!(matches!(reply.status, 401 | 404 | 405), "{what}");
}
