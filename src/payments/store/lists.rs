//! Lists of payments and refunds, newest first.

use chrono::{DateTime, Utc};
use sqlx::{PgExecutor, PgPool, Postgres, QueryBuilder};
use uuid::Uuid;

use crate::payments::store::columns::{payment_and_credit_columns, refund_columns};
use crate::payments::store::terms::Terms;
use crate::payments::store::{Payment, Refund};
use crate::rules::ids::{PaymentId, SubscriptionId};

/// What a list of payments is narrowed to.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this customer.
    pub customer_id: Option<String>,
    /// Of this subscription.
    pub subscription_id: Option<SubscriptionId>,
    /// A status of the API, as a condition on columns.
    pub condition: Option<&'static str>,
    /// Created at or after.
    pub from: Option<DateTime<Utc>>,
    /// Created before.
    pub to: Option<DateTime<Utc>>,
    /// Of these amounts, and of subscriptions with this metadata.
    pub terms: Terms,
}

/// Card payments and unexpected money, newest first, older than `before`. Money that turned out to be
/// an order's own is closed.
pub async fn list(
    pool: &PgPool,
    filter: &Filter,
    before: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<Payment>> {
    let mut sql: QueryBuilder<Postgres> = QueryBuilder::new(concat!(
        "select ",
        payment_and_credit_columns!(),
        " from payments where kind <> 'checkout' and state <> 'closed'"
    ));
    if let Some(customer) = &filter.customer_id {
        sql.push(" and customer_id = ").push_bind(customer);
    }
    if let Some(subscription) = filter.subscription_id {
        sql.push(" and subscription_id = ").push_bind(subscription);
    }
    if let Some(condition) = filter.condition {
        sql.push(" and ").push(condition);
    }
    if let Some(from) = filter.from {
        sql.push(" and created_at >= ").push_bind(from);
    }
    if let Some(to) = filter.to {
        sql.push(" and created_at < ").push_bind(to);
    }
    filter.terms.push_amounts(&mut sql, "amount");
    if filter.terms.has_metadata() {
        sql.push(" and exists (select from subscriptions s where s.id = payments.subscription_id");
        filter.terms.push_metadata(&mut sql);
        sql.push(")");
    }
    if let Some(before) = before {
        sql.push(" and id < ").push_bind(before);
    }
    sql.push(" order by id desc limit ").push_bind(limit);
    sql.build_query_as().fetch_all(pool).await
}

/// Refunds, newest first, older than `before`. `condition`: a status of the API, as a condition on
/// columns.
pub async fn list_refunds(
    db: impl PgExecutor<'_>,
    payment: Option<PaymentId>,
    condition: Option<&'static str>,
    before: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<Refund>> {
    let mut sql: QueryBuilder<Postgres> =
        QueryBuilder::new(concat!("select ", refund_columns!(), " from refunds where true"));
    if let Some(payment) = payment {
        sql.push(" and payment_id = ").push_bind(payment);
    }
    if let Some(condition) = condition {
        sql.push(" and ").push(condition);
    }
    if let Some(before) = before {
        sql.push(" and id < ").push_bind(before);
    }
    sql.push(" order by id desc limit ").push_bind(limit);
    sql.build_query_as().fetch_all(db).await
}
