//! A rolling restart behind a balancer: no request fails, nothing is left half done, and every
//! process ends in time.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::app::card;
use crate::support::balancer::{Balancer, Load};
use crate::support::process::{Process, World};

const TIMEOUT_SECS: u64 = 8;
const SETTINGS: &[(&str, &str)] = &[("SHUTDOWN_DRAIN_SECS", "6"), ("KIWOOM_TIMEOUT_SECS", "8")];

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_behind_a_balancer_fails_no_request() {
    let world = World::start().await;
    let balancer = Balancer::default();
    let mut services: Vec<Process> = Vec::new();
    for name in ["one", "two"] {
        let service = world.service(name, SETTINGS).await;
        balancer.add(&service.base).await;
        services.push(service);
    }
    let key = services[0].post("/billing/register", &card("4111111111111111")).await.data(201);
    let key = key["billingKey"].as_str().unwrap().to_owned();
    // Some calls take long enough to be under way when their process is told to stop.
    let slow = json!({"on": "CARD-BATCH", "kind": "delay_after", "delayMs": 700, "times": 40});
    world.fault(slow).await;

    let load = Load::begin(&balancer, 24, &key);
    for round in 0..4 {
        tokio::time::sleep(Duration::from_millis(700)).await;
        let old = services.remove(0);
        let base = old.base.clone();
        let began = Instant::now();
        let status = tokio::task::spawn_blocking(move || old.terminate()).await.unwrap();
        let limit = Duration::from_secs(TIMEOUT_SECS + 5);
        assert!(status.success() && began.elapsed() < limit, "{status} {:?}", began.elapsed());
        balancer.remove(&base).await;
        let service = world.service(&format!("next-{round}"), SETTINGS).await;
        balancer.add(&service.base).await;
        services.push(service);
    }
    let paid = load.end().await;
    assert!(paid > 40, "{paid} paid");
    assert_eq!(world.ledger().await.len(), paid);
    let pool = sqlx::PgPool::connect(&world.database_url).await.unwrap();
    let states = "select count(*) filter (where state = 'approved'), count(*) from payments";
    let (approved, all): (i64, i64) = sqlx::query_as(states).fetch_one(&pool).await.unwrap();
    assert_eq!((usize::try_from(approved).unwrap(), approved), (paid, all));
}
