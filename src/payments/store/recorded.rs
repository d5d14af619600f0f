//! A payment that KiwoomPay took and the books have lost, recorded by hand.

use chrono::{DateTime, Utc};
use sqlx::postgres::PgConnection;

use super::paid_time::Row;
use super::{InitiatedBy, Kind, Payment};
use crate::kiwoom::text::OrderNo;
use crate::payments::store::columns::payment_columns;
use crate::rules::ids::PaymentId;
use crate::rules::money::Won;
use kiwoom_paid_time::Period;

/// What is known of it.
pub struct Recorded<'a> {
    /// Its id from now on.
    pub id: PaymentId,
    /// The order number that it gets here.
    pub order_no: OrderNo,
    /// DAOUTRX.
    pub transaction_id: &'a str,
    /// The charge that it is an attempt of.
    pub charge_no: i32,
    /// The days that it pays for.
    pub period: Period,
    /// Won.
    pub amount: Won,
    /// Its tax-free part in won.
    pub tax_free_amount: i64,
    /// CPID that cards are charged under.
    pub cpid: &'a str,
    /// The operator's.
    pub reason: &'a str,
    /// When it was taken.
    pub approved_at: DateTime<Utc>,
}

/// Writes the payment of a subscription as approved.
pub async fn write(
    db: &mut PgConnection,
    of: &Row,
    recorded: &Recorded<'_>,
    now: DateTime<Utc>,
) -> sqlx::Result<Payment> {
    let query = sqlx::query_as(concat!(
        "insert into payments (id, order_no, kind, state, amount, tax_free_amount, product_name,
            customer_id, billing_key_id, subscription_id, period_start, period_end, charge_no,
            initiated_by, method, transaction_id, cpid, resolve_reason, created_at, approved_at,
            settled_at)
         values ($1, $2, $3, 'approved', $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 'CARD', $14,
            $15, $16, $17, $18, $17)
         returning ",
        payment_columns!()
    ));
    query
        .bind(recorded.id)
        .bind(&recorded.order_no)
        .bind(Kind::Subscription)
        .bind(recorded.amount)
        .bind(recorded.tax_free_amount)
        .bind(&of.product_name)
        .bind(&of.customer_id)
        .bind(of.billing_key_id)
        .bind(of.id)
        .bind(recorded.period.start)
        .bind(recorded.period.end)
        .bind(recorded.charge_no)
        .bind(InitiatedBy::Merchant)
        .bind(recorded.transaction_id)
        .bind(recorded.cpid)
        .bind(recorded.reason)
        .bind(now)
        .bind(recorded.approved_at)
        .fetch_one(db)
        .await
}
