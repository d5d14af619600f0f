//! More is due at once than there are connections to the database: all of it is charged, and nobody waits
//! for a connection that is held by somebody who waits too.

use std::time::Duration;

use serde_json::json;
use tokio::time::sleep;

use crate::support::process::World;

#[tokio::test(flavor = "multi_thread")]
async fn more_is_due_than_there_are_connections_and_no_step_of_the_schedule_fails() {
    let world = World::start().await;
    // A process of its own: what fails is counted for the whole process.
    let settings = [("DATABASE_MAX_CONNECTIONS", "2"), ("SCHEDULER_INTERVAL_SECS", "1")];
    let service = world.service("service", &settings).await;
    let key = service.register().await;
    for n in 0..150 {
        let body = json!({
            "billingKey": key, "customerId": "user123", "planId": format!("plan-{n}"), "amount": 9900,
            "productName": "월간 구독", "cycleDay": 15,
        });
        service.post("/billing/subscribe", &body).await.data(201);
    }
    world.advance_days(31).await;
    world.until_charged(150).await;
    let metrics = service.get("/metrics").await.text;
    let failed = "kiwoom_billing_schedule_failures_total{";
    let steps: Vec<_> = metrics.lines().filter(|line| line.starts_with(failed)).collect();
    assert!(steps.len() == 6 && steps.iter().all(|step| step.ends_with(" 0")), "{steps:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_changed_while_it_waits_for_its_turn_is_charged_as_it_is_then() {
    let world = World::start().await;
    let settings = [("KIWOOM_RATE_PER_SEC", "1"), ("SCHEDULER_INTERVAL_SECS", "1")];
    let service = world.service("service", &settings).await;
    let key = service.register().await;
    let mut paths = Vec::new();
    for n in 0..4 {
        let body = json!({
            "billingKey": key, "customerId": "user123", "planId": format!("plan-{n}"), "amount": 9900,
            "productName": "월간 구독", "cycleDay": 15,
        });
        let made = service.post("/billing/subscribe", &body).await.data(201);
        paths.push(format!("/billing/subscription/{}", made["id"].as_str().unwrap()));
    }
    world.advance_days(31).await;
    while world.calls("CARD-BATCH").await == 0 {
        sleep(Duration::from_millis(20)).await;
    }
    for path in &paths {
        let change = json!({"amount": 8000, "productName": "바뀐 구독"});
        assert_eq!(service.try_patch(path, &[], &change).await.unwrap().status, 200);
    }
    world.until_charged(4).await;
    let charged = world.ledger().await;
    let amounts: Vec<_> = charged.iter().map(|charge| charge["amount"].clone()).collect();
    assert_eq!(amounts, [9900, 8000, 8000, 8000]);
}
