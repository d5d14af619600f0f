//! Intents that a failover of the database lost are written again: money may have moved.

use sqlx::PgExecutor;
use sqlx::postgres::PgConnection;

use super::{Payment, Refund};
use crate::context::Context;
use crate::rules::ids::PaymentId;

/// Writes the row of a charge again, as it was intended. `false` when its order number is another
/// one's by now.
pub(crate) async fn write_charge_again(ctx: &Context, payment: &Payment) -> sqlx::Result<bool> {
    let mut tx = ctx.begin().await?;
    let written = write_again(&mut tx, payment, ctx.instance.number()).await?;
    tx.commit().await?;
    Ok(written)
}

/// As [`write_charge_again`], in the transaction of `db` and for the process `sender`; `false` also when
/// another attempt has the period.
pub(crate) async fn write_again(
    db: &mut PgConnection,
    payment: &Payment,
    sender: i32,
) -> sqlx::Result<bool> {
    let query = sqlx::query(
        "insert into payments (id, order_no, kind, state, amount, product_name, customer_id,
            billing_key_id, subscription_id, period_start, period_end, initiated_by, sender, method,
            created_at, sent_at, tax_free_amount, cpid)
         values ($1, $2, $3, 'sending', $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, now(), $15,
            $16)
         on conflict do nothing",
    );
    let written = query
        .bind(payment.id)
        .bind(&payment.order_no)
        .bind(payment.kind)
        .bind(payment.amount)
        .bind(&payment.product_name)
        .bind(&payment.customer_id)
        .bind(payment.billing_key_id)
        .bind(payment.subscription_id)
        .bind(payment.period_start)
        .bind(payment.period_end)
        .bind(payment.initiated_by)
        .bind(sender)
        .bind(&payment.method)
        .bind(payment.created_at)
        .bind(payment.tax_free_amount)
        .bind(&payment.cpid)
        .execute(db)
        .await?;
    Ok(written.rows_affected() > 0)
}

/// The approved payment that has the order number of `lost`, or has paid its period.
pub(crate) async fn in_the_place_of(
    db: impl PgExecutor<'_>,
    lost: &Payment,
) -> sqlx::Result<Option<PaymentId>> {
    let query = sqlx::query_scalar(
        "select id from payments
         where state = 'approved'
            and (order_no = $1 or (kind = 'subscription' and (subscription_id, period_start) = ($2, $3)))
         order by order_no = $1 desc limit 1",
    );
    let query = query.bind(&lost.order_no).bind(lost.subscription_id).bind(lost.period_start);
    query.fetch_optional(db).await
}

/// Writes the row of a refund again, as it was intended, and holds its amount on the payment. `false`
/// when it is there.
pub(crate) async fn write_refund_again(ctx: &Context, refund: &Refund) -> sqlx::Result<bool> {
    let query = sqlx::query(
        "with written as (
            insert into refunds (id, payment_id, amount, tax_free_amount, state, reason, sender,
                created_at, sent_at)
            values ($1, $2, $3, $4, 'sending', $5, $6, $7, now())
            on conflict do nothing returning payment_id, amount)
         update payments set refunding_amount = refunding_amount + written.amount
         from written where payments.id = written.payment_id",
    );
    let mut tx = ctx.begin().await?;
    let written = query
        .bind(refund.id)
        .bind(refund.payment_id)
        .bind(refund.amount)
        .bind(refund.tax_free_amount)
        .bind(&refund.reason)
        .bind(ctx.instance.number())
        .bind(refund.created_at)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(written.rows_affected() > 0)
}
