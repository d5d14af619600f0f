//! Callers who charge while the database fails over.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::{Value, json};

use super::{PATIENCE, Stage};
use crate::support::app::one_off;

const CALLERS: usize = 6;
/// How often a caller asks again, five times a second.
const TRIES: usize = 300;

/// Callers who pay one order after the other. Who gets no answer asks again with the same key; who is told
/// that charging is paused leaves the order alone, because the books may have forgotten it.
pub struct Load {
    callers: Vec<tokio::task::JoinHandle<()>>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    is_over: AtomicBool,
    paid: AtomicUsize,
    refused: AtomicUsize,
    open: AtomicUsize,
    /// When a service with a database answered.
    answered: Mutex<Vec<Instant>>,
}

impl Load {
    pub fn begin(stage: &Stage, key: &str) -> Self {
        let shared = Arc::<Shared>::default();
        let bases = [stage.services[0].base.clone(), stage.services[1].base.clone()];
        let call = |n| tokio::spawn(call(n, bases.clone(), key.to_owned(), shared.clone()));
        Self { callers: (0..CALLERS).map(call).collect(), shared }
    }

    /// Waits until a service has a database again.
    pub async fn until_answered_after(&self, struck: Instant) {
        // Connections of the old primary may answer for a moment yet.
        let after = struck + Duration::from_secs(2);
        while !self.shared.answered.lock().unwrap().iter().any(|at| *at > after) {
            assert!(struck.elapsed() < PATIENCE, "no answer");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The longest time since then in which nobody was answered.
    pub fn longest_wait(&self, since: Instant) -> Duration {
        let mut answered = self.shared.answered.lock().unwrap().clone();
        answered.retain(|at| *at > since);
        answered.push(since);
        answered.sort();
        answered.windows(2).map(|two| two[1] - two[0]).max().unwrap_or_default()
    }

    /// How many orders were answered with success, how many were refused because charging is paused, and how
    /// many callers gave up.
    pub async fn end(self) -> [usize; 3] {
        self.shared.is_over.store(true, Ordering::SeqCst);
        for caller in self.callers {
            caller.await.unwrap();
        }
        let Shared { paid, refused, open, .. } = &*self.shared;
        [paid, refused, open].map(|count| count.load(Ordering::SeqCst))
    }
}

async fn call(n: usize, bases: [String; 2], key: String, shared: Arc<Shared>) {
    let client = Client::builder().no_proxy().timeout(Duration::from_secs(15)).build().unwrap();
    while !shared.is_over.load(Ordering::SeqCst) {
        let once = uuid::Uuid::now_v7().simple().to_string();
        let mut order = one_off(&key);
        order["orderId"] = json!(format!("P-{once}"));
        shared.open.fetch_add(1, Ordering::SeqCst);
        for at in n..n + TRIES {
            let url = format!("{}/billing/pay", bases[at % 2]);
            let request = client.post(url).header("Idempotency-Key", &once).json(&order);
            let Ok(answer) = request.send().await else { continue };
            let status = answer.status().as_u16();
            let answer: Value = answer.json().await.unwrap_or_default();
            let is_paused = answer["error"]["code"] == "charging_paused";
            if is_paused || [200, 202].contains(&status) {
                shared.answered.lock().unwrap().push(Instant::now());
                let count = if is_paused { &shared.refused } else { &shared.paid };
                count.fetch_add(1, Ordering::SeqCst);
                shared.open.fetch_sub(1, Ordering::SeqCst);
                break;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
