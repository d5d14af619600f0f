//! A process that is taken for dead while it lives, and whose request another process takes over:
//! PostgreSQL has lost the connection that holds the lock of its number.

use std::time::Duration;

use chrono::Datelike;
use futures::future::join;
use serde_json::json;

use super::{SECRET, once, one_of_each, take_for_dead, two, until_alive};
use crate::support::app::{TestApp, one_off};

const CARD: &str = "4111111111111111";

#[tokio::test(flavor = "multi_thread")]
async fn a_request_taken_over_before_its_call_is_done_once_and_its_answer_stays() {
    let (slow, other) = two(&[]).await;
    for (path, body) in one_of_each(&slow).await {
        until_alive(&slow, &other).await;
        let step = if path == "/billing/refund" { "CANCEL" } else { "CARD-BATCH" };
        let sent = slow.calls(step).await;
        let readies = slow.calls("READY").await;
        slow.fault(json!({"on": "READY", "kind": "delay_before", "delayMs": 1500})).await;
        let take_over = async {
            slow.until_called("READY", readies + 1).await;
            take_for_dead(&slow, &other).await;
            once(&other, path, &body).await
        };
        let (first, taken) = join(once(&slow, path, &body), take_over).await;
        assert!(matches!(taken.status, 200 | 201), "{path}: {}", taken.text);
        first.fails(409, "request_in_progress");
        for app in [&slow, &other] {
            let again = once(app, path, &body).await;
            assert_eq!((again.status, &again.text), (taken.status, &taken.text), "{path}");
        }
        assert_eq!(slow.calls(step).await, sent + 1, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_taken_over_during_its_call_is_not_sent_again_and_its_outcome_counts() {
    let (slow, other) = two(&[]).await;
    let [(path, body), ..] = one_of_each(&slow).await;
    let sent = slow.calls("CARD-BATCH").await;
    slow.fault(json!({"on": "CARD-BATCH", "kind": "delay_after", "delayMs": 1500})).await;
    let take_over = async {
        slow.until_called("CARD-BATCH", sent + 1).await;
        take_for_dead(&slow, &other).await;
        once(&other, path, &body).await
    };
    let (first, taken) = join(once(&slow, path, &body), take_over).await;
    let unknown = taken.data(202);
    let approved = first.data(200);
    assert_eq!(approved["id"], unknown["id"]);
    let again = once(&slow, path, &body).await;
    assert_eq!((again.status, &again.text), (202, &taken.text), "the answer stays");
    let now = slow.get(&format!("/billing/payment/{}", unknown["id"].as_str().unwrap())).await;
    assert_eq!(now.data(200), approved);
    assert_eq!(slow.calls("CARD-BATCH").await, sent + 1);
}

/// The other process was told that KiwoomPay cannot be reached, and has answered that nothing was
/// charged and that it is safe to try again.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_taken_over_and_answered_is_not_sent_by_the_first() {
    let (slow, other) = two(&[]).await;
    for (path, body) in one_of_each(&slow).await {
        let sent = (slow.calls("CARD-BATCH").await, slow.calls("CANCEL").await);
        let readies = slow.calls("READY").await;
        slow.fault(json!({"on": "READY", "kind": "delay_before", "delayMs": 1500})).await;
        slow.fault(json!({"on": "READY", "kind": "decline"})).await;
        let take_over = async {
            slow.until_called("READY", readies + 1).await;
            take_for_dead(&slow, &other).await;
            once(&other, path, &body).await
        };
        let (first, taken) = join(once(&slow, path, &body), take_over).await;
        taken.fails(502, "gateway_unavailable");
        first.fails(409, "request_in_progress");
        let now = (slow.calls("CARD-BATCH").await, slow.calls("CANCEL").await);
        assert_eq!(now, sent, "{path}");
        let again = once(&slow, path, &body).await;
        assert_eq!((again.status, &again.text), (502, &taken.text), "the answer stays");
        until_alive(&slow, &other).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_taken_over_keeps_its_key_although_its_first_process_gave_up() {
    let (starved, other) = two(&[("DATABASE_MAX_CONNECTIONS", "2")]).await;
    let [(path, body), ..] = one_of_each(&starved).await;
    let sent = starved.calls("CARD-BATCH").await;
    let readies = starved.calls("READY").await;
    starved.fault(json!({"on": "READY", "kind": "delay_before", "delayMs": 1500})).await;
    let take_over = async {
        starved.until_called("READY", readies + 1).await;
        let pool = &starved.service.ctx.pool;
        let held = (pool.acquire().await.unwrap(), pool.acquire().await.unwrap());
        take_for_dead(&starved, &other).await;
        (once(&other, path, &body).await, held)
    };
    let (first, (taken, held)) = join(once(&starved, path, &body), take_over).await;
    first.fails(503, "database_unavailable");
    taken.data(200);
    drop(held);
    // Whatever the first process still does about its key, it tries every second.
    let until = tokio::time::Instant::now() + Duration::from_secs(3);
    while tokio::time::Instant::now() < until {
        let again = once(&other, path, &body).await;
        assert_eq!((again.status, &again.text), (200, &taken.text), "the answer stays");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(starved.calls("CARD-BATCH").await, sent + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn renewals_taken_over_from_a_process_that_lives_are_charged_once_each() {
    let settings = [SECRET, ("SCHEDULER_INTERVAL_SECS", "1"), ("CHARGE_HOUR", "0")];
    let slow = TestApp::with(&settings).await;
    let key = slow.register(CARD).await;
    let delays = json!({"on": "READY", "kind": "delay_before", "delayMs": 1500, "times": 8});
    let readies = slow.calls("READY").await;
    slow.fault(delays).await;
    let today = slow.service.ctx.clock.today();
    for n in 0..20 {
        let mut body = one_off(&key);
        let more = json!({
            "planId": format!("plan-{n}"), "cycleDay": today.day(), "startDate": today,
        });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        slow.post("/billing/subscribe", &body).await.data(201);
    }
    slow.until_called("READY", readies + 1).await;
    take_for_dead(&slow, &slow).await;
    let gateway = format!("{}/sandbox", slow.base);
    let other = slow.replica(&[("KIWOOM_BASE_URL", gateway.as_str())]).await;
    let ledger = slow.until_ledger(20).await;
    let mut orders: Vec<&str> = ledger.iter().map(|t| t["orderNo"].as_str().unwrap()).collect();
    orders.sort_unstable();
    orders.dedup();
    assert_eq!(orders.len(), 20);

    // The first process comes back to what it had begun, and finds it done.
    until_alive(&slow, &other).await;
    let plan = json!({"planId": "canary", "cycleDay": today.day(), "startDate": today});
    let mut canary = one_off(&key);
    canary.as_object_mut().unwrap().extend(plan.as_object().unwrap().clone());
    slow.post("/billing/subscribe", &canary).await.data(201);
    slow.until_ledger(21).await;
    tokio::join!(slow.service.stop(), other.service.stop());
}
