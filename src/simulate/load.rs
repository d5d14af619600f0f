//! Reads both sides: the gateway's ledger and our books.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;
use sqlx::FromRow;

use super::Failure;
use super::world::World;
use crate::payments::order::State;
use crate::payments::standing::Status;
use crate::schedule::AnchorDay;

/// A transaction as the gateway holds it.
#[expect(clippy::struct_field_names, reason = "the ledger's own names")]
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Transaction {
    pub order_no: String,
    pub transaction_id: String,
    pub amount: i64,
    pub canceled_amount: i64,
    pub calls: u32,
}

/// A payment as we hold it.
#[derive(Clone, Debug, FromRow)]
pub struct Entry {
    pub order_no: String,
    pub state: State,
    pub transaction_id: Option<String>,
    pub amount: i64,
    pub refunded_amount: i64,
    pub refunding_amount: i64,
    pub subscription_id: Option<uuid::Uuid>,
    pub period_start: Option<NaiveDate>,
    pub created_at: DateTime<Utc>,
}

/// A subscription as we hold it.
#[derive(Clone, Debug, FromRow)]
pub struct Subscription {
    pub id: uuid::Uuid,
    pub status: Status,
    pub cycle_day: AnchorDay,
    pub period_start: NaiveDate,
    pub first_due: NaiveDate,
}

/// Our books, and what we list as unknown.
#[derive(Clone, Debug, Default)]
pub struct Books {
    pub payments: Vec<Entry>,
    pub subscriptions: Vec<Subscription>,
    pub listed_unknown: Vec<String>,
    pub retry_days: Vec<u32>,
}

impl Books {
    /// How many payments are in each state.
    pub fn payments_by_state(&self) -> Vec<(String, usize)> {
        let mut counts = std::collections::BTreeMap::new();
        for payment in &self.payments {
            *counts.entry(format!("{:?}", payment.state).to_lowercase()).or_insert(0) += 1;
        }
        counts.into_iter().collect()
    }
}

#[derive(Deserialize)]
struct Ledger {
    transactions: Vec<Transaction>,
}

/// The ledger over HTTP, the books from the database, the unknown ones from the API.
pub async fn both_sides(world: &World) -> Result<(Vec<Transaction>, Books), Failure> {
    let ledger = world.client.get(format!("{}/ledger", world.sandbox_url)).send().await?;
    let ledger: Ledger = ledger.json().await?;
    let payments = sqlx::query_as(
        "select order_no, state, transaction_id, amount, refunded_amount, refunding_amount,
            subscription_id, period_start, created_at
         from payments order by id",
    );
    let subscriptions = sqlx::query_as(
        "select s.id, s.status, s.cycle_day, s.period_start,
            coalesce((select min(p.period_start) from payments p where p.subscription_id = s.id),
                s.next_billing_date) as first_due
         from subscriptions s order by s.id",
    );
    let books = Books {
        payments: payments.fetch_all(&world.pool).await?,
        subscriptions: subscriptions.fetch_all(&world.pool).await?,
        listed_unknown: listed_unknown(world).await?,
        retry_days: vec![1, 3, 5, 7],
    };
    Ok((ledger.transactions, books))
}

/// Order numbers of all pages of `GET /billing/payments?status=unknown`.
async fn listed_unknown(world: &World) -> Result<Vec<String>, Failure> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/billing/payments?status=unknown&limit=100{cursor}");
        let answer = world.client.get(world.url(0, &path)).send().await?.error_for_status()?;
        let page: serde_json::Value = answer.json().await?;
        let items = page["data"]["items"].as_array().cloned().unwrap_or_default();
        found.extend(items.iter().filter_map(|p| p["orderId"].as_str().map(str::to_owned)));
        match page["data"]["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(found),
        }
    }
}
