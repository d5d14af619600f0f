//! Reads both sides: the gateway's ledger and our books.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;
use sqlx::FromRow;

use crate::simulate::diary::Diary;
use crate::simulate::figures::{self, Figures};
use crate::simulate::reach::Reach;
use crate::simulate::segments::{self, PaidTime};
use crate::simulate::{Failure, barriers, merchant};
use kiwoom_billing::payments::store::InitiatedBy;
use kiwoom_billing::rules::payment_state::State;
use kiwoom_billing::rules::schedule::{RetryDays, Rules};
use kiwoom_billing::rules::subscription_state::Status;

/// A transaction as the gateway holds it.
#[expect(clippy::struct_field_names, reason = "the ledger's own names")]
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Transaction {
    pub order_no: String,
    pub transaction_id: String,
    pub product_name: String,
    pub amount: i64,
    pub tax_free_amount: i64,
    pub canceled_amount: i64,
    pub canceled_tax_free: i64,
    pub calls: u32,
}

/// A payment as we hold it.
#[derive(Clone, Debug, FromRow)]
pub struct Entry {
    pub order_no: String,
    /// Money that no order asked for so.
    pub is_unexpected: bool,
    /// Declined because of the merchant's set-up.
    pub is_refused: bool,
    pub state: State,
    pub transaction_id: Option<String>,
    pub amount: i64,
    pub tax_free_amount: i64,
    /// What its refunds come to, those that were made, and what of that is free of tax.
    pub refunds: i64,
    pub refunds_tax_free: i64,
    /// What is free of tax of refunds that may have been made.
    pub refunding_tax_free: i64,
    /// Whether a notification told of one of its refunds, which does not say what is free of tax.
    pub has_learnt_refund: bool,
    pub refunded_amount: i64,
    pub refunding_amount: i64,
    pub subscription_id: Option<uuid::Uuid>,
    pub charge_no: Option<i32>,
    pub period_start: Option<NaiveDate>,
    pub period_end: Option<NaiveDate>,
    pub initiated_by: InitiatedBy,
    pub created_at: DateTime<Utc>,
    pub settled_at: Option<DateTime<Utc>>,
    /// How many events told that it was paid.
    pub paid_events: i64,
}

/// A subscription as we hold it.
#[derive(Clone, Debug, FromRow)]
pub struct Subscription {
    pub id: uuid::Uuid,
    pub status: Status,
    pub next_billing_date: NaiveDate,
    pub canceled_at: Option<DateTime<Utc>>,
    /// Balances in won.
    pub credit: i64,
    pub credit_tax_free: i64,
    pub carried: i64,
    #[sqlx(skip)]
    pub paid_time: PaidTime,
}

/// Our books, what we list as unknown, and what was asked of us on the way.
#[derive(Clone, Debug)]
pub struct Books {
    pub payments: Vec<Entry>,
    pub subscriptions: Vec<Subscription>,
    pub listed_unknown: Vec<String>,
    /// What the console's first page shows.
    pub figures: Figures,
    /// Writes that would have charged or refunded too much and that the database took.
    pub open_barriers: Vec<&'static str>,
    /// Times at which the schedule had to pause and did not.
    pub not_paused: Vec<String>,
    /// Services that did not end in time when they were told to.
    pub slow_stops: Vec<String>,
    pub rules: Rules,
    pub ended: DateTime<Utc>,
    pub diary: Diary,
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

/// The gateway's side, over HTTP.
pub async fn ledger(reach: &Reach) -> Result<Vec<Transaction>, Failure> {
    let ledger = reach.client.get(format!("{}/ledger", reach.sandbox_url)).send().await?;
    let ledger: Ledger = ledger.json().await?;
    Ok(ledger.transactions)
}

/// Our side: the books from the database, the unknown ones from the API.
pub async fn books(reach: &Reach, diary: Diary, slow_stops: Vec<String>) -> Result<Books, Failure> {
    let payments = sqlx::query_as(
        "select order_no, kind = 'unexpected' as is_unexpected,
            merchant_setting is not null as is_refused, state, transaction_id, amount,
            tax_free_amount,
            (select coalesce(sum(amount), 0)::bigint from refunds
                where payment_id = payments.id and state = 'refunded') as refunds,
            (select coalesce(sum(tax_free_amount), 0)::bigint from refunds
                where payment_id = payments.id and state = 'refunded') as refunds_tax_free,
            (select coalesce(sum(tax_free_amount), 0)::bigint from refunds
                where payment_id = payments.id and state in ('sending', 'unknown'))
                as refunding_tax_free,
            exists (select from refunds where payment_id = payments.id and origin = 'gateway')
                as has_learnt_refund,
            refunded_amount, refunding_amount, subscription_id, charge_no, period_start, period_end,
            initiated_by, created_at, settled_at,
            (select count(*) from (select object_id, type from events
                    union all select object_id, type from forgotten_events) e
                where object_id = payments.id
                    and type in ('payment.approved', 'order.paid', 'payment.unexpected')) as paid_events
         from payments order by id",
    );
    let subscriptions = sqlx::query_as(
        "select id, status, next_billing_date, canceled_at, credit, credit_tax_free, carried
         from subscriptions order by id",
    );
    let mut subscriptions: Vec<Subscription> = subscriptions.fetch_all(&reach.pool).await?;
    let mut paid_time = segments::load(&reach.pool).await?;
    for subscription in &mut subscriptions {
        subscription.paid_time = paid_time.remove(&subscription.id).unwrap_or_default();
    }
    let not_paused = diary.not_paused.clone();
    Ok(Books {
        payments: payments.fetch_all(&reach.pool).await?,
        subscriptions,
        listed_unknown: listed_unknown(reach).await?,
        figures: figures::load(reach).await?,
        open_barriers: barriers::open(&reach.pool).await?,
        not_paused,
        slow_stops,
        rules: Rules {
            charge_hour: 10,
            retry_days: RetryDays::new(vec![1, 3, 5, 7]).unwrap_or_default(),
            minimum: 1,
            end_without_consent: false,
        },
        ended: merchant::now(reach).await?,
        diary,
    })
}

/// Order numbers of all pages of `GET /billing/payments?status=unknown`.
async fn listed_unknown(reach: &Reach) -> Result<Vec<String>, Failure> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/billing/payments?status=unknown&limit=100{cursor}");
        let answer = reach.client.get(reach.url(0, &path)).send().await?.error_for_status()?;
        let page: serde_json::Value = answer.json().await?;
        let items = page["data"]["items"].as_array().cloned().unwrap_or_default();
        found.extend(items.iter().filter_map(|p| p["orderId"].as_str().map(str::to_owned)));
        match page["data"]["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(found),
        }
    }
}
