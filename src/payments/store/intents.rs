//! Intents that a failover of the database lost are written again: money may have moved.

use kiwoom_clock::kst;
use kiwoom_paid_time::{Charge, ChargeState, Counts, Money};
use sqlx::PgExecutor;
use sqlx::postgres::PgConnection;

use super::paid_time::{self, Intent, Loaded};
use super::{Payment, Refund};
use crate::context::Context;
use crate::rules::ids::PaymentId;
use crate::rules::moments;

/// Writes the row of a charge again, as it was intended, and of its subscription the days that it pays
/// for, though that may have been changed since. Where they are covered otherwise by now, the payment is
/// kept without days, and somebody has to look; so is that of a subscription that is lost. `false` when
/// its order number is another one's by now.
pub(crate) async fn write_charge_again(
    ctx: &Context,
    payment: &Payment,
    intent: Option<&Intent>,
) -> sqlx::Result<bool> {
    let mut tx = ctx.begin().await?;
    let mut payment = payment.clone();
    if let Some(id) = payment.subscription_id {
        match paid_time::lock(&mut tx, id, ctx.rules()).await? {
            Some(mut of) => {
                let begun = match intent.zip(payment.charge_no.and_then(|no| no.try_into().ok())) {
                    Some((intent, charge)) => of.begin_lost(intent, charge, ctx.rules()),
                    None => begun_again(&mut of, &payment),
                };
                let number = begun.unwrap_or_else(|| charge_without_days(&mut of, &payment));
                payment.charge_no = number.try_into().ok();
                paid_time::save(&mut tx, &mut of, ctx.clock.now()).await?;
            }
            None => {
                let order_no = &payment.order_no;
                tracing::error!(alert = true, order_no, "a charge whose subscription is lost");
                (payment.subscription_id, payment.charge_no) = (None, None);
            }
        }
    }
    let written = write_again(&mut tx, &payment, ctx.instance.number()).await?;
    if written {
        tx.commit().await?;
    }
    Ok(written)
}

/// The charge that the subscription would have made as the attempt was, for the same days and money: of
/// an intent from before paid time.
fn begun_again(of: &mut Loaded, payment: &Payment) -> Option<u32> {
    let mut paid = of.paid.clone();
    let day = kst(payment.created_at).date_naive();
    let (charge, period) = moments::begin_from(&mut paid, payment.period_start?, day)?;
    let money = Money { won: payment.amount.get(), tax_free: payment.tax_free_amount };
    if charge.amount != money || payment.period() != Some(period) {
        return None;
    }
    of.paid = paid;
    of.row.next_attempt_at = None;
    Some(charge.id)
}

/// A charge for an attempt whose days something else covers: it stands beside the others, and counts for none.
fn charge_without_days(of: &mut Loaded, payment: &Payment) -> u32 {
    let order_no = &payment.order_no;
    tracing::error!(
        alert = true,
        order_no,
        "a charge whose days are covered otherwise: to be refunded"
    );
    let number = of.paid.next_charge;
    of.paid.next_charge += 1;
    of.paid.charges.push(Charge {
        id: number,
        on: kst(payment.created_at).date_naive(),
        days: 0,
        amount: Money { won: payment.amount.get(), tax_free: payment.tax_free_amount },
        credit: Money::ZERO,
        carried_in: Money::ZERO,
        carried_out: Money::ZERO,
        credited: Money::ZERO,
        refunded: Money::ZERO,
        state: ChargeState::Unknown,
        counts: Counts::Never,
        is_retry: false,
    });
    number
}

/// Writes the row of a charge, as it was intended, for the process `sender`. `false` when its order
/// number or its charge is another attempt's.
pub(crate) async fn write_again(
    db: &mut PgConnection,
    payment: &Payment,
    sender: i32,
) -> sqlx::Result<bool> {
    let query = sqlx::query(
        "insert into payments (id, order_no, kind, state, amount, product_name, customer_id,
            billing_key_id, subscription_id, period_start, period_end, initiated_by, sender, method,
            created_at, sent_at, tax_free_amount, cpid, charge_no)
         values ($1, $2, $3, 'sending', $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, now(), $15,
            $16, $17)
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
        .bind(payment.charge_no)
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

/// Writes the row of a refund again, as it was intended, for the process `sender`, and holds its amount
/// on the payment. `false` when it is there.
pub(crate) async fn write_refund_again(
    db: &mut PgConnection,
    refund: &Refund,
    sender: i32,
) -> sqlx::Result<bool> {
    let query = sqlx::query(
        "with written as (
            insert into refunds (id, payment_id, amount, tax_free_amount, state, reason, sender,
                created_at, sent_at, from_credit)
            values ($1, $2, $3, $4, 'sending', $5, $6, $7, now(), $8)
            on conflict do nothing returning payment_id, amount)
         update payments set refunding_amount = refunding_amount + written.amount
         from written where payments.id = written.payment_id",
    );
    let written = query
        .bind(refund.id)
        .bind(refund.payment_id)
        .bind(refund.amount)
        .bind(refund.tax_free_amount)
        .bind(&refund.reason)
        .bind(sender)
        .bind(refund.created_at)
        .bind(refund.from_credit)
        .execute(db)
        .await?;
    Ok(written.rows_affected() > 0)
}
