//! Two real builds on one database, replaced by each other under load: N, N+1, N, N+1.

use std::time::Duration;

use serde_json::json;

use crate::support::balancer::{Balancer, Load};
use crate::support::postgres::{SERVICE, empty_database};
use crate::support::process::{World, run_of};

const SETTINGS: &[(&str, &str)] = &[("SHUTDOWN_DRAIN_SECS", "3")];
const CALLERS: usize = 12;
/// With both replicas of a build.
const REST: Duration = Duration::from_secs(5);

/// The path of a build.
fn build(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name}: run scripts/nightly upgrade"))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs two builds: scripts/nightly upgrade"]
async fn an_upgrade_a_roll_back_and_an_upgrade_under_load_fail_no_request() {
    let (older, newer) = (build("OLDER_BUILD"), build("NEWER_BUILD"));
    let mut world = World::start().await;
    world.database_url = empty_database().await;
    let owner = world.owner_url();
    let migrate = |program: &str| {
        let done =
            run_of(program, &["migrate", "--grant-to", SERVICE], &[("DATABASE_URL", &owner)]);
        done.unwrap();
    };
    migrate(&older);
    let balancer = Balancer::default();
    let mut services = Vec::new();
    for name in ["0", "1"] {
        let service = world.service_of(&older, name, SETTINGS).await;
        balancer.add(&service.base).await;
        services.push(service);
    }
    let key = services[0].register().await;
    // Some calls are under way when their process is told to stop.
    let slow = json!({"on": "CARD-BATCH", "kind": "delay_after", "delayMs": 700, "times": 200});
    world.fault(slow).await;

    let load = Load::begin(&balancer, CALLERS, &key);
    tokio::time::sleep(REST).await;
    tokio::task::block_in_place(|| migrate(&newer));
    for (round, program) in [&newer, &older, &newer].into_iter().enumerate() {
        for replica in 0..2 {
            let old = services.remove(0);
            let base = old.base.clone();
            let ended = tokio::task::spawn_blocking(move || old.terminate()).await.unwrap();
            assert!(ended.success(), "{ended}");
            balancer.remove(&base).await;
            let name = format!("{round}-{replica}");
            let service = world.service_of(program, &name, SETTINGS).await;
            balancer.add(&service.base).await;
            services.push(service);
        }
        tokio::time::sleep(REST).await;
    }
    let paid = load.end().await;

    assert_eq!(world.ledger().await.len(), paid);
    let states = "select count(*) filter (where state = 'approved'),
        count(*) filter (where state = 'unknown'), count(*) from payments";
    let states: (i64, i64, i64) =
        sqlx::query_as(states).fetch_one(&mut world.owner().await).await.unwrap();
    let all = i64::try_from(paid).unwrap();
    assert_eq!(states, (all, 0, all));
    println!("{paid} charges, 6 processes replaced: 0 failed, 0 unknown");
}
