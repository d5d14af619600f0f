//! Outcomes in the journal: what is kept of them, and how another process records them.

use std::io;

use serde::{Deserialize, Serialize};

use super::refund::{self, RefundOutcome};
use super::settle::{self, SettleError};
use super::store::{self, Payment, PaymentRef, Refund, RefundState, intents};
use crate::context::Context;
use crate::rules::payment_state::{Outcome, State};

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
            Self::Charge { payment, outcome } => {
                format!("charge {} of {} won: {outcome:?}", payment.order_no, payment.amount)
            }
            Self::Refund { refund, transaction_id, outcome } => format!(
                "refund of {} won of transaction {}: {outcome:?}",
                refund.amount,
                transaction_id.as_deref().unwrap_or("-")
            ),
        }
    }

    /// Records it, unless it is known by now, from a notification or a person.
    async fn record(&self, ctx: &Context) -> Result<(), SettleError> {
        match self {
            Self::Charge { payment, outcome } => {
                let found = store::find(&ctx.pool, &PaymentRef::Id(payment.id)).await?;
                match found.map(|found| found.state) {
                    None => intents::write_charge_again(ctx, payment).await?,
                    Some(State::Sending | State::Unknown) => {}
                    Some(_) => return Ok(()),
                }
                settle::settle(ctx, payment.id, outcome, None).await.map(drop)
            }
            Self::Refund { refund, outcome, .. } => {
                let found = store::find_refund(&ctx.pool, refund.id).await?;
                match found.map(|found| found.state) {
                    None => intents::write_refund_again(ctx, refund).await?,
                    Some(RefundState::Sending | RefundState::Unknown) => {}
                    Some(_) => return Ok(()),
                }
                refund::settle(ctx, refund.id, outcome, None).await.map(drop)
            }
        }
    }
}

/// Records what processes other than the `living` could not, and what this one has given up. A file
/// stays until the database has taken all of it; a contradiction is reported and needs a person, not
/// another try.
pub(super) async fn record_what_was_left(ctx: &Context, living: &[i32]) -> sqlx::Result<()> {
    for left in ctx.journal.left(living).map_err(sqlx::Error::Io)? {
        for (id, outcome) in &left.outcomes {
            let journaled: Journaled =
                serde_json::from_value(outcome.clone()).map_err(io::Error::other)?;
            let words = journaled.in_words();
            match journaled.record(ctx).await {
                Ok(()) => tracing::warn!(%id, outcome = words, "outcome recorded from the journal"),
                Err(SettleError::Database(error)) => return Err(error),
                Err(error) => {
                    tracing::error!(alert = true, %id, %error, outcome = words, "outcome in the journal");
                }
            }
            if left.is_own {
                ctx.journal.recorded(*id).await?;
            }
        }
        left.done()?;
    }
    Ok(())
}
