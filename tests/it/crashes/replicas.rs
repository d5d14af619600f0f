//! Several processes on one database: what one does, no other does again, and none takes the work
//! of a living one for dead.

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::app::{Reply, one_off};
use crate::support::process::{ONCE, Process, World};

async fn two(world: &World) -> (Process, Process) {
    let settings = [("SCHEDULER_INTERVAL_SECS", "1")];
    tokio::join!(world.service("one", &settings), world.service("two", &settings))
}

/// Forty times the same request, in turn to either process.
async fn to_both(
    (one, two): (&Process, &Process),
    path: &str,
    headers: &[(&str, &str)],
    body: &Value,
) -> Vec<Reply> {
    let posts = (0..40).map(|n| {
        let to = if n % 2 == 0 { one } else { two };
        async move { to.try_post(path, headers, body).await.unwrap() }
    });
    join_all(posts).await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_idempotency_key_at_two_processes_charges_once() {
    let world = World::start().await;
    let (one, two) = two(&world).await;
    let body = one_off(&one.register().await);
    let replies = to_both((&one, &two), "/billing/pay", ONCE, &body).await;
    let first = two.try_post("/billing/pay", ONCE, &body).await.unwrap();
    assert_eq!(first.data(200)["status"], "approved");
    for reply in &replies {
        match reply.status {
            200 => assert_eq!(reply.text, first.text, "byte for byte"),
            _ => reply.fails(409, "request_in_progress"),
        }
    }
    assert_eq!(world.ledger().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_order_id_at_two_processes_charges_once() {
    let world = World::start().await;
    let (one, two) = two(&world).await;
    let mut body = one_off(&one.register().await);
    body["orderId"] = json!("ORDER-1");
    let replies = to_both((&one, &two), "/billing/pay", &[], &body).await;
    assert_eq!(replies.iter().filter(|r| r.status == 200).count(), 1);
    replies.iter().filter(|r| r.status != 200).for_each(|r| r.fails(409, "order_exists"));
    assert_eq!(world.ledger().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn refunds_at_two_processes_never_give_back_more_than_was_paid() {
    let world = World::start().await;
    let (one, two) = two(&world).await;
    let payment = one.post("/billing/pay", &one_off(&one.register().await)).await.data(200);
    let body = json!({"paymentId": payment["id"], "amount": 1000});
    let replies = to_both((&one, &two), "/billing/refund", &[], &body).await;
    assert_eq!(replies.iter().filter(|r| r.status == 200).count(), 9);
    replies.iter().filter(|r| r.status != 200).for_each(|r| r.fails(409, "refund_exceeds_balance"));
    assert_eq!(world.ledger().await[0]["canceledAmount"], 9000);
}

/// As in a rolling deployment: the old process still waits for the gateway when the new one runs.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_stopping_is_not_taken_for_dead() {
    let world = World::start().await;
    let old = world.service("old", &[]).await;
    let body = one_off(&old.register().await);
    let new = world.service("new", &[("SCHEDULER_INTERVAL_SECS", "1")]).await;
    world.fault(json!({"on": "CARD-BATCH", "kind": "delay_after", "delayMs": 3500})).await;
    let paying = old.try_post("/billing/pay", ONCE, &body);
    let meanwhile = async {
        world.until_charged(1).await;
        old.signal("TERM");
        let mut answers = Vec::new();
        while let Some(stopping) = old.is_running().then(|| new.get("/health/ready")) {
            assert_eq!(stopping.await.data(200)["unknownOutcomes"], 0);
            let again = new.try_post("/billing/pay", ONCE, &body).await.unwrap();
            answers.push(again);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        answers
    };
    let (paid, meanwhile) = tokio::join!(paying, meanwhile);
    let paid = paid.unwrap();
    assert_eq!(paid.data(200)["status"], "approved");
    assert!(meanwhile.len() > 5, "the stop took its time: {meanwhile:?}");
    for reply in meanwhile {
        match reply.status {
            200 => assert_eq!(reply.text, paid.text),
            _ => reply.fails(409, "request_in_progress"),
        }
    }
    let after = new.try_post("/billing/pay", ONCE, &body).await.unwrap();
    assert_eq!(after.text, paid.text, "byte for byte");
    assert_eq!(world.ledger().await.len(), 1);
}

/// A caller that sends its body slowly and is gone before the answer: nobody would wait for the
/// charge, so none is begun.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_whose_body_comes_after_the_stop_charges_nothing() {
    let world = World::start().await;
    let service = world.service("service", &[]).await;
    let body = one_off(&service.register().await).to_string();
    let address = service.base.trim_start_matches("http://");
    let mut caller = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /billing/pay HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{{",
        body.len()
    );
    caller.write_all(head.as_bytes()).await.unwrap();
    // Until the head has been read; should it not be by then, the connection is refused, which is
    // not what is tested but charges nothing either.
    tokio::time::sleep(Duration::from_millis(300)).await;
    service.signal("TERM");
    service.until(|| service.get("/health/live"), |reply| reply.status == 0).await;
    caller.write_all(&body.as_bytes()[1..]).await.unwrap();
    let mut answer = String::new();
    caller.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("shutting_down"), "{answer}");
    assert!(world.ledger().await.is_empty());
}
