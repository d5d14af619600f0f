//! A charge: intent, one call, record. See the module above for the reasons.

use kiwoom_paid_time::Period;
use secrecy::SecretString;
use sqlx::Postgres;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnection, PgTransaction};

use super::answer::Answer;
use super::charge_call::{ChargeCall, log, outcome_of};
use super::intent::{self, Recorded, Since};
use super::store::paid_time::{Intent, Loaded};
use super::store::{self, InitiatedBy, Kind, Payment};
use crate::context::Context;
use crate::kiwoom::pace::{NoTurn, Turn};
use crate::kiwoom::text::OrderNo;
use crate::kiwoom::{BATCH, ChargeOrder, GatewayError, Ticket};
use crate::payments::store::claims::{is_own_request, own_request};
use crate::rules::ids::{BillingKeyId, PaymentId};
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
    /// The subscription, as it was written with the intent.
    pub written: Box<Loaded>,
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
    /// The billing key is not the customer's any more, or may not be charged any more.
    OtherKey,
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

/// An attempt whose intent is committed: the only thing that can be sent.
struct Committed {
    payment: Payment,
    draft: Draft,
    since: Since,
}

/// A charge that KiwoomPay is ready for. One that is dropped was never made.
pub struct Ready {
    ticket: Ticket,
    waiting: Waiting,
}

/// The same, with the transaction of its intent. There the caller looks again, with rows locked, at
/// what may have changed meanwhile, and writes what belongs to the intent.
pub struct InTransaction {
    ticket: Ticket,
    /// The transaction of the intent.
    pub transaction: PgTransaction<'static>,
}

impl Ready {
    /// A turn and KiwoomPay's token to charge `card`. No money moves.
    pub async fn new(ctx: &Context, waiting: Waiting, card: &Card) -> Result<Self, NotCharged> {
        let registered_under = ctx.kiwoom.cpid_of(card.cpid.as_deref());
        let chargeable = ctx.kiwoom.contracts().cpids_of_cards();
        if !chargeable.iter().any(|cpid| cpid == registered_under) {
            return Err(NotCharged::OtherContract(registered_under.to_owned()));
        }
        let turn = turn(ctx, waiting).await?;
        let ticket = ctx.kiwoom.ready_to_charge(turn).await.map_err(NotCharged::Gateway)?;
        Ok(Self { ticket, waiting })
    }

    /// With the transaction of the intent.
    pub async fn begin(self, ctx: &Context) -> Result<InTransaction, NotCharged> {
        let Self { ticket, waiting } = self;
        let mut transaction = ctx.begin().await?;
        let guarded = waiting == Waiting::Caller && ctx.config.guard_callers;
        if guarded && !ctx.guard.may_commit(&mut transaction).await? {
            return Err(NotCharged::Paused);
        }
        Ok(InTransaction { ticket, transaction })
    }

    /// As [`InTransaction::charge`], for a charge whose intent is its payment alone: one statement, which
    /// commits itself.
    pub async fn charge(self, ctx: &Context, draft: Draft) -> Result<Payment, NotCharged> {
        if ctx.config.guard_callers {
            return Box::pin(self.begin(ctx).await?.charge(ctx, draft)).await;
        }
        let payment = intended(ctx, &draft)?;
        let call = ChargeCall::new(&payment, &draft);
        let db = ctx.pool.acquire().await?;
        let written = write_alone(ctx, db, &payment, &draft);
        let (since, written) = intent::confirmed(ctx, call, written).await?;
        if !written {
            return Err(refused(ctx, &mut *ctx.pool.acquire().await?, &payment).await?);
        }
        execute(ctx, self.ticket, Committed { payment, draft, since }).await
    }
}

impl InTransaction {
    /// The intent, its commit, the call, the record: the payment as approved, declined or unknown.
    pub async fn charge(self, ctx: &Context, draft: Draft) -> Result<Payment, NotCharged> {
        let Self { ticket, mut transaction } = self;
        let payment = intended(ctx, &draft)?;
        if !write(ctx, &mut transaction, &payment, &draft).await? {
            return Err(refused(ctx, &mut transaction, &payment).await?);
        }
        let call = ChargeCall::new(&payment, &draft);
        let (since, ()) = intent::confirmed(ctx, call, transaction.commit()).await?;
        execute(ctx, ticket, Committed { payment, draft, since }).await
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

/// The attempt as its intent writes it.
fn intended(ctx: &Context, draft: &Draft) -> Result<Payment, NotCharged> {
    if ctx.stop.is_cancelled() {
        return Err(NotCharged::Stopping);
    }
    let contract = &ctx.kiwoom.contracts().billing;
    let checked = contract.tax_type.check(draft.amount, draft.tax_free_amount);
    checked.map_err(NotCharged::TaxType)?;
    ctx.rights.may_record()?;
    let of = draft.of.as_ref();
    let (order_no, now) = (draft.order_no.as_str().to_owned(), store::kept(ctx.clock.now()));
    Ok(Payment {
        kind: if of.is_some() { Kind::Subscription } else { Kind::OneOff },
        tax_free_amount: draft.tax_free_amount,
        product_name: draft.product_name.clone(),
        customer_id: Some(draft.card.customer_id.clone()),
        billing_key_id: Some(draft.card.id),
        subscription_id: of.map(|of| of.written.row.id),
        charge_no: of.map(|of| of.charge_no),
        period_start: of.map(|of| of.period.start),
        period_end: of.map(|of| of.period.end),
        cpid: Some(contract.cpid.clone()),
        ..Payment::intended(draft.id, order_no, draft.amount, now, draft.initiated_by)
    })
}

/// Step 1: writes the attempt, for a request that is still this process's, and of a card that is still
/// the customer's and may be charged, which it stays until the commit. Whether both are so.
async fn write(
    ctx: &Context,
    db: &mut PgConnection,
    payment: &Payment,
    draft: &Draft,
) -> sqlx::Result<bool> {
    let query = sqlx::query(concat!(
        "insert into payments (id, sender, order_no, kind, state, amount, product_name, customer_id,
            customer_name, billing_key_id, subscription_id, period_start, period_end,
            initiated_by, method, created_at, sent_at, tax_free_amount, call_ends_by, cpid,
            charge_no)
         select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16,
            clock_timestamp(), $17, clock_timestamp() + make_interval(secs => $18), $19, $20
         from (select set_config('kiwoom.actor', ($21::text[])[1], true),
            set_config('kiwoom.request', ($21::text[])[2], true),
            set_config('kiwoom.traceparent', ($21::text[])[3], true),
            set_config('kiwoom.now', ($21::text[])[4], true)) acting
         where coalesce((",
        own_request!(),
        "), true) and (select customer_id = $8 and status = 'active' and inactive_at is null
            from billing_keys where id = $10 for share)"
    ));
    let done = query
        .bind(payment.id)
        .bind(ctx.instance.number())
        .bind(&payment.order_no)
        .bind(payment.kind)
        .bind(payment.state)
        .bind(payment.amount)
        .bind(&payment.product_name)
        .bind(&payment.customer_id)
        .bind(&draft.card.customer_name)
        .bind(payment.billing_key_id)
        .bind(payment.subscription_id)
        .bind(payment.period_start)
        .bind(payment.period_end)
        .bind(payment.initiated_by)
        .bind(&payment.method)
        .bind(payment.created_at)
        .bind(payment.tax_free_amount)
        .bind(store::call_secs(ctx.config.kiwoom.timeout))
        .bind(&payment.cpid)
        .bind(payment.charge_no)
        .bind(ctx.acting())
        .execute(db)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// The same, on a connection that is given back before anything else is done.
async fn write_alone(
    ctx: &Context,
    mut db: PoolConnection<Postgres>,
    payment: &Payment,
    draft: &Draft,
) -> sqlx::Result<bool> {
    write(ctx, &mut db, payment, draft).await
}

/// Why [`write`] has written nothing.
async fn refused(
    ctx: &Context,
    db: &mut PgConnection,
    payment: &Payment,
) -> sqlx::Result<NotCharged> {
    let own = is_own_request(db, payment.id.0, ctx.instance.number()).await?;
    Ok(if own { NotCharged::OtherKey } else { NotCharged::TakenOver })
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
