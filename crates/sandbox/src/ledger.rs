//! What the gateway side knows: billing keys, transactions, cancellations.
//!
//! State is only ever changed by applying an [`Event`], and an event is written to the journal
//! first: what was replayed after a crash is what was answered before it. A full card number, a
//! password or a birth date is in no event.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::Path;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::CPID;
use crate::cards::Behaviour;
use crate::journal::Journal;
use crate::outbox::{Notice, Outbox};

/// A registered card, as far as the sandbox remembers it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Card {
    /// How its issuer behaves.
    pub behaviour: Behaviour,
    /// First six and last four digits.
    pub masked: String,
    /// CARDCODE.
    pub company: String,
    /// CPID that its key was made under.
    #[serde(default = "first_cpid")]
    pub cpid: String,
}

/// The only CPID there was before the books named it.
fn first_cpid() -> String {
    CPID.to_owned()
}

/// An approved payment.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Transaction {
    /// DAOUTRX.
    #[serde(rename = "transactionId")]
    pub id: String,
    /// AUTHNO.
    pub auth_no: String,
    /// CPID.
    #[serde(default = "first_cpid")]
    pub cpid: String,
    /// ORDERNO; several transactions may share one, see [`super::charge`].
    pub order_no: String,
    /// PAYMETHOD.
    pub pay_method: String,
    /// AMOUNT in won.
    pub amount: u64,
    /// Won of it that are free of tax.
    #[serde(default)]
    pub tax_free_amount: u64,
    /// How much of it was cancelled so far.
    #[serde(default)]
    pub canceled_amount: u64,
    /// Won of that by TAXFREEAMT.
    #[serde(default)]
    pub canceled_tax_free: u64,
    /// When some of it was cancelled last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canceled_at: Option<DateTime<Utc>>,
    /// PRODUCTNAME.
    pub product_name: String,
    /// USERID.
    pub user_id: String,
    /// When it was approved.
    pub approved_at: DateTime<Utc>,
    /// The billing key it was charged to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_key: Option<String>,
    /// What else its notification has to carry, by wire name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub echo: BTreeMap<String, String>,
}

/// A cancellation of a payment, or of a part of it.
#[derive(Clone, Copy, Debug)]
pub struct Cancellation {
    /// Which transaction, by its place.
    pub transaction: usize,
    /// AMOUNT in won.
    pub amount: u64,
    /// When.
    pub at: DateTime<Utc>,
}

/// Something that happened, as the journal keeps it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum Event {
    /// A billing key was made.
    Registered {
        /// When.
        at: DateTime<Utc>,
        /// AUTOKEY.
        auto_key: String,
        /// The card behind it.
        card: Card,
    },
    /// A payment was approved.
    Approved(Transaction),
    /// A charge was declined.
    Declined {
        /// When.
        at: DateTime<Utc>,
        /// ORDERNO.
        order_no: String,
        /// The billing key, when it was the issuer who declined and not a scripted fault.
        auto_key: Option<String>,
        /// RESULTCODE.
        code: String,
    },
    /// A payment was cancelled, wholly or in part.
    Canceled {
        /// When.
        at: DateTime<Utc>,
        /// DAOUTRX.
        transaction_id: String,
        /// How much was cancelled this time.
        amount: u64,
        /// TAXFREEAMT.
        #[serde(default)]
        tax_free: u64,
    },
    /// A notification is to be sent.
    NotificationQueued(Notice),
    /// A notification was sent.
    NotificationSent {
        /// Its number.
        id: u64,
        /// When it is to be sent again; nothing when that was the last time.
        next_due: Option<DateTime<Utc>>,
    },
    /// A notification that was held back may go.
    NotificationReleased {
        /// Its number.
        id: u64,
        /// When it is to be sent.
        due: DateTime<Utc>,
    },
}

#[derive(Debug)]
struct Key {
    card: Card,
    charges: u32,
}

#[derive(Debug, Default)]
struct Order {
    calls: u32,
    transactions: Vec<usize>,
}

/// All that happened, indexed for the questions the gateway asks.
#[derive(Debug, Default)]
pub struct Ledger {
    journal: Journal,
    keys: HashMap<String, Key>,
    transactions: Vec<Transaction>,
    cancellations: Vec<Cancellation>,
    by_id: HashMap<String, usize>,
    by_order: HashMap<String, Order>,
    outbox: Outbox,
    declined: u64,
}

impl Ledger {
    /// A ledger kept in `path`, or in memory only.
    pub fn open(path: Option<&Path>) -> io::Result<Self> {
        let mut ledger = Self::default();
        if let Some(path) = path {
            ledger.journal = Journal::open(path, |event| ledger.apply(event))?;
        }
        Ok(ledger)
    }

    /// Writes the events down together, then lets them count.
    pub fn record(&mut self, events: Vec<Event>) -> io::Result<()> {
        self.journal.append(&events)?;
        for event in events {
            self.apply(event);
        }
        Ok(())
    }

    /// The card behind a billing key, and how often it was charged, declines included.
    pub fn card(&self, auto_key: &str) -> Option<(&Card, u32)> {
        self.keys.get(auto_key).map(|key| (&key.card, key.charges))
    }

    /// The transaction with this DAOUTRX.
    pub fn transaction(&self, transaction_id: &str) -> Option<&Transaction> {
        self.by_id.get(transaction_id).map(|&index| &self.transactions[index])
    }

    /// All transactions, oldest first.
    pub fn transactions(&self) -> &[Transaction] {
        &self.transactions
    }

    /// All cancellations, oldest first.
    pub fn cancellations(&self) -> &[Cancellation] {
        &self.cancellations
    }

    /// The transactions of one order, oldest first.
    pub fn of_order(&self, order_no: &str) -> impl Iterator<Item = &Transaction> {
        let indexes = self.by_order.get(order_no).map(|order| order.transactions.as_slice());
        indexes.unwrap_or_default().iter().map(|&index| &self.transactions[index])
    }

    /// How many charges of this order reached the issuer, declines included.
    pub fn calls_for(&self, order_no: &str) -> u32 {
        self.by_order.get(order_no).map_or(0, |order| order.calls)
    }

    /// How many charges were declined.
    pub fn declined(&self) -> u64 {
        self.declined
    }

    /// The notifications that wait.
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Registered { auto_key, card, .. } => {
                self.keys.insert(auto_key, Key { card, charges: 0 });
            }
            Event::Approved(transaction) => self.add(transaction),
            Event::Declined { order_no, auto_key, .. } => {
                self.declined += 1;
                self.count_charge(auto_key.as_deref());
                self.by_order.entry(order_no).or_default().calls += 1;
            }
            Event::Canceled { at, transaction_id, amount, tax_free } => {
                if let Some(&index) = self.by_id.get(&transaction_id) {
                    let paid = &mut self.transactions[index];
                    paid.canceled_amount += amount;
                    paid.canceled_tax_free += tax_free;
                    paid.canceled_at = Some(at);
                    self.cancellations.push(Cancellation { transaction: index, amount, at });
                }
            }
            Event::NotificationQueued(notice) => self.outbox.put(notice),
            Event::NotificationSent { id, next_due } => self.outbox.sent(id, next_due),
            Event::NotificationReleased { id, due } => self.outbox.release(id, due),
        }
    }

    fn add(&mut self, transaction: Transaction) {
        let index = self.transactions.len();
        self.count_charge(transaction.auto_key.as_deref());
        let order = self.by_order.entry(transaction.order_no.clone()).or_default();
        order.calls += 1;
        order.transactions.push(index);
        self.by_id.insert(transaction.id.clone(), index);
        self.transactions.push(transaction);
    }

    fn count_charge(&mut self, auto_key: Option<&str>) {
        if let Some(key) = auto_key.and_then(|auto_key| self.keys.get_mut(auto_key)) {
            key.charges += 1;
        }
    }
}
