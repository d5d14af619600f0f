//! The examples of the description, sent as the page at `/docs` sends them: each in turn, with the newest
//! of its kind in place of an id that only the service can make.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::{Reply, TestApp};

/// In the order in which somebody would try them, with the status of each. What settles an unknown
/// outcome, or a rise, has nothing to settle here, and says so.
const ORDER: &[(&str, u16)] = &[
    ("registerBillingKey", 201),
    ("createSubscription", 201),
    ("createPayment", 200),
    ("refundPayment", 200),
    ("updateSubscription", 200),
    ("extendSubscription", 200),
    ("recordPriceConsent", 409),
    ("recordPaidPeriod", 400),
    ("pauseSubscription", 200),
    ("resumeSubscription", 200),
    ("prepareOrder", 200),
    ("getOrder", 200),
    ("createPaymentLink", 201),
    ("getPaymentLink", 200),
    ("cancelPaymentLink", 200),
    ("resolvePayment", 409),
    ("resolveRefund", 409),
    ("redeliverEvents", 400),
    ("redeliverEvent", 400),
    ("createReconciliation", 200),
    ("cancelSubscription", 200),
    ("createWebhookEndpoint", 201),
    ("getWebhookEndpoint", 200),
    ("updateWebhookEndpoint", 200),
    ("rotateWebhookSecret", 200),
    ("createTestEvent", 201),
    ("deleteWebhookEndpoint", 200),
    ("mergeCustomers", 404),
    ("eraseCustomer", 409),
    ("cancelOrder", 200),
    ("resolveOrder", 200),
    ("activateBillingKey", 200),
    ("deleteBillingKey", 200),
];
const NEWEST: [(&str, &str, &str); 7] = [
    ("bk_example", "/billing/keys?limit=1", "billingKey"),
    ("sub_example", "/billing/subscriptions?limit=1", "id"),
    ("pay_example", "/billing/payments?limit=1", "id"),
    ("ref_example", "/billing/refunds?limit=1", "id"),
    ("evt_example", "/events?limit=1&order=newest", "id"),
    ("we_example", "/webhook-endpoints", "id"),
    ("link_example", "/easypay/links?limit=1", "id"),
];

async fn with_ids(app: &TestApp, mut text: String) -> String {
    for (example, path, field) in NEWEST {
        if text.contains(example) {
            let newest = app.get(path).await.data(200)["items"][0][field].clone();
            text = text.replace(example, newest.as_str().unwrap());
        }
    }
    text
}

async fn tried(app: &TestApp, method: &str, path: &str, operation: &Value) -> Reply {
    let mut query = Vec::new();
    let mut path = path.to_owned();
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let (name, example) = (parameter["name"].as_str().unwrap(), &parameter["example"]);
        assert!(!example.is_null() || parameter["required"] != true, "{path}: no {name}");
        let example = example.as_str().map_or_else(|| example.to_string(), str::to_owned);
        if ["null", "{}"].contains(&example.as_str()) {
            continue;
        }
        match parameter["in"].as_str() {
            Some("path") => path = path.replace(&format!("{{{name}}}"), &example),
            _ => query.push(format!("{name}={example}")),
        }
    }
    let address = with_ids(app, format!("{path}?{}", query.join("&"))).await;
    let mut request =
        app.request(Method::from_bytes(method.to_uppercase().as_bytes()).unwrap(), &address);
    for (media, content) in operation["requestBody"]["content"].as_object().into_iter().flatten() {
        let Some(example) = content.get("example") else { continue };
        let text = example.as_str().map_or_else(|| example.to_string(), str::to_owned);
        let text = with_ids(app, text).await;
        request = request.header("content-type", media).body(text);
    }
    app.send(request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_example_works_when_it_is_tried() {
    let app = TestApp::start().await;
    let doc = app.get("/openapi.json").await.json();
    let mut operations = BTreeMap::new();
    for (path, item) in doc["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            operations.insert(id, (method.as_str(), path.as_str(), operation));
        }
    }
    let mut wrong = Vec::new();
    for (id, status) in ORDER {
        let (method, path, operation) = operations.remove(id).unwrap();
        let needs = &operation["requestBody"];
        let media = if *id == "createReconciliation" { "text/csv" } else { "application/json" };
        // The page offers the first form of a body; where it has no example, the page makes one up.
        let first = needs["content"].as_object().and_then(|content| content.iter().next());
        let has = first.is_none_or(|(form, body)| form == media && !body["example"].is_null());
        assert!(has, "{id} has no example that comes first");
        let reply = tried(&app, method, path, operation).await;
        if reply.status != *status {
            wrong.push(format!("{id}: {} in place of {status}: {}", reply.status, reply.text));
        }
    }
    for (id, (method, path, operation)) in operations {
        // What KiwoomPay alone calls has its own form.
        if id.starts_with("receive") {
            continue;
        }
        let reply = tried(&app, method, path, operation).await;
        if reply.status != 200 || method != "get" {
            wrong.push(format!("{method} {id}: {}: {}", reply.status, reply.text));
        }
    }
    assert_eq!(json!(wrong), json!([]));
}
