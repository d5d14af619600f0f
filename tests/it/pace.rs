//! The pace at which KiwoomPay may be called: who would wait too long is told to come back.

use futures::future::join_all;
use reqwest::Method;
use serde_json::json;

use crate::app::{TestApp, one_off};

/// Waiting for a turn is real time: the pace protects the gateway, whatever the clock says.
#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_pace_a_charge_is_429_with_retry_after_and_nothing_was_charged() {
    let app = TestApp::start().await;
    let key = app.register("4111111111111111").await;
    let app = app.restart_with(&[("KIWOOM_RATE_PER_SEC", "1")]).await;
    let body = one_off(&key);
    let pay = |n: usize| {
        let request = app.request(Method::POST, "/billing/pay").json(&body);
        app.send(request.header("idempotency-key", n.to_string()))
    };
    let replies = join_all((0..24).map(pay)).await;
    let refused: Vec<usize> = (0..24).filter(|n| replies[*n].status != 200).collect();
    let paid = 24 - refused.len();
    assert!(paid > 0 && !refused.is_empty(), "{paid} paid");
    let expected = json!({
        "code": "rate_limited", "message": "요청이 너무 많습니다. 잠시 뒤에 다시 시도하세요.",
    });
    for n in &refused {
        assert_eq!(replies[*n].error(429), expected);
        assert_eq!(replies[*n].headers["retry-after"], "1");
    }
    assert_eq!(app.ledger().await.len(), paid);
    // The key is not used up by "not now".
    pay(refused[0]).await.data(200);
    assert_eq!(app.ledger().await.len(), paid + 1);
}
