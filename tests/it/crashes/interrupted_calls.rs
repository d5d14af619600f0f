//! Processes that die or are told to stop in the middle of a call.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::Datelike;
use kiwoom_clock::Clock;
use serde_json::{Value, json};

use super::{begin, delay_after, unknown};
use crate::support::app::{Reply, TestApp, one_off};
use crate::support::process::{Folder, ONCE, Process, World};

const CARD: &str = "4111111111111111";

#[tokio::test(flavor = "multi_thread")]
async fn a_charge_cut_short_by_a_kill_is_unknown_and_not_sent_again() {
    let world = World::start().await;
    let service = Arc::new(world.service("service", &[]).await);
    let key = service.register().await;
    world.fault(delay_after("CARD-BATCH", 10_000)).await;
    begin(&world, &service, "/billing/pay", one_off(&key), |l| l.len() == 1).await;
    service.signal("KILL");

    let service = world.service("again", &[("SCHEDULER_INTERVAL_SECS", "1")]).await;
    let payment = unknown(&service, 1).await.remove(0);
    let repeated = service.try_post("/billing/pay", ONCE, &one_off(&key)).await.unwrap();
    assert_eq!(repeated.data(202)["id"], payment["id"]);
    let again = service.try_post("/billing/pay", ONCE, &one_off(&key)).await.unwrap();
    assert_eq!(again.text, repeated.text);
    world.sandbox.post("/sandbox/clock", &json!({"advanceDays": 40})).await;
    assert_eq!(unknown(&service, 1).await[0]["id"], payment["id"]);
    let ledger = world.ledger().await;
    assert_eq!(ledger.len(), 1);

    let path = format!("/billing/payment/{}/resolve", payment["id"].as_str().unwrap());
    let found = json!({
        "outcome": "approved", "transactionId": ledger[0]["transactionId"], "reason": "확인",
    });
    let settled = service.settle_by_hand(&path, &found).await.data(200);
    assert_eq!(settled["status"], "approved");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_cut_short_by_a_kill_holds_its_amount() {
    let world = World::start().await;
    let service = Arc::new(world.service("service", &[]).await);
    let key = service.register().await;
    let payment = service.post("/billing/pay", &one_off(&key)).await.data(200);
    world.fault(delay_after("CANCEL", 10_000)).await;
    let body = json!({"paymentId": payment["id"], "amount": 9000});
    begin(&world, &service, "/billing/refund", body, |l| l[0]["canceledAmount"] == 9000).await;
    service.signal("KILL");

    let service = world.service("again", &[("SCHEDULER_INTERVAL_SECS", "1")]).await;
    let ask = || service.get("/billing/refunds?status=unknown");
    let one = |reply: &Reply| reply.data(200)["items"].as_array().unwrap().len() == 1;
    service.until(ask, one).await;
    let more = json!({"paymentId": payment["id"], "amount": 901});
    service.post("/billing/refund", &more).await.fails(409, "refund_exceeds_balance");
    assert_eq!(world.ledger().await[0]["canceledAmount"], 9000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_waits_for_the_charge_under_way_and_its_caller_gets_the_answer() {
    let world = World::start().await;
    let service = world.service("service", &[]).await;
    let key = service.register().await;
    world.fault(delay_after("CARD-BATCH", 1500)).await;
    let (base, body) = (service.base.clone(), one_off(&key));
    let caller = tokio::spawn(async move {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = client.post(format!("{base}/billing/pay")).json(&body).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    });
    while world.ledger().await.is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let exit = tokio::task::spawn_blocking(move || service.terminate()).await.unwrap();
    assert!(exit.success(), "{exit}");
    let (status, body) = caller.await.unwrap();
    assert_eq!((status, &body["data"]["status"]), (200, &json!("approved")), "{body}");
    let service = world.service("again", &[]).await;
    let listed = service.get("/billing/payments").await.data(200);
    assert_eq!(listed["items"][0]["status"], "approved");
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "nothing is left under way");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_hangs_up_changes_nothing_about_the_charge() {
    let app = TestApp::start().await;
    let key = app.register(CARD).await;
    app.fault(delay_after("CARD-BATCH", 500)).await;
    let pay = app.request(reqwest::Method::POST, "/billing/pay").json(&one_off(&key));
    let hung_up = pay.timeout(Duration::from_millis(200)).send().await;
    assert!(hung_up.is_err());
    for _ in 0..200 {
        let listed = app.get("/billing/payments").await.data(200);
        if listed["items"][0]["status"] == "approved" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("not recorded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_cuts_its_connections_does_not_lose_the_outcome() {
    let app = TestApp::start().await;
    let key = app.register(CARD).await;
    app.fault(delay_after("CARD-BATCH", 600)).await;
    let cut = async {
        while app.ledger().await.is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let query = "select count(pg_terminate_backend(pid)) from pg_stat_activity
             where datname = current_database() and usename = current_user
                and pid <> pg_backend_pid()";
        sqlx::query(query).execute(&app.service.ctx.pool).await.unwrap();
    };
    let (reply, ()) = tokio::join!(app.pay(&key), cut);
    assert_eq!(reply.data(200)["status"], "approved");
}

/// How many processes name this folder: a private PostgreSQL server does.
fn running(folder: &str) -> usize {
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let commands = processes.filter_map(|p| std::fs::read(p.path().join("cmdline")).ok());
    commands.filter(|command| String::from_utf8_lossy(command).contains(folder)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_leaves_no_private_database_in_the_way_of_the_next_start() {
    let dir = Folder::new();
    let data_dir = dir.join("data").display().to_string();
    let settings = [("DATA_DIR", data_dir.as_str())];
    let service = Process::service(&dir, "first", &settings).await;
    assert!(running(&data_dir) > 0, "a server of its own");
    let key = service.register().await;
    let paid = service.post("/billing/pay", &one_off(&key)).await.data(200);
    service.kill();
    let gone = std::time::Instant::now();
    while running(&data_dir) > 0 {
        assert!(gone.elapsed() < Duration::from_secs(5), "PostgreSQL outlives the service");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let service = Process::service(&dir, "second", &settings).await;
    let path = format!("/billing/payment/{}", paid["id"].as_str().unwrap());
    assert_eq!(service.get(&path).await.data(200)["status"], "approved");
    let ledger = service.get("/sandbox/ledger").await.json();
    assert_eq!(ledger["transactions"].as_array().unwrap().len(), 1);
    assert!(service.terminate().success());
    assert_eq!(running(&data_dir), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_charge_five_hundred_due_subscriptions_once_each() {
    let world = World::start().await;
    let maker =
        world.service("maker", &[("SCHEDULER_ENABLED", "false"), ("CHARGE_HOUR", "0")]).await;
    let key = maker.register().await;
    let today = Clock::system().today();
    for n in 0..500 {
        let body = json!({
            "billingKey": key, "customerId": "user123", "planId": format!("plan-{n}"),
            "amount": 9900, "productName": "월간 구독", "cycleDay": today.day(), "startDate": today,
        });
        maker.post("/billing/subscribe", &body).await.data(201);
    }
    maker.kill();
    // A gateway that takes its time, so that the work is not done before the second one is there.
    let slow = json!({"on": "CARD-BATCH", "kind": "delay_after", "delayMs": 50, "times": 500});
    world.fault(slow).await;
    let settings = [("SCHEDULER_INTERVAL_SECS", "1"), ("CHARGE_HOUR", "0")];
    let (one, two) = tokio::join!(world.service("one", &settings), world.service("two", &settings));
    while world.ledger().await.len() < 500 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let pending = || one.get("/billing/payments?status=pending");
    one.until(pending, |r| r.data(200)["items"].as_array().unwrap().is_empty()).await;
    let ledger = world.ledger().await;
    // The order number begins with the subscription's id.
    let subscription =
        |t: &Value| t["orderNo"].as_str().unwrap().split('-').next().map(str::to_owned);
    let charged: HashSet<_> = ledger.iter().map(subscription).collect();
    assert_eq!((ledger.len(), charged.len()), (500, 500));
    let both = [&one, &two].map(|p| p.output().matches("charge approved").count());
    assert_eq!(both[0] + both[1], 500, "{both:?}");
    assert!(both.iter().all(|n| *n > 0), "both worked: {both:?}");
}
