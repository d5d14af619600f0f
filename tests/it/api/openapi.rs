//! The description of the API, and the page that shows it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::support::app::TestApp;

/// The routes of the contract, those that need no key last.
const ROUTES: [(&str, &[&str]); 57] = [
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
    ("/billing/subscription/{id}/timeline", &["get"]),
    ("/billing/subscription/{id}/extend", &["post"]),
    ("/billing/subscription/{id}/paid", &["post"]),
    ("/billing/subscription/{id}/consent", &["post"]),
    ("/billing/subscription/{id}/consents", &["get"]),
    ("/billing/subscription/{id}/pause", &["post"]),
    ("/billing/subscription/{id}/resume", &["post"]),
    ("/billing/subscriptions", &["get"]),
    ("/billing/forecast", &["get"]),
    ("/billing/keys", &["get"]),
    ("/billing/key/{billingKey}", &["delete"]),
    ("/billing/key/{billingKey}/activate", &["post"]),
    ("/billing/movements", &["get"]),
    ("/billing/movements.csv", &["get"]),
    ("/billing/movements.xlsx", &["get"]),
    ("/billing/summary", &["get"]),
    ("/billing/overview", &["get"]),
    ("/billing/customer/{customerId}", &["get"]),
    ("/customers/{customerId}/export", &["get"]),
    ("/customers/{customerId}", &["delete"]),
    ("/customers/{customerId}/merge", &["post"]),
    ("/notifications", &["get"]),
    ("/easypay/methods", &["get"]),
    ("/easypay/prepare", &["post"]),
    ("/easypay/status/{orderId}", &["get"]),
    ("/easypay/cancel", &["post"]),
    ("/easypay/order/{orderId}/resolve", &["post"]),
    ("/events", &["get"]),
    ("/events/{id}", &["get"]),
    ("/events/{id}/redeliver", &["post"]),
    ("/events/redeliver", &["post"]),
    ("/events/test", &["post"]),
    ("/webhook-endpoints", &["get", "post"]),
    ("/webhook-endpoints/{id}", &["delete", "get", "patch"]),
    ("/webhook-endpoints/{id}/rotate-secret", &["post"]),
    ("/audit", &["get"]),
    ("/reconciliations", &["post"]),
    ("/status", &["get"]),
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

/// Generators name methods and files by it: a repeated one is refused, or a call is lost in silence.
#[tokio::test(flavor = "multi_thread")]
async fn each_operation_has_an_id_of_its_own() {
    let doc = TestApp::start().await.get("/openapi.json").await.json();
    let operations = doc["paths"].as_object().unwrap().values();
    let operations = operations.flat_map(|methods| methods.as_object().unwrap().values());
    let ids = operations.map(|operation| operation["operationId"].as_str().unwrap().to_owned());
    let ids: Vec<String> = ids.collect();
    let verbs = [
        "get",
        "list",
        "create",
        "update",
        "delete",
        "extend",
        "cancel",
        "resolve",
        "export",
        "quote",
        "receive",
        "show",
        "pause",
        "resume",
        "forecast",
        "record",
        "register",
        "redeliver",
        "prepare",
        "activate",
        "reconcile",
        "rotate",
    ];
    let mut names: BTreeSet<String> = doc["components"]["schemas"]
        .as_object()
        .unwrap()
        .keys()
        .map(|name| name.to_lowercase())
        .collect();
    for id in &ids {
        let is_verb = verbs.iter().any(|verb| id.starts_with(verb));
        assert!(is_verb && id.bytes().all(|b| b.is_ascii_alphanumeric()), "{id}");
        assert!(names.insert(id.to_lowercase()), "{id} is there twice, or the name of a schema");
    }
    assert!(ids.len() > 40, "{ids:?}");
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
        let own = if n < 50 { Value::Null } else { json!([{}]) };
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

/// The operations whose method may change something.
fn writing(doc: &Value) -> Vec<(String, &Value)> {
    let items = doc["paths"].as_object().unwrap().iter();
    let all = items.flat_map(|(path, item)| {
        let operations = item.as_object().unwrap().iter();
        operations.map(move |(method, operation)| (format!("{method} {path}"), operation))
    });
    all.filter(|(name, _)| !name.starts_with("get")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_described_as_strictly_as_they_are_read() {
    let app = TestApp::start().await;
    let doc = app.get("/openapi.json").await.json();
    let mut bodies = 0;
    for (name, operation) in writing(&doc) {
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        let Some(reference) = schema["$ref"].as_str() else { continue };
        let schema = doc.pointer(reference.trim_start_matches('#')).unwrap();
        let one = std::slice::from_ref(schema);
        for shape in schema["oneOf"].as_array().map_or(one, Vec::as_slice) {
            assert_eq!(shape["additionalProperties"], json!(false), "{name}");
        }
        bodies += 1;
    }
    assert_eq!(bodies, 21);
    // Types that share a name would share a schema.
    let schemas = &doc["components"]["schemas"];
    for (name, field) in [
        ("ResolveRequest", "transactionId"),
        ("RefundResolveRequest", "outcome"),
        ("CancelRequest", "subscriptionId"),
        ("OrderCancelRequest", "orderId"),
        ("AttemptBody", "allowedBy"),
        ("DeliveryAttemptBody", "millis"),
    ] {
        assert!(schemas[name]["properties"][field].is_object(), "{name}: {}", schemas[name]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_holds_for_all_routes_is_described_for_each() {
    let app = TestApp::start().await;
    let doc = app.get("/openapi.json").await.json();
    for (path, item) in doc["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let statuses = operation["responses"].as_object().unwrap();
            assert!(statuses.contains_key("4XX"), "{method} {path}");
            assert!(statuses.contains_key("5XX"), "{method} {path}");
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let schema = parameter["schema"].to_string();
                assert!(!schema.contains("null"), "{method} {path}: {parameter}");
            }
        }
    }
    for (name, operation) in writing(&doc).into_iter().filter(|(n, _)| !n.contains("/webhook/")) {
        let parameters = operation["parameters"].as_array().unwrap();
        assert!(parameters.iter().any(|p| p["name"] == "Idempotency-Key"), "{name}");
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
