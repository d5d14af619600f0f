//! Outcomes in the journal: what is kept of them, and how they are recorded later.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::refund::{self, RefundOutcome};
use super::settle::{self, SettleError};
use super::store::paid_time::Intent;
use super::store::{self, Payment, PaymentRef, Refund, RefundState, intents};
use super::unexpected::{self, Money, Reason};
use crate::context::Context;
use crate::kiwoom::BATCH;
use crate::rules::payment_state::{Change, Outcome, State, decide};
use crate::storage::database::errors::is_database_down;

/// An outcome with its intent.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Journaled {
    /// Of a charge.
    Charge {
        /// As it was intended.
        payment: Payment,
        /// What became of it.
        outcome: Outcome,
        /// What the intent had written of its subscription.
        #[serde(default)]
        paid: Option<Intent>,
    },
    /// Of a refund.
    Refund {
        /// As it was intended.
        refund: Refund,
        /// DAOUTRX of the payment.
        transaction_id: Option<String>,
        /// What became of it.
        outcome: RefundOutcome,
    },
}

impl Journaled {
    /// For the one line that is left when it could not be recorded.
    pub(super) fn in_words(&self) -> String {
        match self {
            Self::Charge { payment, outcome, .. } => {
                format!("charge {} of {} won: {outcome:?}", payment.order_no, payment.amount)
            }
            Self::Refund { refund, transaction_id, outcome } => format!(
                "refund of {} won of transaction {}: {outcome:?}",
                refund.amount,
                transaction_id.as_deref().unwrap_or("-")
            ),
        }
    }

    /// Records it. When it has been settled otherwise since, from a notification or by a person, that
    /// stands and is a contradiction.
    async fn record(&self, ctx: &Context) -> Result<(), SettleError> {
        match self {
            Self::Charge { payment, outcome, paid } => {
                let found = store::find(&ctx.pool, &PaymentRef::Id(payment.id)).await?;
                match found.as_ref().map(|found| found.state) {
                    None if !intents::write_charge_again(ctx, payment, paid.as_ref()).await? => {
                        return keep_beside(ctx, payment, outcome).await;
                    }
                    None => {}
                    Some(State::Sending | State::Unknown) => {}
                    Some(state) => {
                        let transaction = found.and_then(|found| found.transaction_id);
                        let change = decide(state, transaction.as_deref(), outcome)?;
                        let agrees = change == Change::Nothing;
                        return if agrees { Ok(()) } else { Err(SettleError::Contradiction) };
                    }
                }
                settle::settle(ctx, payment.id, outcome, None).await.map(drop)
            }
            Self::Refund { refund, outcome, .. } => {
                let found = store::find_refund(&ctx.pool, refund.id).await?;
                let known = match found.map(|found| found.state) {
                    None => {
                        refund::write_again(ctx, refund).await?;
                        None
                    }
                    Some(RefundState::Sending | RefundState::Unknown) => None,
                    Some(state) => Some(state == RefundState::Refunded),
                };
                let is_refunded = matches!(outcome, RefundOutcome::Refunded { .. });
                match known {
                    Some(known) if known == is_refunded => Ok(()),
                    Some(_) => Err(SettleError::Contradiction),
                    None => refund::settle(ctx, refund.id, outcome, None).await.map(drop),
                }
            }
        }
    }
}

/// A charge whose row is lost, and whose order number or days another payment has by now: what was
/// taken is unexpected money of that one.
async fn keep_beside(
    ctx: &Context,
    payment: &Payment,
    outcome: &Outcome,
) -> Result<(), SettleError> {
    let Outcome::Approved { transaction_id, auth_number, approved_at, .. } = outcome else {
        return Err(SettleError::NotFound);
    };
    let other = intents::in_the_place_of(&ctx.pool, payment).await?.ok_or(SettleError::NotFound)?;
    let money = Money {
        transaction_id,
        amount: payment.amount.get(),
        method: Some(BATCH),
        auth_number: auth_number.as_deref(),
        cpid: payment.cpid.as_deref(),
        approved_at: *approved_at,
    };
    let kept = unexpected::keep(ctx, other, &money, Reason::AlreadyPaid).await?;
    kept.then_some(()).ok_or(SettleError::Contradiction)
}

/// Records what processes other than the `living` could not, and what this one has given up. A file
/// stays until the database has taken all of it; a contradiction is reported and needs a person, not
/// another try. An error only when the database is away.
pub(super) async fn record_what_was_left(ctx: &Context, living: &[i32]) -> sqlx::Result<()> {
    for left in ctx.journal.left(living) {
        let mut is_done = true;
        for (id, outcome) in &left.outcomes {
            let is_settled = record_one(ctx, *id, outcome).await?;
            if is_settled
                && left.is_own
                && let Err(error) = ctx.journal.recorded(*id).await
            {
                tracing::warn!(%id, %error, "journal of outcomes not written");
            }
            is_done &= is_settled;
        }
        if is_done && let Err(error) = left.done() {
            tracing::warn!(%error, "journal of outcomes not removed");
        }
    }
    Ok(())
}

/// Whether nothing more can be done with the line.
async fn record_one(ctx: &Context, id: Uuid, outcome: &Value) -> sqlx::Result<bool> {
    let journaled: Journaled = match serde_json::from_value(outcome.clone()) {
        Ok(journaled) => journaled,
        Err(error) => {
            tracing::error!(alert = true, %id, %error, "an outcome in the journal cannot be read");
            return Ok(false);
        }
    };
    let words = journaled.in_words();
    match journaled.record(ctx).await {
        Ok(()) => {
            tracing::warn!(%id, outcome = words, "outcome recorded from the journal");
            Ok(true)
        }
        Err(SettleError::Database(error)) if is_database_down(&error) => Err(error),
        Err(SettleError::Database(error)) => {
            tracing::error!(alert = true, %id, %error, outcome = words, "outcome in the journal");
            Ok(false)
        }
        Err(error) => {
            tracing::error!(alert = true, %id, %error, outcome = words, "outcome in the journal");
            Ok(true)
        }
    }
}
