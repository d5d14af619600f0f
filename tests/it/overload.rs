//! A gateway that hangs: who is too many is told so, nothing is half made, and what needs no gateway
//! goes on.

use futures::future::join_all;
use reqwest::Method;
use serde_json::json;

use crate::app::{TestApp, card, one_off};
use crate::easypay::{ALL_ON, in_window, prepare, status};

/// Calls for callers that may be under way in one process.
const UNDER_WAY: usize = 64;
const CALLERS: usize = 200;

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_gateway_that_hangs_the_excess_is_turned_away_whole() {
    let app = TestApp::with(ALL_ON).await;
    let key = app.register("4111111111111111").await;
    let prepared = prepare(&app, "ORDER-1").await;
    let hang = json!({"on": "CARD-BATCH", "kind": "delay_before", "delayMs": 6000, "times": 300});
    app.fault(hang).await;
    let body = one_off(&key);
    let pay = |n: usize| {
        let request = app.request(Method::POST, "/billing/pay").json(&body);
        app.send(request.header("idempotency-key", n.to_string()))
    };
    let meanwhile = async {
        // Once the places are taken and the others wait.
        tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
        app.get("/health/ready").await.data(200);
        app.get("/billing/payments").await.data(200);
        // The window's notification is taken in as ever.
        in_window(&app, &prepared, "pay").await;
        assert_eq!(status(&app, "ORDER-1").await["status"], "paid");
        // What calls the gateway is turned away, whatever it is.
        let refused = app.post("/billing/register", &card("4111111111111111")).await;
        assert_eq!(refused.headers["retry-after"], "1");
        refused.fails(429, "rate_limited");
        app.post("/easypay/prepare", &json!({
            "orderId": "ORDER-2", "amount": 1000, "productName": "order", "customerName": "Hong",
        }))
        .await
        .fails(429, "rate_limited");
    };
    let (replies, ()) = tokio::join!(join_all((0..CALLERS).map(pay)), meanwhile);
    let paid: Vec<usize> = (0..CALLERS).filter(|n| replies[*n].status == 200).collect();
    assert_eq!(paid.len(), UNDER_WAY);
    let refused: Vec<usize> = (0..CALLERS).filter(|n| !paid.contains(n)).collect();
    for n in &refused {
        replies[*n].fails(429, "rate_limited");
        assert_eq!(replies[*n].headers["retry-after"], "1");
    }
    let charges = app.ledger().await.len() - 1;
    let count =
        sqlx::query_scalar::<_, i64>("select count(*) from payments where kind = 'one_off'");
    let rows = count.fetch_one(&app.service.ctx.pool).await.unwrap();
    assert_eq!((charges, usize::try_from(rows).unwrap()), (UNDER_WAY, UNDER_WAY));
    app.get("/easypay/status/ORDER-2").await.fails(404, "order_not_found");
    // Turned away is not answered: the same key may be used.
    app.send(clear_faults(&app)).await;
    pay(refused[0]).await.data(200);
    assert_eq!(app.ledger().await.len() - 1, UNDER_WAY + 1);
}

/// A request that forgets the scripted faults.
fn clear_faults(app: &TestApp) -> reqwest::RequestBuilder {
    app.request(Method::DELETE, "/sandbox/faults")
}
