//! Kills and failovers where nobody is watching: in a renewal, in a first charge, between the two
//! steps, and in the database.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::delay_after;
use crate::support::app::{Reply, TestApp, one_off};
use crate::support::postgres::as_owner;
use crate::support::process::{ONCE, Process, World};

const BUSY: &[(&str, &str)] = &[("SCHEDULER_INTERVAL_SECS", "1")];

fn subscription(billing_key: &str) -> Value {
    json!({
        "billingKey": billing_key, "customerId": "user123", "planId": "monthly", "amount": 9900,
        "productName": "월간 구독", "cycleDay": 15,
    })
}

fn items(reply: &Reply) -> Vec<Value> {
    reply.data(200)["items"].as_array().unwrap().clone()
}

/// Waits for this many payments with this status.
async fn listed(service: &Process, status: &str, count: usize) -> Vec<Value> {
    let path = format!("/billing/payments?status={status}");
    items(&service.until(|| service.get(&path), |reply| items(reply).len() == count).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_cut_short_by_a_kill_waits_and_the_next_month_is_charged() {
    let world = World::start().await;
    let service = world.service("service", BUSY).await;
    let made = subscription(&service.register().await);
    let made = service.post("/billing/subscribe", &made).await.data(201);
    world.fault(delay_after("CARD-BATCH", 60_000)).await;
    world.advance_days(31).await;
    world.until_charged(1).await;
    assert_eq!(listed(&service, "pending", 1).await.len(), 1);
    service.kill();

    let service = world.service("again", BUSY).await;
    let payment = listed(&service, "unknown", 1).await.remove(0);
    assert_eq!(payment["subscriptionId"], made["id"]);
    let pay = json!({"subscriptionId": made["id"]});
    service.post("/billing/pay", &pay).await.fails(409, "outcome_unknown");
    assert_eq!(world.ledger().await.len(), 1);

    world.advance_days(31).await;
    world.until_charged(2).await;
    listed(&service, "approved", 1).await;
    let ledger = world.ledger().await;
    assert_eq!(ledger.len(), 2, "one for each month: {ledger:?}");
    assert_ne!(ledger[0]["orderNo"], ledger[1]["orderNo"]);
    let path = format!("/billing/payment/{}/resolve", payment["id"].as_str().unwrap());
    let found = json!({
        "outcome": "approved", "transactionId": ledger[0]["transactionId"], "reason": "확인",
    });
    let settled = service.settle_by_hand(&path, &found).await.data(200);
    assert_eq!(settled["status"], "approved");
    let path = format!("/billing/subscription/{}", made["id"].as_str().unwrap());
    assert_eq!(service.get(&path).await.data(200)["status"], "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_charge_cut_short_by_a_kill_is_not_made_again_by_the_repeated_request() {
    let world = World::start().await;
    let service = Arc::new(world.service("service", BUSY).await);
    let mut body = subscription(&service.register().await);
    body["chargeNow"] = json!(true);
    world.fault(delay_after("CARD-BATCH", 60_000)).await;
    let (caller, sent) = (service.clone(), body.clone());
    let call =
        tokio::spawn(async move { caller.try_post("/billing/subscribe", ONCE, &sent).await });
    world.until_charged(1).await;
    service.signal("KILL");
    assert!(call.await.unwrap().is_err());

    let service = world.service("again", BUSY).await;
    let repeated = service.try_post("/billing/subscribe", ONCE, &body).await.unwrap();
    let repeated = repeated.data(202);
    assert_eq!(repeated["status"], "incomplete");
    assert_eq!(repeated["payment"]["status"], "unknown");
    service.post("/billing/subscribe", &body).await.fails(409, "subscription_exists");
    world.advance_days(40).await;
    assert_eq!(listed(&service, "unknown", 1).await[0]["id"], repeated["payment"]["id"]);
    let again = service.try_post("/billing/subscribe", ONCE, &body).await.unwrap();
    assert_eq!(again.data(202)["payment"], repeated["payment"]);
    assert_eq!(world.ledger().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_before_anything_was_sent_lets_the_repeated_request_charge() {
    let world = World::start().await;
    let service = Arc::new(world.service("service", &[]).await);
    let mut body = one_off(&service.register().await);
    body["orderId"] = json!("ORDER-1");
    world.fault(delay_after("READY", 60_000)).await;
    let (caller, sent) = (service.clone(), body.clone());
    let call = tokio::spawn(async move { caller.try_post("/billing/pay", ONCE, &sent).await });
    let asked = |reply: &Reply| reply.json()["counters"]["READY"] == 2;
    world.sandbox.until(|| world.sandbox.get("/sandbox/calls"), asked).await;
    service.signal("KILL");
    assert!(call.await.unwrap().is_err());

    let service = world.service("again", &[]).await;
    let repeated = service.try_post("/billing/pay", ONCE, &body).await.unwrap();
    assert_eq!(repeated.data(200)["status"], "approved");
    assert_eq!(repeated.data(200)["orderId"], "ORDER-1");
    let again = service.try_post("/billing/pay", ONCE, &body).await.unwrap();
    assert_eq!(again.text, repeated.text);
    assert_eq!(world.ledger().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_in_the_middle_of_many_charges_lose_none_and_repeat_none() {
    let world = World::start().await;
    let mut service = Arc::new(world.service("service-0", BUSY).await);
    let key = service.register().await;
    world
        .fault(json!({"on": "CARD-BATCH", "kind": "delay_after", "delayMs": 40, "times": 1000}))
        .await;
    for round in 1..=3 {
        let calls = (0..30).map(|n| {
            let (caller, mut body) = (service.clone(), one_off(&key));
            body["orderId"] = json!(format!("ORDER-{round}-{n}"));
            tokio::spawn(async move { caller.try_post("/billing/pay", &[], &body).await })
        });
        let calls: Vec<_> = calls.collect();
        world.until_charged(round * 10).await;
        service.signal("KILL");
        for call in calls {
            drop(call.await.unwrap());
        }
        let name = format!("service-{round}");
        service = Arc::new(world.service(&name, BUSY).await);
    }
    listed(&service, "pending", 0).await;
    world.advance_days(40).await;
    for transaction in world.ledger().await {
        let order_no = transaction["orderNo"].as_str().unwrap();
        assert_eq!(transaction["calls"], 1, "{order_no}");
        let ours = service.get(&format!("/billing/payment/{order_no}")).await.data(200);
        assert!(["approved", "unknown"].contains(&ours["status"].as_str().unwrap()), "{ours}");
        let mut again = one_off(&key);
        again["orderId"] = transaction["orderNo"].clone();
        service.post("/billing/pay", &again).await.fails(409, "order_exists");
    }
}

/// A standby takes over: connections break, and for a moment it refuses to write.
#[tokio::test(flavor = "multi_thread")]
async fn a_failover_of_the_database_does_not_lose_the_outcome() {
    let app = TestApp::start().await;
    let key = app.register("4111111111111111").await;
    let payment = app.pay(&key).await.data(200);
    let refund = json!({"paymentId": payment["id"], "amount": 1000});
    app.fault(delay_after("CARD-BATCH", 600)).await;
    app.fault(delay_after("CANCEL", 600)).await;
    let failover = async {
        while app.ledger().await.iter().filter(|t| t["canceledAmount"] == 1000).count() < 1
            || app.ledger().await.len() < 2
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let url = &as_owner(app.setting("DATABASE_URL"));
        writable(url, false).await;
        tokio::time::sleep(Duration::from_millis(1500)).await;
        writable(url, true).await;
    };
    let (paid, refunded, ()) =
        tokio::join!(app.pay(&key), app.post("/billing/refund", &refund), failover);
    assert_eq!(paid.data(200)["status"], "approved");
    assert_eq!(refunded.data(200)["refund"]["status"], "refunded");
}

/// Ends all other connections; new ones can write, or cannot.
async fn writable(database_url: &str, yes: bool) {
    let mut db = PgConnection::connect(database_url).await.unwrap();
    let read_only = if yes { "off" } else { "on" };
    let statements = [
        "set default_transaction_read_only = off".to_owned(),
        format!(
            "do $$ begin execute format('alter database %I set default_transaction_read_only \
             = {read_only}', current_database()); end $$"
        ),
        "select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid()"
            .to_owned(),
    ];
    for sql in statements {
        sqlx::query(AssertSqlSafe(sql)).execute(&mut db).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_cut_before_the_intent_charge_nothing_and_the_retry_charges_once() {
    let app = TestApp::start().await;
    let mut body = one_off(&app.register("4111111111111111").await);
    body["orderId"] = json!("ORDER-1");
    app.fault(delay_after("READY", 600)).await;
    let before = app.get("/sandbox/calls").await.json()["counters"]["READY"].clone();
    let cut = async {
        while app.get("/sandbox/calls").await.json()["counters"]["READY"] == before {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        writable(&as_owner(app.setting("DATABASE_URL")), true).await;
    };
    let (mut reply, ()) = tokio::join!(app.post("/billing/pay", &body), cut);
    // Each connection that the pool still holds is found dead by the query that uses it.
    for _ in 0..20 {
        if reply.status == 200 {
            break;
        }
        reply.fails(503, "database_unavailable");
        assert!(reply.headers.contains_key("retry-after"));
        assert!(app.ledger().await.is_empty());
        reply = app.post("/billing/pay", &body).await;
    }
    assert_eq!(reply.data(200)["status"], "approved");
    app.post("/billing/pay", &body).await.fails(409, "order_exists");
    assert_eq!(app.ledger().await.len(), 1);
}
