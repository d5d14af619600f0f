//! A cluster under Patroni loses its primary while cards are charged: a planned switchover, a machine that
//! dies, a machine that stands still. Nothing is charged twice, and what a replica lacks is listed.

mod load;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use load::Load;

use super::SECRET;
use crate::support::patroni::Cluster;
use crate::support::process::{Process, World, migrate, run};
use crate::support::subscriptions::monthly;

const ROLE: &str = "service";
const SUBSCRIPTIONS: usize = 60;
/// Longer than a call and its outcome take.
const REST: Duration = Duration::from_secs(12);
/// Until the service answers and charges after a failover, at the latest.
const PATIENCE: Duration = Duration::from_mins(2);
const SETTINGS: &[(&str, &str)] = &[
    SECRET,
    ("GUARD_CALLERS", "true"),
    ("SCHEDULER_INTERVAL_SECS", "1"),
    ("KIWOOM_RATE_PER_SEC", "0"),
    ("KIWOOM_TIMEOUT_SECS", "8"),
    ("DATABASE_MAX_CONNECTIONS", "10"),
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    Switchover,
    Death,
    Freeze,
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: scripts/nightly patroni"]
async fn asynchronous_replication() {
    rounds("asynchronous", "synchronous_mode: false").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: scripts/nightly patroni"]
async fn synchronous_replication() {
    rounds("synchronous", "synchronous_mode: true").await;
}

async fn rounds(name: &str, replication: &str) {
    let Some(mut cluster) = Cluster::start(replication).await else { return };
    let mut world = World::start().await;
    let (owner, service) = cluster.new_database(ROLE);
    migrate(&owner, &["--grant-to", ROLE]).unwrap();
    world.database_url = service;
    let stage = Stage {
        services: [world.service("one", SETTINGS).await, world.service("two", SETTINGS).await],
        world,
        owner,
    };
    let key = stage.services[0].register().await;
    for n in 0..SUBSCRIPTIONS {
        let mut plan = monthly(&key);
        plan["planId"] = json!(format!("plan-{n}"));
        stage.services[n % 2].post("/billing/subscribe", &plan).await.data(201);
    }
    let mut lost = HashSet::new();
    for fault in [Fault::Switchover, Fault::Death, Fault::Freeze] {
        round(&mut cluster, &stage, &key, (name, fault), &mut lost).await;
    }
    stage.judge(name, lost.len()).await;
}

/// One fault under load. `known`: what the books had lost before, and now too.
async fn round(
    cluster: &mut Cluster,
    stage: &Stage,
    key: &str,
    (name, fault): (&str, Fault),
    known: &mut HashSet<String>,
) {
    let primary = cluster.until_complete().await;
    let slow = json!({"on": "CARD-BATCH", "kind": "delay_after", "delayMs": 300, "times": 1000});
    stage.world.fault(slow).await;
    let load = Load::begin(stage, key);
    tokio::time::sleep(Duration::from_secs(4)).await;
    if fault == Fault::Switchover {
        stage.command(&["resume-charging", "--after-failover"]);
    } else {
        // Renewals fall due just then.
        stage.world.advance_days(31).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        cluster.nodes[primary].delay_replication();
        tokio::time::sleep(Duration::from_millis(1500)).await;
    }
    let struck = Instant::now();
    match fault {
        Fault::Switchover => tokio::task::block_in_place(|| cluster.switch_over(primary)),
        Fault::Death => cluster.nodes[primary].signal("KILL"),
        Fault::Freeze => cluster.nodes[primary].signal("STOP"),
    }
    load.until_answered_after(struck).await;
    tokio::time::sleep(REST).await;
    let pause = load.longest_wait(struck);
    match fault {
        Fault::Switchover => {}
        Fault::Death => cluster.nodes[primary].start_again(),
        Fault::Freeze => cluster.nodes[primary].signal("CONT"),
    }
    let [paid, refused, open] = load.end().await;
    cluster.until_complete().await;
    let lost = stage.lost().await;
    let charging = stage.charging().await;
    if fault == Fault::Switchover {
        assert_eq!((charging, &lost), (("on".into(), Value::Null), &vec![]));
    } else {
        assert_eq!(charging, ("paused".into(), "replaced".into()));
        stage.settle(&lost).await;
        stage.command(&["resume-charging", "--reason", "대조 완료"]);
    }
    stage.until_renewed().await;
    let new: Vec<_> = lost.into_iter().filter(|order| known.insert(order.clone())).collect();
    println!(
        "{name}, {fault:?}: {paid} answered with success, {refused} refused, {open} given up, {:.1} s without \
         an answer, {} lost",
        pause.as_secs_f64(),
        new.len()
    );
    for order in new {
        println!("  not in the books, found by the comparison: {order}");
    }
}

struct Stage {
    services: [Process; 2],
    world: World,
    owner: String,
}

impl Stage {
    fn command(&self, arguments: &[&str]) {
        let data_dir = self.world.dir.join("operator").display().to_string();
        run(arguments, &[("DATABASE_URL", &self.owner), ("DATA_DIR", &data_dir)]).unwrap();
    }

    /// What health says, when a process is ready.
    async fn charging(&self) -> (Value, Value) {
        let service = &self.services[0];
        tokio::time::sleep(Duration::from_secs(4)).await;
        let ready = service.until(|| service.get("/health/ready"), |reply| reply.status == 200);
        let ready = ready.await.data(200);
        (ready["scheduledCharging"].clone(), ready["pausedBecause"].clone())
    }

    /// State by order number.
    async fn books(&self) -> HashMap<String, String> {
        let mut db = PgConnection::connect(&self.owner).await.unwrap();
        let query = sqlx::query_as("select order_no, state::text from payments");
        let rows: Vec<(String, String)> = query.fetch_all(&mut db).await.unwrap();
        rows.into_iter().collect()
    }

    /// Charges of the gateway that the books do not have, or have as something that moved no money.
    async fn lost(&self) -> Vec<String> {
        let books = self.books().await;
        let stands = |order: &str| {
            books
                .get(order)
                .is_some_and(|state| ["approved", "unknown", "sending"].contains(&&**state))
        };
        let ledger = self.world.ledger().await;
        let orders = ledger.iter().map(|charge| charge["orderNo"].as_str().unwrap().to_owned());
        orders.filter(|order| !stands(order)).collect()
    }

    /// The comparison with KiwoomPay's list finds exactly what is lost, and records lost renewals as paid.
    async fn settle(&self, lost: &[String]) {
        let mut csv = "transactionId,orderNo,amount,at\n".to_owned();
        for charge in self.world.ledger().await {
            let text = |name: &str| charge[name].as_str().unwrap().to_owned();
            let at = text("approvedAt")[..19].replace('T', " ");
            let amount = &charge["amount"];
            writeln!(csv, "{},{},{amount},{at}", text("transactionId"), text("orderNo")).unwrap();
        }
        let client = Client::builder().no_proxy().build().unwrap();
        let url = format!("{}/reconciliations?settle=true", self.services[0].base);
        let request =
            client.request(Method::POST, url).header("content-type", "text/csv").body(csv);
        let report: Value = request.send().await.unwrap().json().await.unwrap();
        let found = report["data"]["differences"].as_array().unwrap_or_else(|| panic!("{report}"));
        let found = found.iter().filter(|found| found["kind"] == "only_at_kiwoompay");
        let found: HashSet<_> = found.map(|found| found["orderId"].as_str().unwrap()).collect();
        assert_eq!(found, lost.iter().map(String::as_str).collect(), "{report}");
    }

    /// Waits until every subscription's next day is ahead.
    async fn until_renewed(&self) {
        let now = self.world.sandbox.get("/sandbox/clock").await.json()["now"].clone();
        let begun = Instant::now();
        let query = "select count(*) from subscriptions where next_attempt_at <= $1::timestamptz";
        loop {
            let mut db = PgConnection::connect(&self.owner).await.unwrap();
            let left = sqlx::query_scalar(query).bind(now.as_str().unwrap());
            let left: i64 = left.fetch_one(&mut db).await.unwrap();
            if left == 0 {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{left} are due");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// By the gateway's ledger.
    async fn judge(&self, name: &str, lost: usize) {
        let ledger = self.world.ledger().await;
        let mut charges: BTreeMap<String, usize> = BTreeMap::new();
        for charge in &ledger {
            let order = charge["orderNo"].as_str().unwrap();
            assert_eq!(charge["calls"], 1, "{order} was sent twice");
            // Of a renewal all attempts at its day: SUB…-20261215-2.
            let subject =
                if order.starts_with("SUB") { order.rsplit_once('-').unwrap().0 } else { order };
            *charges.entry(subject.to_owned()).or_default() += 1;
        }
        let doubled: Vec<_> = charges.iter().filter(|(_, count)| **count > 1).collect();
        let books = self.books().await;
        let unknown = books.values().filter(|state| *state == "unknown").count();
        println!(
            "{name}: {} charges, {} doubled, {lost} lost and found, {unknown} unknown",
            ledger.len(),
            doubled.len()
        );
        assert!(doubled.is_empty(), "{doubled:?}");
    }
}
