//! The description of the API, and the page that shows it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::support::app::TestApp;

/// The routes of the contract, those that need no key last.
const ROUTES: [(&str, &[&str]); 62] = [
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
    ("/easypay/links", &["get", "post"]),
    ("/easypay/links/{id}", &["delete", "get"]),
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

/// Each operation of the description, its webhooks too, by its method and path.
fn operations(doc: &Value) -> Vec<(String, &Value)> {
    let sections = ["paths", "webhooks"].into_iter();
    let items = sections.flat_map(|section| doc[section].as_object().unwrap());
    let all = items.flat_map(|(path, item)| {
        let operations = item.as_object().unwrap().iter();
        operations.map(move |(method, operation)| (format!("{method} {path}"), operation))
    });
    all.collect()
}

/// Generators name methods and files by it: a repeated one is refused, or a call is lost in silence.
#[tokio::test(flavor = "multi_thread")]
async fn each_operation_has_an_id_of_its_own() {
    let doc = TestApp::start().await.get("/openapi.json").await.json();
    let schemas = doc["components"]["schemas"].as_object().unwrap();
    let mut names: BTreeSet<String> = schemas.keys().map(|name| name.to_lowercase()).collect();
    let operations = operations(&doc);
    for (name, operation) in &operations {
        let id = operation["operationId"].as_str().unwrap();
        assert!(id.bytes().all(|b| b.is_ascii_alphanumeric()), "{name}: {id}");
        assert!(names.insert(id.to_lowercase()), "{id} is there twice, or the name of a schema");
    }
    for (name, id) in [
        ("post /billing/pay", "createPayment"),
        ("get /billing/payments", "listPayments"),
        ("post /billing/refund", "refundPayment"),
        ("post /billing/subscribe", "createSubscription"),
        ("post /billing/cancel", "cancelSubscription"),
    ] {
        let found = operations.iter().find(|(of, _)| of == name).unwrap();
        assert_eq!(found.1["operationId"], id, "callers have code with this name");
    }
}

/// Every object inside `value`, itself first, with where it stands.
fn objects<'a>(value: &'a Value, path: &str, visit: &mut impl FnMut(&str, &'a Value)) {
    match value {
        Value::Object(fields) => {
            visit(path, value);
            fields.iter().for_each(|(name, part)| objects(part, &format!("{path}/{name}"), visit));
        }
        Value::Array(items) => items.iter().for_each(|part| objects(part, path, visit)),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn patterns_are_written_as_all_engines_read_them() {
    let doc = TestApp::start().await.get("/openapi.json").await.json();
    let mut patterns = BTreeSet::new();
    objects(&doc, "", &mut |_, object| patterns.extend(object["pattern"].as_str()));
    for pattern in &patterns {
        for other in ["\\u", "\\p", "\\P", "\\k", "(?"] {
            assert!(!pattern.contains(other), "{pattern}");
        }
        assert!(pattern.starts_with('^') && pattern.ends_with('$'), "{pattern}");
    }
    assert!(patterns.len() > 10, "{patterns:?}");
}

/// The names of the schemas that the value refers to, at any depth.
fn reached(doc: &Value, value: &Value, names: &mut BTreeSet<String>) {
    let mut found = Vec::new();
    objects(value, "", &mut |_, object| found.extend(object["$ref"].as_str()));
    for reference in found {
        let name = reference.rsplit('/').next().unwrap();
        if names.insert(name.to_owned()) {
            reached(doc, &doc["components"]["schemas"][name], names);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_has_one_shape_for_all_successes_and_may_get_new_fields() {
    let doc = TestApp::start().await.get("/openapi.json").await.json();
    let mut answers = BTreeSet::new();
    for (name, operation) in operations(&doc) {
        let responses = operation["responses"].as_object().unwrap();
        let shape = |status: &str| &responses[status]["content"];
        let successes: Vec<&str> =
            responses.keys().map(String::as_str).filter(|s| s.starts_with('2')).collect();
        assert!(!successes.is_empty(), "{name}");
        for status in &successes {
            assert_eq!(shape(status), shape(successes[0]), "{name}");
        }
        reached(&doc, &operation["responses"], &mut answers);
    }
    assert!(answers.contains("PaymentBody") && answers.contains("Page_PaymentBody"), "{answers:?}");
    for name in &answers {
        let schema = &doc["components"]["schemas"][name];
        assert_ne!(schema["additionalProperties"], json!(false), "{name}");
        assert!(schema["oneOf"].is_null(), "{name} is a choice");
        for (field, of) in schema["properties"].as_object().into_iter().flatten() {
            assert!(!field.ends_with("At") || of["format"] == "date-time", "{name}.{field}: {of}");
            assert!(field != "data" || !of["properties"].is_object(), "{name}.{field} has no name");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_is_described_in_english_and_korean() {
    let doc = TestApp::start().await.get("/openapi.json").await.json();
    for (name, operation) in operations(&doc) {
        let summary = operation["summary"].as_str().unwrap();
        assert!(summary.is_ascii() && summary.len() < 80, "{name}: {summary}");
        let description = operation["description"].as_str().unwrap();
        let (english, korean) = description.rsplit_once("\n\n").unwrap_or_else(|| panic!("{name}"));
        let is_korean = |text: &str| text.chars().any(|c| ('가'..='힣').contains(&c));
        assert!(!is_korean(english) && is_korean(korean), "{name}: {description}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_type_of_event_is_a_webhook_with_the_body_of_its_delivery() {
    let app = TestApp::start().await;
    let doc = app.get("/openapi.json").await.json();
    let types = &doc["paths"]["/events"]["get"]["parameters"];
    let types = types.as_array().unwrap().iter().find(|p| p["name"] == "type").unwrap();
    let reference = types["schema"]["$ref"].as_str().unwrap().trim_start_matches('#');
    for kind in doc.pointer(reference).unwrap()["enum"].as_array().unwrap() {
        let kind = kind.as_str().unwrap();
        let body = &doc["webhooks"][kind]["post"]["requestBody"]["content"]["application/json"];
        let name = body["schema"]["$ref"].as_str().unwrap().trim_start_matches('#');
        let event = doc.pointer(name).unwrap();
        let of_type = event["properties"]["type"]["enum"].as_array().unwrap();
        assert!(of_type.contains(&json!(kind)), "{kind}: {of_type:?}");
        let (object, _) = kind.split_once('.').unwrap();
        assert_eq!(event["properties"]["object"]["enum"], json!([object]));
        let data = event["properties"]["data"]["oneOf"][0]["$ref"].as_str().unwrap();
        assert!(doc.pointer(data.trim_start_matches('#')).is_some(), "{data}");
    }
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
        let own = if n < 55 { Value::Null } else { json!([{}]) };
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
        assert_eq!(schema["additionalProperties"], json!(false), "{name}");
        bodies += 1;
    }
    assert_eq!(bodies, 23);
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
            assert!(statuses.contains_key("default"), "{method} {path}");
            assert!(statuses.keys().all(|status| !status.contains("XX")), "{method} {path}");
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
    assert!(start.contains("validatorUrl: \"none\""), "{start}");
    assert!(start.contains("/openapi.json") && !start.contains("//petstore"), "{start}");
}
