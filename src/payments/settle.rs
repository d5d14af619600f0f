//! Records the outcome of a charge or an order and what follows from it for the subscription, in one
//! transaction. Orders that are not paid are opened, closed and expired in `checkout.rs`.

use sqlx::postgres::{PgConnection, PgTransaction};
use thiserror::Error;

use crate::context::Context;
use crate::payments::answer::Answer;
use crate::payments::store::columns::payment_columns;
use crate::payments::store::paid_time::{self, Loaded};
use crate::payments::store::{self, Payment, PaymentRef};
use crate::payments::unexpected;
use crate::payments::{cancellation, ended_cards};
use crate::rules::ids::PaymentId;
use crate::rules::payment_state::{Change, Contradiction, Outcome, State, Verdict, decide};
use crate::rules::subscription_state::Status;

/// Why an outcome was not recorded.
#[derive(Debug, Error)]
pub enum SettleError {
    /// There is no such payment.
    #[error("no such payment")]
    NotFound,
    /// What is stored says otherwise.
    #[error("the outcome contradicts what is stored")]
    Contradiction,
    /// The database.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl From<Contradiction> for SettleError {
    fn from(_: Contradiction) -> Self {
        Self::Contradiction
    }
}

/// Records `outcome`. `None` when the row was removed because nothing had been sent. `reason` is
/// the operator's, when it is settled by hand.
pub async fn settle(
    ctx: &Context,
    id: PaymentId,
    outcome: &Outcome,
    reason: Option<&str>,
) -> Result<Option<Payment>, SettleError> {
    settle_if(ctx, id, |_| true, outcome, reason).await
}

/// As [`settle`], of a payment that, once it is locked, is as it has to be; a contradiction otherwise.
pub(super) async fn settle_if(
    ctx: &Context,
    id: PaymentId,
    fits: impl Fn(&Payment) -> bool + Send,
    outcome: &Outcome,
    reason: Option<&str>,
) -> Result<Option<Payment>, SettleError> {
    let found = store::find(&ctx.pool, &PaymentRef::Id(id)).await?.ok_or(SettleError::NotFound)?;
    let mut tx = ctx.begin().await?;
    // Everyone locks the subscription first, then the payment.
    let subscription = match found.subscription_id {
        Some(id) => paid_time::lock(&mut tx, id, ctx.rules()).await?,
        None => None,
    };
    let payment = store::lock(&mut tx, id).await?.ok_or(SettleError::NotFound)?;
    if !fits(&payment) {
        return Err(SettleError::Contradiction);
    }
    let settled = settle_locked(ctx, &mut tx, (payment, subscription), outcome, reason).await?;
    tx.commit().await?;
    Ok(settled)
}

/// As [`settle`], of a payment whose row is locked, and before it that of its subscription.
pub(super) async fn settle_locked(
    ctx: &Context,
    tx: &mut PgTransaction<'_>,
    (payment, subscription): (Payment, Option<Loaded>),
    outcome: &Outcome,
    reason: Option<&str>,
) -> Result<Option<Payment>, SettleError> {
    let id = payment.id;
    let change = decide(payment.state, payment.transaction_id.as_deref(), outcome)?;
    let settled = match change {
        Change::Nothing => return Ok(Some(learn_method(tx, payment, outcome).await?)),
        Change::To(state) => {
            if let Outcome::Approved { transaction_id, .. } = outcome {
                unexpected::release(tx, id, transaction_id).await?;
            }
            // Before the subscription: a new one locks its card first.
            if let Outcome::Declined { code, message, verdict: Verdict::Never } = outcome
                && let Some(card) = payment.billing_key_id
            {
                ended_cards::end(tx, card, (code, message), ctx.clock.now()).await?;
            }
            Some(write(tx, &settled(ctx, &payment, state, outcome), reason).await?)
        }
        Change::Remove => {
            let query = sqlx::query("delete from payments where id = $1").bind(id);
            query.execute(&mut **tx).await?;
            None
        }
    };
    if let Some(subscription) = subscription {
        Box::pin(update_subscription(ctx, tx, &payment, subscription, outcome)).await?;
    }
    match settled {
        Some(paid) if paid.state == State::Approved => {
            Ok(Some(cancellation::waiting(ctx, tx, paid).await?))
        }
        other => Ok(other),
    }
}

/// As [`settle`], for the process that has made the call of `intended` and for the usual case: the
/// approval of a single charge that still is as it was intended, and whose transaction nobody told of.
/// One statement, with the answer that is kept. `None` in all other cases: nothing is changed then.
pub(super) async fn approve_at_once(
    ctx: &Context,
    intended: &Payment,
    outcome: &Outcome,
    answer: Option<&Answer>,
) -> sqlx::Result<Option<Payment>> {
    if !is_usual(outcome) {
        return Ok(None);
    }
    let paid = settled(ctx, intended, State::Approved, outcome);
    let body = answer.map(|answer| (answer.body)(ctx, paid.clone()));
    let query = sqlx::query_scalar("select approve_charge($1, $2, $3, $4, $5, $6, $7, $8)");
    let query = query.bind(paid.id).bind(ctx.acting());
    let query = query.bind(&paid.transaction_id).bind(&paid.auth_number).bind(paid.approved_at);
    let query = query.bind(paid.settled_at).bind(answer.map(|answer| answer.claim.started_at));
    let answered: Option<bool> = query.bind(&body).fetch_one(&ctx.pool).await?;
    if let (Some(true), Some(answer), Some(body)) = (answered, answer, body) {
        // Nobody else has told of it.
        drop(answer.kept.set(body));
    }
    Ok(answered.map(|_| paid))
}

/// The same of a charge of a subscription, which is read again only when somebody has written it since it
/// was `written` with the intent.
pub(super) async fn approve_with(
    ctx: &Context,
    intended: &Payment,
    written: &Loaded,
    outcome: &Outcome,
) -> sqlx::Result<Option<Payment>> {
    if !is_usual(outcome) {
        return Ok(None);
    }
    let mut tx = ctx.begin().await?;
    let (id, known) = (written.row.id, Some(written.clone()));
    let Some(subscription) = paid_time::lock_known(&mut tx, id, known, ctx.rules()).await? else {
        return Ok(None);
    };
    let paid = settled(ctx, intended, State::Approved, outcome);
    let query = sqlx::query(
        "update payments set state = 'approved', transaction_id = $2, auth_number = $3,
            approved_at = $4, settled_at = $5
         where id = $1 and state = 'sending'
            and not exists (select from payments where transaction_id = $2)",
    );
    let query = query.bind(paid.id).bind(&paid.transaction_id).bind(&paid.auth_number);
    let query = query.bind(paid.approved_at).bind(paid.settled_at);
    if query.execute(&mut *tx).await?.rows_affected() == 0 {
        return Ok(None);
    }
    Box::pin(update_subscription(ctx, &mut tx, intended, subscription, outcome)).await?;
    // After the row is locked: a cancellation that comes now waits for it, and finds it paid.
    let paid = cancellation::waiting(ctx, &mut tx, paid).await?;
    tx.commit().await?;
    Ok(Some(paid))
}

fn is_usual(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Approved { method: None, cpid: None, .. })
}

/// A list of KiwoomPay's may have proven a payment without the method that it was paid with; what tells
/// of it later adds that.
async fn learn_method(
    db: &mut PgConnection,
    payment: Payment,
    outcome: &Outcome,
) -> sqlx::Result<Payment> {
    let Outcome::Approved { method: Some(method), .. } = outcome else { return Ok(payment) };
    if payment.method.is_some() {
        return Ok(payment);
    }
    let query = sqlx::query_as(concat!(
        "update payments set method = $2 where id = $1 returning ",
        payment_columns!()
    ));
    query.bind(payment.id).bind(method).fetch_one(db).await
}

/// The payment as `outcome` makes it.
fn settled(ctx: &Context, payment: &Payment, state: State, outcome: &Outcome) -> Payment {
    let (failure_code, failure_message, merchant_setting) = (None, None, None);
    let settled_at = Some(store::kept(ctx.clock.now()));
    let was = payment.state;
    let payment = payment.clone();
    let mut new =
        Payment { state, failure_code, failure_message, merchant_setting, settled_at, ..payment };
    match outcome.clone() {
        Outcome::Approved { transaction_id, auth_number, approved_at, method, cpid } => {
            new.late = !matches!(was, State::Sending | State::Unknown | State::Ready);
            new.transaction_id = Some(transaction_id);
            new.auth_number = auth_number;
            new.approved_at = Some(store::kept(approved_at));
            new.method = method.or(new.method);
            new.cpid = cpid.or(new.cpid);
        }
        Outcome::Declined { code, message, verdict } => {
            if verdict == Verdict::OurMistake {
                let setting = ctx.kiwoom.codes().setting(&code).unwrap_or("the request");
                new.merchant_setting = Some(setting.to_owned());
            }
            new.failure_code = Some(code);
            new.failure_message = Some(message);
        }
        Outcome::Mismatch(amount) => {
            new.failure_code = Some("AMOUNT_MISMATCH".to_owned());
            new.failure_message = Some(format!("통지된 금액: {amount}원"));
        }
        Outcome::Unknown | Outcome::NotSent => {}
    }
    new
}

/// Writes the payment as it is settled.
async fn write(
    db: &mut PgConnection,
    new: &Payment,
    reason: Option<&str>,
) -> sqlx::Result<Payment> {
    let query = sqlx::query_as(concat!(
        "update payments set state = $2, transaction_id = $3, auth_number = $4, approved_at = $5,
            failure_code = $6, failure_message = $7, method = $8, late = $9, resolve_reason = $10,
            settled_at = $11, cpid = $12, merchant_setting = $13
         where id = $1 returning ",
        payment_columns!()
    ));
    let query = query.bind(new.id).bind(new.state).bind(&new.transaction_id);
    let query = query.bind(&new.auth_number).bind(new.approved_at).bind(&new.failure_code);
    let query = query.bind(&new.failure_message).bind(&new.method).bind(new.late).bind(reason);
    let query = query.bind(new.settled_at).bind(&new.cpid).bind(&new.merchant_setting);
    query.fetch_one(db).await
}

/// What the outcome means for the subscription.
async fn update_subscription(
    ctx: &Context,
    db: &mut PgConnection,
    payment: &Payment,
    mut subscription: Loaded,
    outcome: &Outcome,
) -> sqlx::Result<()> {
    let Some(charge) = payment.charge_no.and_then(|number| u32::try_from(number).ok()) else {
        return Ok(());
    };
    if subscription.row.status == Status::Incomplete {
        match outcome {
            Outcome::Approved { .. } => subscription.row.status = Status::Active,
            Outcome::Unknown | Outcome::Mismatch(_) => {}
            // A first charge that failed leaves no subscription.
            Outcome::Declined { .. } | Outcome::NotSent => {
                let query = sqlx::query("delete from subscriptions where id = $1");
                return query.bind(subscription.row.id).execute(db).await.map(drop);
            }
        }
    }
    let now = ctx.clock.now();
    subscription.take_in((payment, charge), outcome, ctx.rules(), now);
    paid_time::save(db, &mut subscription, now).await
}
