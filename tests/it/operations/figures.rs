//! Health and metrics answer whatever the database does, cost it little, and say what they count.

use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::json;
use sqlx::Connection;

use crate::support::process::World;

const OPEN: [&str; 2] = ["/health/ready", "/webhook/health"];

#[tokio::test(flavor = "multi_thread")]
async fn they_answer_within_a_second_while_the_database_stands_still() {
    let world = World::start().await;
    let service = world.service("service", &[]).await;
    let mut db = world.owner().await;
    let mut frozen = db.begin().await.unwrap();
    for table in ["payments", "subscriptions", "notifications"] {
        let lock = format!("lock table {table} in access exclusive mode");
        sqlx::query(sqlx::AssertSqlSafe(lock)).execute(&mut *frozen).await.unwrap();
    }
    // What is known is good for some seconds.
    for path in OPEN {
        service.until(|| service.get(path), |reply| reply.status == 503).await;
    }
    let paths = OPEN.into_iter().chain(["/metrics"]);
    let asked = paths.flat_map(|path| (0..10).map(move |_| path)).map(async |path| {
        let started = Instant::now();
        let reply = service.try_get(path).await.unwrap();
        // The machine is shared with other tests.
        assert!(started.elapsed() < Duration::from_secs(3), "{path}: {:?}", started.elapsed());
        (path, reply)
    });
    for (path, reply) in join_all(asked).await {
        match path {
            "/metrics" => {
                assert!(reply.text.contains("kiwoom_billing_database_up 0"), "{}", reply.text);
            }
            _ => assert_eq!(reply.status, 503, "{path}: {}", reply.text),
        }
    }
    frozen.rollback().await.unwrap();
    for path in OPEN {
        service.until(|| service.get(path), |reply| reply.status == 200).await;
    }
    service.until(|| service.get("/metrics"), |reply| reply.text.contains("_database_up 1")).await;
}

/// How many statements the database has seen, by what it counts itself.
async fn looks(db: &mut sqlx::PgConnection) -> i64 {
    let query = "select xact_commit + xact_rollback from pg_stat_database where datname = current_database()";
    sqlx::query_scalar(query).fetch_one(db).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_strangers_cost_the_database_no_more_than_one() {
    let world = World::start().await;
    let service = world.service("service", &[("SCHEDULER_INTERVAL_SECS", "3600")]).await;
    let mut db = world.owner().await;
    let started = Instant::now();
    let before = looks(&mut db).await;
    for _ in 0..50 {
        let asked = (0..20).map(|n| service.get(OPEN[n % 2]));
        for reply in join_all(asked).await {
            assert_eq!(reply.status, 200, "{}", reply.text);
        }
    }
    // What was counted arrives with a delay of a second at most.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let looks = looks(&mut db).await - before;
    let seconds = i64::try_from(started.elapsed().as_secs()).unwrap() + 1;
    assert!(looks < 60 * seconds, "{looks} transactions in {seconds} s");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_metric_says_what_it_is_and_is_there_before_the_first_event() {
    // A process of its own: the metrics are of the whole process.
    let world = World::start().await;
    let service = world.service("service", &[]).await;
    let text = service.get("/metrics").await.text;
    for (outcome, origin) in [("approved", "merchant"), ("unknown", "scheduler")] {
        let series = format!("outcome=\"{outcome}\",origin=\"{origin}\",code=\"\"");
        assert!(text.contains(&series), "{series}: {text}");
    }
    let names = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let mut told = 0;
    for name in names.map(|line| line.split(' ').next().unwrap()) {
        assert!(text.contains(&format!("# HELP {name} ")), "{name}");
        told += 1;
    }
    assert!(told > 20, "{text}");
    assert!(text.contains("kiwoom_billing_build_info{"), "{text}");

    let body = json!({
        "billingKey": service.register().await, "customerId": "user123", "amount": 9900,
        "productName": "단건",
    });
    service.post("/billing/pay", &body).await.data(200);
    world.fault(json!({"on": "CARD-BATCH", "kind": "decline", "code": "0051"})).await;
    service.post("/billing/pay", &body).await.error(402);
    world.fault(json!({"on": "CARD-BATCH", "kind": "drop_after"})).await;
    assert_eq!(service.post("/billing/pay", &body).await.status, 202);
    let text = service.get("/metrics").await.text;
    for series in [
        "kiwoom_billing_unknown_outcomes 1",
        "kiwoom_billing_unknown_won 9900",
        "kiwoom_billing_gateway_seconds_bucket{step=\"2\",method=\"CARD-BATCH\",le=\"+Inf\"}",
        "kiwoom_billing_request_seconds_bucket{route=\"/billing/pay\",le=\"+Inf\"}",
        "kiwoom_billing_charges_total{outcome=\"declined\",origin=\"merchant\",code=\"",
        "kiwoom_billing_due_subscriptions 0",
    ] {
        assert!(text.contains(series), "{series}: {text}");
    }
}
