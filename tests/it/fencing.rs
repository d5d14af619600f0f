//! A process that stood still has lost its right to send, and sends nothing.

use std::time::Duration;

use serde_json::json;

use crate::app::{TestApp, one_off};

/// PostgreSQL takes longer over a commit than an intent stays fresh.
const SLOW_COMMIT: &str = "
    create function slow() returns trigger language plpgsql as $$
        begin perform pg_sleep(6); return null; end $$;
    create constraint trigger slow after insert on payments deferrable initially deferred
        for each row execute function slow();
    create constraint trigger slow after insert on refunds deferrable initially deferred
        for each row execute function slow();";
const QUICK_COMMIT: &str = "drop function slow cascade";

async fn sql(app: &TestApp, text: &'static str) {
    sqlx::raw_sql(text).execute(&app.service.ctx.pool).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_intent_is_not_sent_and_leaves_nothing() {
    let app = TestApp::start().await;
    let key = app.register("4111111111111111").await;
    let paid = app.pay(&key).await.data(200);
    let refund = json!({"paymentId": paid["id"], "amount": 1000});
    sql(&app, SLOW_COMMIT).await;
    app.post("/billing/pay", &one_off(&key)).await.fails(502, "gateway_unavailable");
    app.post("/billing/refund", &refund).await.fails(502, "gateway_unavailable");
    sql(&app, QUICK_COMMIT).await;

    let listed = app.get("/billing/payments").await.data(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "{listed}");
    assert_eq!(listed["items"][0]["refundableAmount"], paid["amount"]);
    let ledger = app.ledger().await;
    assert_eq!((ledger.len(), &ledger[0]["canceledAmount"]), (1, &json!(0)));
    // Nothing stands in the way of another try.
    app.pay(&key).await.data(200);
    app.post("/billing/refund", &refund).await.data(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_whose_lease_went_to_another_process_is_left_to_that() {
    let app = TestApp::start().await;
    // A process that lives and leaves its lease alone.
    let other = app.replica(&[("SCHEDULER_ENABLED", "false")]).await;
    let key = app.register("4111111111111111").await;
    app.subscribe(&key, 15).await;
    // The claim is made, then step 1 takes its time.
    app.fault(json!({"on": "READY", "kind": "delay_after", "delayMs": 1500})).await;
    let robbed = async {
        let take = "update subscriptions set leased_by = $1 where leased_until is not null";
        let taken = || sqlx::query(take).bind(other.service.ctx.instance.number());
        while taken().execute(&app.service.ctx.pool).await.unwrap().rows_affected() == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tokio::time::sleep(Duration::from_millis(2500)).await;
        let attempts = sqlx::query_scalar("select count(*) from payments");
        let attempts: i64 = attempts.fetch_one(&app.service.ctx.pool).await.unwrap();
        assert_eq!((attempts, app.ledger().await.len()), (0, 0), "the lease was lost");
        sql(&app, "update subscriptions set leased_until = null").await;
    };
    tokio::join!(app.advance_days(31), robbed);
    assert_eq!(app.ledger().await.len(), 1);
}
