//! What a notification means for the books: what it confirms is recorded here. It is kept before, or with that.

use crate::context::Context;
use crate::kiwoom::notification::{Event, Notification};
use crate::payments::cancellation::{self, Learnt, Told};
use crate::payments::settle::{self, SettleError};
use crate::payments::store::{Kind, Payment, PaymentRef, find};
use crate::payments::told::{self, Settled, Taken, settled};
use crate::payments::unexpected::Money;
use crate::rules::payment_state::{self, Outcome, State};
use crate::webhook::ingest::Verdict;
use crate::webhook::store::{self, Entry, Kept};

/// Keeps what tells of money that is in the books, or that an order waits for: its first word as applied, and in
/// the second case in one transaction with the payment. `None` in all other cases: nothing is changed.
pub async fn keep_at_once(
    ctx: &Context,
    entry: &Entry<'_>,
    told: &Notification,
) -> sqlx::Result<Option<Kept>> {
    let Event::Paid { amount } = told.event else { return Ok(None) };
    let Some(payment) = of_order(ctx, told).await? else { return Ok(None) };
    let entry = &Entry { verdict: Verdict::Applied, ..*entry };
    if payment.state == State::Ready {
        let paid = pay(ctx, &payment, entry, &money_of(ctx, told, amount)).await;
        // What cannot be paid now is kept all the same.
        return Ok(paid.unwrap_or_else(|error| {
            tracing::warn!(%error, "an order not paid at once");
            None
        }));
    }
    let is_known = payment.state == State::Approved
        && payment.transaction_id.as_deref() == Some(&told.transaction_id)
        && (payment.amount.get(), payment.method.is_some()) == (amount, true)
        && payment.is_under(&told.cpid);
    if is_known { store::keep(&ctx.pool, entry).await.map(Some) } else { Ok(None) }
}

/// Pays the order, when it waits for this money and nothing has told of it before.
async fn pay(
    ctx: &Context,
    order: &Payment,
    entry: &Entry<'_>,
    money: &Money<'_>,
) -> Result<Option<Kept>, SettleError> {
    let mut tx = ctx.begin().await?;
    if !told::paid_as_asked(ctx, &mut tx, order.id, money).await? {
        return Ok(None);
    }
    let kept = store::keep_new(&mut *tx, entry).await?;
    if kept.is_some() {
        tx.commit().await?;
    }
    Ok(kept)
}

/// Applies the notification `kept` to the payment that it is about.
pub async fn judge(ctx: &Context, kept: &Kept, told: &Notification) -> sqlx::Result<Verdict> {
    if let Event::Canceled { amount } = told.event {
        return canceled(ctx, kept, told, amount).await;
    }
    let Some(payment) = of_order(ctx, told).await? else {
        tracing::warn!("notification for an order that is not ours");
        return Ok(Verdict::UnknownOrder);
    };
    if !payment.is_under(&told.cpid) {
        contradicts(&payment.order_no);
        return Ok(Verdict::Contradiction);
    }
    let verdict = match &told.event {
        Event::Paid { amount } => paid(ctx, &payment, told, *amount).await?,
        Event::Failed { code, message, amount } => {
            failed(ctx, &payment, told, (code, message, *amount)).await?
        }
        Event::Canceled { .. } | Event::Other { .. } => Verdict::UnknownKind,
    };
    if verdict == Verdict::Contradiction {
        contradicts(&payment.order_no);
    }
    Ok(verdict)
}

fn contradicts(order_no: &str) {
    tracing::error!(alert = true, order_no, "notification contradicts the books");
}

async fn of_order(ctx: &Context, told: &Notification) -> sqlx::Result<Option<Payment>> {
    match &told.order_no {
        Some(number) => find(&ctx.pool, &PaymentRef::OrderNo(number.clone())).await,
        None => Ok(None),
    }
}

async fn paid(
    ctx: &Context,
    payment: &Payment,
    told: &Notification,
    amount: i64,
) -> sqlx::Result<Verdict> {
    Ok(match told::paid(ctx, payment, &money_of(ctx, told, amount), None).await? {
        Taken::AsAsked => Verdict::Applied,
        Taken::Unexpected => Verdict::Unexpected,
        Taken::OtherAmount => Verdict::Amount,
        Taken::Contradiction => Verdict::Contradiction,
    })
}

fn money_of<'a>(ctx: &Context, told: &'a Notification, amount: i64) -> Money<'a> {
    Money {
        transaction_id: &told.transaction_id,
        amount,
        method: Some(&told.method),
        auth_number: told.auth_number.as_deref(),
        cpid: Some(&told.cpid),
        approved_at: told.occurred_at.unwrap_or_else(|| ctx.clock.now()),
    }
}

async fn failed(
    ctx: &Context,
    payment: &Payment,
    told: &Notification,
    (code, message, amount): (&str, &str, Option<i64>),
) -> sqlx::Result<Verdict> {
    let order_no = &payment.order_no;
    if payment.kind == Kind::Subscription && payment.is_of_window() {
        // Another try in the window can follow, or another window be open: nothing is settled by it.
        return Ok(Verdict::Applied);
    }
    if payment.kind != Kind::Checkout {
        return Ok(match payment.state {
            State::Approved => Verdict::Contradiction,
            State::Declined => Verdict::Applied,
            _ => {
                tracing::error!(
                    alert = true,
                    order_no,
                    code,
                    "a failure of a charge is told whose outcome is unknown: it settles nothing"
                );
                Verdict::Review
            }
        });
    }
    let other_amount = amount.is_some_and(|amount| amount != payment.amount.get());
    if told.auth_number.is_some() || other_amount {
        return Ok(Verdict::Contradiction);
    }
    // A failed try in the window says nothing about an order that another try has paid since.
    let own = payment.transaction_id.as_deref() == Some(&told.transaction_id);
    if payment.state == State::Approved && !own {
        return Ok(Verdict::Applied);
    }
    let outcome = Outcome::Declined {
        code: code.to_owned(),
        message: message.to_owned(),
        // Another try in the window is the buyer's to make.
        verdict: payment_state::Verdict::RetryLater,
    };
    Ok(match settled(settle::settle(ctx, payment.id, &outcome, None).await)? {
        Settled::Done => Verdict::Applied,
        Settled::Contradiction | Settled::PeriodPaid | Settled::OtherPayment => {
            Verdict::Contradiction
        }
    })
}

/// A cancellation is about the transaction that it names; its order number need not be there, but
/// may not be another's.
async fn canceled(
    ctx: &Context,
    kept: &Kept,
    told: &Notification,
    amount: i64,
) -> sqlx::Result<Verdict> {
    let named = PaymentRef::Transaction(told.transaction_id.clone());
    let by_transaction = find(&ctx.pool, &named).await?;
    let fits = |p: &Payment| told.order_no.as_deref().is_none_or(|no| no == p.told_order_no());
    let payment = match by_transaction.filter(fits) {
        Some(payment) => Some(payment),
        None => of_order(ctx, told).await?,
    };
    let Some(payment) = payment else {
        if told.order_no.is_none() {
            tracing::warn!("cancellation of a transaction that has not been told of yet");
            return Ok(Verdict::Waiting);
        }
        tracing::warn!("notification for an order that is not ours");
        return Ok(Verdict::UnknownOrder);
    };
    let told = Told {
        id: kept.id,
        transaction_id: told.transaction_id.clone(),
        cpid: Some(told.cpid.clone()),
        amount,
        occurred_at: told.occurred_at,
        first_at: kept.first_at,
    };
    Ok(match cancellation::cancellation(ctx, payment.id, &told).await? {
        Learnt::Applied => Verdict::Applied,
        Learnt::TooEarly => Verdict::Waiting,
        Learnt::Contradiction => {
            contradicts(&payment.order_no);
            Verdict::Contradiction
        }
    })
}
