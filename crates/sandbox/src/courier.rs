//! Sends notifications to the merchant, and sends them again until he says SUCCESS.

use std::io;
use std::sync::{Arc, Weak};
use std::time::Duration as WallTime;

use chrono::{DateTime, Duration, Utc};
use url::form_urlencoded;

use crate::ledger::Event;
use crate::mishap::Delivery;
use crate::outbox::Notice;
use crate::{Sandbox, charset, exchange, lock};

/// How long the merchant may take to answer.
const TIMEOUT: WallTime = WallTime::from_secs(9);
/// How long after a failure a notification is sent again.
const RESEND_MINUTES: i64 = 3;
/// How often it is sent again.
const MAX_RESENDS: u32 = 10;
/// How much of the merchant's answer is read.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// What the merchant's answer has to contain.
const ACCEPTED: &str = "<RESULT>SUCCESS</RESULT>";
/// How often the background looks whether something is due.
const TICK: WallTime = WallTime::from_secs(1);

/// The client that notifications are sent by.
pub fn client() -> io::Result<reqwest::Client> {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(TIMEOUT)
        .build()
        .map_err(io::Error::other)
}

/// Sends what is due every second, as long as the sandbox lives.
pub fn start(sandbox: &Arc<Sandbox>) {
    // Without a runtime there is no background; whoever holds the sandbox calls `run_due`.
    let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
    let sandbox = Arc::downgrade(sandbox);
    runtime.spawn(async move {
        loop {
            tokio::time::sleep(TICK).await;
            let Some(sandbox) = Weak::upgrade(&sandbox) else { return };
            sandbox.run_due().await;
        }
    });
}

impl Sandbox {
    /// When the next notification is to be sent: the instant a walking clock has to stop at.
    pub fn next_due(&self) -> Option<DateTime<Utc>> {
        // Without an address nothing is ever sent, so that nothing is due either.
        self.options.notify_url.as_ref()?;
        lock(&self.ledger).outbox().first().map(|notice| notice.due)
    }

    /// Sends every notification that is due by now, first due first.
    pub async fn run_due(&self) {
        let Some(address) = &self.options.notify_url else { return };
        // One at a time, or the tick and a walking clock would both send the same one.
        let _one_at_a_time = self.delivering.lock().await;
        let now = self.now();
        while let Some(notice) = self.due(now) {
            let (status, delivered) = self.send(address, &notice).await;
            if !self.settle(&notice, status, delivered) {
                return;
            }
        }
    }

    fn due(&self, now: DateTime<Utc>) -> Option<Notice> {
        lock(&self.ledger).outbox().first().filter(|notice| notice.due <= now).cloned()
    }

    async fn send(&self, address: &str, notice: &Notice) -> (u16, bool) {
        let separator = if address.contains('?') { '&' } else { '?' };
        let address = format!("{address}{separator}{}", query(notice));
        let Ok(mut response) = self.notifier.get(address).send().await else { return (0, false) };
        let status = response.status().as_u16();
        let mut answer = Vec::new();
        while let Ok(Some(chunk)) = response.chunk().await
            && answer.len() < MAX_ANSWER_BYTES
        {
            answer.extend_from_slice(&chunk);
        }
        (status, status == 200 && String::from_utf8_lossy(&answer).contains(ACCEPTED))
    }

    /// Notes what came of a notification. False when it could not be written down: then it would
    /// be due again at once, and for ever.
    fn settle(&self, notice: &Notice, status: u16, delivered: bool) -> bool {
        let at = self.now();
        let value = |wanted: &str| {
            let found = notice.values.iter().find(|(name, _)| name == wanted);
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        let attempt = notice.attempts + 1;
        let order_no = value("ORDERNO");
        tracing::info!(order_no, attempt, status, delivered, "notification sent");
        lock(&self.mishaps).note(Delivery {
            at,
            pay_method: value("PAYMETHOD"),
            order_no,
            amount: value("AMOUNT"),
            attempt,
            status,
            delivered,
        });
        let again = !delivered && notice.attempts < MAX_RESENDS;
        let next_due = again.then(|| at + Duration::minutes(RESEND_MINUTES));
        let sent = Event::NotificationSent { id: notice.id, next_due };
        exchange::keep(&mut lock(&self.ledger), vec![sent]).is_ok()
    }
}

/// The query string as a Java gateway writes it: CP949 bytes, spaces as `+`.
fn query(notice: &Notice) -> String {
    let pairs = notice.values.iter().map(|(name, value)| {
        let value: String = form_urlencoded::byte_serialize(&charset::encode(value)).collect();
        format!("{name}={value}")
    });
    pairs.collect::<Vec<_>>().join("&")
}
