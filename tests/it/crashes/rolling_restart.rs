//! A rolling restart behind a balancer: no request fails, nothing is left half done, and every
//! process ends in time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::sync::RwLock;

use crate::support::app::{card, one_off};
use crate::support::process::{Process, World};

const TIMEOUT_SECS: u64 = 8;
const SETTINGS: &[(&str, &str)] = &[("SHUTDOWN_DRAIN_SECS", "6"), ("KIWOOM_TIMEOUT_SECS", "8")];

/// Base and whether it was ready.
type Backend = (String, Arc<AtomicBool>);

/// What a balancer does: asks each service twice a second or more often whether it is ready, keeps
/// connections, and gives a request to another service only when the first one took no connection.
#[derive(Clone, Default)]
struct Balancer {
    client: Client,
    backends: Arc<RwLock<Vec<Backend>>>,
    turn: Arc<AtomicUsize>,
}

impl Balancer {
    async fn add(&self, base: &str) {
        let ready = Arc::new(AtomicBool::new(true));
        self.backends.write().await.push((base.to_owned(), ready));
    }

    async fn remove(&self, base: &str) {
        self.backends.write().await.retain(|(backend, _)| backend != base);
    }

    async fn look(&self) {
        let backends = self.backends.read().await.clone();
        for (base, ready) in backends {
            let asked = self.client.get(format!("{base}/health/ready")).send().await;
            let is_ready = asked.is_ok_and(|answer| answer.status() == 200);
            ready.store(is_ready, Ordering::SeqCst);
        }
    }

    /// The status of the answer, or why there is none.
    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<u16, String> {
        let mut last = "no service is ready".to_owned();
        for _ in 0..4 {
            let ready: Vec<String> = self
                .backends
                .read()
                .await
                .iter()
                .filter(|(_, ready)| ready.load(Ordering::SeqCst))
                .map(|(base, _)| base.clone())
                .collect();
            if ready.is_empty() {
                return Err(last);
            }
            let base = &ready[self.turn.fetch_add(1, Ordering::SeqCst) % ready.len()];
            let mut request = self.client.request(method.clone(), format!("{base}{path}"));
            if let Some(body) = body {
                request = request.json(body);
            }
            match request.send().await {
                Ok(answer) if answer.status() == 200 => return Ok(200),
                Ok(answer) => return Err(answer.text().await.unwrap_or_default()),
                Err(error) if error.is_connect() => last = format!("{error:?}"),
                Err(error) => return Err(format!("{error:?}")),
            }
        }
        Err(last)
    }
}

/// Calls until told to end; every answer that is none of ours to give.
async fn load(balancer: Balancer, key: String, end: Arc<AtomicBool>) -> (usize, Vec<String>) {
    let (mut paid, mut failed) = (0, Vec::new());
    while !end.load(Ordering::SeqCst) {
        match balancer.send(Method::POST, "/billing/pay", Some(&one_off(&key))).await {
            Ok(200) => paid += 1,
            other => failed.push(format!("pay: {other:?}")),
        }
        match balancer.send(Method::GET, "/billing/payments?limit=1", None).await {
            Ok(200) => {}
            other => failed.push(format!("list: {other:?}")),
        }
    }
    (paid, failed)
}

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

    let end = Arc::new(AtomicBool::new(false));
    let callers = (0..24).map(|_| tokio::spawn(load(balancer.clone(), key.clone(), end.clone())));
    let callers: Vec<_> = callers.collect();
    let looking = tokio::spawn({
        let balancer = balancer.clone();
        async move {
            loop {
                balancer.look().await;
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    });
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
    end.store(true, Ordering::SeqCst);
    let mut paid = 0;
    for caller in callers {
        let (count, failed) = caller.await.unwrap();
        assert!(failed.is_empty(), "{failed:?}");
        paid += count;
    }
    looking.abort();
    assert!(paid > 40, "{paid} paid");
    assert_eq!(world.ledger().await.len(), paid);
    let pool = sqlx::PgPool::connect(&world.database_url).await.unwrap();
    let states = "select count(*) filter (where state = 'approved'), count(*) from payments";
    let (approved, all): (i64, i64) = sqlx::query_as(states).fetch_one(&pool).await.unwrap();
    assert_eq!((usize::try_from(approved).unwrap(), approved), (paid, all));
}
