//! SQL of a reconciliation: what the books have, many rows at a time.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use futures::stream::BoxStream;
use sqlx::PgPool;
use sqlx::postgres::PgConnection;

use crate::payments::cancellation::Known;
use crate::payments::cancellation::listed::refunds_of;
use crate::payments::store::{Payment, many};
use crate::rules::ids::{PaymentId, RefundId};
use crate::rules::payment_state::State;

/// What the books have of some transactions.
#[derive(Default)]
pub struct Rows {
    by_transaction: HashMap<String, Payment>,
    by_order: HashMap<String, Payment>,
    refunds: HashMap<PaymentId, Vec<Known>>,
}

impl Rows {
    /// Those of these transaction ids and order numbers.
    pub async fn find(pool: &PgPool, ids: &[&str], numbers: &[&str]) -> sqlx::Result<Self> {
        let mut rows = Self::default();
        for payment in many::by_transactions(pool, ids).await? {
            let id = payment.transaction_id.clone().unwrap_or_default();
            rows.by_transaction.insert(id, payment);
        }
        let missing: Vec<&str> = ids
            .iter()
            .zip(numbers)
            .filter(|(id, number)| !number.is_empty() && !rows.by_transaction.contains_key(**id))
            .map(|(_, number)| *number)
            .collect();
        if !missing.is_empty() {
            for payment in many::by_order_nos(pool, &missing).await? {
                // Paid since the first look.
                if let Some(id) =
                    payment.transaction_id.clone().filter(|id| ids.contains(&id.as_str()))
                {
                    rows.by_transaction.insert(id, payment.clone());
                }
                rows.by_order.insert(payment.order_no.clone(), payment);
            }
        }
        let known: Vec<PaymentId> =
            rows.by_transaction.values().map(|payment| payment.id).collect();
        for (payment, refund) in refunds_of(pool, &known).await? {
            rows.refunds.entry(payment).or_default().push(refund);
        }
        Ok(rows)
    }

    /// The payment with this transaction id.
    pub fn by_transaction(&self, id: &str) -> Option<&Payment> {
        self.by_transaction.get(id)
    }

    /// The payment with this order number, when none has the transaction id.
    pub fn by_order(&self, number: &str) -> Option<&Payment> {
        self.by_order.get(number)
    }

    /// The refunds of a payment, oldest first.
    pub fn refunds(&self, payment: PaymentId) -> &[Known] {
        self.refunds.get(&payment).map_or(&[], Vec::as_slice)
    }
}

/// Money of the books that a list of their time should have.
#[derive(sqlx::FromRow)]
pub struct Booked {
    /// The refund; `None`: the payment itself.
    pub refund: Option<RefundId>,
    /// The payment.
    pub payment: PaymentId,
    pub order_no: String,
    pub transaction_id: String,
    /// Won that the payment asked for.
    pub asked: i64,
    pub state: State,
    /// Won that was taken or given back.
    pub amount: i64,
    pub at: DateTime<Utc>,
    pub method: Option<String>,
}

/// Money that was taken or given back from `from` on and before `until`.
pub fn booked(
    db: &mut PgConnection,
    (from, until): (DateTime<Utc>, DateTime<Utc>),
) -> BoxStream<'_, sqlx::Result<Booked>> {
    let query = sqlx::query_as(
        "select null::uuid as refund, id as payment, split_part(order_no, '#', 1) as order_no,
            transaction_id, amount as asked, state, amount, approved_at as at, method
         from payments
         where state = 'approved' and approved_at >= $1 and approved_at < $2
         union all
         select r.id, p.id, split_part(p.order_no, '#', 1), p.transaction_id, p.amount, p.state,
            r.amount, r.refunded_at, p.method
         from refunds r join payments p on p.id = r.payment_id
         where r.state = 'refunded' and r.refunded_at >= $1 and r.refunded_at < $2
            and p.transaction_id is not null",
    );
    query.bind(from).bind(until).fetch(db)
}
