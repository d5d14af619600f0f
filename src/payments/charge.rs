//! A charge: intent, one call, record. See the module above for the reasons.

use std::time::Duration;

use secrecy::SecretString;
use sqlx::postgres::PgTransaction;
use tokio::time::Instant;

use crate::context::Context;
use crate::kiwoom::text::OrderNo;
use crate::kiwoom::{Approval, ChargeOrder, GatewayError, Ticket, codes};
use crate::payments::settle::{self, Settled};
use crate::payments::store::{self, InitiatedBy, Kind, Payment};
use crate::rules::ids::{BillingKeyId, PaymentId, SubscriptionId};
use crate::rules::money::Won;
use crate::rules::payment_state::{Outcome, State, Verdict};
use crate::rules::schedule::Period;

/// From the intent to the call. More than that and the process was stopped in between (SIGSTOP, a
/// frozen machine): others have taken it for dead by then, its row may be listed as unknown, and a
/// person may have acted on that. So nothing is sent.
const MAX_PAUSE: Duration = Duration::from_secs(3);

/// A charge that is about to be made.
pub struct Draft {
    /// Id of the payment.
    pub id: PaymentId,
    /// Its order number: unique for ever.
    pub order_no: OrderNo,
    /// Won.
    pub amount: Won,
    /// Its tax-free part in won.
    pub tax_free_amount: i64,
    /// What the buyer sees on the bill.
    pub product_name: String,
    /// The card.
    pub card: Card,
    /// The period it pays for, when it is a subscription's.
    pub period: Option<(SubscriptionId, Period)>,
    /// Who started it.
    pub initiated_by: InitiatedBy,
}

/// A registered card, ready to be charged.
#[derive(Clone)]
pub struct Card {
    /// Our id of it.
    pub id: BillingKeyId,
    /// KiwoomPay's billing key.
    pub autokey: SecretString,
    /// Whose it is.
    pub customer_id: String,
    /// The customer's name.
    pub customer_name: String,
}

/// What a charge came to.
pub enum Charged {
    /// Recorded as approved, declined or unknown.
    Recorded(Payment),
    /// Nothing was sent and nothing is left of the attempt.
    NotSent(GatewayError),
}

/// Why there is no intent.
#[derive(Debug)]
pub enum NotIntended {
    /// Another process has taken the request over.
    TakenOver,
    /// The database. Errors of the unique constraints name what stands in the way.
    Database(sqlx::Error),
}

impl From<sqlx::Error> for NotIntended {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

/// An attempt that is written but not committed.
pub struct Intended<'t> {
    transaction: PgTransaction<'t>,
    payment: Payment,
    draft: Draft,
}

/// An attempt whose intent is committed: the only thing that can be sent.
pub struct Committed {
    payment: Payment,
    draft: Draft,
    /// Before the commit.
    since: Instant,
}

/// Step 1: writes the attempt as `sending`. The caller's own checks and writes are in the same
/// transaction.
pub async fn intend<'t>(
    ctx: &Context,
    mut transaction: PgTransaction<'t>,
    draft: Draft,
) -> Result<Intended<'t>, NotIntended> {
    ctx.rights.may_record()?;
    if !store::is_own_request(&mut transaction, draft.id.0, ctx.instance.number()).await? {
        return Err(NotIntended::TakenOver);
    }
    let subscription = draft.period.map(|(id, _)| id);
    let period = draft.period.map(|(_, period)| period);
    let kind = if subscription.is_some() { Kind::Subscription } else { Kind::OneOff };
    let query = sqlx::query_as(
        "insert into payments (id, order_no, kind, state, amount, product_name, customer_id,
            customer_name, billing_key_id, subscription_id, period_start, period_end,
            initiated_by, sender, method, created_at, sent_at, tax_free_amount)
         values ($1, $2, $3, 'sending', $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 'CARD', $14,
            now(), $15)
         returning *",
    );
    let payment = query
        .bind(draft.id)
        .bind(&draft.order_no)
        .bind(kind)
        .bind(draft.amount)
        .bind(&draft.product_name)
        .bind(&draft.card.customer_id)
        .bind(&draft.card.customer_name)
        .bind(draft.card.id)
        .bind(subscription)
        .bind(period.map(|p| p.start))
        .bind(period.map(|p| p.end))
        .bind(draft.initiated_by)
        .bind(ctx.instance.number())
        .bind(ctx.clock.now())
        .bind(draft.tax_free_amount)
        .fetch_one(&mut *transaction)
        .await?;
    Ok(Intended { transaction, payment, draft })
}

impl Intended<'_> {
    /// Commits the intent. When the commit's own answer is lost the row may be there: as nothing
    /// has been sent, it is taken back.
    pub async fn commit(self, ctx: &Context) -> sqlx::Result<Committed> {
        let since = Instant::now();
        match self.transaction.commit().await {
            Ok(()) => Ok(Committed { payment: self.payment, draft: self.draft, since }),
            Err(error) => {
                settle::take_back(ctx, self.payment.id).await;
                Err(error)
            }
        }
    }
}

/// Steps 2 and 3: calls the gateway, once, and records what came of it.
pub async fn execute(ctx: &Context, ticket: Ticket, committed: Committed) -> Charged {
    let Committed { payment, draft, since } = committed;
    let order = ChargeOrder {
        order_no: &draft.order_no,
        autokey: &draft.card.autokey,
        amount: draft.amount,
        tax_free_amount: draft.tax_free_amount,
        product_name: &draft.product_name,
        customer_id: &draft.card.customer_id,
        customer_name: Some(&draft.card.customer_name),
    };
    let answer = match in_time(since) {
        Ok(()) => ctx.kiwoom.charge(ticket, order).await,
        Err(paused) => Err(paused),
    };
    let (outcome, error) = outcome_of(ctx, answer);
    log(&payment, &outcome, error.as_ref());
    match settle::settle_with_retries(ctx, payment.id, &outcome).await {
        Settled::Recorded(payment) => Charged::Recorded(payment),
        Settled::Removed => {
            Charged::NotSent(error.unwrap_or(GatewayError::NotSent("not sent".into())))
        }
        // The row stays `sending` and becomes unknown; to the caller it is unknown already.
        Settled::NotRecorded => Charged::Recorded(Payment { state: State::Unknown, ..payment }),
    }
}

/// Whether what was intended at `since` may still be sent.
pub fn in_time(since: Instant) -> Result<(), GatewayError> {
    let in_time = since.elapsed() <= MAX_PAUSE;
    in_time.then_some(()).ok_or_else(|| GatewayError::NotSent("the process was paused".into()))
}

fn outcome_of(
    ctx: &Context,
    answer: Result<Approval, GatewayError>,
) -> (Outcome, Option<GatewayError>) {
    match answer {
        Ok(approval) => {
            let approved_at = approval.approved_at.unwrap_or_else(|| ctx.clock.now());
            let Approval { transaction_id, auth_number, .. } = approval;
            let method = None;
            (Outcome::Approved { transaction_id, auth_number, approved_at, method }, None)
        }
        Err(GatewayError::Refused { code, message }) => {
            let verdict = codes::verdict(&code);
            (Outcome::Declined { code, message, verdict }, None)
        }
        Err(error @ GatewayError::Unknown(_)) => (Outcome::Unknown, Some(error)),
        Err(error) => (Outcome::NotSent, Some(error)),
    }
}

fn log(payment: &Payment, outcome: &Outcome, error: Option<&GatewayError>) {
    let order_no = &payment.order_no;
    let reason = error.map(ToString::to_string).unwrap_or_default();
    let label = match outcome {
        Outcome::Approved { .. } => {
            tracing::info!(order_no, "charge approved");
            "approved"
        }
        Outcome::Declined { code, verdict: Verdict::OurMistake, .. } => {
            tracing::error!(order_no, code, "charge refused: our request or contract is at fault");
            "declined"
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
    metrics::counter!("kiwoom_billing_charges_total", "outcome" => label).increment(1);
}
