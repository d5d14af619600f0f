//! Notifications that wait to be sent, in the order they are due.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A notification's values by wire name, in the order they are sent.
pub type Values = Vec<(String, String)>;

/// A notification on its way.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// Its number in this ledger.
    pub id: u64,
    /// DAOUTRX of the payment it is about.
    pub transaction_id: String,
    /// Whether it tells of a cancellation.
    pub cancellation: bool,
    /// Whether it waits for its cancellation to be sent first.
    #[serde(default)]
    pub held: bool,
    /// When it is to be sent next.
    pub due: DateTime<Utc>,
    /// How often it was sent so far.
    #[serde(default)]
    pub attempts: u32,
    /// What it says.
    pub values: Values,
}

/// All notifications that wait.
#[derive(Debug, Default)]
pub struct Outbox {
    waiting: BTreeMap<(DateTime<Utc>, u64), Notice>,
    last_id: u64,
}

impl Outbox {
    /// The number the next notification gets.
    pub fn next_id(&self) -> u64 {
        self.last_id + 1
    }

    /// Takes in a notification.
    pub fn put(&mut self, notice: Notice) {
        self.last_id = self.last_id.max(notice.id);
        self.waiting.insert((notice.due, notice.id), notice);
    }

    /// Notes that a notification was sent: it leaves, or waits for its next time.
    pub fn sent(&mut self, id: u64, next_due: Option<DateTime<Utc>>) {
        let Some(mut notice) = self.take(id) else { return };
        if let Some(due) = next_due {
            notice.attempts += 1;
            self.put(Notice { due, ..notice });
        }
    }

    /// Lets a notification go that was held, at `due`.
    pub fn release(&mut self, id: u64, due: DateTime<Utc>) {
        if let Some(notice) = self.take(id) {
            self.put(Notice { due, held: false, ..notice });
        }
    }

    /// The notification that is due first.
    pub fn first(&self) -> Option<&Notice> {
        self.waiting.values().next()
    }

    /// All that wait, first due first.
    pub fn waiting(&self) -> impl Iterator<Item = &Notice> {
        self.waiting.values()
    }

    fn take(&mut self, id: u64) -> Option<Notice> {
        let key = *self.waiting.keys().find(|(_, waiting)| *waiting == id)?;
        self.waiting.remove(&key)
    }
}
