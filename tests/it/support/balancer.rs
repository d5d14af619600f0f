//! A balancer in front of several services, and callers who charge through it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::{Client, Method};
use serde_json::Value;
use tokio::sync::RwLock;
use tokio::task::{AbortHandle, JoinHandle};

use crate::support::app::one_off;

/// Base and whether it was ready.
type Backend = (String, Arc<AtomicBool>);

/// What a balancer does: asks each service twice a second or more often whether it is ready, keeps
/// connections, and gives a request to another service only when the first one took no connection.
#[derive(Clone, Default)]
pub struct Balancer {
    client: Client,
    backends: Arc<RwLock<Vec<Backend>>>,
    turn: Arc<AtomicUsize>,
}

impl Balancer {
    pub async fn add(&self, base: &str) {
        let ready = Arc::new(AtomicBool::new(true));
        self.backends.write().await.push((base.to_owned(), ready));
    }

    pub async fn remove(&self, base: &str) {
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

/// Callers who pay one after the other, until [`Load::end`].
pub struct Load {
    callers: Vec<JoinHandle<(usize, Vec<String>)>>,
    looking: AbortHandle,
    end: Arc<AtomicBool>,
}

impl Load {
    /// So many callers, who charge this card.
    pub fn begin(balancer: &Balancer, callers: usize, key: &str) -> Self {
        let end = Arc::new(AtomicBool::new(false));
        let call = |_| tokio::spawn(load(balancer.clone(), key.to_owned(), end.clone()));
        let callers = (0..callers).map(call).collect();
        let balancer = balancer.clone();
        let looking = tokio::spawn(async move {
            loop {
                balancer.look().await;
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        });
        Self { callers, looking: looking.abort_handle(), end }
    }

    /// Ends it: how many payments were answered with success, none of the requests having failed.
    pub async fn end(self) -> usize {
        self.end.store(true, Ordering::SeqCst);
        let mut paid = 0;
        for caller in self.callers {
            let (count, failed) = caller.await.unwrap();
            assert!(failed.is_empty(), "{failed:?}");
            paid += count;
        }
        self.looking.abort();
        paid
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
