//! Renewals and refunds whose process dies or is stopped in the middle, and what is sent after it.

use std::sync::Arc;

use chrono::Datelike;
use kiwoom_clock::Clock;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use super::{begin, delay_after, unknown};
use crate::support::app::Reply;
use crate::support::process::{ONCE, World};

const EAGER: &[(&str, &str)] = &[("SCHEDULER_INTERVAL_SECS", "1"), ("CHARGE_HOUR", "0")];
const IDLE: &[(&str, &str)] = &[("SCHEDULER_ENABLED", "false"), ("CHARGE_HOUR", "0")];

/// A subscription of this plan that is due today.
fn due_today(key: &str, plan: &str) -> Value {
    let today = Clock::system().today();
    json!({
        "billingKey": key, "customerId": "user123", "planId": plan, "amount": 9900,
        "productName": "월간 구독", "cycleDay": today.day(), "startDate": today,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_found_not_charged_after_a_kill_is_charged_once_more() {
    let world = World::start().await;
    let maker = world.service("maker", IDLE).await;
    let key = maker.register().await;
    let made = maker.post("/billing/subscribe", &due_today(&key, "monthly")).await.data(201);
    maker.kill();
    // The gateway did charge, so the person who says otherwise is wrong here: it takes a person's
    // word, and nothing less, to send a second call.
    world.fault(delay_after("CARD-BATCH", 10_000)).await;
    let service = world.service("service", EAGER).await;
    world.until_charged(1).await;
    service.kill();

    let service = world.service("again", IDLE).await;
    let payment = unknown(&service, 1).await.remove(0);
    let path = format!("/billing/payment/{}/resolve", payment["id"].as_str().unwrap());
    let found = json!({"outcome": "declined", "reason": "확인"});
    service.settle_by_hand(&path, &found).await.data(200);
    let pay = json!({"subscriptionId": made["id"]});
    let again = service.post("/billing/pay", &pay).await.data(200);
    assert_ne!(again["orderId"], payment["orderId"]);
    service.post("/billing/pay", &pay).await.fails(409, "already_charged");
    assert_eq!(world.calls("CARD-BATCH").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_cut_short_by_a_kill_answers_its_repeated_request_and_sends_nothing() {
    let world = World::start().await;
    let service = Arc::new(world.service("service", &[]).await);
    let key = service.register().await;
    let pay = json!({
        "billingKey": key, "customerId": "user123", "amount": 9900, "productName": "단건 결제",
    });
    let paid = service.post("/billing/pay", &pay).await.data(200);
    world.fault(delay_after("CANCEL", 10_000)).await;
    let body = json!({"paymentId": paid["id"]});
    let done = |l: &[Value]| l[0]["canceledAmount"] == 9900;
    begin(&world, &service, "/billing/refund", body.clone(), done).await;
    service.signal("KILL");

    let service = world.service("again", EAGER).await;
    let ask = || service.get("/billing/refunds?status=unknown");
    let one = |reply: &Reply| reply.data(200)["items"].as_array().unwrap().len() == 1;
    let listed = service.until(ask, one).await.data(200)["items"][0].clone();
    let repeat = || async { service.try_post("/billing/refund", ONCE, &body).await.unwrap() };
    let repeated = repeat().await;
    assert_eq!(repeated.data(202)["refund"], listed);
    assert_eq!(repeat().await.text, repeated.text);
    let calls = world.sandbox.get("/sandbox/calls").await.json();
    assert_eq!(calls["counters"]["CANCEL"], 1);

    let path = format!("/billing/refund/{}/resolve", listed["id"].as_str().unwrap());
    let found = json!({"outcome": "refunded", "reason": "확인"});
    let settled = service.settle_by_hand(&path, &found).await.data(200);
    assert_eq!(settled["payment"]["status"], "refunded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_lets_the_renewal_under_way_end_and_leaves_nothing_sending() {
    let world = World::start().await;
    let maker = world.service("maker", IDLE).await;
    let key = maker.register().await;
    let plans = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
    for plan in plans {
        maker.post("/billing/subscribe", &due_today(&key, plan)).await.data(201);
    }
    maker.kill();
    // Eight at a time: the stop comes while they wait for the gateway, the others are due still.
    let mut slow = delay_after("CARD-BATCH", 2000);
    slow["times"] = json!(plans.len());
    world.fault(slow).await;
    let service = world.service("service", EAGER).await;
    service.until(|| world.sandbox.get("/sandbox/ledger"), |r| r.text.contains("SUB")).await;
    let exit = tokio::task::spawn_blocking(move || service.terminate()).await.unwrap();
    assert!(exit.success(), "{exit}");

    let mut db = PgConnection::connect(&world.database_url).await.unwrap();
    let states: Vec<String> =
        sqlx::query_scalar("select distinct state from payments").fetch_all(&mut db).await.unwrap();
    assert_eq!(states, ["approved"]);
    let charged = world.ledger().await.len();
    assert!((1..=plans.len()).contains(&charged), "{charged}");
    let service = world.service("again", EAGER).await;
    world.until_charged(plans.len()).await;
    assert_eq!(world.calls("CARD-BATCH").await, plans.len());
    let ready = service.ready().await;
    assert_eq!(ready["unknownOutcomes"], 0);
}
