//! SQL of billing keys ([`keys`]) and subscriptions.

mod keys;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use sqlx::postgres::PgConnection;
use sqlx::types::Json;
use sqlx::{PgPool, Postgres, QueryBuilder};
use uuid::Uuid;

use crate::http::answer::Paging;
use crate::payments::store::Payment;
use crate::payments::store::terms::Terms;
use crate::rules::ids::{BillingKeyId, SubscriptionId};
use crate::rules::money::Won;
use crate::rules::subscription_state::{Status, SubscriptionState};

pub use keys::*;

/// A row of `subscriptions`.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Subscription {
    pub id: SubscriptionId,
    pub customer_id: String,
    pub plan_id: String,
    pub billing_key_id: BillingKeyId,
    pub amount: Won,
    pub tax_free_amount: i64,
    pub product_name: String,
    #[sqlx(flatten)]
    pub state: SubscriptionState,
    pub canceled_at: Option<DateTime<Utc>>,
    pub cancel_reason: Option<String>,
    pub metadata: Json<Map<String, Value>>,
    pub created_at: DateTime<Utc>,
    pub pending_amount: Option<Won>,
    pub pending_tax_free_amount: Option<i64>,
    pub pending_rise: Option<Uuid>,
}

/// What a charge of a subscription asks for.
pub struct ChargeTerms<'a> {
    pub amount: Won,
    pub tax_free_amount: i64,
    pub product_name: &'a str,
}

impl Subscription {
    /// Ends it now; planned charges and retries are void.
    pub fn cancel(&mut self, now: DateTime<Utc>) {
        self.state.status = Status::Canceled;
        self.state.retry_attempt = 0;
        self.state.retry_at = None;
        self.state.next_attempt_at = None;
        self.canceled_at = Some(now);
    }

    /// The terms of a charge, given the attempts already made for its period, newest first: a retry
    /// asks for what the first attempt asked for, whatever was changed since.
    pub fn terms<'a>(&'a self, earlier: &'a [Payment]) -> ChargeTerms<'a> {
        match earlier.last() {
            Some(first) => ChargeTerms {
                amount: first.amount,
                tax_free_amount: first.tax_free_amount,
                product_name: &first.product_name,
            },
            None => ChargeTerms {
                amount: self.amount,
                tax_free_amount: self.tax_free_amount,
                product_name: &self.product_name,
            },
        }
    }
}

pub async fn insert_subscription(db: &mut PgConnection, s: &Subscription) -> sqlx::Result<()> {
    let query = sqlx::query(
        "insert into subscriptions (id, customer_id, plan_id, billing_key_id, amount,
            product_name, cycle_day, status, period_start, next_billing_date, next_attempt_at,
            metadata, created_at, retry_days, tax_free_amount, billing_interval, interval_count,
            trial_end, end_date, cycles_left)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
            $18, $19, $20)",
    );
    query
        .bind(s.id)
        .bind(&s.customer_id)
        .bind(&s.plan_id)
        .bind(s.billing_key_id)
        .bind(s.amount)
        .bind(&s.product_name)
        .bind(s.state.cadence.anchor)
        .bind(s.state.status)
        .bind(s.state.period_start)
        .bind(s.state.next_billing_date)
        .bind(s.state.next_attempt_at)
        .bind(&s.metadata)
        .bind(s.created_at)
        .bind(&s.state.retry_days)
        .bind(s.tax_free_amount)
        .bind(s.state.cadence.interval)
        .bind(s.state.cadence.count)
        .bind(s.state.trial_end)
        .bind(s.state.end_date)
        .bind(s.state.cycles_left)
        .execute(db)
        .await
        .map(drop)
}

/// Stores all that may change, in one statement so that it is one event, and ends the lease.
pub async fn save_subscription(db: &mut PgConnection, s: &Subscription) -> sqlx::Result<()> {
    let query = sqlx::query(
        "update subscriptions set plan_id = $2, billing_key_id = $3, amount = $4,
            product_name = $5, cycle_day = $6, metadata = $7, canceled_at = $8, cancel_reason = $9,
            retry_days = $10, status = $11, period_start = $12, next_billing_date = $13,
            retry_attempt = $14, retry_base = $15, retry_at = $16, next_attempt_at = $17,
            cancel_at_period_end = $18, resume_on = $19, tax_free_amount = $20, pending_amount = $21,
            pending_tax_free_amount = $22, pending_rise = $23, trial_end = $24, end_date = $25,
            cycles_left = $26, leased_until = null
         where id = $1",
    );
    query
        .bind(s.id)
        .bind(&s.plan_id)
        .bind(s.billing_key_id)
        .bind(s.amount)
        .bind(&s.product_name)
        .bind(s.state.cadence.anchor)
        .bind(&s.metadata)
        .bind(s.canceled_at)
        .bind(&s.cancel_reason)
        .bind(&s.state.retry_days)
        .bind(s.state.status)
        .bind(s.state.period_start)
        .bind(s.state.next_billing_date)
        .bind(s.state.retry_attempt)
        .bind(s.state.retry_base)
        .bind(s.state.retry_at)
        .bind(s.state.next_attempt_at)
        .bind(s.state.cancel_at_period_end)
        .bind(s.state.resume_on)
        .bind(s.tax_free_amount)
        .bind(s.pending_amount)
        .bind(s.pending_tax_free_amount)
        .bind(s.pending_rise)
        .bind(s.state.trial_end)
        .bind(s.state.end_date)
        .bind(s.state.cycles_left)
        .execute(db)
        .await
        .map(drop)
}

pub async fn find_subscription(
    pool: &PgPool,
    id: SubscriptionId,
) -> sqlx::Result<Option<Subscription>> {
    let query =
        sqlx::query_as("select * from subscriptions where id = $1 and status <> 'incomplete'");
    query.bind(id).fetch_optional(pool).await
}

/// The subscription, locked until the transaction ends.
pub async fn lock_subscription(
    db: &mut PgConnection,
    id: SubscriptionId,
) -> sqlx::Result<Option<Subscription>> {
    let query = sqlx::query_as(
        "select * from subscriptions where id = $1 and status <> 'incomplete' for update",
    );
    query.bind(id).fetch_optional(db).await
}

/// What a list of subscriptions is narrowed to.
#[derive(Debug, Default)]
pub struct Filter {
    pub id: Option<SubscriptionId>,
    pub customer_id: Option<String>,
    pub plan_id: Option<String>,
    pub status: Option<&'static str>,
    /// Only what the schedule charges, or will when its pause is over.
    pub billed_only: bool,
    pub terms: Terms,
}

pub async fn list_subscriptions(
    pool: &PgPool,
    filter: &Filter,
    paging: Paging,
) -> sqlx::Result<Vec<Subscription>> {
    let mut sql: QueryBuilder<Postgres> =
        QueryBuilder::new("select * from subscriptions where status <> 'incomplete'");
    if filter.billed_only {
        sql.push(" and (status in ('active', 'past_due')");
        sql.push(" or status = 'paused' and resume_on is not null)");
    }
    if let Some(id) = filter.id {
        sql.push(" and id = ").push_bind(id);
    }
    if let Some(customer) = &filter.customer_id {
        sql.push(" and customer_id = ").push_bind(customer);
    }
    if let Some(plan) = &filter.plan_id {
        sql.push(" and plan_id = ").push_bind(plan);
    }
    if let Some(status) = filter.status {
        sql.push(" and status = ").push_bind(status);
    }
    filter.terms.push_amounts(&mut sql);
    filter.terms.push_metadata(&mut sql);
    if let Some(before) = paging.before {
        sql.push(" and id < ").push_bind(before);
    }
    sql.push(" order by id desc limit ").push_bind(paging.fetch());
    sql.build_query_as().fetch_all(pool).await
}

/// The next moment at which a subscription has something to do.
pub async fn next_due(pool: &PgPool) -> sqlx::Result<Option<DateTime<Utc>>> {
    let query = sqlx::query_scalar(
        "select min(next_attempt_at) from subscriptions where next_attempt_at is not null",
    );
    query.fetch_one(pool).await
}

/// Whether any charge of a subscription is under way.
pub async fn charges_under_way(pool: &PgPool) -> sqlx::Result<bool> {
    let query = sqlx::query_scalar(
        "select exists (select from payments
         where state = 'sending' and kind = 'subscription')",
    );
    query.fetch_one(pool).await
}
