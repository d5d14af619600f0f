//! Money that KiwoomPay says was taken and that no order asked for so. It is kept as a payment of
//! its own kind: seen, told of as an event, and given back by its transaction id. It pays nothing.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgExecutor;
use sqlx::postgres::{PgConnection, PgTransaction};

use crate::context::Context;
use crate::kiwoom::notification::kinds;
use crate::payments::cancellation;
use crate::payments::store::columns::payment_columns;
use crate::payments::store::{self, Payment, PaymentRef};
use crate::rules::ids::PaymentId;
use crate::rules::payment_state::State;

/// Why money is not the payment that was asked for, as it is stored and shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Reason {
    /// Another transaction has paid the order, or another attempt the period.
    AlreadyPaid,
    /// Another amount was asked for.
    OtherAmount,
    /// The order was cancelled before it was paid.
    OrderClosed,
    /// The order did not offer this method.
    MethodNotOffered,
}

impl Reason {
    /// As it is shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::AlreadyPaid => "already_paid",
            Self::OtherAmount => "other_amount",
            Self::OrderClosed => "order_closed",
            Self::MethodNotOffered => "method_not_offered",
        }
    }
}

/// What KiwoomPay says was taken.
pub struct Money<'a> {
    /// DAOUTRX.
    pub transaction_id: &'a str,
    /// Won.
    pub amount: i64,
    /// PAYMETHOD; a list need not say it.
    pub method: Option<&'a str>,
    /// AUTHNO.
    pub auth_number: Option<&'a str>,
    /// CPID; a list need not say it.
    pub cpid: Option<&'a str>,
    /// SETTDATE.
    pub approved_at: DateTime<Utc>,
}

/// What money is, for the payment whose order number it was told with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// What was asked for: it settles the payment.
    AsAsked,
    /// Something else; it is kept, now or before.
    Unexpected(Reason),
    /// Its transaction is in the books with another amount or for another order.
    Contradiction,
}

/// Judges money that was told of for the payment `id`, and keeps what was not asked for so.
pub async fn judge(ctx: &Context, id: PaymentId, money: &Money<'_>) -> sqlx::Result<Judged> {
    let mut tx = ctx.begin().await?;
    let Some(payment) = store::lock(&mut tx, id).await? else { return Ok(Judged::Contradiction) };
    let named = PaymentRef::Transaction(money.transaction_id.to_owned());
    let known = store::find(&mut *tx, &named).await?;
    let same_amount = |p: &Payment| p.amount.get() == money.amount;
    let judged = match known {
        Some(own) if own.id == id && same_amount(&own) => Judged::AsAsked,
        Some(known) if known.order_id == Some(id) => {
            match (why(&mut tx, &payment, money).await?, known.unexpected) {
                (None, _) => Judged::AsAsked,
                (_, Some(reason)) if same_amount(&known) => Judged::Unexpected(reason),
                _ => Judged::Contradiction,
            }
        }
        Some(_) => Judged::Contradiction,
        None => match why(&mut tx, &payment, money).await? {
            None => Judged::AsAsked,
            Some(reason) => {
                write(ctx, &mut tx, &payment, money, reason).await?;
                Judged::Unexpected(reason)
            }
        },
    };
    tx.commit().await?;
    Ok(judged)
}

/// Keeps money that was told of for the payment `id`. Whether it is kept, now or before.
pub async fn keep(
    ctx: &Context,
    id: PaymentId,
    money: &Money<'_>,
    reason: Reason,
) -> sqlx::Result<bool> {
    let mut tx = ctx.begin().await?;
    let Some(payment) = store::lock(&mut tx, id).await? else { return Ok(false) };
    let named = PaymentRef::Transaction(money.transaction_id.to_owned());
    let kept = match store::find(&mut *tx, &named).await? {
        Some(known) => known.order_id == Some(id),
        None => {
            write(ctx, &mut tx, &payment, money, reason).await?;
            true
        }
    };
    tx.commit().await?;
    Ok(kept)
}

/// The unexpected money of an order, oldest first.
pub async fn of_order(db: impl PgExecutor<'_>, id: PaymentId) -> sqlx::Result<Vec<Payment>> {
    let query = sqlx::query_as(concat!(
        "select ",
        payment_columns!(),
        " from payments where kind = 'unexpected' and order_id = $1 and state = 'approved'
         order by id"
    ));
    query.bind(id).fetch_all(db).await
}

/// The transaction turns out to be the payment's own: it is no unexpected money of it any more.
/// Nothing happens when some of it has been given back, or is about to be.
pub async fn release(
    db: &mut PgConnection,
    id: PaymentId,
    transaction_id: &str,
) -> sqlx::Result<()> {
    let query = sqlx::query(
        "update payments set state = 'closed', transaction_id = null
         where kind = 'unexpected' and order_id = $1 and transaction_id = $2
            and refunded_amount = 0 and refunding_amount = 0",
    );
    query.bind(id).bind(transaction_id).execute(db).await.map(drop)
}

/// Why the money is not what the payment asked for; `None` when it is.
pub(super) async fn why(
    db: &mut PgConnection,
    payment: &Payment,
    money: &Money<'_>,
) -> sqlx::Result<Option<Reason>> {
    if payment.state == State::Approved {
        return Ok(Some(Reason::AlreadyPaid));
    }
    if payment.state == State::Closed {
        return Ok(Some(Reason::OrderClosed));
    }
    if payment.amount.get() != money.amount {
        return Ok(Some(Reason::OtherAmount));
    }
    if !payment.is_of_window() {
        return Ok(None);
    }
    let offered = methods(db, payment.id).await?;
    let is_offered =
        offered.zip(money.method).is_none_or(|(codes, method)| kinds::is_offered(&codes, method));
    Ok((!is_offered).then_some(Reason::MethodNotOffered))
}

/// What an order offered; `None` = all.
pub async fn methods(db: impl PgExecutor<'_>, id: PaymentId) -> sqlx::Result<Option<Vec<String>>> {
    let query = sqlx::query_scalar("select methods from payments where id = $1");
    query.bind(id).fetch_one(db).await
}

/// Writes the money, and puts the cancellations that came before it into the books.
async fn write(
    ctx: &Context,
    tx: &mut PgTransaction<'_>,
    payment: &Payment,
    money: &Money<'_>,
    reason: Reason,
) -> sqlx::Result<()> {
    // Taken for the same order in the same amount, it is taxed as the order is.
    let as_asked = payment.amount.get() == money.amount;
    let tax_free = if as_asked { payment.tax_free_amount } else { 0 };
    let query = sqlx::query_as(concat!(
        "insert into payments (id, order_no, kind, state, amount, product_name, customer_id,
            billing_key_id, initiated_by, method, transaction_id, auth_number, created_at,
            approved_at, settled_at, order_id, unexpected, cpid, tax_free_amount)
         values ($1, $2, 'unexpected', 'approved', $3, $4, $5, $6, 'buyer', $7, $8, $9, $10, $11,
            $10, $12, $13, $14, $15)
         returning ",
        payment_columns!()
    ));
    let kept: Payment = query
        .bind(PaymentId::new())
        .bind(format!("{}#{}", payment.order_no, money.transaction_id))
        .bind(money.amount)
        .bind(&payment.product_name)
        .bind(&payment.customer_id)
        .bind(payment.billing_key_id)
        .bind(money.method)
        .bind(money.transaction_id)
        .bind(money.auth_number)
        .bind(ctx.clock.now())
        .bind(money.approved_at)
        .bind(payment.id)
        .bind(reason)
        .bind(money.cpid.or(payment.cpid.as_deref()))
        .bind(tax_free)
        .fetch_one(&mut **tx)
        .await?;
    cancellation::waiting(ctx, tx, kept).await.map(drop)
}
