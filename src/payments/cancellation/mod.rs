//! A cancellation that KiwoomPay told us of: our own refund confirmed, or one that was made in the
//! merchant's pages. One that comes before its payment waits, and is put into the books together
//! with the payment, whoever tells of that: a notification, the gateway's own answer, a person. So
//! does one that comes while equal refunds of the payment are under way.

pub mod listed;
mod matching;
pub mod missed;

use chrono::{DateTime, Utc};
use sqlx::postgres::PgTransaction;
use uuid::Uuid;

use crate::context::Context;
use crate::payments::cancellation::matching::Candidate;
use crate::payments::refund::{self, RefundOutcome};
use crate::payments::store::{self, Kind, Payment, RefundState};
use crate::rules::ids::{PaymentId, RefundId};
use crate::rules::payment_state::State;

/// What a notification says of a cancellation.
#[derive(sqlx::FromRow)]
pub struct Told {
    /// The row of the notification.
    pub id: Uuid,
    /// DAOUTRX of the payment.
    pub transaction_id: String,
    /// CPID; `None` in rows from before it was kept.
    pub cpid: Option<String>,
    /// Won.
    pub amount: i64,
    /// CANCELDATE.
    pub occurred_at: Option<DateTime<Utc>>,
    /// When it came, the first time.
    pub first_at: DateTime<Utc>,
}

/// What a cancellation came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learnt {
    /// It is in the books, now or before.
    Applied,
    /// The payment has not been told of yet, or equal refunds of it are under way.
    TooEarly,
    /// It is about another transaction or contract, or more than was paid.
    Contradiction,
}

/// A refund in the books.
#[derive(Debug, sqlx::FromRow)]
pub struct Known {
    id: RefundId,
    #[sqlx(flatten)]
    refund: Candidate,
    confirmed_by: Option<Uuid>,
}

/// A cancellation that was made elsewhere, as it is to be recorded.
struct Recorded<'a> {
    transaction_id: &'a str,
    amount: i64,
    at: DateTime<Utc>,
    /// The notification that told of it.
    confirmed_by: Option<Uuid>,
    /// The operator's, when it was no notification.
    resolve_reason: Option<&'a str>,
}

/// Puts the cancellation into the books, once.
pub async fn cancellation(ctx: &Context, id: PaymentId, told: &Told) -> sqlx::Result<Learnt> {
    let mut tx = ctx.begin().await?;
    let Some(payment) = store::lock(&mut tx, id).await? else { return Ok(Learnt::Contradiction) };
    let learnt = apply(ctx, &mut tx, &payment, told).await?;
    if learnt == Learnt::TooEarly {
        // While the payment is locked: whoever records it looks for what waits.
        let query = sqlx::query(
            "update notifications set verdict = 'waiting' where id = $1 and verdict <> 'applied'",
        );
        query.bind(told.id).execute(&mut *tx).await?;
    }
    tx.commit().await?;
    Ok(learnt)
}

/// Puts the cancellations that came before their payment, or before the answers to equal refunds of it,
/// into the books, in the transaction that records what they waited for. Gives the payment as it is
/// afterwards.
pub async fn waiting(
    ctx: &Context,
    tx: &mut PgTransaction<'_>,
    mut payment: Payment,
) -> sqlx::Result<Payment> {
    let query = sqlx::query_as(if payment.kind == Kind::Unexpected {
        // Told before its money was, it contradicted the payment that was asked for.
        "select id, transaction_id, cpid, amount, occurred_at, first_at from notifications
         where transaction_id = $2 and (order_no = $1 or order_no is null)
            and verdict in ('waiting', 'contradiction') and kind = 'cancellation' order by id"
    } else {
        "select id, transaction_id, cpid, amount, occurred_at, first_at from notifications
         where (order_no = $1 or order_no is null and transaction_id = $2)
            and verdict = 'waiting' and kind = 'cancellation' order by id"
    });
    let query = query.bind(payment.told_order_no()).bind(&payment.transaction_id);
    let waiting: Vec<Told> = query.fetch_all(&mut **tx).await?;
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
    if told.cpid.as_deref().is_some_and(|cpid| !payment.is_under(cpid)) {
        return Ok(Learnt::Contradiction);
    }
    if payment.state != State::Approved {
        return Ok(Learnt::TooEarly);
    }
    if payment.transaction_id.as_deref() != Some(&told.transaction_id) {
        return Ok(Learnt::Contradiction);
    }
    let query = sqlx::query_as(
        "select id, amount, state, created_at, refunded_at, resolve_reason is not null as by_hand,
            confirmed_by
         from refunds where payment_id = $1 order by id for update",
    );
    let known: Vec<Known> = query.bind(payment.id).fetch_all(&mut **tx).await?;
    let open = || known.iter().filter(|k| k.confirmed_by.is_none());
    let told_at = matching::Told {
        amount: told.amount,
        occurred_at: told.occurred_at,
        arrived_at: told.first_at,
    };
    if known.iter().any(|k| k.confirmed_by == Some(told.id)) {
        // A further copy, or the only word of another one that is its equal in everything.
        let mut equals = open().filter(|k| k.refund.equals(&told_at, ctx.clock.now()));
        if let Some(equal) = equals.next() {
            if equal.refund.state == RefundState::Refunded {
                confirm(tx, equal, told).await?;
            } else {
                let (id, order_no) = (equal.id, &payment.order_no);
                tracing::error!(alert = true, %id, order_no, "told again of a cancellation that may be \
                    this refund, whose outcome is unknown: it settles nothing");
            }
        }
        return Ok(Learnt::Applied);
    }
    let ranked = open().filter_map(|k| k.refund.rank(&told_at).map(|rank| (rank, k)));
    let under_way = ranked.clone().filter(|(_, k)| k.refund.state == RefundState::Sending).count();
    match ranked.min_by_key(|(rank, _)| *rank) {
        // Their answers tell which of them was made.
        Some((_, own)) if own.refund.state == RefundState::Sending && under_way > 1 => {
            return Ok(Learnt::TooEarly);
        }
        Some((_, own)) => confirm(tx, own, told).await?,
        None if told.amount == 0 || told.amount > payment.left() => {
            return Ok(Learnt::Contradiction);
        }
        None => {
            let canceled = Recorded {
                transaction_id: &told.transaction_id,
                amount: told.amount,
                at: told.occurred_at.unwrap_or(told.first_at),
                confirmed_by: Some(told.id),
                resolve_reason: None,
            };
            record(ctx, tx, payment, &canceled).await?;
        }
    }
    Ok(Learnt::Applied)
}

async fn confirm(tx: &mut PgTransaction<'_>, own: &Known, told: &Told) -> sqlx::Result<()> {
    if own.refund.state != RefundState::Refunded {
        let outcome = RefundOutcome::Refunded {
            transaction_id: Some(told.transaction_id.clone()),
            refunded_at: told.occurred_at.unwrap_or(told.first_at),
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
    canceled: &Recorded<'_>,
) -> sqlx::Result<()> {
    // Its tax-free part is not told: the taxable part went back first, as with a refund of ours.
    let left = payment.left_parts(store::refunded_tax_free(&mut **tx, payment.id).await?);
    let tax_free = *left.parts_of(canceled.amount).start();
    let query = sqlx::query(
        "with refund as (
            insert into refunds (id, payment_id, amount, state, reason, origin, transaction_id,
                created_at, sent_at, refunded_at, confirmed_by, tax_free_amount, resolve_reason)
            values ($1, $2, $3, 'refunded', $4, 'gateway', $5, $6, now(), $7, $8, $9, $10))
         update payments set refunded_amount = refunded_amount + $3 where id = $2",
    );
    query
        .bind(RefundId::new())
        .bind(payment.id)
        .bind(canceled.amount)
        .bind("키움페이 가맹점 관리자에서 취소")
        .bind(canceled.transaction_id)
        .bind(ctx.clock.now())
        .bind(canceled.at)
        .bind(canceled.confirmed_by)
        .bind(tax_free)
        .bind(canceled.resolve_reason)
        .execute(&mut **tx)
        .await
        .map(drop)
}
