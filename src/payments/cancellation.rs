//! A cancellation that KiwoomPay told us of: our own refund confirmed, or one that was made in the
//! merchant's pages. One that comes before its payment waits, and is put into the books together
//! with the payment, whoever tells of that: a notification, the gateway's own answer, a person.

use chrono::{DateTime, Duration, SubsecRound, Utc};
use sqlx::postgres::PgTransaction;
use uuid::Uuid;

use crate::context::Context;
use crate::payments::refund::{self, RefundOutcome};
use crate::payments::store::{self, Payment, RefundState};
use crate::rules::ids::{PaymentId, RefundId};
use crate::rules::payment_state::State;

/// What a notification says of a cancellation.
#[derive(sqlx::FromRow)]
pub struct Told {
    /// The row of the notification.
    pub id: Uuid,
    /// DAOUTRX of the payment.
    pub transaction_id: String,
    /// Won.
    pub amount: i64,
    /// CANCELDATE.
    pub occurred_at: Option<DateTime<Utc>>,
}

/// What a cancellation came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learnt {
    /// It is in the books, now or before.
    Applied,
    /// The payment has not been told of yet.
    TooEarly,
    /// It is about another transaction, or more than was paid.
    Contradiction,
}

/// Between our asking for a refund and the gateway's making it, at most.
const LONGEST_CALL: Duration = Duration::minutes(10);

#[derive(sqlx::FromRow)]
struct Known {
    id: RefundId,
    amount: i64,
    state: RefundState,
    created_at: DateTime<Utc>,
    refunded_at: Option<DateTime<Utc>>,
    resolve_reason: Option<String>,
    confirmed_by: Option<Uuid>,
}

/// Puts the cancellation into the books, once.
pub async fn cancellation(ctx: &Context, id: PaymentId, told: &Told) -> sqlx::Result<Learnt> {
    let mut tx = ctx.begin().await?;
    let Some(payment) = store::lock(&mut tx, id).await? else { return Ok(Learnt::Contradiction) };
    let learnt = apply(ctx, &mut tx, &payment, told).await?;
    tx.commit().await?;
    Ok(learnt)
}

/// Puts the cancellations that came before their payment into the books, in the transaction that
/// makes the payment approved. Gives the payment as it is afterwards.
pub async fn waiting(
    ctx: &Context,
    tx: &mut PgTransaction<'_>,
    mut payment: Payment,
) -> sqlx::Result<Payment> {
    let query = sqlx::query_as(
        "select id, transaction_id, amount, occurred_at from notifications
         where order_no = $1 and verdict = 'waiting' and kind = 'cancellation' order by id",
    );
    let waiting: Vec<Told> = query.bind(&payment.order_no).fetch_all(&mut **tx).await?;
    for told in waiting {
        let verdict = match apply(ctx, tx, &payment, &told).await? {
            Learnt::Applied => "applied",
            Learnt::TooEarly => "waiting",
            Learnt::Contradiction => {
                let order_no = &payment.order_no;
                tracing::error!(alert = true, order_no, "notification contradicts the books");
                "contradiction"
            }
        };
        let query = sqlx::query("update notifications set verdict = $2 where id = $1");
        query.bind(told.id).bind(verdict).execute(&mut **tx).await?;
        payment = store::lock(tx, payment.id).await?.ok_or(sqlx::Error::RowNotFound)?;
    }
    Ok(payment)
}

async fn apply(
    ctx: &Context,
    tx: &mut PgTransaction<'_>,
    payment: &Payment,
    told: &Told,
) -> sqlx::Result<Learnt> {
    if payment.state != State::Approved {
        return Ok(Learnt::TooEarly);
    }
    if payment.transaction_id.as_deref() != Some(&told.transaction_id) {
        return Ok(Learnt::Contradiction);
    }
    let query = sqlx::query_as(
        "select id, amount, state, created_at, refunded_at, resolve_reason, confirmed_by
         from refunds where payment_id = $1 order by id for update",
    );
    let known: Vec<Known> = query.bind(payment.id).fetch_all(&mut **tx).await?;
    if known.iter().any(|r| r.confirmed_by == Some(told.id)) {
        return Ok(Learnt::Applied);
    }
    match told_of(&known, told) {
        Some(own) => confirm(ctx, tx, own, told).await?,
        None if told.amount == 0 || told.amount > payment.refundable() => {
            return Ok(Learnt::Contradiction);
        }
        None => record(ctx, tx, payment, told).await?,
    }
    Ok(Learnt::Applied)
}

/// The refund that the notification tells of, if it is one of ours. One that was done in the same
/// second comes first, then one under way, then one whose outcome is unknown and that was asked
/// for at about that time: the notification of one refund must not settle another.
fn told_of<'k>(known: &'k [Known], told: &Told) -> Option<&'k Known> {
    let ranked = known.iter().filter_map(|refund| rank(refund, told).map(|rank| (rank, refund)));
    ranked.min_by_key(|(rank, _)| *rank).map(|(_, refund)| refund)
}

fn rank(known: &Known, told: &Told) -> Option<u8> {
    if known.amount != told.amount || known.confirmed_by.is_some() {
        return None;
    }
    let is_close = |at: DateTime<Utc>| (at - known.created_at).abs() <= LONGEST_CALL;
    let in_time = told.occurred_at.is_none_or(is_close);
    let same_second = known.refunded_at.map(|at| at.trunc_subsecs(0)) == told.occurred_at;
    match known.state {
        RefundState::Refunded if same_second || told.occurred_at.is_none() => Some(0),
        RefundState::Sending if in_time => Some(1),
        RefundState::Unknown if in_time => Some(2),
        // Settled by hand: its time is a guess.
        RefundState::Refunded if known.resolve_reason.is_some() => Some(3),
        RefundState::Refunded
        | RefundState::Sending
        | RefundState::Unknown
        | RefundState::Declined => None,
    }
}

async fn confirm(
    ctx: &Context,
    tx: &mut PgTransaction<'_>,
    own: &Known,
    told: &Told,
) -> sqlx::Result<()> {
    if own.state != RefundState::Refunded {
        let outcome = RefundOutcome::Refunded {
            transaction_id: Some(told.transaction_id.clone()),
            refunded_at: told.occurred_at.unwrap_or_else(|| ctx.clock.now()),
        };
        refund::finish(tx, own.id, &outcome, None).await?;
    }
    let query = sqlx::query("update refunds set confirmed_by = $2 where id = $1");
    query.bind(own.id).bind(told.id).execute(&mut **tx).await.map(drop)
}

async fn record(
    ctx: &Context,
    tx: &mut PgTransaction<'_>,
    payment: &Payment,
    told: &Told,
) -> sqlx::Result<()> {
    let now = ctx.clock.now();
    let query = sqlx::query(
        "with refund as (
            insert into refunds (id, payment_id, amount, state, reason, origin, transaction_id,
                created_at, sent_at, refunded_at, confirmed_by)
            values ($1, $2, $3, 'refunded', $4, 'gateway', $5, $6, now(), $7, $8))
         update payments set refunded_amount = refunded_amount + $3 where id = $2",
    );
    query
        .bind(RefundId::new())
        .bind(payment.id)
        .bind(told.amount)
        .bind("키움페이 관리자 화면에서 취소")
        .bind(&told.transaction_id)
        .bind(now)
        .bind(told.occurred_at.unwrap_or(now))
        .bind(told.id)
        .execute(&mut **tx)
        .await
        .map(drop)
}
