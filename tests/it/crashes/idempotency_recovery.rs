//! What was done under an `Idempotency-Key` is never done again, also when its answer was only
//! "not now": the next request with the key answers from what it finds.

use futures::future::join;
use reqwest::Method;
use serde_json::json;

use super::{once, one_of_each, two, until_alive};
use crate::support::app::{TestApp, one_off};

#[tokio::test(flavor = "multi_thread")]
async fn a_request_taken_over_is_left_to_who_took_it_also_while_that_has_not_begun() {
    let (slow, other) = two(&[]).await;
    for (path, body) in one_of_each(&slow).await {
        until_alive(&slow, &other).await;
        let step = if path == "/billing/refund" { "CANCEL" } else { "CARD-BATCH" };
        let sent = slow.calls(step).await;
        let readies = slow.calls("READY").await;
        for delay in [1000, 3000] {
            let delay = json!({"on": "READY", "kind": "delay_before", "delayMs": delay});
            slow.fault(delay).await;
        }
        let take_over = async {
            slow.until_called("READY", readies + 1).await;
            super::take_over(&slow, &other, path, &body).await
        };
        let (first, taken) = join(once(&slow, path, &body), take_over).await;
        assert!(matches!(taken.status, 200 | 201), "{path}: {}", taken.text);
        first.fails(409, "request_in_progress");
        // As `Retry-After` asks for.
        for app in [&other, &slow] {
            let again = once(app, path, &body).await;
            assert_eq!(again.status, taken.status, "{path}: {}", again.text);
            // Each process names the gateway by its own address.
            let here = |text: &str| text.replace("localhost", "127.0.0.1");
            assert_eq!(here(&again.text), here(&taken.text), "{path}");
        }
        assert_eq!(slow.calls(step).await, sent + 1, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_only_the_database_kept_back_is_given_to_the_next_try() {
    let settings = [("DATABASE_MAX_CONNECTIONS", "2"), ("SCHEDULER_ENABLED", "false")];
    let app = TestApp::with(&settings).await;
    let mut body = one_off(&app.register("4111111111111111").await);
    body["planId"] = json!("monthly");
    body["cycleDay"] = json!(15);
    body["chargeNow"] = json!(true);
    let path = "/billing/subscribe";
    app.fault(json!({"on": "CARD-BATCH", "kind": "delay_before", "delayMs": 1000})).await;
    let pool = &app.service.ctx.pool;
    let starve = async {
        app.until_called("CARD-BATCH", 1).await;
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
    let (first, held) = join(once(&app, path, &body), starve).await;
    // The money has moved: the caller is told so, though the subscription cannot be read just now.
    assert_eq!(first.data(202)["payment"]["status"], "approved");
    drop(held);
    let request = app.request(Method::POST, path).header("Idempotency-Key", "once").json(&body);
    let made = app.send_until_answered(request).await.data(201);
    assert_eq!((&made["status"], &made["planId"]), (&json!("active"), &json!("monthly")));
    assert_eq!(once(&app, path, &body).await.data(201), made);
    assert_eq!(app.calls("CARD-BATCH").await, 1);
    assert_eq!(app.ledger().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn free_days_whose_answer_was_lost_are_not_given_again() {
    let app = TestApp::start().await;
    let mut body = one_off(&app.register("4111111111111111").await);
    body["planId"] = json!("monthly");
    body["chargeNow"] = json!(true);
    let made = app.post("/billing/subscribe", &body).await.data(201);
    let path = format!("/billing/subscription/{}/extend", made["id"].as_str().unwrap());
    let days = json!({"days": 3, "reason": "장애 보상"});
    let given = once(&app, &path, &days).await.data(200);
    assert_ne!(given["paidThrough"], made["paidThrough"]);
    // As a process leaves it that dies between its COMMIT and its answer.
    let left =
        "update idempotency_keys set status = null, body = null, sender = -1 where path = $1";
    let left = sqlx::query(left).bind(&path).execute(&mut app.owner().await).await.unwrap();
    assert_eq!(left.rows_affected(), 1);
    assert_eq!(once(&app, &path, &days).await.data(200), given);
    // Another request is another gift.
    let again = app.post(&path, &days).await.data(200);
    assert_ne!(again["paidThrough"], given["paidThrough"]);
}
