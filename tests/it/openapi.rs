//! The description of the API, and the page that shows it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::app::TestApp;

/// The routes of the contract, those that need no key last.
const ROUTES: [(&str, &[&str]); 38] = [
    ("/billing/register", &["post"]),
    ("/billing/subscribe", &["post"]),
    ("/billing/pay", &["post"]),
    ("/billing/payment/{id}", &["get"]),
    ("/billing/payment/{id}/proof", &["get"]),
    ("/billing/payment/{id}/resolve", &["post"]),
    ("/billing/payments", &["get"]),
    ("/billing/payments.csv", &["get"]),
    ("/billing/cancel", &["post"]),
    ("/billing/refund", &["post"]),
    ("/billing/refund-quote", &["get"]),
    ("/billing/refund/{id}/resolve", &["post"]),
    ("/billing/refunds", &["get"]),
    ("/billing/subscription/{id}", &["get", "patch"]),
    ("/billing/subscription/{id}/consent", &["post"]),
    ("/billing/subscription/{id}/consents", &["get"]),
    ("/billing/subscription/{id}/pause", &["post"]),
    ("/billing/subscription/{id}/resume", &["post"]),
    ("/billing/subscriptions", &["get"]),
    ("/billing/forecast", &["get"]),
    ("/billing/keys", &["get"]),
    ("/billing/key/{billingKey}", &["delete"]),
    ("/easypay/methods", &["get"]),
    ("/easypay/prepare", &["post"]),
    ("/easypay/status/{orderId}", &["get"]),
    ("/easypay/cancel", &["post"]),
    ("/events", &["get"]),
    ("/events/{id}", &["get"]),
    ("/events/{id}/redeliver", &["post"]),
    ("/audit", &["get"]),
    ("/metrics", &["get"]),
    ("/easypay/sdk-example", &["get"]),
    ("/easypay/return", &["get"]),
    ("/webhook/kiwoom", &["get", "post"]),
    ("/webhook/noti", &["get", "post"]),
    ("/webhook/health", &["get"]),
    ("/health/live", &["get"]),
    ("/health/ready", &["get"]),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_route_of_the_contract_is_described_with_its_methods() {
    let app = TestApp::start().await;
    let reply = app.get("/openapi.json").await;
    assert_eq!(reply.status, 200);
    let doc = reply.json();
    assert!(doc["openapi"].as_str().unwrap().starts_with("3."), "{}", doc["openapi"]);
    let described: BTreeMap<_, _> = doc["paths"].as_object().unwrap().iter().collect();
    let methods = |path: &serde_json::Value| -> BTreeSet<String> {
        path.as_object().unwrap().keys().filter(|k| *k != "parameters").cloned().collect()
    };
    let described: BTreeMap<&str, BTreeSet<String>> =
        described.into_iter().map(|(path, item)| (path.as_str(), methods(item))).collect();
    let expected: BTreeMap<&str, BTreeSet<String>> = ROUTES
        .iter()
        .map(|(path, methods)| (*path, methods.iter().map(ToString::to_string).collect()))
        .collect();
    assert_eq!(described, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_described_is_served() {
    let app = TestApp::start().await;
    let doc = app.get("/openapi.json").await.json();
    for (path, item) in doc["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let call =
                app.request(method.to_uppercase().parse().unwrap(), &path.replace(['{', '}'], ""));
            let reply = app.send(call).await;
            assert_ne!(reply.status, 405, "{method} {path}");
            assert!(!reply.text.contains("\"not_found\""), "{method} {path}: {}", reply.text);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_routes_say_whether_they_need_a_key_and_every_reference_leads_somewhere() {
    let app = TestApp::start().await;
    let doc = app.get("/openapi.json").await.json();
    assert_eq!(doc["security"], json!([{"bearer": []}, {"apiKey": []}]));
    for (n, (path, methods)) in ROUTES.into_iter().enumerate() {
        let own = if n < 31 { Value::Null } else { json!([{}]) };
        for method in methods {
            assert_eq!(doc["paths"][path][method]["security"], own, "{method} {path}");
        }
    }
    let text = doc.to_string();
    let references = text.split("\"$ref\":\"").skip(1).map(|rest| rest.split('"').next().unwrap());
    for reference in references.collect::<BTreeSet<_>>() {
        let pointer = reference.trim_start_matches('#');
        assert!(doc.pointer(pointer).is_some(), "{reference}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documentation_page_loads_nothing_from_elsewhere() {
    let app = TestApp::start().await;
    let page = app.get("/docs").await;
    assert_eq!(page.status, 200);
    let page = app.get("/docs/").await.text;
    let mut loaded = Vec::new();
    for attribute in ["src=\"", "href=\""] {
        loaded.extend(page.split(attribute).skip(1).map(|rest| rest.split('"').next().unwrap()));
    }
    assert!(loaded.len() >= 3, "{page}");
    for asset in loaded {
        assert!(!asset.contains("//"), "{asset}");
        let path = asset.trim_start_matches("./");
        assert_eq!(app.get(&format!("/docs/{path}")).await.status, 200, "{asset}");
    }
    // Left alone, the page shows a badge from swagger.io, which is sent the description's address.
    let start = app.get("/docs/swagger-initializer.js").await.text;
    assert!(start.contains("\"validatorUrl\": \"none\""), "{start}");
    assert!(start.contains("/openapi.json") && !start.contains("//petstore"), "{start}");
}
