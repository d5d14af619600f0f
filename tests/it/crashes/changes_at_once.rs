//! Changes at once: the process dies in the call, or the database is away after it.

use std::sync::Arc;

use futures::future::join;
use reqwest::Method;
use serde_json::{Value, json};

use super::{delay_after, unknown};
use crate::support::app::TestApp;
use crate::support::process::{ONCE, World};
use crate::support::subscriptions::{APPROVED, monthly};

fn upgrade() -> Value {
    json!({"amount": 19_800, "when": "now", "consent": {"method": "checkbox"}})
}

/// A subscription that is charged 9,900 won for a month from today on.
fn from_today(key: &str) -> Value {
    let mut body = monthly(key);
    body.as_object_mut().unwrap().remove("cycleDay");
    body["chargeNow"] = json!(true);
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_repeated_after_a_kill_in_its_call_is_charged_once() {
    let world = World::start().await;
    let service = Arc::new(world.service("service", &[]).await);
    let body = from_today(&service.register().await);
    let made = service.post("/billing/subscribe", &body).await.data(201);
    let path = format!("/billing/subscription/{}", made["id"].as_str().unwrap());
    world.fault(delay_after("CARD-BATCH", 10_000)).await;
    let (caller, asked) = (service.clone(), path.clone());
    tokio::spawn(async move { drop(caller.try_patch(&asked, ONCE, &upgrade()).await) });
    world.until_charged(2).await;
    service.signal("KILL");

    let service = world.service("again", &[("SCHEDULER_INTERVAL_SECS", "1")]).await;
    let payment = unknown(&service, 1).await.remove(0);
    let repeated = service.try_patch(&path, ONCE, &upgrade()).await.unwrap().data(202);
    assert_eq!(repeated["payment"]["id"], payment["id"]);
    assert_eq!((&repeated["amount"], &repeated["coverage"]), (&json!(19_800), &json!("open")));
    let found = json!({"outcome": "approved", "reason": "확인",
        "transactionId": world.ledger().await[1]["transactionId"]});
    let resolve = format!("/billing/payment/{}/resolve", payment["id"].as_str().unwrap());
    service.settle_by_hand(&resolve, &found).await.data(200);
    let again = service.try_patch(&path, ONCE, &upgrade()).await.unwrap();
    assert_eq!(again.data(200)["payment"]["status"], "approved");
    assert_eq!((world.ledger().await.len(), world.calls("CARD-BATCH").await), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_was_approved_is_no_failure_though_the_database_is_away_then() {
    let settings = [("DATABASE_MAX_CONNECTIONS", "2"), ("SCHEDULER_ENABLED", "false")];
    let app = TestApp::with(&settings).await;
    let body = from_today(&app.register(APPROVED).await);
    let made = app.post("/billing/subscribe", &body).await.data(201);
    let path = format!("/billing/subscription/{}", made["id"].as_str().unwrap());
    app.fault(json!({"on": "CARD-BATCH", "kind": "delay_before", "delayMs": 1000})).await;
    let pool = &app.service.ctx.pool;
    let starve = async {
        app.until_called("CARD-BATCH", 2).await;
        let spare = pool.acquire().await.unwrap();
        let mut tx = pool.begin().await.unwrap();
        sqlx::query("select from subscriptions for update").execute(&mut *tx).await.unwrap();
        drop(spare);
        let waits = "select exists (select from pg_stat_activity where datname = current_database()
            and pg_backend_pid() = any(pg_blocking_pids(pid)))";
        while !sqlx::query_scalar::<_, bool>(waits).fetch_one(&mut *tx).await.unwrap() {
            tokio::task::yield_now().await;
        }
        // This connection and the one that records the approval come here next, and stay.
        let (mut one, mut other) = (Box::pin(pool.acquire()), Box::pin(pool.acquire()));
        assert!(futures::poll!(&mut one).is_pending() && futures::poll!(&mut other).is_pending());
        tx.rollback().await.unwrap();
        join(one, other).await
    };
    let request = || {
        let request = app.request(Method::PATCH, &path).header("Idempotency-Key", "once");
        request.json(&upgrade())
    };
    let (first, held) = join(app.send(request()), starve).await;
    let first = first.data(202);
    assert_eq!(
        (&first["payment"]["status"], &first["amount"]),
        (&json!("approved"), &json!(19_800))
    );
    drop(held);
    let again = app.send_until_answered(request()).await.data(200);
    assert_eq!(again["payment"], first["payment"]);
    assert_eq!((&again["amount"], &again["coverage"]), (&json!(19_800), &json!("paid")));
    assert_eq!((app.ledger().await.len(), app.calls("CARD-BATCH").await), (2, 2));
}
