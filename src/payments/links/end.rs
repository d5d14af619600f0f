//! How a link ends that is not paid.
//!
//! - no window was shown: nothing was asked of anybody, and the retries go on as they were planned
//! - a window was shown: whether money is taken in it nobody knows. The attempt is unknown, is listed as
//!   such, and is settled as every other: by KiwoomPay's word or by a person

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use sqlx::postgres::PgConnection;

use super::{Link, State, store};
use crate::context::Context;
use crate::payments::checkout;
use crate::payments::store as payments;
use crate::payments::store::paid_time::{self, Loaded};
use crate::rules::ids::{PaymentId, PaymentLinkId, SubscriptionId};
use crate::rules::moments::{self, Owed};
use crate::rules::payment_state::{Outcome, State as PaymentState};

/// How many are ended in a pass.
const BATCH: i64 = 500;

/// Why a link cannot be cancelled.
#[derive(Debug)]
pub enum NotCanceled {
    /// There is no such link.
    NotFound,
    /// It is paid.
    Paid,
    /// The database.
    Database(sqlx::Error),
}

impl From<sqlx::Error> for NotCanceled {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

/// Cancels a link. One that has ended stays as it is.
pub async fn cancel(ctx: &Context, id: PaymentLinkId) -> Result<Link, NotCanceled> {
    let found = store::find(&ctx.pool, id).await?.ok_or(NotCanceled::NotFound)?;
    if let (None, Some(order)) = (found.subscription_id, found.payment_id) {
        // The link follows its order.
        let mut tx = ctx.begin().await?;
        if matches!(found.state, State::Open | State::Opened) {
            checkout::close(&mut tx, order, None, ctx.clock.now()).await?;
        }
        tx.commit().await?;
    } else {
        end(ctx, id, State::Canceled).await?;
    }
    let link = store::find(&ctx.pool, id).await?.ok_or(NotCanceled::NotFound)?;
    if link.state == State::Paid { Err(NotCanceled::Paid) } else { Ok(link) }
}

/// Ends the links whose time is up.
pub async fn expire(ctx: &Context) -> sqlx::Result<()> {
    let query = sqlx::query_scalar(
        "select id from payment_links where state in ('open', 'opened') and expires_at <= $1
         order by expires_at limit $2",
    );
    let ids: Vec<PaymentLinkId> =
        query.bind(ctx.clock.now()).bind(BATCH).fetch_all(&ctx.pool).await?;
    for id in ids {
        end(ctx, id, State::Expired).await?;
    }
    Ok(())
}

/// The next moment at which a link's time is up.
pub async fn next_expiry(pool: &PgPool) -> sqlx::Result<Option<DateTime<Utc>>> {
    let query = "select min(expires_at) from payment_links where state in ('open', 'opened')";
    sqlx::query_scalar(query).fetch_one(pool).await
}

/// Ends the link, when it lives; for its time only when that is up.
async fn end(ctx: &Context, id: PaymentLinkId, how: State) -> sqlx::Result<()> {
    let now = ctx.clock.now();
    let mut tx = ctx.begin().await?;
    let Some(found) = store::find(&mut *tx, id).await? else { return Ok(()) };
    let subscription = match found.subscription_id {
        Some(id) => paid_time::lock(&mut tx, id, ctx.rules()).await?,
        None => None,
    };
    let Some(link) = store::find(&mut *tx, id).await? else { return Ok(()) };
    let lives = matches!(link.state, State::Open | State::Opened);
    if !lives || how == State::Expired && now < link.expires_at {
        return Ok(());
    }
    match (subscription, link.payment_id) {
        (Some(subscription), Some(payment)) => {
            leave_unknown(ctx, &mut tx, (&link, how), subscription, payment).await?;
        }
        (Some(subscription), None) => {
            ended(&mut tx, id, how, now).await?;
            let is_held = !link.automatic;
            if is_held {
                go_on(ctx, &mut tx, subscription, &link).await?;
            }
        }
        // An order that waits expires itself; one whose last try has failed stays failed.
        (None, _) => ended(&mut tx, id, how, now).await?,
    }
    tx.commit().await?;
    tracing::info!(%id, ?how, "a payment page link has ended");
    Ok(())
}

async fn ended(
    db: &mut PgConnection,
    id: PaymentLinkId,
    how: State,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    let query = sqlx::query(
        "update payment_links set state = $2, ended_at = $3,
            canceled_at = case when $2 = 'canceled' then $3 end
         where id = $1 and state in ('open', 'opened')",
    );
    query.bind(id).bind(how).bind(now).execute(db).await.map(drop)
}

/// The retry that waited goes on.
async fn go_on(
    ctx: &Context,
    db: &mut PgConnection,
    mut s: Loaded,
    link: &Link,
) -> sqlx::Result<()> {
    let now = ctx.clock.now();
    let waited = matches!(moments::owed(&s.paid), Some(Owed::Retry(_)));
    if !waited || s.row.retries.retry_at.is_some() {
        return Ok(());
    }
    let cadence = s.paid.terms.cadence;
    s.row.retries.go_on(link.retry_at, cadence, ctx.rules(), now);
    s.plan(ctx.rules());
    paid_time::save(db, &mut s, now).await
}

/// Nobody knows what became of the windows of the link, which ends with its payment (`follow_payment` in
/// the migrations). The days of a retry wait, and the next ones are charged on their own day; who was to
/// come back has no service, and nothing is charged until it is known.
async fn leave_unknown(
    ctx: &Context,
    db: &mut PgConnection,
    (link, how): (&Link, State),
    mut s: Loaded,
    id: PaymentId,
) -> sqlx::Result<()> {
    let now = ctx.clock.now();
    let payment = payments::lock(db, id).await?;
    let Some(payment) = payment.filter(|p| p.state == PaymentState::Ready) else {
        tracing::error!(alert = true, id = %link.id, "a link lives, and its payment is settled");
        return Ok(());
    };
    if how == State::Canceled {
        let query = sqlx::query("update payment_links set canceled_at = $2 where id = $1");
        query.bind(link.id).bind(now).execute(&mut *db).await?;
    }
    let query = sqlx::query("update payments set state = 'unknown', settled_at = $2 where id = $1");
    query.bind(id).bind(now).execute(&mut *db).await?;
    let charge = payment.charge_no.and_then(|number| u32::try_from(number).ok());
    let charge = charge.and_then(|id| s.paid.find_charge(id)).filter(|charge| charge.is_retry);
    if let Some(charge) = charge.map(|charge| charge.id) {
        s.take_in((&payment, charge), &Outcome::Unknown, ctx.rules(), now);
        paid_time::save(db, &mut s, now).await?;
    }
    tracing::warn!(id = %link.id, order_no = payment.order_no, "a link ended after its window was \
        shown: whether it was paid is not known");
    Ok(())
}

/// What the subscription owed it owes no longer, or not so: its link that was not shown ends with it. When
/// the subscription is over no window is shown again either.
pub(in crate::payments) async fn owed_no_longer(
    db: &mut PgConnection,
    id: SubscriptionId,
    is_over: bool,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    let query = sqlx::query(
        "update payment_links set ended_at = $2,
            state = case when expires_at <= $2 then 'expired' else 'canceled' end
         where subscription_id = $1 and state = 'open'",
    );
    query.bind(id).bind(now).execute(&mut *db).await?;
    if is_over {
        let query = sqlx::query(
            "update payment_links set expires_at = $2
             where subscription_id = $1 and state = 'opened' and expires_at > $2",
        );
        query.bind(id).bind(now).execute(db).await?;
    }
    Ok(())
}
