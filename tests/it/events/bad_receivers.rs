//! What one bad receiver or one bad event does to the others: nothing.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::app::{TestApp, card};
use crate::support::receiver::{Mood, Receiver};
use crate::support::subscriptions::APPROVED;

fn kind(event: &Value) -> &str {
    event["type"].as_str().unwrap()
}

/// Those of one subscription.
fn of_it(events: Vec<Value>, id: &Value) -> Vec<Value> {
    events.into_iter().filter(|event| event["subscriptionId"] == *id).collect()
}

/// Registers so many cards at once, each with a stream of its own.
async fn register(app: &TestApp, cards: usize) {
    let register = |_| async { app.post("/billing/register", &card(APPROVED)).await.status };
    let made = futures::future::join_all((0..cards).map(register)).await;
    assert!(made.iter().all(|status| *status == 201), "{made:?}");
}

/// The delivery of an event as the API shows it.
async fn delivery(app: &TestApp, kind: &str) -> Value {
    let event = app.events_of(&format!("&type={kind}")).await[0].clone();
    let path = format!("/events/{}", event["id"].as_str().unwrap());
    app.get(&path).await.data(200)["delivery"].clone()
}

/// The same once it has been tried.
async fn tried(app: &TestApp, kind: &str) -> Value {
    let since = Instant::now();
    loop {
        let delivery = delivery(app, kind).await;
        if delivery["attempts"].as_array().is_some_and(|attempts| !attempts.is_empty()) {
            return delivery;
        }
        assert!(since.elapsed() < Duration::from_secs(10), "{delivery}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_hangs_with_one_stream_is_told_of_the_others_meanwhile() {
    let receiver = Receiver::start().await;
    let app = receiver.app().await;
    receiver.rule(|event| (kind(event) == "billing_key.deleted").then_some(Mood::Hangs));
    let key = app.register(APPROVED).await;
    receiver.until_delivered(&app).await;
    app.delete(&format!("/billing/key/{key}")).await.data(200);
    let since = Instant::now();
    while receiver.calls() < 2 {
        assert!(since.elapsed() < Duration::from_secs(5), "it is called and hangs");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    register(&app, 30).await;
    receiver.until_taken(31, Duration::from_secs(3)).await;
    assert_eq!(receiver.calls(), 32);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_refused_waits_alone_and_those_behind_it_come_in_order() {
    let receiver = Receiver::start().await;
    let app = receiver.app().await;
    receiver.rule(|event| (kind(event) == "subscription.paused").then_some(Mood::Refuses));
    let key = app.register(APPROVED).await;
    let id = app.subscribe(&key, 15).await["id"].clone();
    app.turn(&id, "pause").await.data(200);
    app.turn(&id, "resume").await.data(200);
    app.change(&id, &json!({"metadata": {"seat": 1}})).await.data(200);
    app.post("/billing/cancel", &json!({"subscriptionId": id, "reason": "고객 요청"}))
        .await
        .data(200);
    let all = app.events().await;
    receiver.until_taken(all.len() - 1, Duration::from_secs(4)).await;
    let mut expected = of_it(all, &id);
    expected.retain(|event| kind(event) != "subscription.paused");
    assert_eq!(of_it(receiver.taken(), &id), expected);

    let refused = tried(&app, "subscription.paused").await;
    assert_eq!((&refused["state"], &refused["refused"]), (&json!("waiting"), &json!(true)));
    assert_eq!(refused["attempts"][0]["status"], 422);
    assert!(refused["nextAt"].is_string(), "{refused}");
    receiver.rule(|_| None);
    receiver.until_delivered(&app).await;
    assert_eq!(kind(receiver.taken().last().unwrap()), "subscription.paused", "tried again later");
    let taken = delivery(&app, "subscription.paused").await;
    assert_eq!(taken["state"], "delivered");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_fails_holds_those_of_its_stream_and_they_say_that_they_wait_for_it() {
    let receiver = Receiver::start().await;
    let app = receiver.app().await;
    receiver.rule(|event| (kind(event) == "subscription.created").then_some(Mood::Fails));
    let key = app.register(APPROVED).await;
    let id = app.subscribe(&key, 15).await["id"].clone();
    app.turn(&id, "pause").await.data(200);
    receiver.until_taken(1, Duration::from_secs(4)).await;
    let first = tried(&app, "subscription.created").await;
    assert_eq!((&first["state"], &first["refused"]), (&json!("waiting"), &json!(false)));
    assert!(first["nextAt"].is_string());
    let behind = delivery(&app, "subscription.paused").await;
    assert_eq!((&behind["state"], &behind["nextAt"]), (&json!("waiting"), &Value::Null));
    assert_eq!(receiver.taken().len(), 1);
    receiver.rule(|_| None);
    receiver.until_delivered(&app).await;
    assert_eq!(receiver.taken(), app.events().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_comes_back_gets_at_once_what_waited_and_no_try_is_used_up() {
    let receiver = Receiver::start().await;
    let app = receiver.app().await;
    receiver.rule(|_| Some(Mood::Fails));
    register(&app, 20).await;
    let tried = "select count(*) from event_deliveries where attempts = 2 and next_at > now()";
    let tried = || sqlx::query_scalar::<_, i64>(tried).fetch_one(&app.service.ctx.pool);
    let since = Instant::now();
    while tried().await.unwrap() < 20 {
        assert!(since.elapsed() < Duration::from_secs(30), "the second tries come after 5 seconds");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // All wait for 30 seconds now. One of the twenty stays bad.
    let bad = app.events().await[7]["id"].clone();
    let is_bad = bad.clone();
    receiver.rule(move |event| (event["id"] == is_bad).then_some(Mood::Fails));
    let path = format!("/events/{}", bad.as_str().unwrap());
    let planned = app.get(&path).await.data(200)["delivery"]["nextAt"].clone();
    app.register(APPROVED).await;
    receiver.until_taken(20, Duration::from_secs(4)).await;

    let extra = loop {
        let delivery = app.get(&path).await.data(200)["delivery"].clone();
        if delivery["attempts"].as_array().unwrap().len() == 3 {
            break delivery;
        }
        assert!(since.elapsed() < Duration::from_mins(1), "{delivery}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(extra["nextAt"], planned, "the try between left the others where they were");
    let attempts = "select max(attempts) from event_deliveries where state = 'waiting'";
    let attempts = sqlx::query_scalar::<_, i32>(attempts).fetch_one(&app.service.ctx.pool);
    assert_eq!(attempts.await.unwrap(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_behind_a_delivery_goes_on_though_its_process_died_before_it_said_so() {
    let receiver = Receiver::start().await;
    let app = receiver.app().await;
    receiver.rule(|event| (kind(event) == "subscription.created").then_some(Mood::Fails));
    let key = app.register(APPROVED).await;
    let id = app.subscribe(&key, 15).await["id"].clone();
    app.turn(&id, "pause").await.data(200);
    receiver.until_taken(1, Duration::from_secs(4)).await;
    tried(&app, "subscription.created").await;
    let other = app.replica(&[("MERCHANT_WEBHOOK_URL", "")]).await;
    app.service.stop().await;
    let died =
        "update event_deliveries set state = 'delivered' where attempts > 0 and state = 'waiting'";
    let died = sqlx::query(died).execute(&other.service.ctx.pool).await.unwrap();
    assert_eq!(died.rows_affected(), 1);
    let [(url, at), _] = receiver.settings();
    let _other = other.restart_with(&[(url, &at)]).await;
    receiver.until_taken(2, Duration::from_secs(4)).await;
    assert_eq!(kind(&receiver.taken()[1]), "subscription.paused");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redelivery_comes_before_what_waits_behind_it() {
    let receiver = Receiver::start().await;
    let app = receiver.app().await;
    let key = app.register(APPROVED).await;
    let id = app.subscribe(&key, 15).await["id"].clone();
    receiver.until_delivered(&app).await;
    let before = receiver.calls();
    receiver.rule(|event| (kind(event) == "subscription.paused").then_some(Mood::Fails));
    app.turn(&id, "pause").await.data(200);
    app.turn(&id, "resume").await.data(200);
    let created = app.events_of("&type=subscription.created").await[0].clone();
    let path = format!("/events/{}/redeliver", created["id"].as_str().unwrap());
    app.post(&path, &json!({})).await.data(200);
    let since = Instant::now();
    while receiver.calls() < before + 2 {
        assert!(since.elapsed() < Duration::from_secs(5), "{} calls", receiver.calls());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    receiver.rule(|_| None);
    let again = json!({"since": "2020-01-01T00:00:00+09:00"});
    app.post("/events/redeliver", &again).await.data(200);
    receiver.until_delivered(&app).await;
    let all = app.events().await;
    assert_eq!(app.events_of("&delivery=delivered").await, all);
    assert_eq!(of_it(receiver.taken(), &id), of_it(all, &id));
}
