//! A charge: intent, one call, record. See the module above for the reasons.

use secrecy::SecretString;
use sqlx::postgres::PgTransaction;
use uuid::Uuid;

use super::intent::{self, Call, Recorded, Since};
use super::journaled::Journaled;
use super::settle::{self, SettleError};
use super::store::{self, InitiatedBy, Kind, Payment, intents};
use crate::context::Context;
use crate::kiwoom::pace::{NoTurn, Turn};
use crate::kiwoom::text::OrderNo;
use crate::kiwoom::{Approval, BATCH, ChargeOrder, GatewayError, Ticket};
use crate::payments::store::columns::payment_columns;
use crate::rules::ids::{BillingKeyId, PaymentId, SubscriptionId};
use crate::rules::money::Won;
use crate::rules::payment_state::{Outcome, State, Verdict};
use crate::rules::schedule::Period;
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
    if !store::is_own_request(&mut transaction, draft.id.0, ctx.instance.number()).await? {
        return Err(NotCharged::TakenOver);
    }
    let subscription = draft.period.map(|(id, _)| id);
    let period = draft.period.map(|(_, period)| period);
    let kind = if subscription.is_some() { Kind::Subscription } else { Kind::OneOff };
    let query = sqlx::query_as(concat!(
        "insert into payments (id, order_no, kind, state, amount, product_name, customer_id,
            customer_name, billing_key_id, subscription_id, period_start, period_end,
            initiated_by, sender, method, created_at, sent_at, tax_free_amount, call_ends_by, cpid)
         values ($1, $2, $3, 'sending', $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 'CARD', $14,
            clock_timestamp(), $15, clock_timestamp() + make_interval(secs => $16), $17)
         returning ",
        payment_columns!()
    ));
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
        .bind(store::call_secs(ctx.config.kiwoom.timeout))
        .bind(&ctx.kiwoom.contracts().billing.cpid)
        .fetch_one(&mut *transaction)
        .await?;
    Ok(Intended { transaction, payment, draft })
}

impl Intended {
    async fn commit(self, ctx: &Context) -> Result<Committed, NotCharged> {
        let Self { transaction, payment, draft } = self;
        let since = intent::commit(ctx, ChargeCall(&payment), transaction).await?;
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
    match intent::settle_with_retries(ctx, ChargeCall(&payment), &outcome).await {
        Recorded::As(payment) => Ok(payment),
        Recorded::Removed => {
            let error = error.unwrap_or_else(|| GatewayError::NotSent("not sent".into()));
            Err(NotCharged::Gateway(error))
        }
        // The row stays `sending` and becomes unknown; to the caller it is unknown already.
        Recorded::Not => Ok(Payment { state: State::Unknown, ..payment }),
    }
}

/// A charge, as it was intended.
#[derive(Clone, Copy)]
struct ChargeCall<'a>(&'a Payment);

impl std::fmt::Display for ChargeCall<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.id.fmt(f)
    }
}

impl Call for ChargeCall<'_> {
    type Outcome = Outcome;
    type Record = Payment;

    const UNKNOWN: Outcome = Outcome::Unknown;
    const NOT_SENT: Outcome = Outcome::NotSent;

    fn row(self) -> Uuid {
        self.0.id.0
    }

    async fn settle(
        self,
        ctx: &Context,
        outcome: &Outcome,
    ) -> Result<Option<Payment>, SettleError> {
        settle::settle(ctx, self.0.id, outcome, None).await
    }

    fn journaled(self, outcome: &Outcome) -> Journaled {
        Journaled::Charge { payment: self.0.clone(), outcome: outcome.clone() }
    }

    async fn write_again(self, ctx: &Context) -> sqlx::Result<bool> {
        intents::write_charge_again(ctx, self.0).await
    }

    /// PostgreSQL lets a row of the same id be written only when that commit is decided; this one is
    /// rolled back.
    async fn until_decided(self, ctx: &Context) -> sqlx::Result<()> {
        let mut tx = ctx.pool.begin().await?;
        sqlx::query("set local lock_timeout = '5s'").execute(&mut *tx).await?;
        let query = sqlx::query(
            "insert into payments (id, order_no, kind, state, amount, product_name, initiated_by,
                created_at)
             values ($1, $2, 'one_off', 'declined', 1, '', 'merchant', now())
             on conflict do nothing",
        );
        query.bind(self.0.id).bind(self.to_string()).execute(&mut *tx).await?;
        tx.rollback().await
    }
}

fn outcome_of(
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

fn log(payment: &Payment, outcome: &Outcome, error: Option<&GatewayError>) {
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
    metrics::counter!("kiwoom_billing_charges_total", "outcome" => label).increment(1);
}
