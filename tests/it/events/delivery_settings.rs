//! What is delivered, from which process, and how it is signed.

use std::time::Duration;

use serde_json::{Value, json};
use standardwebhooks::Webhook;

use crate::support::app::TestApp;
use crate::support::receiver::{Receiver, SECRET};
use crate::support::subscriptions::APPROVED;

const NEW_SECRET: &str = "whsec_bmV3LXNlY3JldC1vZi0yNC1ieXRlcy1vci1tb3Jl";

fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_process_without_a_receiver_publishes_another_one_delivers() {
    let app = TestApp::start().await;
    app.register(APPROVED).await;
    assert_eq!(app.events().await.len(), 1, "of the time before there was a receiver");
    let receiver = Receiver::start().await;
    let [(url, at), (secret, value)] = receiver.settings();
    let settings = [(url, at.as_str()), (secret, value.as_str())];
    let other = app.replica(&settings).await;
    app.register(APPROVED).await;
    receiver.until_taken(1, Duration::from_secs(5)).await;

    other.service.stop().await;
    for _ in 0..3 {
        app.register(APPROVED).await;
    }
    let all = app.events().await;
    let other = app.replica(&settings).await;
    receiver.until_taken(4, Duration::from_secs(5)).await;
    assert_eq!(receiver.taken()[0], all[1], "what was before is not delivered");
    assert_eq!(receiver.calls(), 4);
    other.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_types_that_were_asked_for_are_delivered_and_all_are_listed() {
    let receiver = Receiver::start().await;
    let asked = "subscription.*, billing_key.deleted";
    let app = receiver.app_with(&[("MERCHANT_WEBHOOK_EVENTS", asked)]).await;
    let key = app.register(APPROVED).await;
    let id = app.subscribe(&key, 15).await["id"].clone();
    app.pay(&key).await.data(200);
    app.turn(&id, "pause").await.data(200);
    app.post("/billing/cancel", &json!({"subscriptionId": id, "reason": "고객 요청"}))
        .await
        .data(200);
    app.delete(&format!("/billing/key/{key}")).await.data(200);
    receiver.until_delivered(&app).await;
    let of_subscription = ["subscription.created", "subscription.paused", "subscription.canceled"];
    let taken = receiver.taken();
    let told = types(&taken);
    let without_key: Vec<_> = told.iter().filter(|t| !t.starts_with("billing_key")).collect();
    assert_eq!(without_key, of_subscription.iter().collect::<Vec<_>>());
    assert_eq!(told.len(), 4, "{told:?}");
    assert!(told.contains(&"billing_key.deleted"));
    let listed = app.events().await;
    assert!(types(&listed).contains(&"payment.approved"), "{:?}", types(&listed));

    let again = json!({"since": "2020-01-01T00:00:00+09:00"});
    let counted = app.post("/events/redeliver", &again).await.data(200);
    assert_eq!(counted, json!({"events": 4}), "of the types that were asked for");
    let approved = app.events_of("&type=payment.approved").await[0].clone();
    let path = format!("/events/{}/redeliver", approved["id"].as_str().unwrap());
    app.post(&path, &json!({})).await.data(200);
    receiver.until_delivered(&app).await;
    assert!(receiver.taken().contains(&approved), "who names an event gets it");
    assert_eq!(receiver.calls(), 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn during_a_rotation_a_delivery_is_signed_under_both_secrets() {
    let receiver = Receiver::start().await;
    // The receiver of the tests knows the secret of before alone.
    let app = receiver
        .app_with(&[("MERCHANT_WEBHOOK_PREVIOUS_SECRET", SECRET)])
        .await
        .restart_with(&[("MERCHANT_WEBHOOK_SECRET", NEW_SECRET)])
        .await;
    app.register(APPROVED).await;
    receiver.until_delivered(&app).await;
    let (headers, body) = receiver.last();
    let signatures = headers["webhook-signature"].to_str().unwrap().split(' ').count();
    assert_eq!(signatures, 2);
    for secret in [SECRET, NEW_SECRET] {
        Webhook::new(secret).unwrap().verify(&body, &headers).expect("a good signature");
    }
    let stranger = "whsec_c3RyYW5nZXItb2YtMjQtYnl0ZXMtb3ItbW9yZS0=";
    assert!(Webhook::new(stranger).unwrap().verify(&body, &headers).is_err());
    let status = app.get("/status").await.text;
    for secret in [SECRET, NEW_SECRET] {
        assert!(!status.contains(secret.trim_start_matches("whsec_")), "{status}");
    }
}
