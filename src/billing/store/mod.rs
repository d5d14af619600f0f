//! SQL of billing keys ([`keys`]) and subscriptions.

pub(crate) mod columns;
mod keys;

use chrono::{DateTime, Utc};
use sqlx::postgres::{PgArguments, PgConnection};
use sqlx::query::Query;
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, PgPool, Postgres, QueryBuilder};
use uuid::Uuid;

use crate::billing::store::columns::subscription_columns;
use crate::http::answer::Paging;
use crate::payments::store::terms::Terms;
use crate::payments::store::{Payment, subscription_state};
use crate::rules::ids::{BillingKeyId, SubscriptionId};
use crate::rules::metadata::Metadata;
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
    pub metadata: Json<Metadata>,
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

    /// The amount, and its tax-free part in won, that is agreed last: a pending rise's before the
    /// present one.
    pub fn next_price(&self) -> (Won, i64) {
        let pending = self.pending_amount.zip(self.pending_tax_free_amount);
        pending.unwrap_or((self.amount, self.tax_free_amount))
    }

    /// The terms of a charge, given the attempts already made for its period, newest first: a retry
    /// asks for what the first attempt asked for, whatever was changed since. One that was refused for
    /// the merchant's set-up asked no customer for anything: what is changed since may mend it.
    pub fn terms<'a>(&'a self, earlier: &'a [Payment]) -> ChargeTerms<'a> {
        match earlier.iter().rev().find(|attempt| attempt.merchant_setting.is_none()) {
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

/// The columns that may change beside those of the state, in the order in which [`bind_changing`]
/// binds them.
const CHANGING: [&str; 11] = [
    "plan_id",
    "billing_key_id",
    "amount",
    "tax_free_amount",
    "product_name",
    "metadata",
    "canceled_at",
    "cancel_reason",
    "pending_amount",
    "pending_tax_free_amount",
    "pending_rise",
];

/// Binds the values of [`CHANGING`] and then those of the state.
fn bind_changing<'q>(
    query: Query<'q, Postgres, PgArguments>,
    s: &'q Subscription,
) -> Query<'q, Postgres, PgArguments> {
    let query = query
        .bind(&s.plan_id)
        .bind(s.billing_key_id)
        .bind(s.amount)
        .bind(s.tax_free_amount)
        .bind(&s.product_name)
        .bind(&s.metadata)
        .bind(s.canceled_at)
        .bind(&s.cancel_reason)
        .bind(s.pending_amount)
        .bind(s.pending_tax_free_amount)
        .bind(s.pending_rise);
    subscription_state::bind(query, &s.state)
}

/// [`CHANGING`] and the columns of the state, and `$first` and so on for them.
fn changing(first: usize) -> (String, String) {
    let columns = [&CHANGING[..], &subscription_state::COLUMNS].concat();
    (columns.join(", "), subscription_state::placeholders(first, columns.len()))
}

pub async fn insert_subscription(db: &mut PgConnection, s: &Subscription) -> sqlx::Result<()> {
    let (columns, values) = changing(6);
    let sql = format!(
        "insert into subscriptions (id, customer_id, created_at, billing_interval, interval_count,
            {columns}) values ($1, $2, $3, $4, $5, {values})"
    );
    let query = sqlx::query(AssertSqlSafe(sql)).bind(s.id).bind(&s.customer_id).bind(s.created_at);
    let query = query.bind(s.state.cadence.interval).bind(s.state.cadence.count);
    bind_changing(query, s).execute(db).await.map(drop)
}

/// Stores all that may change, in one statement so that it is one event, and ends the lease.
pub async fn save_subscription(db: &mut PgConnection, s: &Subscription) -> sqlx::Result<()> {
    let (columns, values) = changing(2);
    let sql = format!(
        "update subscriptions set ({columns}, leased_until) = ({values}, null) where id = $1"
    );
    bind_changing(sqlx::query(AssertSqlSafe(sql)).bind(s.id), s).execute(db).await.map(drop)
}

pub async fn find_subscription(
    pool: &PgPool,
    id: SubscriptionId,
) -> sqlx::Result<Option<Subscription>> {
    let query = sqlx::query_as(concat!(
        "select ",
        subscription_columns!(),
        " from subscriptions where id = $1 and status <> 'incomplete'"
    ));
    query.bind(id).fetch_optional(pool).await
}

/// The subscription, locked until the transaction ends.
pub async fn lock_subscription(
    db: &mut PgConnection,
    id: SubscriptionId,
) -> sqlx::Result<Option<Subscription>> {
    let query = sqlx::query_as(concat!(
        "select ",
        subscription_columns!(),
        " from subscriptions where id = $1 and status <> 'incomplete' for update"
    ));
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
    let mut sql: QueryBuilder<Postgres> = QueryBuilder::new(concat!(
        "select ",
        subscription_columns!(),
        " from subscriptions where status <> 'incomplete'"
    ));
    if filter.billed_only {
        sql.push(" and (status in ('active', 'past_due')");
        sql.push(" or status = 'paused' and resume_on is not null)");
        sql.push(" and exists (select from billing_keys where id = billing_key_id");
        sql.push(" and inactive_at is null)");
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
