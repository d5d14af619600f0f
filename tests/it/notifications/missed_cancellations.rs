//! A cancellation without an order number that comes while its payment is being recorded: neither sees
//! the other.

use serde_json::json;
use sqlx::{Connection, Executor};

use super::cancellations::{refund, refunds};
use crate::support::app::{TestApp, one_off};
use crate::support::sandbox::lose;
use crate::support::subscriptions::{APPROVED, monthly};
use crate::support::window::{answered, canceled, tell};

/// A payment that was canceled in KiwoomPay's pages the moment before it was committed; its path.
async fn missed(app: &TestApp) -> String {
    let key = app.register("4111111111111111").await;
    app.fault(json!({"on": "CARD-BATCH", "kind": "delay_after", "delayMs": 1000})).await;
    let elsewhere = async {
        app.until_called("CARD-BATCH", 1).await;
        let mut db = app.owner().await;
        let mut held = db.begin().await.unwrap();
        sqlx::query("lock table events in share mode").execute(&mut *held).await.unwrap();
        let waits = "select exists (select from pg_stat_activity where datname = current_database()
            and pg_backend_pid() = any(pg_blocking_pids(pid)))";
        while !sqlx::query_scalar::<_, bool>(waits).fetch_one(&mut *held).await.unwrap() {
            tokio::task::yield_now().await;
        }
        let transaction = app.ledger().await[0]["transactionId"].as_str().unwrap().to_owned();
        let bare = canceled("O-1", &transaction, 4000, 1).replace("&ORDERNO=O-1", "");
        answered(&tell(app, &bare).await, 200);
        held.rollback().await.unwrap();
    };
    let (paid, ()) = tokio::join!(app.pay(&key), elsewhere);
    let paid = paid.data(200);
    assert_eq!(paid["status"], "approved", "{paid}");
    format!("/billing/payment/{}", paid["id"].as_str().unwrap())
}

async fn is_refunded(app: &TestApp, path: &str) -> bool {
    app.get(path).await.data(200)["status"] == "partially_refunded"
}

#[tokio::test(flavor = "multi_thread")]
async fn a_minute_later_the_next_pass_puts_it_into_the_books_once() {
    // The passes that count are those of a start.
    let app = TestApp::with(&[("SCHEDULER_INTERVAL_SECS", "3600")]).await;
    let path = missed(&app).await;
    let app = app.restart().await;
    assert!(!is_refunded(&app, &path).await, "its own request may still be at it");
    let app = later(app).await;
    assert_eq!(app.get(&path).await.data(200)["refundableAmount"], 5900);
    assert_eq!(refunds(&app).await, [refund(4000, "gateway")]);
    let query = sqlx::query_scalar("select verdict from notifications");
    let verdicts: Vec<String> = query.fetch_all(&app.service.ctx.pool).await.unwrap();
    assert_eq!(verdicts, ["applied"]);
}

/// A minute later, after two passes.
pub(super) async fn later(app: TestApp) -> TestApp {
    app.advance_secs(61).await;
    app.restart().await.restart().await
}

/// A payment that the books had lost, whose cancellation without an order number was told before; its path.
async fn recorded_after_its_cancellation(app: &TestApp, key: &str, transaction: &str) -> String {
    let bare = canceled("O-1", transaction, 4000, 1).replace("&ORDERNO=O-1", "");
    answered(&tell(app, &bare).await, 200);
    let mut body = monthly(key);
    body["planId"] = json!(transaction);
    let made = app.post("/billing/subscribe", &body).await.data(201);
    let path = format!("/billing/subscription/{}/paid", made["id"].as_str().unwrap());
    let found = json!({"periodStart": made["nextBillingDate"], "transactionId": transaction,
        "reason": "복구한 데이터베이스에 없는 결제"});
    let payment = app.post(&path, &found).await.data(201);
    format!("/billing/payment/{}", payment["id"].as_str().unwrap())
}

/// `cMP1` cannot be put into the books, whatever the reason.
const ONE_FAILS: &str = "
    create function fails() returns trigger language plpgsql as $$
        begin raise exception 'this one cannot be written'; end $$;
    create trigger fails before insert on refunds for each row
        when (new.transaction_id = 'cMP1') execute function fails();";

#[tokio::test(flavor = "multi_thread")]
async fn one_missed_cancellation_that_always_fails_keeps_no_other() {
    let app = TestApp::with(&[("SCHEDULER_INTERVAL_SECS", "3600")]).await;
    let key = app.register(APPROVED).await;
    let mut paths = Vec::new();
    for transaction in ["cMP1", "cMP2"] {
        paths.push(recorded_after_its_cancellation(&app, &key, transaction).await);
    }
    app.owner().await.execute(ONE_FAILS).await.unwrap();
    let app = later(app).await;
    assert_eq!(app.get(&paths[1]).await.data(200)["refundableAmount"], 5900);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_missed_cancellation_that_always_fails_keeps_no_caller_from_an_answer() {
    let settings = [("SCHEDULER_INTERVAL_SECS", "3600"), ("KIWOOM_TIMEOUT_SECS", "1")];
    let app = TestApp::with(&settings).await;
    let key = app.register(APPROVED).await;
    let path = recorded_after_its_cancellation(&app, &key, "cMP1").await;
    app.owner().await.execute(ONE_FAILS).await.unwrap();
    let app = later(app).await;
    assert_eq!(app.get(&path).await.data(200)["refundableAmount"], 9900);
    lose(&app, "CARD-BATCH", "drop_after").await;
    for time in 0..2 {
        let request = app.request(reqwest::Method::POST, "/billing/pay").json(&one_off(&key));
        let reply = app.send(request.header("idempotency-key", "another")).await;
        assert_eq!(reply.status, 202, "time {time}: {}", reply.text);
    }
}
