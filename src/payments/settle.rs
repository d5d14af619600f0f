//! The only writer of a payment's state: the outcome and what follows from it, in one transaction.

use std::time::Duration;

use sqlx::postgres::PgConnection;
use thiserror::Error;

use crate::context::Context;
use crate::payments::cancellation;
use crate::payments::store::{self, InitiatedBy, Payment, PaymentRef};
use crate::payments::unexpected;
use crate::rules::ids::{PaymentId, SubscriptionId};
use crate::rules::payment_state::{Change, Contradiction, Outcome, State, decide};
use crate::rules::subscription_state::{Attempt, Status, SubscriptionState};
use crate::storage::database::errors::is_database_down;

/// How long an outcome is kept in memory while the database does not take it.
const RECORD_TRIES: u32 = 120;
const RECORD_PAUSE: Duration = Duration::from_millis(500);
/// How often an intent is tried to be taken back, while the caller waits.
const TAKE_BACK_TRIES: u32 = 20;

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

/// What became of an outcome that had to be recorded.
pub enum Settled {
    /// The payment as it stands now.
    Recorded(Payment),
    /// The attempt never happened; its row is gone.
    Removed,
    /// It could not be written. The row stays `sending` and will be found unknown.
    NotRecorded,
}

/// Records `outcome`. `None` when the row was removed because nothing had been sent. `reason` is
/// the operator's, when it is settled by hand.
pub async fn settle(
    ctx: &Context,
    id: PaymentId,
    outcome: &Outcome,
    reason: Option<&str>,
) -> Result<Option<Payment>, SettleError> {
    let found = store::find(&ctx.pool, &PaymentRef::Id(id)).await?.ok_or(SettleError::NotFound)?;
    let mut tx = ctx.begin().await?;
    // Everyone locks the subscription first, then the payment.
    let state = match found.subscription_id {
        Some(id) => lock_state(&mut tx, id).await?,
        None => None,
    };
    let payment = store::lock(&mut tx, id).await?.ok_or(SettleError::NotFound)?;
    let change = decide(payment.state, payment.transaction_id.as_deref(), outcome)?;
    let settled = match change {
        Change::Nothing => return Ok(Some(payment)),
        Change::To(state) => {
            if let Outcome::Approved { transaction_id, .. } = outcome {
                unexpected::release(&mut tx, id, transaction_id).await?;
            }
            Some(write(ctx, &mut tx, &payment, (state, outcome, reason)).await?)
        }
        Change::Remove => {
            let query = sqlx::query("delete from payments where id = $1").bind(id);
            query.execute(&mut *tx).await?;
            None
        }
    };
    if let Some(state) = state {
        update_subscription(ctx, &mut tx, &payment, &state, outcome).await?;
    }
    let settled = match settled {
        Some(paid) if paid.state == State::Approved => {
            Some(cancellation::waiting(ctx, &mut tx, paid).await?)
        }
        other => other,
    };
    tx.commit().await?;
    Ok(settled)
}

/// As [`settle`] for the sender of a call: a database that is away is waited for, and an outcome
/// that contradicts what is stored is kept as unknown and reported.
pub async fn settle_with_retries(ctx: &Context, id: PaymentId, outcome: &Outcome) -> Settled {
    let mut outcome = outcome.clone();
    for _ in 0..RECORD_TRIES {
        match settle(ctx, id, &outcome, None).await {
            Ok(Some(payment)) => {
                if outcome == Outcome::Unknown {
                    drop(store::call_ended(&ctx.pool, id.0).await);
                }
                return Settled::Recorded(payment);
            }
            Ok(None) => return Settled::Removed,
            Err(SettleError::Database(error)) if is_database_down(&error) => {
                tracing::warn!(%id, %error, "outcome not recorded yet: the database is away");
                tokio::time::sleep(RECORD_PAUSE).await;
            }
            Err(SettleError::NotFound) => break,
            Err(error) if outcome == Outcome::Unknown => {
                tracing::error!(%id, %error, "outcome not recorded");
                break;
            }
            Err(error) => {
                tracing::error!(%id, %error, "outcome kept as unknown");
                outcome = Outcome::Unknown;
            }
        }
    }
    Settled::NotRecorded
}

/// Takes back an intent whose commit was not confirmed. Nothing has been sent for it. When this
/// does not succeed either, the row is found unknown later, which is safe.
pub async fn take_back(ctx: &Context, id: PaymentId) {
    tracing::warn!(%id, "an intent whose commit was not confirmed is taken back");
    for _ in 0..TAKE_BACK_TRIES {
        match taken_back(ctx, id).await {
            Ok(()) => return,
            Err(error) => tracing::warn!(%id, %error, "intent not taken back yet"),
        }
        tokio::time::sleep(RECORD_PAUSE).await;
    }
}

async fn taken_back(ctx: &Context, id: PaymentId) -> Result<(), SettleError> {
    until_decided(ctx, id).await?;
    match settle(ctx, id, &Outcome::NotSent, None).await {
        Ok(_) | Err(SettleError::NotFound) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Waits until the commit that was not confirmed has taken place or has failed: until then the row
/// is not to be seen, and would come after we have looked. PostgreSQL lets a row of the same id be
/// written only then; this one is rolled back.
async fn until_decided(ctx: &Context, id: PaymentId) -> sqlx::Result<()> {
    let mut tx = ctx.pool.begin().await?;
    sqlx::query("set local lock_timeout = '5s'").execute(&mut *tx).await?;
    let query = sqlx::query(
        "insert into payments (id, order_no, kind, state, amount, product_name, initiated_by,
            created_at)
         values ($1, $2, 'one_off', 'declined', 1, '', 'merchant', now())
         on conflict do nothing",
    );
    query.bind(id).bind(id.to_string()).execute(&mut *tx).await?;
    tx.rollback().await
}

async fn write(
    ctx: &Context,
    db: &mut PgConnection,
    payment: &Payment,
    (state, outcome, reason): (State, &Outcome, Option<&str>),
) -> sqlx::Result<Payment> {
    let mut new = Payment { failure_code: None, failure_message: None, ..payment.clone() };
    match outcome.clone() {
        Outcome::Approved { transaction_id, auth_number, approved_at, method } => {
            new.late = !matches!(payment.state, State::Sending | State::Unknown | State::Ready);
            new.transaction_id = Some(transaction_id);
            new.auth_number = auth_number;
            new.approved_at = Some(approved_at);
            new.method = method.or(new.method);
        }
        Outcome::Declined { code, message, .. } => {
            new.failure_code = Some(code);
            new.failure_message = Some(message);
        }
        Outcome::Mismatch(amount) => {
            new.failure_code = Some("AMOUNT_MISMATCH".to_owned());
            new.failure_message = Some(format!("통지된 금액: {amount}원"));
        }
        Outcome::Unknown | Outcome::NotSent => {}
    }
    let query = sqlx::query_as(
        "update payments set state = $2, transaction_id = $3, auth_number = $4, approved_at = $5,
            failure_code = $6, failure_message = $7, method = $8, late = $9, resolve_reason = $10,
            settled_at = $11
         where id = $1 returning *",
    );
    query
        .bind(payment.id)
        .bind(state)
        .bind(new.transaction_id)
        .bind(new.auth_number)
        .bind(new.approved_at)
        .bind(new.failure_code)
        .bind(new.failure_message)
        .bind(new.method)
        .bind(new.late)
        .bind(reason)
        .bind(ctx.clock.now())
        .fetch_one(db)
        .await
}

async fn lock_state(
    db: &mut PgConnection,
    id: SubscriptionId,
) -> sqlx::Result<Option<SubscriptionState>> {
    let query = sqlx::query_as("select * from subscriptions where id = $1 for update");
    query.bind(id).fetch_optional(db).await
}

/// What the outcome means for the subscription.
async fn update_subscription(
    ctx: &Context,
    db: &mut PgConnection,
    payment: &Payment,
    state: &SubscriptionState,
    outcome: &Outcome,
) -> sqlx::Result<()> {
    let (Some(id), Some(period)) = (payment.subscription_id, payment.period()) else {
        return Ok(());
    };
    let mut state = state.clone();
    if state.status == Status::Incomplete {
        match outcome {
            Outcome::Approved { .. } => state.status = Status::Active,
            Outcome::Unknown | Outcome::Mismatch(_) => return Ok(()),
            // A first charge that failed leaves no subscription.
            Outcome::Declined { .. } | Outcome::NotSent => {
                let query = sqlx::query("delete from subscriptions where id = $1").bind(id);
                return query.execute(db).await.map(drop);
            }
        }
    }
    let by_merchant = payment.initiated_by == InitiatedBy::Merchant;
    let attempt = Attempt { period, by_merchant };
    let next = state.after(attempt, outcome, ctx.rules(), ctx.clock.now());
    save_state(db, id, &next).await
}

/// Stores the state of a subscription and ends the lease on the row.
pub async fn save_state(
    db: &mut PgConnection,
    id: SubscriptionId,
    state: &SubscriptionState,
) -> sqlx::Result<()> {
    let query = sqlx::query(
        "update subscriptions set status = $2, period_start = $3, next_billing_date = $4,
            retry_attempt = $5, retry_base = $6, retry_at = $7, next_attempt_at = $8,
            cancel_at_period_end = $9, cycles_left = $10, leased_until = null
         where id = $1",
    );
    query
        .bind(id)
        .bind(state.status)
        .bind(state.period_start)
        .bind(state.next_billing_date)
        .bind(state.retry_attempt)
        .bind(state.retry_base)
        .bind(state.retry_at)
        .bind(state.next_attempt_at)
        .bind(state.cancel_at_period_end)
        .bind(state.cycles_left)
        .execute(db)
        .await
        .map(drop)
}
