//! `kiwoom-billing trigger`: events on their way to the receivers, of which nothing has happened.

use std::collections::BTreeSet;
use std::time::Duration;

use kiwoom_billing::rules::event_types::TYPES;
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::process::{Process, World, run};
use crate::support::production::{Durable, production};
use crate::support::receiver::Receiver;

/// The name of the schema of an object, as `GET /openapi.json` has it.
fn schema_of(object: &str) -> &'static str {
    match object {
        "billing_key" => "BillingKeyBody",
        "subscription" => "SubscriptionBody",
        "payment" => "PaymentBody",
        "order" => "OrderBody",
        "refund" => "RefundBody",
        "link" => "PaymentLinkBody",
        _ => "WebhookEndpointBody",
    }
}

/// Names of the properties of a schema and of its parts, and which of them have to be there.
fn fields(doc: &Value, schema: &Value) -> (BTreeSet<String>, BTreeSet<String>) {
    let pointer = schema["$ref"].as_str().map(|path| path.trim_start_matches('#'));
    let schema = pointer.map_or(schema, |pointer| doc.pointer(pointer).unwrap());
    let names =
        schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.clone());
    let required = schema["required"].as_array().into_iter().flatten();
    let required = required.map(|name| name.as_str().unwrap().to_owned());
    let (mut names, mut required) =
        (names.collect::<BTreeSet<_>>(), required.collect::<BTreeSet<_>>());
    for part in schema["allOf"].as_array().into_iter().flatten() {
        let (more, needed) = fields(doc, part);
        names.extend(more);
        required.extend(needed);
    }
    (names, required)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_type_has_an_example_of_the_shape_that_the_api_describes_and_changes_no_books() {
    let app = TestApp::start().await;
    let doc = app.get("/openapi.json").await.json();
    for kind in TYPES {
        let event = app.post("/events/test", &json!({"type": kind})).await.data(201);
        let object = kind.split_once('.').unwrap().0;
        assert_eq!(
            (&event["type"], &event["object"], &event["test"]),
            (&json!(kind), &json!(object), &json!(true))
        );
        let pointer = format!("/components/schemas/{}", schema_of(object));
        let (names, required) = fields(&doc, doc.pointer(&pointer).unwrap());
        let mut found: BTreeSet<_> = event["data"].as_object().unwrap().keys().cloned().collect();
        if *kind == "billing_key.expiring" {
            assert!(found.remove("expires") && found.remove("subscriptions"));
        }
        assert!(required.is_subset(&found) && found.is_subset(&names), "{kind}: {found:?}");
    }
    let listed = app.events().await;
    assert_eq!(listed.len(), TYPES.len());
    let entries = app.get("/audit").await.data(200)["items"].clone();
    assert_eq!(entries, json!([]), "no change was made");
    let sql = "select (select count(*) from payments) + (select count(*) from refunds)
        + (select count(*) from subscriptions) + (select count(*) from billing_keys)
        + (select count(*) from movements) + (select count(*) from webhook_endpoints) - 1";
    let rows = sqlx::query_scalar::<_, i64>(sql).fetch_one(&app.service.ctx.pool).await.unwrap();
    assert_eq!(rows, 0);
    app.post("/events/test", &json!({"type": "payment.lost"})).await.fails(400, "invalid_request");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_has_the_receivers_told_and_says_so() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    let [(url, at), (secret, value)] = receiver.settings();
    let service = world.service("service", &[(url, &at), (secret, &value)]).await;
    let told = run(&["trigger", "payment.approved", "--url", &service.base], &[]).unwrap();
    receiver.until_taken(1, Duration::from_secs(30)).await;
    let event = receiver.taken()[0].clone();
    assert!(told.contains(event["id"].as_str().unwrap()), "{told}");
    assert_eq!((&event["type"], &event["test"]), (&json!("payment.approved"), &json!(true)));
    assert_eq!(event["data"]["status"], "approved");
    let wrong = run(&["trigger", "payment.lost", "--url", &service.base], &[]).unwrap_err();
    assert!(wrong.contains("payment.approved"), "{wrong}");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_production_there_are_none() {
    let refused = run(&["trigger", "payment.approved"], &production("postgres://localhost/none"));
    assert!(refused.unwrap_err().contains("in production"));
    let world = Durable::start().await;
    let dir = world.dir.display().to_string();
    let mut settings = production(&world.database);
    settings.push(("DATA_DIR", &dir));
    let service = Process::service(&world.dir, "service", &settings).await;
    let key = [("Authorization", "Bearer a-key-of-the-tests-0123456789")];
    let body = json!({"type": "payment.approved"});
    service.try_post("/events/test", &key, &body).await.unwrap().fails(404, "not_found");
    for url in ["http://shop.example.com/", "https://192.168.0.1/", "https://localhost/"] {
        let body = json!({"url": url});
        let reply = service.try_post("/webhook-endpoints", &key, &body).await.unwrap();
        assert_eq!(reply.error(400)["details"][0]["field"], "url", "{url}");
    }
    drop(service);
    world.stop().await;
}
