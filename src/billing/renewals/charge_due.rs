//! Charging the period of a subscription that is due: by the schedule or by the caller.

use sqlx::postgres::{PgConnection, PgTransaction};

use crate::api::errors::not_sent;
use crate::billing::cards::open_card;
use crate::billing::renewals::leases::{self, Lease};
use crate::billing::store::{self, ChargeTerms, Subscription};
use crate::billing::subscriptions::price_rises::{OnTheDay, settle_rise};
use crate::context::Context;
use crate::http::error::{ApiError, Code};
use crate::kiwoom::pace::{NoTurn, Turn};
use crate::kiwoom::text::OrderNo;
use crate::kiwoom::{BATCH, GatewayError};
use crate::payments::charge::{self, Charged, Committed, Draft};
use crate::payments::settle::save_state;
use crate::payments::store::{InitiatedBy, Payment, attempts};
use crate::rules::ids::{PaymentId, SubscriptionId};
use crate::rules::payment_state::{Obstacle, State, obstacle};
use crate::rules::schedule::Period;
use crate::rules::subscription_state::{Due, Status};

/// Who wants the period charged.
#[derive(Clone, Copy)]
pub enum By {
    /// A caller, who waits for the answer.
    Merchant,
    /// The schedule, for as long as it has the subscription to itself.
    Schedule(Lease),
}

/// Why nothing was charged.
pub enum NotCharged {
    /// The schedule has the subscription no longer to itself.
    LeaseLost,
    /// The time-travel guard pauses the schedule.
    Paused,
    /// The service was told to stop while the schedule waited for its turn.
    Stopping,
    /// Too many calls; safe to try again.
    NoTurn(NoTurn),
    /// Nothing was sent; safe to try again.
    Gateway(GatewayError),
    /// There was a reason not to.
    Refused(ApiError),
}

impl From<By> for InitiatedBy {
    fn from(by: By) -> Self {
        match by {
            By::Merchant => Self::Merchant,
            By::Schedule(_) => Self::Scheduler,
        }
    }
}

impl From<ApiError> for NotCharged {
    fn from(error: ApiError) -> Self {
        Self::Refused(error)
    }
}

impl From<sqlx::Error> for NotCharged {
    fn from(error: sqlx::Error) -> Self {
        Self::Refused(error.into())
    }
}

impl From<NotCharged> for ApiError {
    fn from(reason: NotCharged) -> Self {
        match reason {
            NotCharged::LeaseLost => Code::ChargeInProgress.into(),
            NotCharged::Paused => Code::ChargeInProgress.into(),
            NotCharged::Stopping => Code::ShuttingDown.into(),
            NotCharged::NoTurn(reason) => reason.into(),
            NotCharged::Gateway(error) => not_sent(error),
            NotCharged::Refused(error) => error,
        }
    }
}

/// Order number of an attempt: the subscription, the first day of the period and which attempt.
/// Made of what it is for, it is one more thing that cannot exist twice.
pub fn order_no(id: SubscriptionId, period: Period, attempt: usize) -> OrderNo {
    let day = period.start.format("%Y%m%d");
    OrderNo::made(format!("SUB{}-{day}-{attempt}", id.0.simple()))
}

/// Charges the period that `by` may charge now.
pub async fn charge_due(
    ctx: &Context,
    id: SubscriptionId,
    payment_id: PaymentId,
    by: By,
) -> Result<Payment, NotCharged> {
    let found = store::find_subscription(&ctx.pool, id).await?;
    let found = found.ok_or(ApiError::from(Code::SubscriptionNotFound))?;
    let mut db = ctx.pool.acquire().await?;
    due_period(ctx, &mut db, &found, by).await?;
    drop(db);
    let key = store::find_key(&ctx.pool, found.billing_key_id).await?;
    let card = open_card(ctx, key.ok_or(ApiError::from(Code::BillingKeyNotFound))?).await?;
    let turn = turn(ctx, by).await?;
    let ticket = ctx.kiwoom.ready_to_charge(turn).await.map_err(NotCharged::Gateway)?;
    let draft = |s: &Subscription, period, earlier: &[Payment]| {
        let ChargeTerms { amount, tax_free_amount, product_name } = s.terms(earlier);
        Draft {
            id: payment_id,
            order_no: order_no(id, period, earlier.len() + 1),
            amount,
            tax_free_amount,
            product_name: product_name.to_owned(),
            card,
            period: Some((id, period)),
            initiated_by: by.into(),
        }
    };
    let committed = intend(ctx, &found, by, draft).await?;
    match charge::execute(ctx, ticket, committed).await {
        Charged::Recorded(payment) => Ok(payment),
        Charged::NotSent(error) => Err(NotCharged::Gateway(error)),
    }
}

/// Who waits for an answer goes first.
async fn turn(ctx: &Context, by: By) -> Result<Turn, NotCharged> {
    let turn = match by {
        By::Merchant => ctx.pace.interactive(BATCH).await,
        By::Schedule(_) => tokio::select! {
            turn = ctx.pace.scheduled(BATCH) => turn,
            () = ctx.draining.cancelled() => return Err(NotCharged::Stopping),
        },
    };
    turn.map_err(NotCharged::NoTurn)
}

/// Looks again with the row locked, then writes the intent. While the charge is under way the
/// subscription has no next moment. The first attempt for a period settles a price rise that was
/// pending for it.
async fn intend(
    ctx: &Context,
    found: &Subscription,
    by: By,
    draft: impl FnOnce(&Subscription, Period, &[Payment]) -> Draft,
) -> Result<Committed, NotCharged> {
    let mut tx = ctx.begin().await?;
    let mut locked = lock(ctx, &mut tx, found.id, by).await?;
    if locked.billing_key_id != found.billing_key_id {
        return Err(ApiError::from(Code::ChargeInProgress).into());
    }
    let period = due_period(ctx, &mut tx, &locked, by).await?;
    let earlier = attempts(&mut tx, locked.id, period.start).await?;
    if let Some(code) = earlier.first().and_then(|last| in_the_way(last.state)) {
        return Err(ApiError::from(code).into());
    }
    if earlier.is_empty() {
        match settle_rise(ctx, &mut tx, &mut locked, period.start).await? {
            OnTheDay::Charge(_) => {}
            OnTheDay::StayFree => return Err(uncharged(tx, &locked, Code::AlreadyCharged).await?),
            OnTheDay::End => {
                return Err(uncharged(tx, &locked, Code::SubscriptionNotActive).await?);
            }
        }
    }
    locked.state.next_attempt_at = None;
    store::save_subscription(&mut tx, &locked).await?;
    let intended = charge::intend(ctx, tx, draft(&locked, period, &earlier)).await;
    Ok(intended.map_err(ApiError::from)?.commit(ctx).await?)
}

/// Stores what became of the subscription in place of its charge.
async fn uncharged(
    mut tx: PgTransaction<'_>,
    s: &Subscription,
    code: Code,
) -> sqlx::Result<NotCharged> {
    store::save_subscription(&mut tx, s).await?;
    tx.commit().await?;
    Ok(ApiError::from(code).into())
}

async fn lock(
    ctx: &Context,
    db: &mut PgConnection,
    id: SubscriptionId,
    by: By,
) -> Result<Subscription, NotCharged> {
    match by {
        By::Merchant => {
            let locked = store::lock_subscription(db, id).await?;
            Ok(locked.ok_or(ApiError::from(Code::SubscriptionNotFound))?)
        }
        By::Schedule(lease) => {
            let locked = leases::lock(db, lease).await?.ok_or(NotCharged::LeaseLost)?;
            let may = ctx.guard.may_commit(db).await?;
            may.then_some(locked).ok_or(NotCharged::Paused)
        }
    }
}

fn in_the_way(state: State) -> Option<Code> {
    obstacle(state).map(|obstacle| match obstacle {
        Obstacle::Paid => Code::AlreadyCharged,
        Obstacle::Unknown => Code::OutcomeUnknown,
        Obstacle::UnderWay => Code::ChargeInProgress,
    })
}

/// The schedule charges what is due; the caller also what is owed already. Uses the connection that
/// its caller has: taking a second one while holding the first can starve the pool.
async fn due_period(
    ctx: &Context,
    db: &mut PgConnection,
    subscription: &Subscription,
    by: By,
) -> Result<Period, ApiError> {
    let state = &subscription.state;
    if let Due::Charge(period) = state.due(ctx.rules(), ctx.clock.now()) {
        return Ok(period);
    }
    if let By::Schedule(_) = by {
        return Err(Code::AlreadyCharged.into());
    }
    match state.status {
        Status::PastDue | Status::Unpaid => Ok(state.period()),
        Status::Paused | Status::Canceled | Status::Incomplete => {
            Err(Code::SubscriptionNotActive.into())
        }
        Status::Active => {
            let last = attempts(db, subscription.id, state.period_start).await?;
            let code = last.first().and_then(|last| in_the_way(last.state));
            Err(code.unwrap_or(Code::AlreadyCharged).into())
        }
    }
}

/// A scheduled charge that was not sent is tried again some minutes later.
pub async fn postpone(ctx: &Context, lease: Lease) -> sqlx::Result<()> {
    let mut tx = ctx.begin().await?;
    if let Some(locked) = leases::lock(&mut tx, lease).await? {
        let later = locked.state.postponed(ctx.clock.now());
        save_state(&mut tx, lease.id, &later).await?;
    }
    tx.commit().await
}
