//! The moment at which a process dies or loses its database decides what may be sent again.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use super::{delay_after, unknown};
use crate::support::app::{Reply, TestApp, one_off};
use crate::support::process::{ONCE, Process, World};
use crate::support::sandbox::counted;

const CARD: &str = "4111111111111111";

/// Starts a call and waits until the gateway has been asked `step` once more.
async fn begin(world: &World, service: &Arc<Process>, body: &Value, step: &str) {
    let before = world.calls(step).await;
    let (caller, body) = (service.clone(), body.clone());
    tokio::spawn(async move { drop(caller.try_post("/billing/pay", ONCE, &body).await) });
    let more = |reply: &Reply| counted(reply, step) > before;
    world.sandbox.until(|| world.sandbox.get("/sandbox/calls"), more).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_while_the_gateway_has_not_charged_yet_is_unknown_all_the_same() {
    let world = World::start().await;
    let service = Arc::new(world.service("service", &[]).await);
    let key = service.register().await;
    world.fault(json!({"on": "CARD-BATCH", "kind": "delay_before", "delayMs": 2000})).await;
    begin(&world, &service, &one_off(&key), "CARD-BATCH").await;
    service.signal("KILL");
    assert!(world.ledger().await.is_empty(), "not yet");

    let service = world.service("again", &[("SCHEDULER_INTERVAL_SECS", "1")]).await;
    let payment = unknown(&service, 1).await.remove(0);
    let repeated = service.try_post("/billing/pay", ONCE, &one_off(&key)).await.unwrap();
    assert_eq!(repeated.data(202)["id"], payment["id"]);
    world.until_charged(1).await;
    assert_eq!(world.calls("CARD-BATCH").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_slept_through_its_call_records_what_it_finds_on_waking() {
    let world = World::start().await;
    let sleeper = Arc::new(world.service("sleeper", &[]).await);
    let other = world.service("other", &[("SCHEDULER_INTERVAL_SECS", "1")]).await;
    let key = sleeper.register().await;
    world.fault(delay_after("CARD-BATCH", 500)).await;
    begin(&world, &sleeper, &one_off(&key), "CARD-BATCH").await;
    sleeper.signal("STOP");
    // As if it had slept for an hour: PostgreSQL still takes it for alive, so time has to tell.
    let mut db = world.owner().await;
    let hour = "update payments set sent_at = sent_at - interval '1 hour' where state = 'sending'";
    assert_eq!(sqlx::query(hour).execute(&mut db).await.unwrap().rows_affected(), 1);
    let payment = unknown(&other, 1).await.remove(0);
    other
        .try_post("/billing/pay", ONCE, &one_off(&key))
        .await
        .unwrap()
        .fails(409, "request_in_progress");

    sleeper.signal("CONT");
    let path = format!("/billing/payment/{}", payment["id"].as_str().unwrap());
    other.until(|| other.get(&path), |reply| reply.data(200)["status"] == "approved").await;
    assert_eq!((world.ledger().await.len(), world.calls("CARD-BATCH").await), (1, 1));
}

/// Cuts every connection of the service but the one that does it; the server has its own.
async fn cut(database_url: &str) {
    let mut db = PgConnection::connect(database_url).await.unwrap();
    let query = "select count(pg_terminate_backend(pid)) from pg_stat_activity
         where datname = current_database() and usename = current_user
            and pid <> pg_backend_pid()";
    sqlx::query(query).execute(&mut db).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_cut_again_and_again_during_a_refund_do_not_lose_its_outcome() {
    let app = TestApp::start().await;
    let key = app.register(CARD).await;
    let paid = app.pay(&key).await.data(200);
    app.fault(delay_after("CANCEL", 800)).await;
    let body = json!({"paymentId": paid["id"], "amount": 4000});
    let cuts = async {
        for _ in 0..12 {
            cut(app.setting("DATABASE_URL")).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let (reply, ()) = tokio::join!(app.post("/billing/refund", &body), cuts);
    // The first cut may come before anything was sent: then nothing was, and it says so.
    if reply.status == 503 {
        reply.fails(503, "database_unavailable");
        assert_eq!(app.ledger().await[0]["canceledAmount"], 0);
    } else {
        assert_eq!(reply.data(200)["payment"]["refundableAmount"], 5900);
        assert_eq!(app.ledger().await[0]["canceledAmount"], 4000);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_comes_and_goes_never_makes_a_charge_twice() {
    let app = TestApp::start().await;
    let key = app.register(CARD).await;
    let pays = (0..30).map(|n| {
        let mut body = one_off(&key);
        body["orderId"] = json!(format!("ORDER-{n}"));
        let request = app.request(reqwest::Method::POST, "/billing/pay");
        let request = request.header("Idempotency-Key", format!("key-{n}")).json(&body);
        app.send_until_answered(request)
    });
    let cuts = async {
        for _ in 0..10 {
            cut(app.setting("DATABASE_URL")).await;
            tokio::time::sleep(Duration::from_millis(70)).await;
        }
    };
    let (replies, ()) = tokio::join!(futures::future::join_all(pays), cuts);
    let ledger = app.ledger().await;
    let mut orders: Vec<&str> = ledger.iter().map(|t| t["orderNo"].as_str().unwrap()).collect();
    orders.sort_unstable();
    orders.dedup();
    assert_eq!(orders.len(), ledger.len(), "no order twice");
    for (n, reply) in replies.iter().enumerate() {
        let charged = orders.contains(&format!("ORDER-{n}").as_str());
        match reply.status {
            200 => assert!(charged, "{n}: {}", reply.text),
            202 => {}
            _ => assert!(!charged, "{n}: {}", reply.text),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_charge_that_was_approved_is_never_answered_with_a_failure() {
    let app = TestApp::with(&[("DATABASE_MAX_CONNECTIONS", "4")]).await;
    let key = app.register(CARD).await;
    // Fills the pool with connections, which are all dead afterwards.
    let many = (0..30).map(|_| app.get("/billing/payments"));
    futures::future::join_all(many).await;
    app.fault(delay_after("CARD-BATCH", 500)).await;
    let mut body = one_off(&key);
    let more = json!({"planId": "monthly", "cycleDay": 15, "chargeNow": true});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let cuts = async {
        app.until_ledger(1).await;
        cut(app.setting("DATABASE_URL")).await;
    };
    let (reply, ()) = tokio::join!(app.post("/billing/subscribe", &body), cuts);
    assert_eq!(reply.data(201)["status"], "active");
    assert_eq!(app.ledger().await.len(), 1);
}
