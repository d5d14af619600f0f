//! Charging what a subscription owes now: by the schedule or by the caller.

use chrono::{DateTime, Duration, Utc};
use kiwoom_clock::kst;
use kiwoom_paid_time::{ChargeState, Kind, Outcome, Planning, Status, Subscription};
use sqlx::postgres::PgConnection;

use crate::billing::renewals::begun::{Begun, lock, lock_row, prepare_with};
use crate::billing::renewals::leases::{self, Lease};
use crate::billing::store::{self, BillingKey};
use crate::context::Context;
use crate::payments::NOT_SENT_PAUSE;
use crate::payments::links;
use crate::payments::store::paid_time::{self, Loaded};
use crate::rules::ids::{PaymentId, SubscriptionId};
use crate::rules::moments::{Work, retrying};
use crate::rules::payment_state::Obstacle;
use crate::rules::schedule::Rules;

pub use crate::billing::renewals::not_charged::{By, NotCharged};

/// When what is due contradicts what was charged, a person has to look; the schedule comes back.
const RECHECK: Duration = Duration::hours(1);
const NOT_TO_RISE: &str = "가격 인상 미동의";
const NOT_TO_PAY: &str = "유료 전환 미동의";

/// Charges what `by` may charge now. What is due and needs no money is done as well.
pub async fn charge_due(
    ctx: &Context,
    id: SubscriptionId,
    payment: PaymentId,
    by: By,
) -> Result<Begun, NotCharged> {
    let mut db = ctx.pool.acquire().await?;
    let found = store::find_subscription(&mut db, id, ctx.rules()).await?;
    let found = found.ok_or(NotCharged::NotFound)?;
    let key = store::find_key(&mut *db, found.row.billing_key_id).await?;
    drop(db);
    Box::pin(charge_found(ctx, (found, key), payment, by)).await
}

/// The same for a subscription that was found, with its key. Both are looked at again once they are locked.
#[tracing::instrument(name = "charge_due", skip_all, fields(id = %look.row.id))]
pub(super) async fn charge_found(
    ctx: &Context,
    (look, key): (Loaded, Option<BillingKey>),
    payment: PaymentId,
    by: By,
) -> Result<Begun, NotCharged> {
    let id = look.row.id;
    let was_unpaid = look.paid.status == Status::Unpaid;
    if begin(&mut look.clone(), by, ctx.rules(), ctx.clock.now())?.is_none() {
        return nothing(without_charge(ctx, id, by).await?, by, was_unpaid);
    }
    let mut prepared = prepare_with(ctx, key, by).await?;
    let mut subscription = prepared.lock_known(ctx, look).await?;
    give_way(ctx, prepared.transaction(), &subscription).await?;
    match begin(&mut subscription, by, ctx.rules(), ctx.clock.now())? {
        Some(charge) => {
            prepared.charge(ctx, subscription, charge, payment).await.map(Begun::Charged)
        }
        None => nothing(prepared.save(ctx, subscription).await?, by, was_unpaid),
    }
}

/// An error while a payment page link asks for what the locked subscription owes: nobody else does then.
async fn give_way(ctx: &Context, db: &mut PgConnection, s: &Loaded) -> Result<(), NotCharged> {
    let link = links::in_the_way(db, s, ctx.clock.now()).await?;
    link.map_or(Ok(()), |link| Err(NotCharged::LinkOpen(link)))
}

/// No money was needed. A caller who wanted to pay has come back with it, or there was nothing to pay.
fn nothing(s: Loaded, by: By, was_unpaid: bool) -> Result<Begun, NotCharged> {
    match (by, s.paid.status) {
        (By::Merchant, Status::Active | Status::PastDue) if !was_unpaid => Err(NotCharged::NotDue),
        _ => Ok(Begun::Nothing(Box::new(s))),
    }
}

/// Does what is due without money.
async fn without_charge(ctx: &Context, id: SubscriptionId, by: By) -> Result<Loaded, NotCharged> {
    let now = ctx.clock.now();
    let mut tx = ctx.begin().await?;
    let mut subscription = lock_row(ctx, &mut tx, (id, None), by).await?;
    if begin(&mut subscription, by, ctx.rules(), now)?.is_some() {
        // Somebody has changed it since the look.
        return Err(NotCharged::OtherKey);
    }
    plan(&mut subscription, ctx.rules(), now);
    paid_time::save(&mut tx, &mut subscription, now).await?;
    tx.commit().await?;
    Ok(subscription)
}

/// Does what is due at `now`; the caller also what is owed already. The answer is the charge that has
/// to be made; none = no money is needed.
fn begin(
    s: &mut Loaded,
    by: By,
    rules: &Rules,
    now: DateTime<Utc>,
) -> Result<Option<u32>, NotCharged> {
    let served = matches!(s.paid.status, Status::Active | Status::PastDue);
    let begun = match (begin_due(s, rules, now), by) {
        ((_, Some(charge)), _) => Some(charge),
        ((Work::Due(_), None), By::Merchant) => None,
        ((_, None), By::Merchant) => begin_owed(s, now)?,
        ((_, None), By::Schedule(_)) => None,
    };
    if served && s.paid.status == Status::Canceled {
        s.row.cancel_reason = s.row.cancel_reason.take().or_else(|| for_want_of_consent(&s.paid));
        tracing::info!(id = %s.row.id, "subscription ended");
    }
    Ok(begun)
}

/// What is due by the schedule: what it was, and the charge that it needs.
fn begin_due(s: &mut Loaded, rules: &Rules, now: DateTime<Utc>) -> (Work, Option<u32>) {
    let mut work = s.work(rules, now);
    if let Work::Midnight(today) = work {
        s.midnight(today);
        work = match s.work(rules, now) {
            Work::Nothing => return (work, None),
            next => next,
        };
    }
    let charge = match work {
        Work::Due(today) => {
            let charge = s.paid.due(today);
            if charge.is_none() {
                // The next days began: what was declined before them is not tried again.
                s.row.retries.clear();
            }
            charge
        }
        Work::Retry(charge) => s.paid.retry(charge).then_some(charge),
        Work::Nothing | Work::Midnight(_) => None,
    };
    (work, charge)
}

/// What the caller may charge though nothing is due.
fn begin_owed(s: &mut Loaded, now: DateTime<Utc>) -> Result<Option<u32>, NotCharged> {
    match s.paid.status {
        Status::Paused | Status::Canceled => Err(NotCharged::NotActive),
        Status::Unpaid => Ok(s.paid.come_back(kst(now).date_naive())?),
        Status::Active | Status::PastDue => match retrying(&s.paid) {
            Some(charge) => Ok(s.paid.retry(charge).then_some(charge)),
            None => Err(obstacle(&s.paid).map_or(NotCharged::NotDue, NotCharged::Forbidden)),
        },
    }
}

/// What the last charge has against another one.
fn obstacle(paid: &Subscription) -> Option<Obstacle> {
    match paid.charges.last()?.state {
        ChargeState::UnderWay => Some(Obstacle::UnderWay),
        ChargeState::Unknown => Some(Obstacle::Unknown),
        ChargeState::Approved => Some(Obstacle::Paid),
        ChargeState::Retrying | ChargeState::Declined => None,
    }
}

/// Why it ended when a price rise, or the first price after free time, came without a consent.
fn for_want_of_consent(paid: &Subscription) -> Option<String> {
    let mut kept = paid.clone();
    kept.end_without_consent = false;
    match (paid.next(), kept.next()) {
        (Planning::End(_), Planning::Segment(next)) => {
            Some(if next.kind == Kind::Free { NOT_TO_PAY } else { NOT_TO_RISE }.to_owned())
        }
        _ => None,
    }
}

/// What is due on a card that was ended for good: it is unpaid, as if the card had refused it, and no
/// money is asked for.
pub async fn leave_unpaid(ctx: &Context, lease: Lease, key: BillingKey) -> Result<(), NotCharged> {
    let now = ctx.clock.now();
    let by = By::Schedule(lease);
    let mut tx = ctx.begin().await?;
    let mut s = lock(ctx, &mut tx, (lease.id, None), by).await?;
    give_way(ctx, &mut tx, &s).await?;
    let charge = begin(&mut s, by, ctx.rules(), now)?;
    let now_key = store::lock_key(&mut tx, s.row.billing_key_id).await?.ok_or(NotCharged::NoKey)?;
    if now_key.id != key.id || now_key.is_active() {
        return Err(NotCharged::OtherKey);
    }
    if let Some(charge) = charge {
        let refused = Outcome::Declined { retry: false };
        s.paid.settle(charge, refused, kst(now).date_naive());
        s.row.retries.clear();
        tracing::info!(id = %lease.id, "unpaid: its card was ended for good");
    }
    s.plan(ctx.rules());
    paid_time::save(&mut tx, &mut s, now).await?;
    Ok(tx.commit().await?)
}

/// Puts the next moment right. When something is due that nothing can be made of, a person has to look,
/// and the schedule comes back. While a charge is under way there is no next moment, and its outcome
/// will set one.
pub(super) fn plan(s: &mut Loaded, rules: &Rules, now: DateTime<Utc>) {
    s.plan(rules);
    if s.row.next_attempt_at.is_some_and(|at| at <= now) {
        tracing::error!(id = %s.row.id, "due, but nothing can be charged");
        s.row.next_attempt_at = Some(now + RECHECK);
    }
}

/// A scheduled charge that was not sent is tried again some minutes later. While a charge is under way
/// there is no next moment to move.
pub async fn postpone(ctx: &Context, lease: Lease) -> sqlx::Result<()> {
    let now = ctx.clock.now();
    let mut tx = ctx.begin().await?;
    if let Some(mut locked) = leases::lock(&mut tx, lease, None, ctx.rules()).await? {
        locked.plan_after(NOT_SENT_PAUSE, ctx.rules(), now);
        paid_time::save(&mut tx, &mut locked, now).await?;
    }
    tx.commit().await
}
