//! Lists of payments and refunds, newest first.

use chrono::{DateTime, Utc};
use sqlx::postgres::PgConnection;
use sqlx::{PgExecutor, PgPool, Postgres, QueryBuilder};
use uuid::Uuid;

use crate::payments::store::columns::{payment_and_credit_columns, refund_columns};
use crate::payments::store::terms::Terms;
use crate::payments::store::{Payment, Refund};
use crate::rules::ids::{PaymentId, SubscriptionId};

/// What was paid with: which payments a list is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// Registered cards, and money that nobody asked for so. Of that, what turned out to be an order's
    /// own is closed.
    #[default]
    Card,
    /// Orders of the payment window.
    Window,
    /// Both.
    All,
    /// Money that nobody asked for so.
    Unexpected,
}

impl Source {
    fn condition(self) -> &'static str {
        match self {
            Self::Card => "kind <> 'checkout' and state <> 'closed'",
            Self::Window => "kind = 'checkout'",
            Self::Unexpected => "kind = 'unexpected' and state <> 'closed'",
            Self::All => "(kind = 'checkout' or state <> 'closed')",
        }
    }
}

/// What a list of payments is narrowed to.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// What was paid with.
    pub source: Source,
    /// With this order number, unexpected money that was told of with it too.
    pub order_no: Option<String>,
    /// KiwoomPay's transaction id.
    pub transaction_id: Option<String>,
    /// Only orders that were paid after they had expired, failed or been closed.
    pub late: bool,
    /// Of registered cards whose masked number matches, a pattern of `like`.
    pub card: Option<String>,
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

/// Payments, newest first, older than `before`.
pub async fn list(
    pool: &PgPool,
    filter: &Filter,
    before: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<Payment>> {
    let mut sql: QueryBuilder<Postgres> = QueryBuilder::new(concat!(
        "select ",
        payment_and_credit_columns!(),
        " from payments where "
    ));
    sql.push(filter.source.condition());
    if let Some(order_no) = &filter.order_no {
        sql.push(" and id in (with named as (select id from payments where order_no = ");
        sql.push_bind(order_no).push(") select id from named union all select u.id from named");
        sql.push(" join payments u on u.order_id = named.id and u.kind = 'unexpected')");
    }
    if let Some(transaction) = &filter.transaction_id {
        sql.push(" and transaction_id = ").push_bind(transaction);
    }
    if filter.late {
        sql.push(" and late");
    }
    if let Some(card) = &filter.card {
        // By the customer too: that is what payments have an index of.
        sql.push(" and (customer_id, billing_key_id) in (select customer_id, id from billing_keys");
        sql.push(" where right(card_number_masked, 4) = right(").push_bind(card);
        sql.push(", 4) and card_number_masked like ").push_bind(card).push(")");
    }
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
    if filter.terms.has_amounts() && has_few(pool, &filter.terms).await? {
        sql.push(" and id = any(array(select id from payments where true");
        filter.terms.push_amounts(&mut sql, "amount");
        sql.push("))");
    }
    if filter.terms.has_metadata() {
        sql.push(" and subscription_id in (select id from subscriptions where true");
        filter.terms.push_metadata(&mut sql);
        sql.push(")");
    }
    // Of a time, by that time: an index has it.
    if filter.from.is_some() || filter.to.is_some() {
        if let Some(before) = before {
            // That of the one before it, when it was not sent and is gone.
            sql.push(" and (created_at, id) < ((select created_at from payments where id <= ");
            sql.push_bind(before).push(" order by id desc limit 1), ").push_bind(before).push(")");
        }
        sql.push(" order by created_at desc, id desc limit ").push_bind(limit);
        return sql.build_query_as().fetch_all(pool).await;
    }
    if let Some(before) = before {
        sql.push(" and id < ").push_bind(before);
    }
    sql.push(" order by id desc limit ").push_bind(limit);
    sql.build_query_as().fetch_all(pool).await
}

/// How many payments are looked up one by one.
const FEW: i64 = 2_000;

/// Whether so few payments have these amounts that they are looked up by them. The planner takes amounts
/// beyond those that it has seen to be more than they are, and the first ones to be near.
async fn has_few(pool: &PgPool, terms: &Terms) -> sqlx::Result<bool> {
    let mut sql: QueryBuilder<Postgres> =
        QueryBuilder::new("select count(*) from (select from payments where true");
    terms.push_amounts(&mut sql, "amount");
    sql.push(" order by amount limit ").push_bind(FEW + 1).push(") as of_amounts");
    let count: i64 = sql.build_query_scalar().fetch_one(pool).await?;
    Ok(count <= FEW)
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

/// All payments of the customer, orders of the payment window too, newest first.
pub async fn payments_of_customer(
    db: &mut PgConnection,
    customer_id: &str,
) -> sqlx::Result<Vec<Payment>> {
    let query = sqlx::query_as(concat!(
        "select ",
        payment_and_credit_columns!(),
        " from payments where customer_id = $1 order by id desc"
    ));
    query.bind(customer_id).fetch_all(db).await
}

/// All refunds of the customer, newest first.
pub async fn refunds_of_customer(
    db: &mut PgConnection,
    customer_id: &str,
) -> sqlx::Result<Vec<Refund>> {
    let query = sqlx::query_as(concat!(
        "select ",
        refund_columns!(),
        " from refunds
         where payment_id = any(array(select id from payments where customer_id = $1))
         order by id desc"
    ));
    query.bind(customer_id).fetch_all(db).await
}
