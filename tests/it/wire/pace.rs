//! The pace at which KiwoomPay may be called, over all processes on one database: nobody exceeds
//! it, who waits for an answer goes first, and who would wait too long is told to come back.

use std::time::Duration;

use chrono::{DateTime, FixedOffset};
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::{Reply, TestApp, card, one_off};

const RATE: f64 = 5.0;

/// Two services with one pace, on the sandbox of the first.
async fn two() -> (TestApp, TestApp) {
    let paced = [("KIWOOM_RATE_PER_SEC", "5"), ("SCHEDULER_INTERVAL_SECS", "1")];
    let one = TestApp::with(&paced).await;
    let gateway = format!("{}/sandbox", one.base);
    let data_dir = one.data_dir.display().to_string();
    let other = [("KIWOOM_BASE_URL", gateway.as_str()), ("DATA_DIR", &data_dir)];
    let two = one.replica(&other).await;
    (one, two)
}

/// When the calls of this step reached the gateway.
async fn arrivals(app: &TestApp, step: &str) -> Vec<DateTime<FixedOffset>> {
    let calls = app.get("/sandbox/calls").await.json()["calls"].as_array().unwrap().clone();
    let at = |call: &Value| DateTime::parse_from_rfc3339(call["at"].as_str().unwrap()).unwrap();
    calls.iter().filter(|call| call["step"] == step).map(at).collect()
}

/// No row of calls is longer than its time allows. A turn keeps the pace to the moment of sending; on
/// the way to the gateway a busy machine may hold a call up for as long as a second.
#[track_caller]
fn assert_paced(arrivals: &[DateTime<FixedOffset>]) {
    for from in 0..arrivals.len() {
        for to in from..arrivals.len() {
            let secs = (arrivals[to] - arrivals[from]).as_seconds_f64();
            let calls = u32::try_from(to - from).unwrap();
            assert!(f64::from(calls) <= RATE * (secs + 1.0), "{calls} in {secs} s: {arrivals:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_together_keep_the_pace_of_each_method() {
    let (one, two) = two().await;
    let key = one.register("4111111111111111").await;
    let card = card("4111111111111111");
    let pays = (0..14).map(|n| if n % 2 == 0 { one.pay(&key) } else { two.pay(&key) });
    let cards =
        (0..7).map(|n| if n % 2 == 0 { &one } else { &two }.post("/billing/register", &card));
    let (pays, cards) = tokio::join!(join_all(pays), join_all(cards));
    assert!(pays.iter().all(|r| r.status == 200) && cards.iter().all(|r| r.status == 201));
    for (step, count) in [("CARD-BATCH", 14), ("CARD-KEYGEN", 8)] {
        let arrivals = arrivals(&one, step).await;
        assert_eq!(arrivals.len(), count);
        assert_paced(&arrivals);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_an_answer_goes_before_a_long_schedule() {
    let (one, two) = two().await;
    let key = one.register("4111111111111111").await;
    for _ in 0..20 {
        one.subscribe(&key, 15).await;
    }
    let walk = one.advance_days(40);
    let pays = async {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
        while one.ledger().await.is_empty() {
            assert!(tokio::time::Instant::now() < deadline, "the schedule does not begin");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tokio::join!(one.pay(&key), two.pay(&key), two.pay(&key))
    };
    let ((), (a, b, c)) = tokio::join!(walk, pays);
    let ledger = one.ledger().await;
    assert!(ledger.len() >= 23, "20 of the schedule and 3 of callers: {}", ledger.len());
    let order_no = |reply: &Reply| reply.data(200)["orderId"].clone();
    for wanted in [order_no(&a), order_no(&b), order_no(&c)] {
        let place = ledger.iter().position(|t| t["orderNo"] == wanted).unwrap();
        assert!(place < 12, "{place} of {}", ledger.len());
    }
    assert_paced(&arrivals(&one, "CARD-BATCH").await);
}

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
        "code": "rate_limited", "message": "요청이 너무 많습니다. 잠시 후 다시 시도해 주세요.",
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

/// Without the table that keeps the turns there is no turn, and without a turn no call.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_gives_no_turn_means_that_nothing_is_sent() {
    let app = TestApp::with(&[("KIWOOM_RATE_PER_SEC", "5")]).await;
    let key = app.register("4111111111111111").await;
    let sql = "alter table gateway_turns rename to gateway_turns_away";
    sqlx::query(sql).execute(&mut app.owner().await).await.unwrap();
    assert_eq!(app.pay(&key).await.status, 500);
    let calls = app.get("/sandbox/calls").await.json();
    assert_eq!(calls["counters"]["READY"], 1, "only the registration");
    assert!(app.ledger().await.is_empty());
    let payments = app.get("/billing/payments").await.data(200);
    assert_eq!(payments["items"], json!([]));
}
