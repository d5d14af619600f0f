//! Records the outcome of a refund and the amount it moves, in one transaction. A cancellation made
//! elsewhere is written by `cancellation.rs`.

use kiwoom_paid_time::Money;
use sqlx::postgres::PgTransaction;

use crate::context::Context;
use crate::payments::cancellation;
use crate::payments::refund::{RefundOutcome, charge_no};
use crate::payments::settle::SettleError;
use crate::payments::store::columns::refund_columns;
use crate::payments::store::paid_time::{self, Loaded};
use crate::payments::store::{self, Payment, PaymentRef, Refund, RefundState, intents};
use crate::rules::ids::{PaymentId, RefundId};
use crate::rules::payment_state::Contradiction;

/// Step 3: records the outcome and moves the held amount, in one transaction. `None` when nothing
/// had been sent and the refund's row is gone.
pub async fn settle(
    ctx: &Context,
    id: RefundId,
    outcome: &RefundOutcome,
    resolve_reason: Option<&str>,
) -> Result<Option<(Refund, Payment)>, SettleError> {
    let found = store::find_refund(&ctx.pool, id).await?.ok_or(SettleError::NotFound)?;
    let of = PaymentRef::Id(found.payment_id);
    let of = store::find(&ctx.pool, &of).await?.ok_or(SettleError::NotFound)?;
    let mut tx = ctx.begin().await?;
    let (paid_time, payment) = if found.from_credit {
        lock_with_paid_time(ctx, &mut tx, &of).await?
    } else {
        (None, store::lock(&mut tx, of.id).await?)
    };
    let payment = payment.ok_or(SettleError::NotFound)?;
    let refund = lock(&mut tx, id).await?.ok_or(SettleError::NotFound)?;
    if !decide(refund.state, outcome)? {
        return Ok(Some((refund, payment)));
    }
    finish(&mut tx, id, outcome, resolve_reason).await?;
    let failed = matches!(outcome, RefundOutcome::Declined { .. } | RefundOutcome::NotSent);
    if let Some(mut s) = paid_time.filter(|_| failed)
        && let Some(charge) = charge_no(&payment)
    {
        s.paid.return_credit(charge, credit_of(&refund));
        paid_time::save(&mut tx, &mut s, ctx.clock.now()).await?;
    }
    let mut payment = store::lock(&mut tx, payment.id).await?.ok_or(SettleError::NotFound)?;
    if refund.state == RefundState::Sending {
        payment = cancellation::waiting(ctx, &mut tx, payment).await?;
    }
    let settled = lock(&mut tx, id).await?;
    tx.commit().await?;
    Ok(settled.map(|refund| (refund, payment)))
}

async fn lock(tx: &mut PgTransaction<'_>, id: RefundId) -> sqlx::Result<Option<Refund>> {
    let query = sqlx::query_as(concat!(
        "select ",
        refund_columns!(),
        " from refunds where id = $1 for update"
    ));
    query.bind(id).fetch_optional(&mut **tx).await
}

/// The payment with its row locked, and before it the subscription whose days it paid for: a credit for
/// them counts. Everyone locks in this order.
pub(super) async fn lock_with_paid_time(
    ctx: &Context,
    tx: &mut PgTransaction<'_>,
    payment: &Payment,
) -> sqlx::Result<(Option<Loaded>, Option<Payment>)> {
    let paid_time = match payment.subscription_id {
        Some(id) => paid_time::lock(tx, id, ctx.rules()).await?,
        None => None,
    };
    Ok((paid_time, store::lock(tx, payment.id).await?))
}

/// What a refund took of the credit balance.
fn credit_of(refund: &Refund) -> Money {
    Money { won: refund.amount.get(), tax_free: refund.tax_free_amount }
}

/// Writes a refund again whose intent the database has lost, and takes its credit again. `false` when it
/// is there.
pub(in crate::payments) async fn write_again(ctx: &Context, refund: &Refund) -> sqlx::Result<bool> {
    let of = PaymentRef::Id(refund.payment_id);
    let Some(of) = store::find(&ctx.pool, &of).await? else { return Ok(false) };
    let mut tx = ctx.begin().await?;
    let (paid_time, _) = lock_with_paid_time(ctx, &mut tx, &of).await?;
    let written = intents::write_refund_again(&mut tx, refund, ctx.instance.number()).await?;
    if let Some(mut s) = paid_time.filter(|_| written && refund.from_credit) {
        let taken = charge_no(&of).and_then(|no| s.paid.refund_credit(no, refund.amount.get()));
        if taken.is_none() {
            tracing::error!(alert = true, id = %refund.id, "the credit that it gives back is used");
        }
        paid_time::save(&mut tx, &mut s, ctx.clock.now()).await?;
    }
    tx.commit().await?;
    Ok(written)
}

/// Whether `outcome` changes a refund in `state`. Pure.
pub fn decide(state: RefundState, outcome: &RefundOutcome) -> Result<bool, Contradiction> {
    match (state, outcome) {
        (RefundState::Sending, _) => Ok(true),
        // What is known stays known. A notification may have told of it before the gateway's answer.
        (_, RefundOutcome::Unknown) | (RefundState::Refunded, RefundOutcome::Refunded { .. }) => {
            Ok(false)
        }
        (RefundState::Unknown, _) => Ok(true),
        (RefundState::Refunded | RefundState::Declined, _) => Err(Contradiction),
    }
}

/// Writes the outcome of an open refund and moves the amount it holds.
pub(in crate::payments) async fn finish(
    tx: &mut PgTransaction<'_>,
    id: RefundId,
    outcome: &RefundOutcome,
    resolve_reason: Option<&str>,
) -> sqlx::Result<()> {
    let refund = lock(tx, id).await?.ok_or(sqlx::Error::RowNotFound)?;
    match outcome {
        RefundOutcome::Unknown => {}
        RefundOutcome::Refunded { .. } => release(tx, &refund, refund.amount.get()).await?,
        RefundOutcome::Declined { .. } => release(tx, &refund, 0).await?,
        RefundOutcome::NotSent => {
            release(tx, &refund, 0).await?;
            let query = sqlx::query("delete from refunds where id = $1").bind(id);
            return query.execute(&mut **tx).await.map(drop);
        }
    }
    write(tx, id, outcome, resolve_reason).await
}

/// Holds an amount for a refund that is about to be sent.
pub(super) async fn hold(
    tx: &mut PgTransaction<'_>,
    id: PaymentId,
    amount: i64,
) -> sqlx::Result<()> {
    let query =
        sqlx::query("update payments set refunding_amount = refunding_amount + $2 where id = $1");
    query.bind(id).bind(amount).execute(&mut **tx).await.map(drop)
}

/// Ends the hold of a refund; `refunded` of it went back.
async fn release(tx: &mut PgTransaction<'_>, refund: &Refund, refunded: i64) -> sqlx::Result<()> {
    let query = sqlx::query(
        "update payments set refunding_amount = refunding_amount - $2,
            refunded_amount = refunded_amount + $3 where id = $1",
    );
    let query = query.bind(refund.payment_id).bind(refund.amount).bind(refunded);
    query.execute(&mut **tx).await.map(drop)
}

async fn write(
    tx: &mut PgTransaction<'_>,
    id: RefundId,
    outcome: &RefundOutcome,
    resolve_reason: Option<&str>,
) -> sqlx::Result<()> {
    let (mut transaction, mut at, mut code, mut text) = (None, None, None, None);
    let state = match outcome {
        RefundOutcome::Refunded { transaction_id, refunded_at } => {
            (transaction, at) = (transaction_id.as_ref(), Some(*refunded_at));
            RefundState::Refunded
        }
        RefundOutcome::Declined { code: c, message } => {
            (code, text) = (Some(c), Some(message));
            RefundState::Declined
        }
        RefundOutcome::Unknown | RefundOutcome::NotSent => RefundState::Unknown,
    };
    let query = sqlx::query(
        "update refunds set state = $2, transaction_id = $3, refunded_at = $4, failure_code = $5,
            failure_message = $6, resolve_reason = $7
         where id = $1",
    );
    let query = query.bind(id).bind(state).bind(transaction).bind(at).bind(code).bind(text);
    query.bind(resolve_reason).execute(&mut **tx).await.map(drop)
}

#[cfg(test)]
mod tests {
    use RefundState::{Declined, Refunded, Sending, Unknown};
    use chrono::DateTime;

    use super::*;

    #[test]
    fn what_is_known_of_a_refund_stays_known() {
        let refunded = RefundOutcome::Refunded {
            transaction_id: Some("cMP1".to_owned()),
            refunded_at: DateTime::UNIX_EPOCH,
        };
        let declined =
            || RefundOutcome::Declined { code: "9201".to_owned(), message: String::new() };
        let cases = [
            (Sending, refunded.clone(), Ok(true)),
            (Sending, declined(), Ok(true)),
            (Sending, RefundOutcome::Unknown, Ok(true)),
            (Sending, RefundOutcome::NotSent, Ok(true)),
            (Unknown, refunded.clone(), Ok(true)),
            (Unknown, declined(), Ok(true)),
            (Unknown, RefundOutcome::Unknown, Ok(false)),
            (Unknown, RefundOutcome::NotSent, Ok(true)),
            // A notification told of it before the gateway's answer came.
            (Refunded, refunded.clone(), Ok(false)),
            (Refunded, RefundOutcome::Unknown, Ok(false)),
            (Refunded, declined(), Err(Contradiction)),
            (Refunded, RefundOutcome::NotSent, Err(Contradiction)),
            (Declined, RefundOutcome::Unknown, Ok(false)),
            (Declined, refunded, Err(Contradiction)),
            (Declined, declined(), Err(Contradiction)),
            (Declined, RefundOutcome::NotSent, Err(Contradiction)),
        ];
        for (state, outcome, expected) in cases {
            assert_eq!(decide(state, &outcome), expected, "{state:?} {outcome:?}");
        }
    }
}
