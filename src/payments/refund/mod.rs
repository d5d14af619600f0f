//! A refund: the same three steps as a charge. The amount is held on the payment from the intent
//! on, so that refunds can never add up to more than was paid, whatever runs beside them.

mod amount;
mod books;

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use amount::parts_of;
pub use amount::{Wanted, check_state};
pub(super) use books::finish;
use books::hold;
pub use books::{decide, settle};

use crate::context::Context;
use crate::kiwoom::pace::NoTurn;
use crate::kiwoom::{BATCH, CancelOrder, Cancellation, GatewayError};
use crate::payments::charge::in_time;
use crate::payments::settle::SettleError;
use crate::payments::store::{self, Kind, Payment, PaymentRef, Refund, RefundState};
use crate::rules::ids::{PaymentId, RefundId};
use crate::storage::database::errors::is_database_down;

const RECORD_TRIES: u32 = 120;
const RECORD_PAUSE: Duration = Duration::from_millis(500);
/// How often a hold is tried to be taken back, while the caller waits.
const TAKE_BACK_TRIES: u32 = 20;

/// What is asked for.
pub struct Request {
    /// Id of the refund.
    pub id: RefundId,
    /// The payment.
    pub payment: PaymentRef,
    /// How much.
    pub wanted: Wanted,
    /// Tax-free part of the amount in won; `None` = the taxable part goes back first.
    pub tax_free_amount: Option<i64>,
    /// Why.
    pub reason: Option<String>,
}

/// What became of the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefundOutcome {
    /// Money went back.
    Refunded {
        /// TRXID.
        transaction_id: Option<String>,
        /// When.
        refunded_at: DateTime<Utc>,
    },
    /// The gateway said no.
    Declined {
        /// RESULTCODE.
        code: String,
        /// ERRORMESSAGE.
        message: String,
    },
    /// The answer was lost: the amount stays held.
    Unknown,
    /// Proven: nothing was sent.
    NotSent,
}

/// Why there is no refund.
#[derive(Debug)]
pub enum RefundError {
    /// No such payment.
    NotFound,
    /// Not paid, or not refundable in its state.
    NotAllowed,
    /// The payment's own outcome is unknown.
    OutcomeUnknown,
    /// More than is left.
    ExceedsBalance,
    /// By days, though the payment is for no period.
    NoPeriod,
    /// The tax-free part does not fit: more than the amount or than what is left of it, or so
    /// little that more taxable money would go back than is left.
    TaxFreeMisfit,
    /// Another process has taken the request over.
    TakenOver,
    /// Too many calls to the gateway.
    NoTurn(NoTurn),
    /// The gateway could not be reached, or refused before anything was sent.
    Gateway(GatewayError),
    /// The database.
    Database(sqlx::Error),
}

impl From<sqlx::Error> for RefundError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

/// Gives money back. The refund's state tells how it went: refunded, declined or unknown.
pub async fn refund(ctx: &Context, request: Request) -> Result<(Refund, Payment), RefundError> {
    let found = store::find(&ctx.pool, &request.payment).await?.ok_or(RefundError::NotFound)?;
    parts_of(&mut *ctx.pool.acquire().await?, &found, &request, ctx.clock.today()).await?;
    let method = cancel_method(&found).ok_or(RefundError::NotAllowed)?;
    let transaction_id = found.transaction_id.clone().ok_or(RefundError::NotAllowed)?;
    let turn = ctx.pace.interactive(method).await.map_err(RefundError::NoTurn)?;
    let ticket = ctx.kiwoom.ready_to_cancel(turn).await.map_err(RefundError::Gateway)?;

    let (refund, since) = intend(ctx, found.id, &request).await?;

    let reason = request.reason.as_deref().unwrap_or("환불");
    let order = CancelOrder {
        transaction_id: &transaction_id,
        amount: refund.amount,
        tax_free_amount: refund.tax_free_amount,
        reason,
    };
    let answer = match in_time(since) {
        Ok(()) => ctx.kiwoom.cancel(ticket, order).await,
        Err(paused) => Err(paused),
    };
    let (outcome, error) = outcome_of(ctx, answer);
    log(&refund, &found, &outcome);
    match settle_with_retries(ctx, refund.id, &outcome).await {
        Some(Some(pair)) => Ok(pair),
        Some(None) => {
            Err(RefundError::Gateway(error.unwrap_or(GatewayError::NotSent("not sent".into()))))
        }
        None => Ok((Refund { state: RefundState::Unknown, ..refund }, found)),
    }
}

/// Step 1: holds the amount on the payment and writes the refund as `sending`. Also the moment of
/// the commit.
async fn intend(
    ctx: &Context,
    id: PaymentId,
    request: &Request,
) -> Result<(Refund, Instant), RefundError> {
    ctx.rights.may_record()?;
    let mut tx = ctx.begin().await?;
    if !store::is_own_request(&mut tx, request.id.0, ctx.instance.number()).await? {
        return Err(RefundError::TakenOver);
    }
    let payment = store::lock(&mut tx, id).await?.ok_or(RefundError::NotFound)?;
    let (amount, tax_free_amount) = parts_of(&mut tx, &payment, request, ctx.clock.today()).await?;
    hold(&mut tx, id, amount.get()).await?;
    let query = sqlx::query_as(
        "insert into refunds (id, payment_id, amount, tax_free_amount, state, reason, sender,
            created_at, sent_at)
         values ($1, $2, $3, $4, 'sending', $5, $6, $7, now()) returning *",
    );
    let refund: Refund = query
        .bind(request.id)
        .bind(id)
        .bind(amount)
        .bind(tax_free_amount)
        .bind(&request.reason)
        .bind(ctx.instance.number())
        .bind(ctx.clock.now())
        .fetch_one(&mut *tx)
        .await?;
    let since = Instant::now();
    if let Err(error) = tx.commit().await {
        take_back(ctx, id, refund.id).await;
        return Err(error.into());
    }
    Ok((refund, since))
}

/// Takes a hold back whose commit was not confirmed. Nothing has been sent for it. The payment's
/// row can be locked only when that commit has taken place or has failed.
async fn take_back(ctx: &Context, id: PaymentId, refund: RefundId) {
    tracing::warn!(id = %refund, "an intent whose commit was not confirmed is taken back");
    for _ in 0..TAKE_BACK_TRIES {
        match taken_back(ctx, id, refund).await {
            Ok(()) => return,
            Err(error) => tracing::warn!(id = %refund, %error, "intent not taken back yet"),
        }
        tokio::time::sleep(RECORD_PAUSE).await;
    }
}

async fn taken_back(ctx: &Context, id: PaymentId, refund: RefundId) -> Result<(), SettleError> {
    let mut tx = ctx.begin().await?;
    store::lock(&mut tx, id).await?;
    tx.rollback().await?;
    match settle(ctx, refund, &RefundOutcome::NotSent, None).await {
        Ok(_) | Err(SettleError::NotFound) => Ok(()),
        Err(error) => Err(error),
    }
}

/// PAYMETHOD of the cancellation (protocol section 2.3).
fn cancel_method(payment: &Payment) -> Option<&'static str> {
    match payment.kind {
        Kind::OneOff | Kind::Subscription => Some(BATCH),
        Kind::Checkout => match payment.method.as_deref()? {
            "KAKAOPAY" => Some("KAKAOPAY"),
            "NAVERPAY" => Some("NAVERPAY"),
            "SAMSUNGPAY" => Some("SAMSUNGPAY"),
            "PAYCO" => Some("PAYCO"),
            "APPLEPAY" => Some("APPLEPAY"),
            "CARD" => Some("CARD"),
            "BANK" => Some("BANK"),
            "MOBILE" => Some("MOBILE"),
            _ => None,
        },
    }
}

fn outcome_of(
    ctx: &Context,
    answer: Result<Cancellation, GatewayError>,
) -> (RefundOutcome, Option<GatewayError>) {
    match answer {
        Ok(Cancellation { transaction_id, canceled_at }) => {
            let refunded_at = canceled_at.unwrap_or_else(|| ctx.clock.now());
            (RefundOutcome::Refunded { transaction_id, refunded_at }, None)
        }
        Err(GatewayError::Refused { code, message }) => {
            (RefundOutcome::Declined { code, message }, None)
        }
        Err(error @ GatewayError::Unknown(_)) => (RefundOutcome::Unknown, Some(error)),
        Err(error) => (RefundOutcome::NotSent, Some(error)),
    }
}

/// As [`settle`], waiting for a database that is away. `None` = could not be recorded.
async fn settle_with_retries(
    ctx: &Context,
    id: RefundId,
    outcome: &RefundOutcome,
) -> Option<Option<(Refund, Payment)>> {
    for _ in 0..RECORD_TRIES {
        match settle(ctx, id, outcome, None).await {
            Ok(result) => {
                if *outcome == RefundOutcome::Unknown {
                    drop(store::call_ended(&ctx.pool, id.0).await);
                }
                return Some(result);
            }
            Err(SettleError::Database(error)) if is_database_down(&error) => {
                tracing::warn!(%id, %error, "refund not recorded yet: the database is away");
                tokio::time::sleep(RECORD_PAUSE).await;
            }
            Err(error) => {
                tracing::error!(%id, %error, "refund not recorded");
                return None;
            }
        }
    }
    None
}

fn log(refund: &Refund, payment: &Payment, outcome: &RefundOutcome) {
    let (id, order_no) = (refund.id, &payment.order_no);
    let label = match outcome {
        RefundOutcome::Refunded { .. } => {
            tracing::info!(%id, order_no, "refunded");
            "refunded"
        }
        RefundOutcome::Declined { code, .. } => {
            tracing::warn!(%id, order_no, code, "refund refused");
            "declined"
        }
        RefundOutcome::Unknown => {
            tracing::error!(alert = true, %id, order_no, "refund outcome unknown: find out before any retry");
            "unknown"
        }
        RefundOutcome::NotSent => {
            tracing::warn!(%id, order_no, "refund not sent");
            "not_sent"
        }
    };
    metrics::counter!("kiwoom_billing_refunds_total", "outcome" => label).increment(1);
}
