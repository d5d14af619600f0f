//! A charge as a call that moves money: how its outcome is recorded and kept, and how a lost intent is
//! written again.

use uuid::Uuid;

use super::answer::Answer;
use super::charge::{Draft, OfSubscription};
use super::intent::Call;
use super::journaled::Journaled;
use super::settle::{self, SettleError};
use super::store::paid_time::Intent;
use super::store::{InitiatedBy, Payment, intents};
use crate::context::Context;
use crate::kiwoom::{Approval, GatewayError};
use crate::rules::payment_state::{Outcome, Verdict};

/// A charge, as it was intended.
#[derive(Clone, Copy)]
pub(super) struct ChargeCall<'a> {
    payment: &'a Payment,
    subscription: Option<&'a OfSubscription>,
    answer: Option<&'a Answer>,
}

impl<'a> ChargeCall<'a> {
    /// The call that `draft` asks for, with the row that its intent has written.
    pub(super) fn new(payment: &'a Payment, draft: &'a Draft) -> Self {
        Self { payment, subscription: draft.of.as_ref(), answer: draft.answer.as_ref() }
    }

    fn intent(self) -> Option<&'a Intent> {
        self.subscription.map(|of| &of.intent)
    }
}

impl std::fmt::Display for ChargeCall<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.payment.id.fmt(f)
    }
}

impl Call for ChargeCall<'_> {
    type Outcome = Outcome;
    type Record = Payment;

    const UNKNOWN: Outcome = Outcome::Unknown;
    const NOT_SENT: Outcome = Outcome::NotSent;

    fn row(self) -> Uuid {
        self.payment.id.0
    }

    async fn settle(
        self,
        ctx: &Context,
        outcome: &Outcome,
    ) -> Result<Option<Payment>, SettleError> {
        let approved = match self.subscription {
            Some(of) => settle::approve_with(ctx, self.payment, &of.written, outcome).await,
            None => settle::approve_at_once(ctx, self.payment, outcome, self.answer).await,
        };
        match approved {
            Ok(Some(paid)) => return Ok(Some(paid)),
            Ok(None) => {}
            Err(sqlx::Error::Database(error)) => {
                tracing::warn!(id = %self, %error, "approval not recorded at once");
            }
            Err(error) => return Err(error.into()),
        }
        settle::settle(ctx, self.payment.id, outcome, None).await
    }

    fn journaled(self, outcome: &Outcome) -> Journaled {
        Journaled::Charge {
            payment: self.payment.clone(),
            outcome: outcome.clone(),
            paid: self.intent().cloned(),
        }
    }

    async fn write_again(self, ctx: &Context) -> sqlx::Result<bool> {
        intents::write_charge_again(ctx, self.payment, self.intent()).await
    }

    /// What the intent may still wait for lets us have it after it; and PostgreSQL lets a row of the same id
    /// be written only when that commit is decided. All is rolled back.
    async fn is_there(self, ctx: &Context) -> sqlx::Result<bool> {
        let mut tx = ctx.pool.begin().await?;
        sqlx::query("set local lock_timeout = '5s'").execute(&mut *tx).await?;
        let key = sqlx::query("select from idempotency_keys where id = $1 for no key update");
        key.bind(self.payment.id).execute(&mut *tx).await?;
        let card = sqlx::query("select from billing_keys where id = $1 for no key update");
        card.bind(self.payment.billing_key_id).execute(&mut *tx).await?;
        let query = sqlx::query(
            "insert into payments (id, order_no, kind, state, amount, product_name, initiated_by,
                created_at)
             values ($1, $2, 'one_off', 'declined', 1, '', 'merchant', now())
             on conflict do nothing",
        );
        query.bind(self.payment.id).bind(self.to_string()).execute(&mut *tx).await?;
        let query = sqlx::query_scalar("select sender = $2 from payments where id = $1");
        let query = query.bind(self.payment.id).bind(ctx.instance.number());
        let is_own: Option<bool> = query.fetch_one(&mut *tx).await?;
        tx.rollback().await?;
        Ok(is_own.unwrap_or(false))
    }
}

/// What an answer of the gateway's is to the books.
pub(super) fn outcome_of(
    ctx: &Context,
    answer: Result<Approval, GatewayError>,
) -> (Outcome, Option<GatewayError>) {
    match answer {
        Ok(approval) => {
            let approved_at = approval.approved_at.unwrap_or_else(|| ctx.clock.now());
            let Approval { transaction_id, auth_number, .. } = approval;
            let (method, cpid) = (None, None);
            (Outcome::Approved { transaction_id, auth_number, approved_at, method, cpid }, None)
        }
        Err(GatewayError::Refused { code, message, verdict, .. }) => {
            (Outcome::Declined { code, message, verdict }, None)
        }
        Err(error @ GatewayError::Unknown(_)) => (Outcome::Unknown, Some(error)),
        Err(error) => (Outcome::NotSent, Some(error)),
    }
}

/// What becomes of a charge, in metrics.
pub const CHARGE_OUTCOMES: [&str; 5] = ["approved", "declined", "refused", "unknown", "not_sent"];
/// Who asks for one, in metrics.
pub const ORIGINS: [&str; 2] = ["scheduler", "merchant"];

/// Says and counts what became of a charge.
pub(super) fn log(payment: &Payment, outcome: &Outcome, error: Option<&GatewayError>) {
    let order_no = &payment.order_no;
    let reason = error.map(ToString::to_string).unwrap_or_default();
    let label = match outcome {
        Outcome::Approved { .. } => {
            tracing::info!(order_no, "charge approved");
            "approved"
        }
        Outcome::Declined { code, verdict: Verdict::OurMistake, .. } => {
            tracing::warn!(order_no, code, "charge refused for the merchant's set-up: it waits");
            "refused"
        }
        Outcome::Declined { code, .. } => {
            tracing::info!(order_no, code, "charge declined");
            "declined"
        }
        Outcome::Unknown | Outcome::Mismatch(_) => {
            tracing::error!(
                alert = true,
                order_no,
                reason,
                "charge outcome unknown: find out before any retry"
            );
            "unknown"
        }
        Outcome::NotSent => {
            tracing::warn!(order_no, reason, "charge not sent");
            "not_sent"
        }
    };
    let origin = match payment.initiated_by {
        InitiatedBy::Scheduler => "scheduler",
        InitiatedBy::Merchant | InitiatedBy::Buyer => "merchant",
    };
    let code = match outcome {
        Outcome::Declined { code, .. } => code.clone(),
        _ => String::new(),
    };
    metrics::counter!("kiwoom_billing_charges_total", "outcome" => label, "origin" => origin,
        "code" => code)
    .increment(1);
    if matches!(outcome, Outcome::Approved { .. }) {
        metrics::counter!("kiwoom_billing_charged_won_total", "origin" => origin)
            .increment(payment.amount.get().unsigned_abs());
    }
}
