//! Charging the period of a subscription that is due: by the schedule or by the caller.

use sqlx::postgres::{PgConnection, PgTransaction};

use crate::billing::cards::{decrypt, inactive};
use crate::billing::renewals::leases::{self, Lease};
use crate::billing::store::{self, BillingKey, ChargeTerms, Subscription};
use crate::billing::subscriptions::price_rises::{OnTheDay, settle_rise};
use crate::context::Context;
use crate::http::error::{ApiError, Code};
use crate::kiwoom::text::OrderNo;
use crate::payments::charge::{self, Draft, Ready, Waiting};
use crate::payments::store::{InitiatedBy, Payment, attempts, subscription_state};
use crate::rules::ids::{PaymentId, SubscriptionId};
use crate::rules::payment_state::{Obstacle, Outcome, Verdict, obstacle};
use crate::rules::renewal_no::RenewalNo;
use crate::rules::schedule::Period;
use crate::rules::subscription_state::{Attempt, Due, Status};
use crate::storage::vault::VaultError;

/// Who wants the period charged.
#[derive(Clone, Copy)]
pub enum By {
    /// A caller, who waits for the answer.
    Merchant,
    /// The schedule, for as long as it has the subscription to itself.
    Schedule(Lease),
}

/// Why nothing was charged.
#[derive(Debug)]
pub enum NotCharged {
    /// There is no such subscription.
    NotFound,
    /// Its status allows no charge.
    NotActive,
    /// No period is to be charged.
    NotDue,
    /// An earlier attempt of the period forbids another.
    Forbidden(Obstacle),
    /// Its billing key changed while the charge was prepared.
    OtherKey,
    /// There is no such billing key.
    NoKey,
    /// The card of its billing key was ended for good: no money is asked of it.
    KeyInactive(Box<BillingKey>),
    /// The billing key cannot be read.
    Unreadable(VaultError),
    /// The schedule has the subscription no longer to itself.
    LeaseLost,
    /// The failover guard pauses the schedule.
    Paused,
    /// The charge itself came to nothing.
    Charge(charge::NotCharged),
    /// The database.
    Database(sqlx::Error),
}

impl From<By> for InitiatedBy {
    fn from(by: By) -> Self {
        match by {
            By::Merchant => Self::Merchant,
            By::Schedule(_) => Self::Scheduler,
        }
    }
}

impl From<By> for Waiting {
    fn from(by: By) -> Self {
        match by {
            By::Merchant => Self::Caller,
            By::Schedule(_) => Self::Schedule,
        }
    }
}

impl From<charge::NotCharged> for NotCharged {
    fn from(reason: charge::NotCharged) -> Self {
        Self::Charge(reason)
    }
}

impl From<sqlx::Error> for NotCharged {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl From<NotCharged> for ApiError {
    fn from(reason: NotCharged) -> Self {
        match reason {
            NotCharged::NotFound => Code::SubscriptionNotFound.into(),
            NotCharged::NotActive => Code::SubscriptionNotActive.into(),
            NotCharged::NotDue | NotCharged::Forbidden(Obstacle::Paid) => {
                Code::AlreadyCharged.into()
            }
            NotCharged::Forbidden(Obstacle::Unknown) => Code::OutcomeUnknown.into(),
            NotCharged::Forbidden(Obstacle::UnderWay)
            | NotCharged::OtherKey
            | NotCharged::LeaseLost
            | NotCharged::Paused => Code::ChargeInProgress.into(),
            NotCharged::NoKey => Code::BillingKeyNotFound.into(),
            NotCharged::KeyInactive(key) => inactive(&key),
            NotCharged::Unreadable(error) => error.into(),
            NotCharged::Charge(reason) => reason.into(),
            NotCharged::Database(error) => error.into(),
        }
    }
}

/// Order number of an attempt.
pub fn order_no(id: SubscriptionId, period: Period, attempt: usize) -> OrderNo {
    let number = RenewalNo { subscription: id, period_start: period.start, attempt };
    OrderNo::made(number.to_string())
}

/// Charges the period that `by` may charge now.
pub async fn charge_due(
    ctx: &Context,
    id: SubscriptionId,
    payment_id: PaymentId,
    by: By,
) -> Result<Payment, NotCharged> {
    let found = store::find_subscription(&ctx.pool, id).await?.ok_or(NotCharged::NotFound)?;
    let mut db = ctx.pool.acquire().await?;
    due_period(ctx, &mut db, &found, by).await?;
    drop(db);
    let key = store::find_key(&ctx.pool, found.billing_key_id).await?.ok_or(NotCharged::NoKey)?;
    let key = chargeable(key)?;
    let card = decrypt(ctx, key).await.map_err(NotCharged::Unreadable)?;
    let mut ready = Ready::new(ctx, by.into(), &card).await?;
    let tx = &mut ready.transaction;
    let mut s = lock(ctx, tx, id, by).await?;
    if s.billing_key_id != found.billing_key_id {
        return Err(NotCharged::OtherKey);
    }
    let period = due_period(ctx, tx, &s, by).await?;
    let earlier = attempts(tx, id, period.start).await?;
    forbidden(&earlier)?;
    if is_first(&earlier)
        && let Some(reason) = settle_rise_of(ctx, tx, &mut s, period).await?
    {
        store::save_subscription(tx, &s).await?;
        ready.transaction.commit().await?;
        return Err(reason);
    }
    let key = store::lock_key(tx, s.billing_key_id).await?.ok_or(NotCharged::NoKey)?;
    chargeable(key)?;
    // While the charge is under way there is no next moment.
    s.state.next_attempt_at = None;
    store::save_subscription(tx, &s).await?;
    let ChargeTerms { amount, tax_free_amount, product_name } = s.terms(&earlier);
    let draft = Draft {
        id: payment_id,
        order_no: order_no(id, period, earlier.len() + 1),
        amount,
        tax_free_amount,
        product_name: product_name.to_owned(),
        card,
        period: Some((id, period)),
        initiated_by: by.into(),
    };
    Ok(ready.charge(ctx, draft).await?)
}

/// The key, when its card was not ended for good.
fn chargeable(key: BillingKey) -> Result<BillingKey, NotCharged> {
    if key.is_active() { Ok(key) } else { Err(NotCharged::KeyInactive(Box::new(key))) }
}

/// Whether none of the attempts made for a period came as far as the customer's card.
fn is_first(attempts: &[Payment]) -> bool {
    attempts.iter().all(|attempt| attempt.merchant_setting.is_some())
}

/// A period that is due on a card that was ended for good: it is unpaid, as if the card had refused
/// it, and no money is asked for.
pub async fn leave_unpaid(ctx: &Context, lease: Lease, key: BillingKey) -> Result<(), NotCharged> {
    let mut tx = ctx.begin().await?;
    let by = By::Schedule(lease);
    let mut s = lock(ctx, &mut tx, lease.id, by).await?;
    let period = due_period(ctx, &mut tx, &s, by).await?;
    let earlier = attempts(&mut tx, lease.id, period.start).await?;
    forbidden(&earlier)?;
    let now_key = store::lock_key(&mut tx, s.billing_key_id).await?.ok_or(NotCharged::NoKey)?;
    if now_key.id != key.id || now_key.is_active() {
        return Err(NotCharged::OtherKey);
    }
    let nothing_to_ask =
        is_first(&earlier) && settle_rise_of(ctx, &mut tx, &mut s, period).await?.is_some();
    if !nothing_to_ask {
        let refused = Outcome::Declined {
            code: key.ended.code.unwrap_or_default(),
            message: key.ended.message.unwrap_or_default(),
            verdict: Verdict::Never,
        };
        let attempt = Attempt { period, by_merchant: false };
        s.state = s.state.after(attempt, &refused, ctx.rules(), ctx.clock.now());
        tracing::info!(id = %lease.id, "unpaid: its card was ended for good");
    }
    store::save_subscription(&mut tx, &s).await?;
    Ok(tx.commit().await?)
}

/// The first attempt for a period settles a price rise that was pending for it. Gives the reason when
/// the period is not charged then.
async fn settle_rise_of(
    ctx: &Context,
    tx: &mut PgTransaction<'static>,
    s: &mut Subscription,
    period: Period,
) -> Result<Option<NotCharged>, NotCharged> {
    Ok(match settle_rise(ctx, tx, s, period.start).await? {
        OnTheDay::Charge(_) => None,
        OnTheDay::StayFree => Some(NotCharged::NotDue),
        OnTheDay::End => Some(NotCharged::NotActive),
    })
}

/// An error when the latest of the attempts made for a period forbids another.
fn forbidden(attempts: &[Payment]) -> Result<(), NotCharged> {
    let obstacle = attempts.first().and_then(|latest| obstacle(latest.state));
    obstacle.map_or(Ok(()), |obstacle| Err(NotCharged::Forbidden(obstacle)))
}

async fn lock(
    ctx: &Context,
    db: &mut PgConnection,
    id: SubscriptionId,
    by: By,
) -> Result<Subscription, NotCharged> {
    match by {
        By::Merchant => store::lock_subscription(db, id).await?.ok_or(NotCharged::NotFound),
        By::Schedule(lease) => {
            let locked = leases::lock(db, lease).await?.ok_or(NotCharged::LeaseLost)?;
            let may = ctx.guard.may_commit(db).await?;
            may.then_some(locked).ok_or(NotCharged::Paused)
        }
    }
}

/// The schedule charges what is due; the caller also what is owed already. Uses the connection that
/// its caller has: taking a second one while holding the first can starve the pool.
async fn due_period(
    ctx: &Context,
    db: &mut PgConnection,
    subscription: &Subscription,
    by: By,
) -> Result<Period, NotCharged> {
    let state = &subscription.state;
    match (state.due(ctx.rules(), ctx.clock.now()), by) {
        (Due::Charge(period), _) => return Ok(period),
        // It is over, though no pass has ended it yet.
        (Due::Cancel, _) => return Err(NotCharged::NotActive),
        (Due::Resume | Due::Nothing, By::Schedule(_)) => return Err(NotCharged::NotDue),
        (Due::Resume | Due::Nothing, By::Merchant) => {}
    }
    match state.status {
        Status::PastDue | Status::Unpaid => Ok(state.period()),
        Status::Paused | Status::Canceled | Status::Incomplete => Err(NotCharged::NotActive),
        Status::Active => {
            forbidden(&attempts(db, subscription.id, state.period_start).await?)?;
            Err(NotCharged::NotDue)
        }
    }
}

/// A scheduled charge that was not sent is tried again some minutes later.
pub async fn postpone(ctx: &Context, lease: Lease) -> sqlx::Result<()> {
    let mut tx = ctx.begin().await?;
    if let Some(locked) = leases::lock(&mut tx, lease).await? {
        let later = locked.state.postponed(ctx.clock.now());
        subscription_state::save(&mut tx, lease.id, &later).await?;
    }
    tx.commit().await
}
