//! `/webhook-endpoints`: receivers that the API makes, each with streams and a secret of its own.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use standardwebhooks::Webhook;

use crate::support::app::TestApp;
use crate::support::receiver::{Mood, Receiver};
use crate::support::subscriptions::APPROVED;

const ENVIRONMENT: &str = "we_00000000-0000-7000-8000-000000000000";

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn path_of(endpoint: &Value) -> String {
    format!("/webhook-endpoints/{}", text(&endpoint["id"]))
}

/// Makes an endpoint at the receiver, which then expects its secret.
async fn endpoint(app: &TestApp, receiver: &Receiver, with: Value) -> Value {
    let mut body = with;
    body["url"] = json!(receiver.url());
    let made = app.post("/webhook-endpoints", &body).await.data(201);
    receiver.expect(text(&made["secret"]));
    made
}

async fn health(app: &TestApp, endpoint: &Value) -> Value {
    app.get(&path_of(endpoint)).await.data(200)["health"].clone()
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| text(&event["type"])).collect()
}

async fn cards(app: &TestApp, count: usize) {
    for _ in 0..count {
        app.register(APPROVED).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn its_secret_is_shown_once_and_kept_encrypted() {
    let app = TestApp::start().await;
    let body =
        json!({"url": "https://shop.example.com/hook?token=hidden-word", "description": "회계"});
    let once = |body: &Value| {
        let call = app.request(reqwest::Method::POST, "/webhook-endpoints").json(body);
        app.send(call.header("Idempotency-Key", "once"))
    };
    let made = once(&body).await.data(201);
    let secret = text(&made["secret"]).to_owned();
    assert!(Webhook::new(&secret).is_ok() && secret.len() > 40, "{made}");
    let again = once(&body).await.data(201);
    assert_eq!(again["id"], made["id"]);
    assert_eq!(again.get("secret"), None);
    let shown = app.get(&path_of(&made)).await.data(200);
    assert_eq!(shown["url"], body["url"]);
    assert_eq!((&shown["types"], &shown["enabled"]), (&Value::Null, &json!(true)));
    assert_eq!(shown["source"], "api");
    let nothing = json!({
        "lastSuccessAt": null, "lastFailureAt": null, "lastFailure": null, "waiting": 0, "givenUp": 0,
    });
    assert_eq!(shown["health"], nothing);

    let changed = app.patch(&path_of(&made), &json!({"enabled": false, "description": null})).await;
    assert_eq!(changed.data(200)["description"], Value::Null);
    app.patch(&path_of(&made), &json!({"enabled": false})).await.data(200);
    let rotated =
        app.post(&format!("{}/rotate-secret", path_of(&made)), &json!({})).await.data(200);
    assert_ne!(rotated["secret"], json!(secret));
    app.delete(&path_of(&made)).await.data(200);
    let events = app.events().await;
    let expected =
        ["created", "updated", "updated", "deleted"].map(|w| format!("webhook_endpoint.{w}"));
    assert_eq!(kinds(&events), expected);
    assert_eq!(events[0]["object"], "webhook_endpoint");
    assert_eq!(events[0]["data"]["url"], "https://shop.example.com/hook");
    let trail = app.get(&format!("/audit?objectId={}", text(&made["id"]))).await.data(200);
    assert_eq!(trail["items"][2]["changes"]["enabled"], json!({"before": true, "after": false}));
    assert_eq!(trail["items"].as_array().unwrap().len(), 4);

    let secrets = [&secret[6..], &text(&rotated["secret"])[6..], "hidden-word"];
    for told in [json!(events).to_string(), trail.to_string()] {
        assert!(!secrets.iter().any(|secret| told.contains(secret)), "{told}");
    }
    let kept = "select (select string_agg(encode(body, 'escape'), '') from idempotency_keys)
        || (select string_agg(w::text, '') from webhook_endpoints w)";
    let kept: String = sqlx::query_scalar(kept).fetch_one(&mut app.owner().await).await.unwrap();
    assert!(kept.contains(text(&made["id"])));
    for secret in &secrets[..2] {
        assert!(!kept.contains(secret) && !kept.contains(&hex::encode(secret)), "{kept}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_hangs_and_one_that_is_dead_stop_no_other() {
    let own = Receiver::start().await;
    let app = own.app().await;
    let (hanging, good) = (Receiver::start().await, Receiver::start().await);
    endpoint(&app, &hanging, json!({})).await;
    let dead = json!({"url": "http://127.0.0.1:9/nobody"});
    let dead = app.post("/webhook-endpoints", &dead).await.data(201);
    let healthy =
        endpoint(&app, &good, json!({"types": ["billing_key.*", "subscription.*"]})).await;
    hanging.rule(|_| Some(Mood::Hangs));
    let key = app.register(APPROVED).await;
    let id = app.subscribe(&key, 15).await["id"].clone();
    app.turn(&id, "pause").await.data(200);
    app.turn(&id, "resume").await.data(200);
    cards(&app, 20).await;
    good.until_taken(24, Duration::from_secs(30)).await;
    own.until_taken(27, Duration::from_secs(30)).await;

    let all = app.events().await;
    assert_eq!(own.taken().len(), all.len(), "three endpoints were made, too");
    let of_it = |events: Vec<Value>| -> Vec<Value> {
        events.into_iter().filter(|event| event["subscriptionId"] == id).collect()
    };
    assert_eq!(of_it(good.taken()), of_it(all.clone()));
    assert_eq!(health(&app, &healthy).await["waiting"], 0);
    let unreachable = health(&app, &dead).await;
    assert_eq!(unreachable["lastFailure"], "no connection");
    assert_eq!(unreachable["lastSuccessAt"], Value::Null);
    assert!(unreachable["waiting"].as_i64() >= Some(24), "{unreachable}");

    let path = format!("/events/{}", text(&all[3]["id"]));
    let event = app.get(&path).await.data(200);
    assert_eq!(event["delivery"]["state"], "delivered");
    let states: Vec<_> = event["deliveries"].as_array().unwrap().iter().collect();
    assert_eq!(states.len(), 4);
    assert_eq!(
        (&states[0]["endpointId"], &states[0]["state"]),
        (&json!(ENVIRONMENT), &json!("delivered"))
    );
    let waiting =
        app.events_of(&format!("&delivery=waiting&endpointId={}", text(&dead["id"]))).await;
    assert!(waiting.len() >= 24);
    let none =
        app.events_of(&format!("&delivery=waiting&endpointId={}", text(&healthy["id"]))).await;
    assert_eq!(none, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn while_it_is_off_nothing_is_tried_and_nothing_is_left_out() {
    let app = TestApp::start().await;
    let receiver = Receiver::start().await;
    let made = endpoint(&app, &receiver, json!({"types": ["billing_key.registered"]})).await;
    cards(&app, 1).await;
    receiver.until_taken(1, Duration::from_secs(30)).await;
    app.patch(&path_of(&made), &json!({"enabled": false})).await.data(200);
    // Each process looks once a second.
    tokio::time::sleep(Duration::from_secs(2)).await;
    cards(&app, 3).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(receiver.calls(), 1);
    app.patch(&path_of(&made), &json!({"enabled": true})).await.data(200);
    receiver.until_taken(4, Duration::from_secs(30)).await;
    let ids = |events: Vec<Value>| -> BTreeSet<String> {
        events.iter().map(|event| text(&event["id"]).to_owned()).collect()
    };
    assert_eq!(ids(receiver.taken()), ids(app.events_of("&type=billing_key.registered").await));
    assert!(health(&app, &made).await["lastSuccessAt"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn during_a_rotation_both_secrets_sign_and_afterwards_the_new_one_alone() {
    let app = TestApp::start().await;
    let receiver = Receiver::start().await;
    let made = endpoint(&app, &receiver, json!({"types": ["billing_key.registered"]})).await;
    let rotate = format!("{}/rotate-secret", path_of(&made));
    let signatures = || receiver.last().0["webhook-signature"].to_str().unwrap().split(' ').count();
    let rotated = app.post(&rotate, &json!({"previousSecretHours": 1})).await.data(200);
    assert!(rotated["previousSecretUntil"].is_string());
    tokio::time::sleep(Duration::from_secs(2)).await;
    cards(&app, 1).await;
    receiver.until_taken(1, Duration::from_secs(30)).await;
    assert_eq!(signatures(), 2);
    let (headers, body) = receiver.last();
    let new = Webhook::new(text(&rotated["secret"])).unwrap();
    new.verify(&body, &headers).expect("the new one signs, too");

    let at_once = app.post(&rotate, &json!({"previousSecretHours": 0})).await.data(200);
    assert_eq!(at_once["previousSecretUntil"], Value::Null);
    receiver.expect(text(&at_once["secret"]));
    tokio::time::sleep(Duration::from_secs(2)).await;
    cards(&app, 1).await;
    receiver.until_taken(2, Duration::from_secs(30)).await;
    assert_eq!(signatures(), 1);
    app.post(&rotate, &json!({"previousSecretHours": 169})).await.fails(400, "invalid_request");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_was_deleted_is_told_of_nothing_more() {
    let app = TestApp::start().await;
    let receiver = Receiver::start().await;
    receiver.rule(|_| Some(Mood::Fails));
    let made = endpoint(&app, &receiver, json!({"types": ["billing_key.*"]})).await;
    cards(&app, 1).await;
    let since = Instant::now();
    while receiver.calls() == 0 {
        assert!(since.elapsed() < Duration::from_secs(30));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    app.delete(&path_of(&made)).await.data(200);
    app.get(&path_of(&made)).await.fails(404, "webhook_endpoint_not_found");
    app.delete(&path_of(&made)).await.fails(404, "webhook_endpoint_not_found");
    receiver.rule(|_| None);
    cards(&app, 1).await;
    tokio::time::sleep(Duration::from_secs(7)).await;
    assert_eq!(receiver.taken(), Vec::<Value>::new());
    let first = app.events_of("&type=billing_key.registered").await[0].clone();
    let event = app.get(&format!("/events/{}", text(&first["id"]))).await.data(200);
    assert_eq!(event["deliveries"][0]["state"], "given_up");
    assert_eq!(event["delivery"], Value::Null);
    assert_eq!(app.events_of("&delivery=given_up").await, Vec::<Value>::new());
    let listed = app.get("/webhook-endpoints").await.data(200);
    assert_eq!(listed, json!({"items": [], "nextCursor": null}));
}

#[tokio::test(flavor = "multi_thread")]
async fn that_of_the_settings_is_listed_with_its_health_and_changed_there_only() {
    let own = Receiver::start().await;
    let app = own.app_with(&[("MERCHANT_WEBHOOK_EVENTS", "billing_key.*")]).await;
    cards(&app, 1).await;
    own.until_taken(1, Duration::from_secs(30)).await;
    let listed = app.get("/webhook-endpoints").await.data(200)["items"].clone();
    let first = &listed[0];
    assert_eq!((text(&first["id"]), text(&first["source"])), (ENVIRONMENT, "environment"));
    assert_eq!(first["url"], own.url());
    assert!(first["types"].as_array().unwrap().contains(&json!("billing_key.registered")));
    assert!(first["health"]["lastSuccessAt"].is_string());
    let path = path_of(first);
    for reply in [
        app.patch(&path, &json!({"enabled": false})).await,
        app.delete(&path).await,
        app.post(&format!("{path}/rotate-secret"), &json!({})).await,
    ] {
        assert_eq!(reply.error(400)["details"][0]["field"], "id");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_for_again_goes_to_the_endpoint_that_lost_it() {
    let own = Receiver::start().await;
    let app = own.app().await;
    let other = Receiver::start().await;
    let made = endpoint(&app, &other, json!({"types": ["billing_key.*"]})).await;
    let key = app.register(APPROVED).await;
    app.delete(&format!("/billing/key/{key}")).await.data(200);
    other.until_taken(2, Duration::from_secs(30)).await;
    own.until_taken(3, Duration::from_secs(30)).await;
    // What has arrived may still be waiting for its answer to be written down.
    other.until_delivered(&app).await;
    let before = own.calls();
    let again = |with: Value| {
        let mut body = json!({"since": "2020-01-01T00:00:00+09:00", "endpointId": made["id"]});
        body.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
        let app = &app;
        async move { app.post("/events/redeliver", &body).await.data(200)["events"].clone() }
    };
    assert_eq!(again(json!({})).await, 2);
    other.until_delivered(&app).await;
    assert_eq!(again(json!({"types": ["billing_key.deleted"]})).await, 1);
    other.until_delivered(&app).await;
    assert_eq!(again(json!({"until": "2020-01-02T00:00:00+09:00"})).await, 0);
    assert_eq!(other.calls(), 5);
    let of_settings = app.events_of("&type=webhook_endpoint.created").await[0].clone();
    let path = format!("/events/{}/redeliver", text(&of_settings["id"]));
    app.post(&path, &json!({"endpointId": made["id"]})).await.data(200);
    other.until_delivered(&app).await;
    assert!(other.taken().contains(&of_settings), "who names an endpoint and an event gets it");
    assert_eq!(own.calls(), before);
    let nobody = json!({"endpointId": "we_nothing"});
    app.post(&path, &nobody).await.fails(404, "webhook_endpoint_not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_address_is_refused_where_the_settings_do_not_allow_it() {
    let app = TestApp::with(&[("WEBHOOK_ENDPOINT_PRIVATE_ADDRESSES", "false")]).await;
    for url in [
        "http://127.0.0.1:9/",
        "http://localhost/",
        "http://169.254.169.254/latest/meta-data",
        "https://10.0.0.1/",
        "http://[::1]/",
        "http://2130706433/",
    ] {
        let reply = app.post("/webhook-endpoints", &json!({"url": url})).await;
        assert_eq!(reply.error(400)["details"][0]["field"], "url", "{url}");
    }
    for url in
        ["ftp://shop.example.com/", "https://a:b@shop.example.com/", "https://x.example/#a", "x"]
    {
        let reply = app.post("/webhook-endpoints", &json!({"url": url})).await;
        assert_eq!(reply.error(400)["details"][0]["field"], "url", "{url}");
    }
    let types = json!({"url": "https://shop.example.com/", "types": ["payment.nothing"]});
    let reply = app.post("/webhook-endpoints", &types).await;
    assert_eq!(reply.error(400)["details"][0]["field"], "types");
    for _ in 0..16 {
        app.post("/webhook-endpoints", &json!({"url": "https://shop.example.com/"}))
            .await
            .data(201);
    }
    let one_more =
        app.post("/webhook-endpoints", &json!({"url": "https://shop.example.com/"})).await;
    one_more.fails(400, "invalid_request");
}
