//! What a notification means for the books. It is kept before; what it confirms is recorded here.

use crate::context::Context;
use crate::kiwoom::notification::{Event, Notification};
use crate::payments::cancellation::{self, Learnt, Told};
use crate::payments::settle::{self, SettleError};
use crate::payments::store::{Kind, Payment, PaymentRef, find};
use crate::payments::unexpected::{self, Judged, Money, Reason};
use crate::rules::payment_state::{self, Outcome, State};
use crate::webhook::ingest::Verdict;
use crate::webhook::store::Kept;

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
    let order_no = &payment.order_no;
    if amount == 0 {
        return Ok(Verdict::Contradiction);
    }
    // The charge's own answer, or a person, says what it came to.
    let is_open = matches!(payment.state, State::Sending | State::Unknown);
    if amount != payment.amount.get() && is_open {
        let asked = payment.amount.get();
        tracing::error!(
            alert = true,
            order_no,
            asked,
            told = amount,
            "notification names another amount"
        );
        return Ok(Verdict::Amount);
    }
    let money = Money {
        transaction_id: &told.transaction_id,
        amount,
        method: &told.method,
        auth_number: told.auth_number.as_deref(),
        cpid: &told.cpid,
        approved_at: told.occurred_at.unwrap_or_else(|| ctx.clock.now()),
    };
    match unexpected::judge(ctx, payment.id, &money).await? {
        Judged::AsAsked => {}
        Judged::Unexpected(reason) => return unasked(ctx, payment, &money, reason).await,
        Judged::Contradiction => return Ok(Verdict::Contradiction),
    }
    let outcome = Outcome::Approved {
        transaction_id: told.transaction_id.clone(),
        auth_number: told.auth_number.clone(),
        approved_at: money.approved_at,
        // A registered card stays a card, whatever the notification calls it.
        method: (payment.kind == Kind::Checkout).then(|| told.method.clone()),
        cpid: Some(told.cpid.clone()),
    };
    match settled(settle::settle(ctx, payment.id, &outcome, None).await)? {
        // In this moment another transaction paid it, or another attempt its period: this one was
        // taken all the same.
        Settled::Contradiction | Settled::PeriodPaid => {
            if unexpected::keep(ctx, payment.id, &money, Reason::AlreadyPaid).await? {
                unasked(ctx, payment, &money, Reason::AlreadyPaid).await
            } else {
                Ok(Verdict::Contradiction)
            }
        }
        Settled::Done => {
            if matches!(payment.state, State::Expired | State::Closed | State::Mismatch) {
                tracing::error!(alert = true, order_no, "paid late: the order had ended");
            }
            Ok(Verdict::Applied)
        }
        Settled::OtherPayment => Ok(Verdict::Contradiction),
    }
}

/// The money is kept. Another amount leaves an order that waited in dispute.
async fn unasked(
    ctx: &Context,
    payment: &Payment,
    money: &Money<'_>,
    reason: Reason,
) -> sqlx::Result<Verdict> {
    let Money { transaction_id, amount, .. } = money;
    tracing::error!(
        alert = true,
        order_no = payment.order_no,
        transaction_id,
        amount,
        ?reason,
        "KiwoomPay took money that was not asked for so: it is kept, to be given back by its \
         transaction id"
    );
    if reason == Reason::OtherAmount {
        settled(settle::settle(ctx, payment.id, &Outcome::Mismatch(*amount), None).await)?;
    }
    Ok(Verdict::Unexpected)
}

async fn failed(
    ctx: &Context,
    payment: &Payment,
    told: &Notification,
    (code, message, amount): (&str, &str, Option<i64>),
) -> sqlx::Result<Verdict> {
    let order_no = &payment.order_no;
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

enum Settled {
    Done,
    /// What is stored says otherwise.
    Contradiction,
    /// The period was paid by another attempt.
    PeriodPaid,
    /// The transaction is another payment's.
    OtherPayment,
}

fn settled<T>(result: Result<T, SettleError>) -> sqlx::Result<Settled> {
    match result {
        Ok(_) => Ok(Settled::Done),
        Err(SettleError::Contradiction | SettleError::NotFound) => Ok(Settled::Contradiction),
        Err(SettleError::Database(error)) => {
            let forbidden = error.as_database_error().and_then(|e| e.constraint());
            match forbidden {
                Some("payments_transaction") => Ok(Settled::OtherPayment),
                Some("payments_one_per_period") => Ok(Settled::PeriodPaid),
                _ => Err(error),
            }
        }
    }
}
