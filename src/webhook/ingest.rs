//! One notification: check, record, apply, commit, answer.
//!
//! A notification carries no signature. It may only confirm what our own row asked for: our CPID,
//! an order number that we gave, the amount that we asked for. It never creates a payment.
//!
//! The same notification comes again until it is answered with SUCCESS, and in any order. All
//! copies share one row, found by a fingerprint of what they say; once that row says `applied` a
//! further copy changes nothing. Every step can be repeated after a crash: the row is written
//! first, the payment is settled by the one function that does that, and SUCCESS is answered only
//! when both are committed. A cancellation that arrives before its payment waits in its row and is
//! applied right after the payment.
//!
//! Another amount than was asked for sends an order to `mismatch`. What was paid stays paid: a
//! second transaction for a paid order, or a cancellation of more than was paid, is a
//! contradiction, which a person has to look at. Both are logged with `alert = true`.

use sha2::{Digest, Sha256};

use crate::context::Context;
use crate::kiwoom::codes;
use crate::kiwoom::notification::{self, Event, Fields, Notification};
use crate::payments::cancellation::{self, Learnt, Told};
use crate::payments::settle::{self, SettleError};
use crate::payments::store::{Kind as PaymentKind, Payment, PaymentRef, find};
use crate::redact::cards::holds_card;
use crate::redact::cards::mask_cards;
use crate::rules::payment_state::{Outcome, State};
use crate::webhook::store::{self, Entry};

/// What it tells of, as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Kind {
    /// Money was taken.
    Payment,
    /// A try failed.
    Failure,
    /// Money was given back.
    Cancellation,
    /// Not readable.
    Unreadable,
    /// Refused for its sender; counted by the hour, not kept.
    Source,
}

/// What became of it, as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Verdict {
    /// It is in the books, now or before.
    Applied,
    /// Kept until its payment is told of; also: not judged yet.
    Waiting,
    /// The sender is not let in.
    Source,
    /// Not a notification.
    Unreadable,
    /// Another merchant's.
    Merchant,
    /// No order of ours.
    UnknownOrder,
    /// Another amount than was asked for.
    Amount,
    /// The books say otherwise.
    Contradiction,
}

/// Takes in a query and a body. An error means that it could not be stored: it has to come again.
pub async fn ingest(ctx: &Context, query: &[u8], body: &[u8]) -> sqlx::Result<Verdict> {
    let fields = notification::decode(query, body);
    let told = fields.as_ref().map_err(|e| *e).and_then(notification::interpret);
    match (&fields, &told) {
        (Ok(fields), Ok(told)) => take(ctx, fields, told).await,
        (_, Err(error)) | (Err(error), _) => {
            tracing::warn!(%error, "notification not readable");
            let fingerprint = Sha256::digest([query, b"\n", body].concat());
            let raw = fields.as_ref().map(notification::masked).unwrap_or_default();
            let entry = Entry {
                fingerprint: &fingerprint,
                kind: Kind::Unreadable,
                verdict: Verdict::Unreadable,
                told: None,
                raw: &raw,
                now: ctx.clock.now(),
            };
            store::keep(&ctx.pool, &entry).await.map(|kept| kept.verdict)
        }
    }
}

/// Counts a request from a sender that is not let in.
pub async fn refuse_source(ctx: &Context) -> sqlx::Result<()> {
    let now = ctx.clock.now();
    let hour = Sha256::digest(format!("source {}", now.format("%Y%m%d%H")));
    let entry = Entry {
        fingerprint: &hour,
        kind: Kind::Source,
        verdict: Verdict::Source,
        told: None,
        raw: "",
        now,
    };
    // All of an hour are one row: those that wait for it are not to hold connections meanwhile.
    let _one_at_a_time = ctx.strangers.lock().await;
    store::keep(&ctx.pool, &entry).await.map(drop)
}

async fn take(ctx: &Context, fields: &Fields, told: &Notification) -> sqlx::Result<Verdict> {
    let told = &named_safely(ctx, told.clone()).await?;
    let entry = Entry {
        fingerprint: &told.fingerprint(),
        kind: match told.event {
            Event::Paid => Kind::Payment,
            Event::Failed { .. } => Kind::Failure,
            Event::Canceled => Kind::Cancellation,
        },
        // Another merchant's may not wait: what waits is applied with its payment.
        verdict: if told.cpid == ctx.kiwoom.cpid() { Verdict::Waiting } else { Verdict::Merchant },
        told: Some(told),
        raw: &notification::masked(fields),
        now: ctx.clock.now(),
    };
    let kept = store::keep(&ctx.pool, &entry).await?;
    if entry.verdict == Verdict::Merchant {
        tracing::warn!("notification for another merchant");
        return Ok(Verdict::Merchant);
    }
    if kept.verdict == Verdict::Applied {
        return Ok(Verdict::Applied);
    }
    let verdict = apply(ctx, kept.id, told).await?;
    store::set_verdict(&ctx.pool, kept.id, verdict).await?;
    Ok(verdict)
}

/// A card number in the place of an order number or a transaction id is masked, unless an order of
/// ours has that number.
async fn named_safely(ctx: &Context, told: Notification) -> sqlx::Result<Notification> {
    if !holds_card(&told.order_no) && !holds_card(&told.transaction_id) {
        return Ok(told);
    }
    let ours = find(&ctx.pool, &PaymentRef::OrderNo(told.order_no.clone())).await?.is_some();
    let masked = |text: String| if ours { text } else { mask_cards(&text) };
    Ok(Notification {
        order_no: masked(told.order_no),
        transaction_id: masked(told.transaction_id),
        ..told
    })
}

async fn apply(ctx: &Context, id: uuid::Uuid, told: &Notification) -> sqlx::Result<Verdict> {
    let order = PaymentRef::OrderNo(told.order_no.clone());
    let Some(payment) = find(&ctx.pool, &order).await? else {
        tracing::warn!("notification for an order that is not ours");
        return Ok(Verdict::UnknownOrder);
    };
    let verdict = match &told.event {
        Event::Paid if told.amount != payment.amount.get() => mismatch(ctx, &payment, told).await,
        Event::Paid => paid(ctx, &payment, told).await,
        Event::Failed { .. } if is_past(&payment, told) => Ok(Verdict::Applied),
        Event::Failed { code, message } => failed(ctx, &payment, code, message).await,
        Event::Canceled => canceled(ctx, &payment, id, told).await,
    }?;
    if verdict == Verdict::Contradiction {
        let order_no = payment.order_no;
        tracing::error!(alert = true, order_no, "notification contradicts the books");
    }
    Ok(verdict)
}

async fn mismatch(ctx: &Context, payment: &Payment, told: &Notification) -> sqlx::Result<Verdict> {
    let (order_no, asked, told) = (&payment.order_no, payment.amount.get(), told.amount);
    tracing::error!(alert = true, order_no, asked, told, "notification names another amount");
    settled(settle::settle(ctx, payment.id, &Outcome::Mismatch(told), None).await)?;
    Ok(Verdict::Amount)
}

async fn paid(ctx: &Context, payment: &Payment, told: &Notification) -> sqlx::Result<Verdict> {
    let outcome = Outcome::Approved {
        transaction_id: told.transaction_id.clone(),
        auth_number: told.auth_number.clone(),
        approved_at: told.occurred_at.unwrap_or_else(|| ctx.clock.now()),
        // A registered card stays a card, whatever the notification calls it.
        method: (payment.kind == PaymentKind::Checkout).then(|| told.method.clone()),
    };
    let verdict = settled(settle::settle(ctx, payment.id, &outcome, None).await)?;
    let ended = matches!(payment.state, State::Expired | State::Closed | State::Mismatch);
    if verdict == Verdict::Applied && ended {
        let order_no = &payment.order_no;
        tracing::error!(alert = true, order_no, "paid late: the order had ended");
    }
    Ok(verdict)
}

/// A failed try in the window says nothing about an order that another try has paid since.
fn is_past(order: &Payment, told: &Notification) -> bool {
    order.kind == PaymentKind::Checkout
        && order.state == State::Approved
        && order.transaction_id.as_deref() != Some(&told.transaction_id)
}

async fn failed(
    ctx: &Context,
    payment: &Payment,
    code: &str,
    message: &str,
) -> sqlx::Result<Verdict> {
    let outcome = Outcome::Declined {
        code: code.to_owned(),
        message: message.to_owned(),
        verdict: codes::verdict(code),
    };
    settled(settle::settle(ctx, payment.id, &outcome, None).await)
}

async fn canceled(
    ctx: &Context,
    payment: &Payment,
    id: uuid::Uuid,
    told: &Notification,
) -> sqlx::Result<Verdict> {
    let told = Told {
        id,
        transaction_id: told.transaction_id.clone(),
        amount: told.amount,
        occurred_at: told.occurred_at,
    };
    let learnt = cancellation::cancellation(ctx, payment.id, &told).await?;
    Ok(match learnt {
        Learnt::Applied => Verdict::Applied,
        Learnt::TooEarly => Verdict::Waiting,
        Learnt::Contradiction => Verdict::Contradiction,
    })
}

/// Uniqueness may forbid it: the transaction is another payment's, or the period was paid by
/// another attempt.
fn settled<T>(result: Result<T, SettleError>) -> sqlx::Result<Verdict> {
    match result {
        Ok(_) => Ok(Verdict::Applied),
        Err(SettleError::Contradiction | SettleError::NotFound) => Ok(Verdict::Contradiction),
        Err(SettleError::Database(error)) => {
            let forbidden = error.as_database_error().and_then(|e| e.constraint());
            match forbidden {
                Some("payments_transaction" | "payments_one_per_period") => {
                    Ok(Verdict::Contradiction)
                }
                _ => Err(error),
            }
        }
    }
}
