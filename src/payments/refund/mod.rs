//! A refund: the same three steps as a charge. The amount is held on the payment from the intent
//! on, so that refunds can never add up to more than was paid, whatever runs beside them.

mod amount;
mod books;
mod method;
mod outcome;

use sqlx::postgres::PgTransaction;
use uuid::Uuid;

pub use amount::{Wanted, check_mixed, check_state, quote};
use amount::{charge_no, parts_of};
pub use books::{decide, settle};
pub(super) use books::{finish, write_again};
use books::{hold, lock_with_paid_time};
pub use method::CannotSend;
use method::cancel_method;
pub use outcome::{REFUND_OUTCOMES, RefundOutcome};
use outcome::{log, outcome_of};

use super::intent::{self, Call, Recorded};
use super::journaled::Journaled;
use super::settle::SettleError;
use super::store::{self, Payment, PaymentRef, Refund, RefundState, claims, paid_time};
use super::unexpected;
use crate::context::Context;
use crate::kiwoom::pace::NoTurn;
use crate::kiwoom::{CancelOrder, GatewayError};
use crate::payments::store::columns::refund_columns;
use crate::rules::ids::RefundId;

/// What is asked for.
pub struct Request {
    /// Id of the refund.
    pub id: RefundId,
    /// The payment.
    pub payment: PaymentRef,
    /// How much.
    pub wanted: Wanted,
    /// Tax-free part of the amount in won; `None` = in proportion for what has not been used, else the
    /// taxable part goes back first.
    pub tax_free_amount: Option<i64>,
    /// Why.
    pub reason: Option<String>,
}

/// Why there is no refund.
#[derive(Debug)]
pub enum RefundError {
    /// No such payment.
    NotFound,
    /// Not paid, or not refundable in its state.
    NotAllowed,
    /// Its method is not cancelled by a call, or not so.
    CannotSend(CannotSend),
    /// The key of its contract is not in the settings; its CPID.
    NoContract(String),
    /// The payment's own outcome is unknown.
    OutcomeUnknown,
    /// More than is left.
    ExceedsBalance,
    /// By days, though the payment is for no period.
    NoPeriod,
    /// The tax-free part does not fit: more than the amount or than what is left of it, or so
    /// little that more taxable money would go back than is left.
    TaxFreeMisfit,
    /// Less than the whole of a payment that is taxed in part only, by a method for which KiwoomPay
    /// cannot be told the tax-free part.
    MixedInPart,
    /// Another process has taken the request over.
    TakenOver,
    /// The service was told to stop. Nothing was sent.
    Stopping,
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

/// Gives money back. The refund's state tells how it went: refunded, declined or unknown. Without a
/// refund all was used, and nothing was done. A refund changes no paid time.
pub async fn refund(
    ctx: &Context,
    request: Request,
) -> Result<(Option<Refund>, Payment), RefundError> {
    let found = store::find(&ctx.pool, &request.payment).await?.ok_or(RefundError::NotFound)?;
    let mut db = ctx.pool.acquire().await?;
    let mut paid_time = match found.subscription_id {
        Some(id) => paid_time::find(&mut db, id, ctx.rules()).await?,
        None => None,
    };
    let gone = store::refunded_tax_free(&mut *db, found.id).await?;
    let paid = paid_time.as_mut().map(|s| &mut s.paid);
    let Some((amount, _)) = parts_of(&found, gone, paid, &request, ctx.clock.today())? else {
        return Ok((None, found));
    };
    let order = found.order_id.unwrap_or(found.id);
    let offered = unexpected::methods(&mut *db, order).await?.unwrap_or_default();
    drop(db);
    let method = cancel_method(&found, &offered, amount).map_err(RefundError::CannotSend)?;
    let transaction_id = found.transaction_id.clone().ok_or(RefundError::NotAllowed)?;
    let cpid = found.cpid.as_deref();
    let no_contract = || RefundError::NoContract(ctx.kiwoom.cpid_of(cpid).to_owned());
    let contract = ctx.kiwoom.contract_of(cpid).ok_or_else(no_contract)?;
    let turn = ctx.pace.interactive(contract, method).await.map_err(RefundError::NoTurn)?;
    let ticket = ctx.kiwoom.ready_to_cancel(turn).await.map_err(RefundError::Gateway)?;

    if ctx.stop.is_cancelled() {
        return Err(RefundError::Stopping);
    }
    let mut tx = ctx.begin().await?;
    let Some(refund) = intend(ctx, &mut tx, &found, &request).await? else {
        return Ok((None, found));
    };
    let call = RefundCall { refund: &refund, payment: &found };
    let (since, ()) = intent::confirmed(ctx, call, tx.commit()).await?;

    let reason = request.reason.as_deref().unwrap_or("환불");
    let order = CancelOrder {
        transaction_id: &transaction_id,
        amount: refund.amount,
        tax_free_amount: refund.tax_free_amount,
        reason,
    };
    let answer = match since.in_time() {
        Ok(()) => ctx.kiwoom.cancel(ticket, order).await,
        Err(paused) => Err(paused),
    };
    let (outcome, error) = outcome_of(ctx, answer);
    log(&refund, &found, &outcome);
    match intent::settle_with_retries(ctx, call, &outcome).await {
        Recorded::As((refund, payment)) => Ok((Some(refund), payment)),
        Recorded::Removed => {
            let error = error.unwrap_or_else(|| GatewayError::NotSent("not sent".into()));
            Err(RefundError::Gateway(error))
        }
        Recorded::Not => Ok((Some(Refund { state: RefundState::Unknown, ..refund }), found)),
    }
}

/// Step 1: holds the amount on the payment and writes the refund as `sending`. `None` when all is used
/// by now.
async fn intend(
    ctx: &Context,
    tx: &mut PgTransaction<'static>,
    found: &Payment,
    request: &Request,
) -> Result<Option<Refund>, RefundError> {
    ctx.rights.may_record()?;
    if !claims::is_own_request(tx, request.id.0, ctx.instance.number()).await? {
        return Err(RefundError::TakenOver);
    }
    let (mut paid_time, payment) = lock_with_paid_time(ctx, tx, found).await?;
    let payment = payment.ok_or(RefundError::NotFound)?;
    let gone = store::refunded_tax_free(&mut **tx, payment.id).await?;
    let paid = paid_time.as_mut().map(|s| &mut s.paid);
    let parts = parts_of(&payment, gone, paid, request, ctx.clock.today())?;
    let Some((amount, tax_free_amount)) = parts else { return Ok(None) };
    let from_credit = matches!(request.wanted, Wanted::Credit(_));
    if let Some(mut s) = paid_time.filter(|_| from_credit) {
        paid_time::save(tx, &mut s, ctx.clock.now()).await?;
    }
    hold(tx, payment.id, amount.get()).await?;
    let query = sqlx::query_as(concat!(
        "insert into refunds (id, payment_id, amount, tax_free_amount, state, reason, sender,
            created_at, from_credit, sent_at, call_ends_by)
         values ($1, $2, $3, $4, 'sending', $5, $6, $7, $8, clock_timestamp(),
            clock_timestamp() + make_interval(secs => $9))
         returning ",
        refund_columns!()
    ));
    let query = query.bind(request.id).bind(payment.id).bind(amount).bind(tax_free_amount);
    let query = query.bind(&request.reason).bind(ctx.instance.number()).bind(ctx.clock.now());
    let query = query.bind(from_credit).bind(store::call_secs(ctx.config.kiwoom.timeout));
    Ok(Some(query.fetch_one(&mut **tx).await?))
}

/// A refund of a payment, as it was intended.
#[derive(Clone, Copy)]
struct RefundCall<'a> {
    refund: &'a Refund,
    payment: &'a Payment,
}

impl std::fmt::Display for RefundCall<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.refund.id.fmt(f)
    }
}

impl Call for RefundCall<'_> {
    type Outcome = RefundOutcome;
    type Record = (Refund, Payment);

    const UNKNOWN: RefundOutcome = RefundOutcome::Unknown;
    const NOT_SENT: RefundOutcome = RefundOutcome::NotSent;

    fn row(self) -> Uuid {
        self.refund.id.0
    }

    async fn settle(
        self,
        ctx: &Context,
        outcome: &RefundOutcome,
    ) -> Result<Option<(Refund, Payment)>, SettleError> {
        settle(ctx, self.refund.id, outcome, None).await
    }

    fn journaled(self, outcome: &RefundOutcome) -> Journaled {
        Journaled::Refund {
            refund: self.refund.clone(),
            transaction_id: self.payment.transaction_id.clone(),
            outcome: outcome.clone(),
        }
    }

    async fn write_again(self, ctx: &Context) -> sqlx::Result<bool> {
        write_again(ctx, self.refund).await
    }

    /// The payment's row can be locked only when that commit is decided.
    async fn is_there(self, ctx: &Context) -> sqlx::Result<bool> {
        let mut tx = ctx.begin().await?;
        store::lock(&mut tx, self.payment.id).await?;
        let query = sqlx::query_scalar("select sender = $2 from refunds where id = $1");
        let query = query.bind(self.row()).bind(ctx.instance.number());
        let is_own: Option<Option<bool>> = query.fetch_optional(&mut *tx).await?;
        tx.rollback().await?;
        Ok(is_own.flatten().unwrap_or(false))
    }
}
