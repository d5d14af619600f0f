//! Events: written with the change, read by cursor, delivered in order whatever the receiver does.

use chrono::{Days, Months};
use serde_json::{Value, json};

use crate::support::app::{TestApp, steady};
use crate::support::long_run::{LongRun, charged, charges, forecast};
use crate::support::receiver::{Mood, Receiver};
use crate::support::subscriptions::{APPROVED, SHORT_AT_FIRST, STOLEN, renewed_with};

fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_subscription_tells_its_whole_story_in_order() {
    let app = TestApp::start().await;
    let (id, day) = renewed_with(&app, SHORT_AT_FIRST).await;
    app.advance_days(1).await;
    let payments = app.get("/billing/payments").await.data(200)["items"].clone();
    let refund = json!({"paymentId": payments[0]["id"], "amount": 3000, "reason": "부분 환불"});
    app.post("/billing/refund", &refund).await.data(200);
    app.turn(&id, "pause").await.data(200);
    app.turn(&id, "resume").await.data(200);
    app.change(&id, &json!({"amount": 12_000})).await.data(200);
    let cancel = json!({"subscriptionId": id, "reason": "고객 요청"});
    app.post("/billing/cancel", &cancel).await.data(200);

    let events = app.events().await;
    let story = [
        "billing_key.registered",
        "subscription.created",
        "subscription.renewal_upcoming",
        "payment.created",
        "payment.declined",
        "subscription.past_due",
        "payment.created",
        "payment.approved",
        "subscription.recovered",
        "refund.created",
        "payment.partially_refunded",
        "refund.succeeded",
        "subscription.paused",
        "subscription.resumed",
        "subscription.updated",
        "subscription.canceled",
    ];
    assert_eq!(types(&events), story);
    let of_it = app.events_of(&format!("&subscriptionId={}", id.as_str().unwrap())).await;
    assert_eq!(of_it, events[1..]);
    assert_eq!(app.events_of("&type=refund.succeeded").await, events[11..12]);

    let late = &events[5];
    assert_eq!(late["timestamp"].as_str().unwrap()[..13], format!("{day}T10"));
    assert_eq!((&late["object"], &late["subscriptionId"]), (&json!("subscription"), &id));
    assert_eq!(late["data"]["status"], "past_due");
    assert_eq!(
        late["data"]["accessUntil"].as_str().unwrap()[..10],
        (day + Days::new(7)).to_string()
    );
    let path = format!("/billing/payment/{}", payments[0]["id"].as_str().unwrap());
    let paid = app.get(&path).await.data(200);
    assert_eq!(events[10]["data"], paid, "as its own route shows it");
    assert_eq!(events[15]["data"], app.subscription(&id).await);
    assert_eq!(steady(events[0]["data"].clone())["billingKey"], "bk_");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_years_are_delivered_charged_and_foretold_alike_while_the_receiver_fails() {
    let app = LongRun::start().await;
    let key = app.register(APPROVED).await;
    for day in [28, 29, 30, 31] {
        app.subscribe(&key, day).await;
    }
    let until = app.today() + Months::new(24);
    let foretold = charges(&forecast(&app, until).await);
    app.advance_to(&format!("{until}T23:59:59+09:00")).await;
    let charged = charged(&app).await;
    assert_eq!(app.told().await, charged);
    assert_eq!(foretold, charged);
    assert!(charged.len() >= 4 * 23, "{}", charged.len());
    let listed = app.events().await;
    let notices = listed.iter().filter(|e| e["type"] == "subscription.renewal_upcoming");
    assert!(notices.count() >= charged.len(), "each renewal was told of ahead");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_never_answers_is_tried_for_four_days_and_the_log_is_kept() {
    let receiver = Receiver::start().await;
    let app = receiver.app().await;
    receiver.moods((0..14).map(|_| Some(Mood::Fails)));
    let key = app.register(APPROVED).await;
    receiver.until_delivered(&app).await;
    let event = app.events().await[0].clone();
    let path = format!("/events/{}", event["id"].as_str().unwrap());
    let lost = app.get(&path).await.data(200);
    let delivery = &lost["delivery"];
    assert_eq!((&delivery["state"], &delivery["nextAt"]), (&json!("given_up"), &Value::Null));
    let attempts = delivery["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 13);
    assert!(attempts.iter().all(|a| a["status"] == 500 && a["failure"].is_null()), "{attempts:?}");
    assert_eq!(receiver.taken(), Vec::<Value>::new());

    receiver.moods([]);
    let again = app.post(&format!("{path}/redeliver"), &json!({})).await.data(200);
    assert_eq!(again["delivery"]["state"], "waiting");
    receiver.until_delivered(&app).await;
    assert_eq!(receiver.taken(), [event]);
    assert_eq!(receiver.calls(), 15, "one failure was left of the fourteen");
    app.delete(&format!("/billing/key/{key}")).await.data(200);
    receiver.until_delivered(&app).await;
    assert_eq!(types(&receiver.taken())[1], "billing_key.deleted");
    app.get("/events/evt_nothing").await.fails(404, "event_not_found");
    app.post("/events/evt_nothing/redeliver", &json!({})).await.fails(404, "event_not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pause_after_each_failure_grows_to_more_than_four_days_in_all() {
    let receiver = Receiver::start().await;
    let app = receiver.app().await;
    receiver.moods((0..13).map(|_| Some(Mood::Fails)));
    app.register(APPROVED).await;
    let mut pauses = Vec::new();
    for tries in 1..=12 {
        let query = "select extract(epoch from next_at - a.attempted_at)::float8
            from event_deliveries d join delivery_attempts a using (event_id)
            where d.attempts = $1 order by a.seq desc limit 1";
        let query = || sqlx::query_scalar(query).bind(tries).fetch_optional(&app.service.ctx.pool);
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        let pause: f64 = loop {
            if let Some(pause) = query().await.unwrap() {
                break pause;
            }
            assert!(std::time::Instant::now() < deadline, "try {tries}");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        };
        pauses.push(pause);
        let hurry = sqlx::query("update event_deliveries set next_at = now()");
        hurry.execute(&app.service.ctx.pool).await.unwrap();
    }
    assert!(pauses.is_sorted(), "{pauses:?}");
    assert!(pauses.iter().sum::<f64>() > 4.0 * 86_400.0, "{pauses:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_services_deliver_each_event_and_a_cursor_misses_none() {
    let receiver = Receiver::start().await;
    let app = receiver.app().await;
    let other = app.replica(&[]).await;
    let key = app.register(APPROVED).await;
    let pay = |_| async { app.pay(&key).await.status };
    let paid = futures::future::join_all((0..40).map(pay));
    let reader = async {
        let (mut read, mut cursor) = (Vec::new(), String::new());
        while read.iter().filter(|e: &&Value| e["type"] == "payment.approved").count() < 40 {
            let page = other.get(&format!("/events?limit=5{cursor}")).await.data(200);
            read.extend(page["items"].as_array().unwrap().iter().cloned());
            if let Some(next) = page["nextCursor"].as_str() {
                cursor = format!("&cursor={next}");
            }
        }
        read
    };
    let within = tokio::time::timeout(std::time::Duration::from_mins(1), reader);
    let (paid, read) = tokio::join!(paid, within);
    assert_eq!(paid.iter().filter(|status| **status == 200).count(), 40, "{paid:?}");
    assert_eq!(read.expect("all of them, read while they were made"), app.events().await);
    receiver.until_delivered(&app).await;
    assert_eq!(receiver.taken().len(), 81);
    other.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_did_not_happen_is_no_event_and_unknown_is_one() {
    let app = TestApp::start().await;
    let key = app.register(STOLEN).await;
    let before = app.events().await.len();
    app.post("/billing/pay", &json!({"billingKey": key})).await.fails(400, "invalid_request");
    app.post("/billing/cancel", &json!({"subscriptionId": "sub_x"}))
        .await
        .fails(404, "subscription_not_found");
    assert_eq!(app.events().await.len(), before);
    let key = app.register(APPROVED).await;
    app.fault(json!({"on": "CARD-BATCH", "kind": "drop_after"})).await;
    assert_eq!(app.pay(&key).await.status, 202);
    let events = app.events().await;
    assert_eq!(types(&events[before + 1..]), ["payment.created", "payment.unknown"]);
    assert_eq!(events[before + 2]["data"]["status"], "unknown");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_type_that_there_is_not_is_refused_with_those_that_there_are() {
    let app = TestApp::start().await;
    app.register(APPROVED).await;
    for wrong in ["payment.aproved", "", "subscription", "PAYMENT.APPROVED"] {
        let error = app.get(&format!("/events?type={wrong}")).await.error(400);
        let detail = &error["details"][0];
        assert_eq!(detail["field"], "type", "{wrong}");
        let reason = detail["reason"].as_str().unwrap();
        let types = reason.strip_suffix(" 중 하나여야 합니다.").unwrap();
        for known in types.split(", ") {
            app.get(&format!("/events?type={known}")).await.data(200);
        }
        assert!(types.contains("payment.approved") && types.contains("billing_key.expiring"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_goes_either_way_and_by_how_a_delivery_stands() {
    let receiver = Receiver::start().await;
    let app = receiver.app().await;
    let key = app.register(APPROVED).await;
    receiver.until_delivered(&app).await;
    receiver.moods((0..14).map(|_| Some(Mood::Fails)));
    app.pay(&key).await.data(200);
    let given_up = || async { app.events_of("&delivery=given_up").await };
    while given_up().await.is_empty() {
        let hurry =
            sqlx::query("update event_deliveries set next_at = now() where state = 'waiting'");
        hurry.execute(&app.service.ctx.pool).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(types(&given_up().await), ["payment.created"]);
    assert_eq!(types(&app.events_of("&delivery=delivered").await)[0], "billing_key.registered");
    receiver.until_delivered(&app).await;
    assert_eq!(app.events_of("&delivery=waiting").await, Vec::<Value>::new());

    let mut oldest = app.events().await;
    oldest.reverse();
    let newest = app.get("/events?order=newest&limit=2").await.data(200);
    assert_eq!(newest["items"].as_array().unwrap()[..], oldest[..2]);
    let cursor = newest["nextCursor"].as_str().unwrap();
    let next = app.get(&format!("/events?order=newest&limit=2&cursor={cursor}")).await.data(200);
    assert_eq!(next["items"].as_array().unwrap()[..], oldest[2..]);
    for wrong in ["order=up", "delivery=lost"] {
        let error = app.get(&format!("/events?{wrong}")).await.error(400);
        assert_eq!(error["details"][0]["field"], wrong.split('=').next().unwrap());
    }
}
