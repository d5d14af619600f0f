//! A migration beside a running service: the next version's columns come while cards are charged.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use sqlx::{AssertSqlSafe, Executor};

use crate::support::app::{TestApp, one_off};
use crate::support::subscriptions::{APPROVED, monthly};

/// Every table that the service reads rows of.
const TABLES: [&str; 17] = [
    "payments",
    "refunds",
    "movements",
    "movement_days",
    "movements_closed",
    "subscriptions",
    "subscription_segments",
    "subscription_charges",
    "subscription_phases",
    "billing_keys",
    "idempotency_keys",
    "events",
    "event_deliveries",
    "webhook_endpoints",
    "price_consents",
    "notifications",
    "api_keys",
];

#[tokio::test(flavor = "multi_thread")]
async fn new_columns_cost_no_charge_its_outcome_and_no_caller_an_error() {
    let app = Arc::new(TestApp::start().await);
    let key = app.register(APPROVED).await;
    let (stop, rounds) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let callers: Vec<_> = (0..4)
        .map(|caller| {
            let (app, key) = (app.clone(), key.clone());
            let (stop, rounds) = (stop.clone(), rounds.clone());
            tokio::spawn(async move {
                let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
                let mut round = 0;
                while !stop.load(Ordering::SeqCst) {
                    round += 1;
                    let paid = app.pay(&key).await;
                    *statuses.entry(paid.status).or_default() += 1;
                    let part = json!({"paymentId": paid.json()["data"]["id"], "amount": 100});
                    let refunded = app.post("/billing/refund", &part).await;
                    *statuses.entry(refunded.status).or_default() += 1;
                    let mut plan = monthly(&key);
                    plan["planId"] = json!(format!("{caller}-{round}"));
                    let made = app.post("/billing/subscribe", &plan).await;
                    *statuses.entry(made.status).or_default() += 1;
                    let listed = app.get("/billing/payments").await;
                    *statuses.entry(listed.status).or_default() += 1;
                    let listed = app.get("/billing/movements").await;
                    *statuses.entry(listed.status).or_default() += 1;
                    // An answer is kept and found again.
                    let request = app.request(reqwest::Method::POST, "/billing/pay");
                    let once = format!("{caller}-{round}");
                    let request = request.header("Idempotency-Key", once).json(&one_off(&key));
                    for request in [request.try_clone().unwrap(), request] {
                        *statuses.entry(app.send(request).await.status).or_default() += 1;
                    }
                    rounds.fetch_add(1, Ordering::SeqCst);
                }
                statuses
            })
        })
        .collect();
    let mut owner = app.owner().await;
    for table in TABLES {
        tokio::time::sleep(Duration::from_millis(150)).await;
        let sql = format!("alter table {table} add column next_version text default 'x'");
        owner.execute(AssertSqlSafe(sql)).await.unwrap();
    }
    // All callers go on below the new columns.
    let before = rounds.load(Ordering::SeqCst);
    while rounds.load(Ordering::SeqCst) < before + 8 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stop.store(true, Ordering::SeqCst);
    for caller in callers {
        let statuses = caller.await.unwrap();
        assert!(statuses.keys().all(|status| [200, 201].contains(status)), "{statuses:?}");
        assert!(statuses[&200] > 4, "{statuses:?}");
    }
    let ready = app.ready().await;
    assert_eq!(ready["unknownOutcomes"], 0);
    for _ in 0..200 {
        let query = sqlx::query_scalar(
            "select count(*) from events where position > (select max(position) from event_data)",
        );
        let left: i64 = query.fetch_one(&mut owner).await.unwrap();
        if left == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("events are not published any more");
}

/// Rows of the schema are read by their names: `*` in a cached statement fails on every warm connection
/// once a column is added.
#[test]
fn no_statement_reads_all_columns() {
    fn sources(dir: &Path) -> Vec<PathBuf> {
        let paths = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
        paths.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
    }
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    for path in sources(&src).into_iter().filter(|path| path.extension() == Some("rs".as_ref())) {
        let text = fs::read_to_string(&path).unwrap();
        for (number, line) in text.lines().enumerate() {
            let lower = line.to_lowercase();
            let code = !lower.trim_start().starts_with("//");
            let all =
                ["select *", "returning *", "select r.*"].iter().any(|all| lower.contains(all));
            if code && all {
                found.push(format!("{}:{}", path.display(), number + 1));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}
