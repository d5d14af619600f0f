//! A cancellation without an order number that comes while its payment is being recorded: neither sees
//! the other.

use serde_json::json;
use sqlx::Connection;

use super::cancellations::{refund, refunds};
use crate::support::app::TestApp;
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
    app.advance_secs(61).await;
    let app = app.restart().await.restart().await;
    assert_eq!(app.get(&path).await.data(200)["refundableAmount"], 5900);
    assert_eq!(refunds(&app).await, [refund(4000, "gateway")]);
    let query = sqlx::query_scalar("select verdict from notifications");
    let verdicts: Vec<String> = query.fetch_all(&app.service.ctx.pool).await.unwrap();
    assert_eq!(verdicts, ["applied"]);
}
