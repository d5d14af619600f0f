//! SQL of billing keys ([`keys`]) and subscriptions; what those charge for is stored by
//! [`paid_time`].

pub(crate) mod columns;
mod keys;

use chrono::{DateTime, Utc};
use sqlx::postgres::PgConnection;
use sqlx::{PgPool, Postgres, QueryBuilder};

use crate::http::answer::Paging;
use crate::payments::store::columns::subscription_columns;
use crate::payments::store::paid_time::{self, Loaded, Row};
use crate::payments::store::terms::Terms;
use crate::rules::ids::SubscriptionId;
use crate::rules::schedule::Rules;
use crate::rules::subscription_state::Status;

pub use keys::*;

/// The subscription, when callers may see it.
pub async fn find_subscription(
    db: &mut PgConnection,
    id: SubscriptionId,
    rules: &Rules,
) -> sqlx::Result<Option<Loaded>> {
    Ok(paid_time::find(db, id, rules).await?.filter(is_shown))
}

/// Those of the subscriptions that callers may see.
pub async fn find_subscriptions(
    db: &mut PgConnection,
    ids: &[SubscriptionId],
    rules: &Rules,
) -> sqlx::Result<Vec<Loaded>> {
    let found = paid_time::find_all(db, ids, rules).await?;
    Ok(found.into_iter().filter(is_shown).collect())
}

/// The subscription, when callers may see it, locked until the transaction ends.
pub async fn lock_subscription(
    db: &mut PgConnection,
    id: SubscriptionId,
    rules: &Rules,
) -> sqlx::Result<Option<Loaded>> {
    Ok(paid_time::lock(db, id, rules).await?.filter(is_shown))
}

fn is_shown(s: &Loaded) -> bool {
    s.row.status != Status::Incomplete
}

/// Whether there is such a subscription.
pub async fn exists(pool: &PgPool, id: SubscriptionId) -> sqlx::Result<bool> {
    let query = sqlx::query_scalar(
        "select exists (select from subscriptions where id = $1 and status <> 'incomplete')",
    );
    query.bind(id).fetch_one(pool).await
}

/// The customer's other subscription to the plan that is not over.
pub async fn find_live(
    pool: &PgPool,
    customer_id: &str,
    plan_id: &str,
    other_than: SubscriptionId,
) -> sqlx::Result<Option<SubscriptionId>> {
    let query = sqlx::query_scalar(
        "select id from subscriptions
         where customer_id = $1 and plan_id = $2 and id <> $3 and status <> 'canceled'
         order by cancel_at_period_end, id limit 1",
    );
    query.bind(customer_id).bind(plan_id).bind(other_than).fetch_optional(pool).await
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

/// The amount that answers show: a pending lower one holds at once.
const AMOUNT: &str = "case when pending_amount < amount then pending_amount else amount end";

/// A page of subscriptions, newest first, without what they charge for.
pub async fn list_subscriptions(
    db: &mut PgConnection,
    filter: &Filter,
    paging: Paging,
) -> sqlx::Result<Vec<Row>> {
    let mut sql: QueryBuilder<Postgres> = QueryBuilder::new(concat!(
        "select ",
        subscription_columns!(),
        " from subscriptions where status <> 'incomplete'"
    ));
    if filter.billed_only {
        sql.push(" and (status in ('active', 'past_due')");
        sql.push(" or status = 'paused' and resume_on is not null)");
        sql.push(" and not exists (select from billing_keys where id = billing_key_id");
        sql.push(" and inactive_at is not null)");
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
    filter.terms.push_amounts(&mut sql, AMOUNT);
    filter.terms.push_metadata(&mut sql);
    if let Some(before) = paging.before {
        sql.push(" and id < ").push_bind(before);
    }
    sql.push(" order by id desc limit ").push_bind(paging.fetch());
    sql.build_query_as().fetch_all(db).await
}

/// All subscriptions of the customer, newest first.
pub async fn subscriptions_of_customer(
    db: &mut PgConnection,
    customer_id: &str,
    rules: &Rules,
) -> sqlx::Result<Vec<Loaded>> {
    let query = sqlx::query_scalar(
        "select id from subscriptions where customer_id = $1 and status <> 'incomplete'
         order by id desc",
    );
    let ids: Vec<SubscriptionId> = query.bind(customer_id).fetch_all(&mut *db).await?;
    paid_time::find_all(db, &ids, rules).await
}

/// The next moment at which a subscription has something to do.
pub async fn next_due(pool: &PgPool) -> sqlx::Result<Option<DateTime<Utc>>> {
    let query = sqlx::query_scalar(
        "select min(next_attempt_at) from subscriptions where next_attempt_at is not null",
    );
    query.fetch_one(pool).await
}

/// What the schedule has to do now.
#[derive(sqlx::FromRow)]
pub struct Due {
    /// Subscriptions.
    pub count: i64,
    /// Since when the first of them waits.
    pub oldest: Option<DateTime<Utc>>,
}

/// The subscriptions with something to do at `now`.
pub async fn due(pool: &PgPool, now: DateTime<Utc>) -> sqlx::Result<Due> {
    let query = sqlx::query_as(
        "select count(*) as count, min(next_attempt_at) as oldest
         from subscriptions where next_attempt_at <= $1",
    );
    query.bind(now).fetch_one(pool).await
}

/// Whether any charge of a subscription is under way.
pub async fn charges_under_way(pool: &PgPool) -> sqlx::Result<bool> {
    let query = sqlx::query_scalar(
        "select exists (select from payments
         where state = 'sending' and kind = 'subscription')",
    );
    query.fetch_one(pool).await
}
