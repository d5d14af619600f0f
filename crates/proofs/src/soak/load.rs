//! The callers: so many payments a second, a refund for each fifth, lists for each tenth.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::process::Failure;
use crate::soak::stage::Stage;

/// Longer than any fault lasts.
const PATIENCE: Duration = Duration::from_secs(90);

/// See the module.
pub struct Load {
    /// Set when no more may begin.
    pub is_over: AtomicBool,
    /// Payments and refunds that were answered, with the status of the answer.
    pub answered: Mutex<Vec<(String, u16)>>,
    /// Requests that were never answered for good.
    pub unanswered: AtomicU64,
    client: Client,
    bases: Vec<String>,
    card: String,
}

impl Load {
    pub async fn start(stage: &Stage) -> Result<Self, Failure> {
        let client = Client::builder().no_proxy().timeout(Duration::from_secs(20)).build()?;
        let load = Self {
            is_over: AtomicBool::default(),
            answered: Mutex::default(),
            unanswered: AtomicU64::default(),
            client,
            bases: stage.bases(),
            card: String::new(),
        };
        let card = json!({
            "cardNumber": "4111111111111111", "expireDate": "4912", "cardPassword": "12",
            "birthDate": "901231", "customerName": "홍길동", "customerId": "soak",
        });
        let (status, made) = load.post(0, "/billing/register", &card).await.ok_or("no answer")?;
        let card = made["data"]["billingKey"].as_str().filter(|_| status == 201);
        Ok(Self { card: card.ok_or("the card was not registered")?.to_owned(), ..load })
    }

    /// A payment and what comes with it.
    async fn buy(&self, n: usize) {
        let body = json!({
            "billingKey": self.card, "customerId": "soak", "amount": 9900, "productName": "장기 시험",
        });
        let Some((status, paid)) = self.post(n, "/billing/pay", &body).await else { return };
        self.note(&paid["data"], status);
        if n.is_multiple_of(5) && status == 200 {
            let body = json!({"paymentId": paid["data"]["id"], "amount": 100});
            if let Some((status, made)) = self.post(n + 1, "/billing/refund", &body).await {
                self.note(&made["data"]["refund"], status);
            }
        }
        if n.is_multiple_of(10) {
            for path in ["/billing/payments?limit=50", "/events?order=newest&limit=50"] {
                let base = &self.bases[n % self.bases.len()];
                drop(self.client.get(format!("{base}{path}")).send().await);
            }
        }
    }

    fn note(&self, made: &Value, status: u16) {
        let id = made["id"].as_str().unwrap_or_default().to_owned();
        self.answered.lock().unwrap_or_else(PoisonError::into_inner).push((id, status));
    }

    /// The answer, asked for again under the same key where the first one did not come or says that it is
    /// safe; at one service and at the other.
    async fn post(&self, n: usize, path: &str, body: &Value) -> Option<(u16, Value)> {
        let (key, began) = (Uuid::now_v7().to_string(), Instant::now());
        for at in n.. {
            let url = format!("{}{path}", self.bases[at % self.bases.len()]);
            let request = self.client.post(url).header("Idempotency-Key", &key).json(body);
            if let Ok(answer) = request.send().await {
                let status = answer.status().as_u16();
                let is_later = status >= 500 || matches!(status, 409 | 429);
                if let Ok(answer) = answer.json().await
                    && !is_later
                {
                    return Some((status, answer));
                }
            }
            if began.elapsed() > PATIENCE {
                break;
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        self.unanswered.fetch_add(1, Ordering::Relaxed);
        None
    }
}

/// Begins so many payments a second until it is over, and waits for the last ones.
pub async fn keep_pace(load: Arc<Load>, pace: u32) {
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / pace.max(1));
    let mut under_way = tokio::task::JoinSet::new();
    for n in 0.. {
        ticks.tick().await;
        if load.is_over.load(Ordering::Relaxed) {
            break;
        }
        let load = load.clone();
        under_way.spawn(async move { load.buy(n).await });
        while under_way.try_join_next().is_some() {}
    }
    while under_way.join_next().await.is_some() {}
}
