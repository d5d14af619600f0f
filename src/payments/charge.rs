//! A charge: intent, one call, record. See the module above for the reasons.

use kiwoom_paid_time::Period;
use secrecy::SecretString;
use sqlx::postgres::PgTransaction;

use super::answer::Answer;
use super::charge_call::{ChargeCall, log, outcome_of};
use super::intent::{self, Recorded, Since};
use super::store::paid_time::Intent;
use super::store::{self, InitiatedBy, Kind, Payment};
use crate::context::Context;
use crate::kiwoom::pace::{NoTurn, Turn};
use crate::kiwoom::text::OrderNo;
use crate::kiwoom::{BATCH, ChargeOrder, GatewayError, Ticket};
use crate::payments::store::claims::own_request;
use crate::payments::store::columns::payment_columns;
use crate::rules::ids::{BillingKeyId, PaymentId, SubscriptionId};
use crate::rules::money::Won;
use crate::rules::payment_state::State;
use crate::rules::text::Text;

/// An order number is used once, for ever.
const ORDER_NO: &str = "payments_order_no_key";

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
    /// What it is for, when it is a subscription's.
    pub of: Option<OfSubscription>,
    /// Who started it.
    pub initiated_by: InitiatedBy,
    /// The answer that is kept with the outcome; `None`: whoever asked for the charge keeps it.
    pub answer: Option<Answer>,
}

/// The charge of a subscription that an attempt is made for.
pub struct OfSubscription {
    /// The subscription.
    pub id: SubscriptionId,
    /// The charge.
    pub charge_no: i32,
    /// The days that it pays for.
    pub period: Period,
    /// What the intent has written of the subscription.
    pub intent: Intent,
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
    /// The CPID that it was registered under, as the books name it.
    pub cpid: Option<String>,
}

/// Who waits for the charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// A caller, who goes first.
    Caller,
    /// Nobody but the schedule.
    Schedule,
}

/// Why there is no charge. Nothing was sent and nothing is left of the attempt.
#[derive(Debug)]
pub enum NotCharged {
    /// The service was told to stop.
    Stopping,
    /// Charging is paused, and with `GUARD_CALLERS` for callers too.
    Paused,
    /// The card was registered under another contract than that of charges; its CPID.
    OtherContract(String),
    /// The contract does not take the tax-free part; why.
    TaxType(Text),
    /// Too many calls.
    NoTurn(NoTurn),
    /// The gateway could not be reached, or refused before anything was sent.
    Gateway(GatewayError),
    /// Another process has taken the request over.
    TakenOver,
    /// The order number was used before.
    OrderExists,
    /// The database.
    Database(sqlx::Error),
}

impl From<sqlx::Error> for NotCharged {
    fn from(error: sqlx::Error) -> Self {
        let constraint = error.as_database_error().and_then(|e| e.constraint());
        if constraint == Some(ORDER_NO) { Self::OrderExists } else { Self::Database(error) }
    }
}

/// An attempt that is written but not committed.
struct Intended {
    transaction: PgTransaction<'static>,
    payment: Payment,
    draft: Draft,
}

/// An attempt whose intent is committed: the only thing that can be sent.
struct Committed {
    payment: Payment,
    draft: Draft,
    since: Since,
}

/// A charge that KiwoomPay is ready for, with the transaction of its intent. There the caller looks
/// again, with rows locked, at what may have changed meanwhile, and writes what belongs to the
/// intent. A charge that is dropped was never made.
pub struct Ready {
    ticket: Ticket,
    /// The transaction of the intent.
    pub transaction: PgTransaction<'static>,
}

impl Ready {
    /// A turn, KiwoomPay's token, and the beginning of the intent to charge `card`. No money moves.
    pub async fn new(ctx: &Context, waiting: Waiting, card: &Card) -> Result<Self, NotCharged> {
        let registered_under = ctx.kiwoom.cpid_of(card.cpid.as_deref());
        let chargeable = ctx.kiwoom.contracts().cpids_of_cards();
        if !chargeable.iter().any(|cpid| cpid == registered_under) {
            return Err(NotCharged::OtherContract(registered_under.to_owned()));
        }
        let turn = turn(ctx, waiting).await?;
        let ticket = ctx.kiwoom.ready_to_charge(turn).await.map_err(NotCharged::Gateway)?;
        let mut transaction = ctx.begin().await?;
        let guarded = waiting == Waiting::Caller && ctx.config.guard_callers;
        if guarded && !ctx.guard.may_commit(&mut transaction).await? {
            return Err(NotCharged::Paused);
        }
        Ok(Self { ticket, transaction })
    }

    /// The intent, its commit, the call, the record: the payment as approved, declined or unknown.
    pub async fn charge(self, ctx: &Context, draft: Draft) -> Result<Payment, NotCharged> {
        if ctx.stop.is_cancelled() {
            return Err(NotCharged::Stopping);
        }
        let tax_type = ctx.kiwoom.contracts().billing.tax_type;
        tax_type.check(draft.amount, draft.tax_free_amount).map_err(NotCharged::TaxType)?;
        let committed = intend(ctx, self.transaction, draft).await?.commit(ctx).await?;
        execute(ctx, self.ticket, committed).await
    }
}

async fn turn(ctx: &Context, waiting: Waiting) -> Result<Turn, NotCharged> {
    let contract = &ctx.kiwoom.contracts().billing;
    let turn = match waiting {
        Waiting::Caller => ctx.pace.interactive(contract, BATCH).await,
        Waiting::Schedule => tokio::select! {
            turn = ctx.pace.scheduled(contract, BATCH) => turn,
            () = ctx.draining.cancelled() => return Err(NotCharged::Stopping),
        },
    };
    turn.map_err(NotCharged::NoTurn)
}

/// Step 1: writes the attempt as `sending`.
async fn intend(
    ctx: &Context,
    mut transaction: PgTransaction<'static>,
    draft: Draft,
) -> Result<Intended, NotCharged> {
    ctx.rights.may_record()?;
    let of = draft.of.as_ref();
    let kind = if of.is_some() { Kind::Subscription } else { Kind::OneOff };
    let query = sqlx::query_as(concat!(
        "insert into payments (id, sender, order_no, kind, state, amount, product_name, customer_id,
            customer_name, billing_key_id, subscription_id, period_start, period_end,
            initiated_by, method, created_at, sent_at, tax_free_amount, call_ends_by, cpid,
            charge_no)
         select $1, $2, $3, $4, 'sending', $5, $6, $7, $8, $9, $10, $11, $12, $13, 'CARD', $14,
            clock_timestamp(), $15, clock_timestamp() + make_interval(secs => $16), $17, $18
         where coalesce((",
        own_request!(),
        "), true) returning ",
        payment_columns!()
    ));
    let payment = query
        .bind(draft.id)
        .bind(ctx.instance.number())
        .bind(&draft.order_no)
        .bind(kind)
        .bind(draft.amount)
        .bind(&draft.product_name)
        .bind(&draft.card.customer_id)
        .bind(&draft.card.customer_name)
        .bind(draft.card.id)
        .bind(of.map(|of| of.id))
        .bind(of.map(|of| of.period.start))
        .bind(of.map(|of| of.period.end))
        .bind(draft.initiated_by)
        .bind(ctx.clock.now())
        .bind(draft.tax_free_amount)
        .bind(store::call_secs(ctx.config.kiwoom.timeout))
        .bind(&ctx.kiwoom.contracts().billing.cpid)
        .bind(of.map(|of| of.charge_no))
        .fetch_optional(&mut *transaction)
        .await?
        .ok_or(NotCharged::TakenOver)?;
    Ok(Intended { transaction, payment, draft })
}

impl Intended {
    async fn commit(self, ctx: &Context) -> Result<Committed, NotCharged> {
        let Self { transaction, payment, draft } = self;
        let since = intent::commit(ctx, ChargeCall::new(&payment, &draft), transaction).await?;
        Ok(Committed { payment, draft, since })
    }
}

/// Steps 2 and 3: calls the gateway, once, and records what came of it.
async fn execute(
    ctx: &Context,
    ticket: Ticket,
    committed: Committed,
) -> Result<Payment, NotCharged> {
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
    let answer = match since.in_time() {
        Ok(()) => ctx.kiwoom.charge(ticket, order).await,
        Err(paused) => Err(paused),
    };
    let (outcome, error) = outcome_of(ctx, answer);
    log(&payment, &outcome, error.as_ref());
    match intent::settle_with_retries(ctx, ChargeCall::new(&payment, &draft), &outcome).await {
        Recorded::As(payment) => Ok(payment),
        Recorded::Removed => {
            let error = error.unwrap_or_else(|| GatewayError::NotSent("not sent".into()));
            Err(NotCharged::Gateway(error))
        }
        // The row stays `sending` and becomes unknown; to the caller it is unknown already.
        Recorded::Not => Ok(Payment { state: State::Unknown, ..payment }),
    }
}
