//! Money that KiwoomPay says was taken for an order number of ours, in a notification or in its own
//! list. It settles the payment that asked for it; what nothing asked for so is kept beside the books.

use sqlx::postgres::PgTransaction;

use crate::context::Context;
use crate::payments::settle::{self, SettleError};
use crate::payments::store::{self, Kind, Payment};
use crate::payments::unexpected::{self, Judged, Money, Reason};
use crate::rules::ids::PaymentId;
use crate::rules::payment_state::{Outcome, State};

/// What the money came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is the payment that was asked for, now or before.
    AsAsked,
    /// Nothing asked for it so: it is kept, to be given back by its transaction id.
    Unexpected,
    /// Another amount than a charge asked for whose outcome is not known yet.
    OtherAmount,
    /// The books say otherwise.
    Contradiction,
}

/// Puts money into the books that was told of with the order number of `payment`. `reason` is the
/// operator's, when it was not KiwoomPay who told.
pub async fn paid(
    ctx: &Context,
    payment: &Payment,
    money: &Money<'_>,
    reason: Option<&str>,
) -> sqlx::Result<Taken> {
    let order_no = &payment.order_no;
    if money.amount == 0 {
        return Ok(Taken::Contradiction);
    }
    // The charge's own answer, or a person, says what it came to.
    let is_open = matches!(payment.state, State::Sending | State::Unknown);
    if money.amount != payment.amount.get() && is_open {
        let (asked, told) = (payment.amount.get(), money.amount);
        tracing::error!(alert = true, order_no, asked, told, "notification names another amount");
        return Ok(Taken::OtherAmount);
    }
    match unexpected::judge(ctx, payment.id, money).await? {
        Judged::AsAsked => {}
        Judged::Unexpected(reason) => return unasked(ctx, payment, money, reason).await,
        Judged::Contradiction => return Ok(Taken::Contradiction),
    }
    let outcome = approved(payment, money);
    let is_open = |now: &Payment| now.state != State::Closed;
    match settled(settle::settle_if(ctx, payment.id, is_open, &outcome, reason).await)? {
        // In this moment it was closed, or another transaction paid it, or another attempt its period:
        // this one was taken all the same.
        Settled::Contradiction => match unexpected::judge(ctx, payment.id, money).await? {
            Judged::Unexpected(reason) => unasked(ctx, payment, money, reason).await,
            Judged::AsAsked | Judged::Contradiction => Ok(Taken::Contradiction),
        },
        Settled::PeriodPaid => {
            if unexpected::keep(ctx, payment.id, money, Reason::AlreadyPaid).await? {
                unasked(ctx, payment, money, Reason::AlreadyPaid).await
            } else {
                Ok(Taken::Contradiction)
            }
        }
        Settled::Done => {
            if matches!(payment.state, State::Expired | State::Closed | State::Mismatch) {
                tracing::error!(alert = true, order_no, "paid late: the order had ended");
            }
            Ok(Taken::AsAsked)
        }
        Settled::OtherPayment => Ok(Taken::Contradiction),
    }
}

/// As [`paid`] in the transaction `tx`, of the order `id` of a window, when it waits for exactly this
/// money. Whether that is so: nothing is changed otherwise, nor may anything be committed after an error.
pub async fn paid_as_asked(
    ctx: &Context,
    tx: &mut PgTransaction<'_>,
    id: PaymentId,
    money: &Money<'_>,
) -> Result<bool, SettleError> {
    let Some(order) = store::lock(tx, id).await? else { return Ok(false) };
    let waits = order.kind == Kind::Checkout && order.state == State::Ready;
    let is_own = money.cpid.is_none_or(|cpid| order.is_under(cpid));
    if !waits || !is_own || unexpected::why(tx, &order, money).await?.is_some() {
        return Ok(false);
    }
    let outcome = approved(&order, money);
    settle::settle_locked(ctx, tx, (order, None), &outcome, None).await?;
    Ok(true)
}

fn approved(payment: &Payment, money: &Money<'_>) -> Outcome {
    Outcome::Approved {
        transaction_id: money.transaction_id.to_owned(),
        auth_number: money.auth_number.map(str::to_owned),
        approved_at: money.approved_at,
        // A registered card stays a card, whatever KiwoomPay calls it.
        method: money.method.filter(|_| payment.is_of_window()).map(str::to_owned),
        cpid: money.cpid.map(str::to_owned),
    }
}

/// The money is kept. Another amount leaves an order that waited in dispute.
async fn unasked(
    ctx: &Context,
    payment: &Payment,
    money: &Money<'_>,
    reason: Reason,
) -> sqlx::Result<Taken> {
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
    // What a subscription owes waits for its own amount.
    let waits = payment.kind == Kind::Subscription && payment.is_of_window();
    if reason == Reason::OtherAmount && !waits {
        settled(settle::settle(ctx, payment.id, &Outcome::Mismatch(*amount), None).await)?;
    }
    Ok(Taken::Unexpected)
}

/// How settling ended, where the database's own rules refuse.
pub enum Settled {
    /// It is recorded, now or before.
    Done,
    /// What is stored says otherwise.
    Contradiction,
    /// The period was paid by another attempt.
    PeriodPaid,
    /// The transaction is another payment's.
    OtherPayment,
}

/// Tells the refusals apart; an error is one of the database itself.
pub fn settled<T>(result: Result<T, SettleError>) -> sqlx::Result<Settled> {
    match result {
        Ok(_) => Ok(Settled::Done),
        Err(SettleError::Contradiction | SettleError::NotFound) => Ok(Settled::Contradiction),
        Err(SettleError::Database(error)) => {
            let forbidden = error.as_database_error().and_then(|e| e.constraint());
            match forbidden {
                Some("payments_transaction") => Ok(Settled::OtherPayment),
                Some("payments_one_per_charge") => Ok(Settled::PeriodPaid),
                _ => Err(error),
            }
        }
    }
}
