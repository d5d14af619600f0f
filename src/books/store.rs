//! SQL of movements and their sums.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::{PgPool, Postgres, QueryBuilder};
use uuid::Uuid;

use crate::books::movements::Kind;
use crate::rules::ids::{MovementId, PaymentId, RefundId, SubscriptionId};

/// A row of `movements`, whose columns are described in the migration.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Movement {
    pub id: MovementId,
    pub kind: Kind,
    pub amount: i64,
    pub tax_free_amount: i64,
    pub vat: i64,
    pub method: String,
    pub card_company_code: Option<String>,
    pub order_no: String,
    pub transaction_id: Option<String>,
    pub payment_id: PaymentId,
    pub refund_id: Option<RefundId>,
    pub subscription_id: Option<SubscriptionId>,
    pub customer_id: Option<String>,
    pub moved_at: DateTime<Utc>,
    pub moved_on: NaiveDate,
    pub booked_at: DateTime<Utc>,
    pub booked_on: NaiveDate,
}

/// Which of its two days a movement is looked for by.
#[derive(Clone, Copy, Debug, Default)]
pub enum By {
    /// The day it stands in the books: what is past never changes.
    #[default]
    Booked,
    /// The day the money moved.
    Moved,
}

impl By {
    fn column(self) -> &'static str {
        match self {
            Self::Booked => "booked_on",
            Self::Moved => "moved_on",
        }
    }
}

/// What a list of movements is narrowed to.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// The day that `from` and `to` are of, and the order.
    pub by: By,
    /// On this day or later.
    pub from: Option<NaiveDate>,
    /// Before this day.
    pub to: Option<NaiveDate>,
    /// Of this kind.
    pub kind: Option<Kind>,
    /// Of this PAYMETHOD.
    pub method: Option<String>,
    /// Of this customer.
    pub customer_id: Option<String>,
}

/// Movements, newest first, those after `before` in that order.
pub async fn list(
    pool: &PgPool,
    filter: &Filter,
    before: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<Movement>> {
    let day = filter.by.column();
    let mut sql: QueryBuilder<Postgres> = QueryBuilder::new(
        "select id, kind, amount, tax_free_amount, vat, method, card_company_code, order_no, \
         transaction_id, payment_id, refund_id, subscription_id, customer_id, moved_at, moved_on, \
         booked_at, booked_on from movements where true",
    );
    if let Some(from) = filter.from {
        sql.push(" and ").push(day).push(" >= ").push_bind(from);
    }
    if let Some(to) = filter.to {
        sql.push(" and ").push(day).push(" < ").push_bind(to);
    }
    if let Some(kind) = filter.kind {
        sql.push(" and kind = ").push_bind(kind);
    }
    if let Some(method) = &filter.method {
        sql.push(" and method = ").push_bind(method);
    }
    if let Some(customer) = &filter.customer_id {
        sql.push(" and customer_id = ").push_bind(customer);
    }
    if let Some(before) = before {
        sql.push(" and (").push(day).push(", id) < ((select ").push(day);
        sql.push(" from movements where id = ").push_bind(before).push("), ");
        sql.push_bind(before).push(")");
    }
    sql.push(" order by ").push(day).push(" desc, id desc limit ").push_bind(limit);
    sql.build_query_as().fetch_all(pool).await
}

/// What moved by one method in one day or month.
#[derive(Debug, sqlx::FromRow)]
pub struct Sum {
    /// The first day of the month, or the day.
    pub period: NaiveDate,
    /// PAYMETHOD.
    pub method: String,
    /// How many movements.
    pub count: i64,
    /// Won that came.
    pub gross: i64,
    /// Won that went, positive.
    pub refunds: i64,
    /// Won of the net that are tax-free.
    pub tax_free: i64,
    /// VAT in won of the net.
    pub vat: i64,
}

/// The sums of what was booked from `from` to the day before `to`, by `unit` (`day` or `month`) and
/// method, oldest first: of closed days as they were summed up, of the others from their movements.
pub async fn sums(
    pool: &PgPool,
    (from, to): (NaiveDate, NaiveDate),
    unit: &'static str,
) -> sqlx::Result<Vec<Sum>> {
    let query = sqlx::query_as(
        "with days as (
            select day, kind, method, count, amount, tax_free_amount, vat from movement_days
            where day >= $1 and day < $2
            union all
            select booked_on, kind, method, 1, amount, tax_free_amount, vat from movements
            where booked_on >= $1 and booked_on < $2
                and booked_on > (select coalesce(through, '-infinity') from movements_closed))
         select date_trunc($3, day::timestamp)::date as period, method, sum(count)::bigint as count,
            coalesce(sum(amount) filter (where kind in ('charge', 'window_payment', 'unexpected')),
                0)::bigint as gross,
            coalesce(-sum(amount) filter (where kind not in ('charge', 'window_payment',
                'unexpected')), 0)::bigint as refunds,
            sum(tax_free_amount)::bigint as tax_free, sum(vat)::bigint as vat
         from days group by 1, 2 order by 1, 2",
    );
    query.bind(from).bind(to).bind(unit).fetch_all(pool).await
}

/// The last closed day.
pub async fn closed_through(pool: &PgPool) -> sqlx::Result<Option<NaiveDate>> {
    sqlx::query_scalar("select through from movements_closed").fetch_one(pool).await
}
