//! Finds calls that were cut short: records their outcome when their process kept it, and lists the
//! others as unknown. Finds cancellations that missed their payment. Never sends anything.

use crate::context::Context;
use crate::payments::cancellation::missed;
use crate::payments::journaled;
use crate::payments::refund::{self, RefundOutcome};
use crate::payments::settle::{self, SettleError};
use crate::payments::store;
use crate::rules::payment_state::Outcome;
use crate::storage::live_processes;

/// Beyond the gateway time-out, a call may wait this long for the database to take its outcome.
const GRACE_SECS: f64 = 180.0;

/// Makes every orphaned `sending` row `unknown`. One that cannot be settled now does not keep the others;
/// the first error is returned.
pub async fn recover(ctx: &Context) -> sqlx::Result<()> {
    let mut alive = live_processes::alive(&ctx.pool).await?;
    alive.push(ctx.instance.number());
    journaled::record_what_was_left(ctx, &alive).await?;
    let secs = ctx.config.kiwoom.timeout.as_secs_f64() + GRACE_SECS;
    let payments = store::orphans(&ctx.pool, &alive, secs).await?;
    let refunds = store::orphan_refunds(&ctx.pool, &alive, secs).await?;
    let mut settled = Vec::with_capacity(payments.len() + refunds.len());
    for id in &payments {
        tracing::error!(alert = true, %id, "a charge was cut short: its outcome is unknown");
        settled.push(unless_gone(settle::settle(ctx, *id, &Outcome::Unknown, None).await));
    }
    for id in &refunds {
        tracing::error!(alert = true, %id, "a refund was cut short: its outcome is unknown");
        settled.push(unless_gone(refund::settle(ctx, *id, &RefundOutcome::Unknown, None).await));
    }
    settled.push(missed::apply(ctx).await);
    settled.into_iter().collect()
}

/// Another process may have been faster.
fn unless_gone<T>(result: Result<T, SettleError>) -> sqlx::Result<()> {
    match result {
        Err(SettleError::Database(error)) => Err(error),
        Ok(_) | Err(SettleError::NotFound | SettleError::Contradiction) => Ok(()),
    }
}
