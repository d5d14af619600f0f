//! One pass of the schedule: everything that is due at the clock's present moment.
//!
//! Due subscriptions are claimed in bounded batches with `SKIP LOCKED` and a lease, so that any
//! number of processes share the work. The claim only spreads it: what prevents a second charge is
//! the look at the locked row before the intent, and the unique index on the charge. A lease that
//! is lost by then means that nothing is sent and nothing is written.
//!
//! - approved: its days are paid, the next charge is for those that follow
//! - declined: `past_due`, retried on `RETRY_DAYS`; a hard decline or the last retry: `unpaid`
//! - unknown: its days wait until somebody finds out
//! - not sent: tried again five minutes later; refused for the merchant's set-up: an hour later
//! - a card that was ended for good: `unpaid`, without a call
//! - several periods missed: the latest one only, never a burst

pub(crate) mod begun;
pub(crate) mod charge_due;
mod leases;
mod not_charged;

use std::collections::HashMap;
use std::pin::pin;

use futures::StreamExt;
use futures::stream::FuturesUnordered;

use crate::billing::renewals::charge_due::{
    By, NotCharged, charge_found, leave_unpaid, plan, postpone,
};
use crate::billing::store::{self, BillingKey};
use crate::context::Context;
use crate::payments::charge;
use crate::payments::store::paid_time::{self, Loaded};
use crate::rules::ids::PaymentId;
use crate::storage::database::errors::is_database_down;
use crate::storage::vault::VaultError;
use leases::Lease;

pub use store::{Due, charges_under_way, due, next_due};

const BATCH: i64 = 64;
/// Charges under way at once, as many as callers may have. They hold no connection to the database while the
/// gateway works. Where there is a pace, all but the next one of those that wait for it cost nothing.
const CONCURRENCY: usize = 64;
/// Longer than what is claimed takes at the gateway's pace, shorter than anybody's patience.
const LEASE_SECS: f64 = 300.0;

/// Works off what is due. Returns how many subscriptions were looked at. When no more can be claimed,
/// what was claimed is worked off before the error is told.
pub async fn run_due(ctx: &Context) -> sqlx::Result<usize> {
    let (mut handled, mut under_way) = (0, FuturesUnordered::new());
    let claimed_all = loop {
        match while_they_go_on(claim(ctx, handled == 0), &mut under_way).await {
            Ok(claimed) if claimed.is_empty() => break Ok(()),
            Ok(claimed) => {
                handled += claimed.len();
                for one in claimed {
                    if under_way.len() == CONCURRENCY {
                        under_way.next().await;
                    }
                    under_way.push(renew(ctx, one));
                }
            }
            Err(error) => break Err(error),
        }
    };
    while under_way.next().await.is_some() {}
    claimed_all.map(|()| handled)
}

/// What `first` comes to, while `others` go on: those that hold a connection give it back.
async fn while_they_go_on<F: Future>(
    first: F,
    others: &mut FuturesUnordered<impl Future<Output = ()>>,
) -> F::Output {
    let mut first = pin!(first);
    loop {
        tokio::select! {
            done = &mut first => return done,
            Some(()) = others.next() => {}
        }
    }
}

/// A due subscription that this process has to itself, as it stood when it was claimed, with its card.
struct Claimed {
    lease: Lease,
    found: Option<(Loaded, Option<BillingKey>)>,
}

async fn claim(ctx: &Context, is_first: bool) -> sqlx::Result<Vec<Claimed>> {
    if ctx.draining.is_cancelled() {
        return Ok(Vec::new());
    }
    let lease = (ctx.instance.number(), LEASE_SECS);
    let leases = leases::claim(&ctx.pool, ctx.clock.now(), BATCH, lease, is_first).await?;
    let ids: Vec<_> = leases.iter().map(|lease| lease.id).collect();
    let mut db = ctx.pool.acquire().await?;
    let found = store::find_subscriptions(&mut db, &ids, ctx.rules()).await?;
    let keys: Vec<_> = found.iter().map(|found| found.row.billing_key_id).collect();
    let keys = store::find_keys(&mut db, &keys).await?;
    let keys: HashMap<_, _> = keys.into_iter().map(|key| (key.id, key)).collect();
    let with_key = |found: Loaded| {
        let key = keys.get(&found.row.billing_key_id).cloned();
        (found.row.id, (found, key))
    };
    let mut found: HashMap<_, _> = found.into_iter().map(with_key).collect();
    let claimed = leases.into_iter();
    Ok(claimed.map(|lease| Claimed { found: found.remove(&lease.id), lease }).collect())
}

/// A failure is logged and leaves the subscription for a later pass.
async fn renew(ctx: &Context, claimed: Claimed) {
    let id = claimed.lease.id;
    let done = if ctx.draining.is_cancelled() {
        leases::release(&ctx.pool, claimed.lease).await
    } else {
        renew_claimed(ctx, claimed).await
    };
    if let Err(error) = done {
        tracing::error!(%id, %error, "subscription left for a later pass");
    }
}

async fn renew_claimed(ctx: &Context, Claimed { lease, found }: Claimed) -> sqlx::Result<()> {
    let id = lease.id;
    let charged = match found {
        Some(found) => {
            Box::pin(charge_found(ctx, found, PaymentId::new(), By::Schedule(lease))).await
        }
        None => Err(NotCharged::NotFound),
    };
    let charged = match charged {
        Err(NotCharged::KeyInactive(key)) => leave_unpaid(ctx, lease, *key).await,
        charged => charged.map(drop),
    };
    match charged {
        Ok(()) => Ok(()),
        Err(NotCharged::LeaseLost) => {
            tracing::warn!(%id, "lease lost: nothing sent, left to whoever has it now");
            Ok(())
        }
        Err(
            NotCharged::Paused
            | NotCharged::OtherKey
            | NotCharged::Charge(charge::NotCharged::Stopping),
        ) => leases::release(&ctx.pool, lease).await,
        // A database that is away says nothing about what is due: the next pass claims it again.
        Err(
            NotCharged::Database(error)
            | NotCharged::Unreadable(VaultError::Database(error))
            | NotCharged::Charge(charge::NotCharged::Database(error)),
        ) if is_database_down(&error) => {
            tracing::warn!(%id, %error, "database not available");
            Ok(())
        }
        Err(
            reason @ (NotCharged::Database(_) | NotCharged::Unreadable(_) | NotCharged::Charge(_)),
        ) => {
            tracing::warn!(%id, ?reason, "renewal not sent, tried again in some minutes");
            postpone(ctx, lease).await
        }
        Err(
            NotCharged::NotFound
            | NotCharged::NotActive
            | NotCharged::NotDue
            | NotCharged::Refused(_)
            | NotCharged::Forbidden(_)
            | NotCharged::LinkOpen(_)
            | NotCharged::NoKey
            | NotCharged::KeyInactive(_),
        ) => recheck(ctx, lease).await,
    }
}

/// Nothing could be made of what is due.
async fn recheck(ctx: &Context, lease: Lease) -> sqlx::Result<()> {
    let now = ctx.clock.now();
    let mut tx = ctx.begin().await?;
    if let Some(mut subscription) = leases::lock(&mut tx, lease, None, ctx.rules()).await? {
        plan(&mut subscription, ctx.rules(), now);
        paid_time::save(&mut tx, &mut subscription, now).await?;
    }
    tx.commit().await
}
