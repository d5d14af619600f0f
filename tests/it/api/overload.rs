//! More than the service can do at once: the excess is told to come back and leaves no trace, and
//! what does not need the gateway goes on.

use std::time::Duration;

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::app::{Reply, TestApp, card, one_off};
use crate::support::window::{answered, paid, prepare, status, tell};

/// Calls that callers wait for, at once.
const IN_FLIGHT: usize = 64;
const CARD: &str = "4111111111111111";

async fn rows(app: &TestApp, table: &str) -> usize {
    let sql = format!("select count(*) from {table}");
    let query = sqlx::query_scalar(sqlx::AssertSqlSafe(sql));
    let count: i64 = query.fetch_one(&app.service.ctx.pool).await.unwrap();
    usize::try_from(count).unwrap()
}

async fn reached(app: &TestApp) -> u64 {
    let counters = app.get("/sandbox/calls").await.json()["counters"].clone();
    ["READY", "HASH"].iter().filter_map(|step| counters[step].as_u64()).sum()
}

/// Waits until this many calls have reached the gateway.
async fn until_reached(app: &TestApp, count: u64) {
    for _ in 0..2000 {
        if reached(app).await >= count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("{} of {count} calls reached the gateway", reached(app).await);
}

/// Asks again until the answer is as wanted; the last answer.
async fn until<F: Future<Output = Reply>>(
    ask: impl Fn() -> F,
    wanted: impl Fn(&Reply) -> bool,
) -> Reply {
    let mut reply = ask().await;
    for _ in 0..500 {
        if wanted(&reply) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        reply = ask().await;
    }
    reply
}

/// The `n`th request of those that call the gateway.
fn request(n: usize, key: &str, payment: &Value) -> (&'static str, Value) {
    let subscription = json!({
        "billingKey": key, "customerId": "user123", "planId": format!("plan-{n}"),
        "amount": 9900, "productName": "월간 구독", "cycleDay": 15, "chargeNow": true,
    });
    let prepare = json!({
        "orderId": format!("WINDOW-{n}"), "amount": 9900, "productName": "프리미엄 구독",
        "customerName": "홍길동",
    });
    match n % 5 {
        0 => ("/billing/pay", one_off(key)),
        1 => ("/billing/register", card(CARD)),
        2 => ("/billing/subscribe", subscription),
        3 => ("/billing/refund", json!({"paymentId": payment["id"], "amount": 10})),
        _ => ("/easypay/prepare", prepare),
    }
}

async fn send(app: &TestApp, n: usize, (path, body): &(&str, Value)) -> Reply {
    let request = app.request(Method::POST, path).json(body);
    app.send(request.header("Idempotency-Key", format!("key-{n}"))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_hundred_calls_to_a_gateway_that_hangs_the_excess_leaves_no_trace() {
    // Step 1 has what is over 30 seconds.
    let settings = [("DATABASE_MAX_CONNECTIONS", "2"), ("KIWOOM_TIMEOUT_SECS", "60")];
    let app = TestApp::with(&settings).await;
    let key = app.register(CARD).await;
    let payment = app.pay(&key).await.data(200);
    prepare(&app, "O-1").await;
    let before = reached(&app).await;
    for step in ["READY", "HASH"] {
        app.fault(json!({"on": step, "kind": "delay_before", "delayMs": 8000, "times": 200})).await;
    }
    let requests: Vec<_> = (0..200).map(|n| request(n, &key, &payment)).collect();
    let flood = join_all((0..200).map(|n| send(&app, n, &requests[n])));
    let meanwhile = async {
        until_reached(&app, before + IN_FLIGHT as u64).await;
        assert_eq!(app.get("/health/live").await.status, 200);
        app.ready().await;
        app.get("/billing/payments").await.data(200);
        answered(&tell(&app, &paid("O-1", "t1", 9900)).await, 200);
        assert_eq!(status(&app, "O-1").await["status"], "paid");
        assert_eq!(reached(&app).await, before + IN_FLIGHT as u64, "all of it meanwhile");
    };
    let (replies, ()) = tokio::join!(flood, meanwhile);

    let refused: Vec<usize> = (0..200).filter(|n| replies[*n].status == 429).collect();
    assert_eq!(refused.len(), 200 - IN_FLIGHT);
    for n in &refused {
        replies[*n].fails(429, "rate_limited");
        assert_eq!(replies[*n].headers["retry-after"], "1");
    }
    let done = |kind| (0..200).filter(|n| n % 5 == kind && replies[*n].status < 300).count();
    assert_eq!((0..5).map(done).sum::<usize>(), IN_FLIGHT);
    assert_eq!(rows(&app, "payments").await, 2 + done(0) + done(2) + done(4));
    assert_eq!(rows(&app, "billing_keys").await, 1 + done(1));
    assert_eq!(rows(&app, "subscriptions").await, done(2));
    assert_eq!(rows(&app, "refunds").await, done(3));
    assert_eq!(app.ledger().await.len(), 1 + done(0) + done(2));

    app.send(app.request(Method::DELETE, "/sandbox/faults")).await;
    for kind in 0..5 {
        let Some(n) = refused.iter().find(|n| *n % 5 == kind) else { continue };
        let reply = send(&app, *n, &requests[*n]).await;
        assert!(reply.status < 300, "the key is not used up: {}", reply.text);
    }
}

/// So many at once, and so many that wait for a moment.
#[tokio::test(flavor = "multi_thread")]
async fn a_burst_of_short_calls_is_answered_and_not_refused() {
    let app = TestApp::start().await;
    let short = json!({"on": "CARD-KEYGEN", "kind": "delay_before", "delayMs": 300, "times": 96});
    app.fault(short).await;
    let body = card(CARD);
    let replies = join_all((0..96).map(|_| app.post("/billing/register", &body))).await;
    let statuses: Vec<u16> = replies.iter().map(|reply| reply.status).collect();
    assert_eq!(statuses, [201; 96]);
}

/// What takes its places is half sent.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_waits_for_a_moment_until_another_one_has_ended() {
    let app = TestApp::start().await;
    let key = app.register(CARD).await;
    let requests = &app.service.ctx.requests;
    let head = "POST /billing/pay HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n\
        Content-Length: 500\r\n\r\n{";
    let mut half_sent = Vec::new();
    while requests.available_permits() > 0 {
        let mut stream = TcpStream::connect(app.base.trim_start_matches("http://")).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        half_sent.push(stream);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    app.pay(&key).await.fails(429, "rate_limited");
    let one_ends = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        half_sent.pop();
    };
    let (reply, ()) = tokio::join!(app.pay(&key), one_ends);
    reply.data(200);
}

/// Each has places of its own.
#[tokio::test(flavor = "multi_thread")]
async fn callers_who_fill_their_places_keep_neither_the_schedule_nor_other_changes_out() {
    let app = TestApp::start().await;
    let key = app.register(CARD).await;
    let subscription = app.subscribe(&key, 15).await;
    let hang = json!({"on": "CARD-KEYGEN", "kind": "delay_before", "delayMs": 6000, "times": 100});
    app.fault(hang).await;
    let body = card(CARD);
    let callers = join_all((0..100).map(|_| app.post("/billing/register", &body)));
    let meanwhile = async {
        until_reached(&app, 1 + IN_FLIGHT as u64).await;
        app.pay(&key).await.fails(429, "rate_limited");
        app.advance_days(31).await;
        assert_eq!(app.ledger().await.len(), 1, "the renewal");
        let path = format!("/billing/subscription/{}/pause", subscription["id"].as_str().unwrap());
        assert_eq!(app.post(&path, &json!({})).await.data(200)["status"], "paused");
    };
    let (replies, ()) = tokio::join!(callers, meanwhile);
    assert_eq!(replies.iter().filter(|reply| reply.status == 201).count(), IN_FLIGHT);
}

/// A body that comes slowly takes a place, too: there is a limit before anything is read.
#[tokio::test(flavor = "multi_thread")]
async fn requests_beyond_the_limit_are_turned_away_before_they_cost_anything() {
    let app = TestApp::start().await;
    let address = app.base.trim_start_matches("http://");
    let head = "POST /billing/pay HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
        Content-Length: 100\r\nExpect: 100-continue\r\n\r\n";
    // The body is asked for when the request has its place.
    let slow = join_all((0..128).map(|_| async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut go_on = [0; 25];
        stream.read_exact(&mut go_on).await.unwrap();
        assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
        stream.write_all(b"{").await.unwrap();
        stream
    }));
    let mut slow = slow.await;
    let request = || app.request(Method::POST, "/billing/cancel").header("Idempotency-Key", "one");
    let cancel = || app.send(request().json(&json!({"subscriptionId": "sub_none"})));
    let reply = cancel().await;
    reply.fails(429, "rate_limited");
    assert_eq!(reply.headers["retry-after"], "1");
    app.get("/billing/payments").await.data(200);
    // One that goes away makes room.
    let mut gone = slow.pop().unwrap();
    gone.shutdown().await.unwrap();
    drop(gone);
    let reply = until(cancel, |reply| reply.status != 429).await;
    reply.fails(404, "subscription_not_found");
    // The slow ones are told so in the end.
    let mut answer = String::new();
    slow.pop().unwrap().read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
}
