//! One notification: check, record, apply, commit, answer.
//!
//! A notification carries no signature. It may only confirm what our own row asked for: the CPID that
//! we asked under, an order number that we gave, the amount that we asked for. It never makes a payment of ours;
//! money that was not asked for so is kept beside the books (`payments/unexpected.rs`).
//!
//! The same notification comes again until it is answered with SUCCESS, and in any order. All
//! copies share one row, found by a fingerprint of what they say; once that row says `applied` a
//! further copy changes nothing. The first word of the money that an order waits for is kept and applied in one
//! transaction. Otherwise the row is written first and judged after, so that every step can be repeated
//! after a crash. SUCCESS is answered only when the row is committed and the payment is settled, by the
//! one function that does that. A cancellation that arrives before its payment waits in its row and is
//! applied right after the payment.
//!
//! What a person has to look at is logged with `alert = true`.

use sha2::{Digest, Sha256};

use crate::context::Context;
use crate::kiwoom::notification::{self, Event, Fields, Notification};
use crate::payments::store::{PaymentRef, find};
use crate::redact::cards::{holds_card, mask_cards};
use crate::webhook::judge;
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
    /// No money: an account number was given out, or a kind that nobody knows.
    Other,
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
    /// Money that was not asked for so: kept beside the books.
    Unexpected,
    /// Kept, and left to a person: it settles nothing.
    Review,
    /// The sender is not let in.
    Source,
    /// Not a notification.
    Unreadable,
    /// Another merchant's: none of our contracts has its CPID, and its order was not opened under it.
    Merchant,
    /// It tells of no money.
    UnknownKind,
    /// No order of ours.
    UnknownOrder,
    /// Another amount than was asked for, of a charge whose outcome is not known yet.
    Amount,
    /// The books say otherwise.
    Contradiction,
}

impl Verdict {
    /// Why it is answered with FAIL, in metrics.
    pub fn reason_of_refusal(self) -> Option<&'static str> {
        match self {
            Self::Applied | Self::Waiting | Self::Unexpected | Self::Review => None,
            Self::Source => Some("source"),
            Self::Unreadable => Some("unreadable"),
            Self::Merchant => Some("merchant"),
            Self::UnknownKind => Some("unknown_kind"),
            Self::UnknownOrder => Some("unknown_order"),
            Self::Amount => Some("amount"),
            Self::Contradiction => Some("contradiction"),
        }
    }
}

/// Takes in a query and a body. An error means that it could not be stored: it has to come again.
pub async fn ingest(ctx: &Context, query: &[u8], body: &[u8]) -> sqlx::Result<Verdict> {
    let fields = notification::decode(query, body);
    match notification::interpret(&fields) {
        Ok(told) => take(ctx, &fields, told).await,
        Err(error) => {
            tracing::warn!(%error, "notification not readable");
            let fingerprint = Sha256::digest([query, b"\n", body].concat());
            let entry = Entry {
                fingerprint: &fingerprint,
                kind: Kind::Unreadable,
                verdict: Verdict::Unreadable,
                told: None,
                raw: &notification::masked(&fields),
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

async fn take(ctx: &Context, fields: &Fields, told: Notification) -> sqlx::Result<Verdict> {
    let told = &named_safely(ctx, told).await?;
    let (kind, unjudged) = match told.event {
        Event::Paid { .. } => (Kind::Payment, Verdict::Waiting),
        Event::Failed { .. } => (Kind::Failure, Verdict::Waiting),
        Event::Canceled { .. } => (Kind::Cancellation, Verdict::Waiting),
        Event::Other { .. } => (Kind::Other, Verdict::UnknownKind),
    };
    let is_ours =
        ctx.kiwoom.contracts().find(&told.cpid).is_some() || was_asked_under(ctx, told).await?;
    let entry = Entry {
        fingerprint: &told.fingerprint(),
        kind,
        // Another merchant's may not wait: what waits is applied with its payment.
        verdict: if is_ours { unjudged } else { Verdict::Merchant },
        told: Some(told),
        raw: &notification::masked(fields),
        now: ctx.clock.now(),
    };
    let undated = kind == Kind::Cancellation && told.occurred_at.is_none();
    let at_once = if is_ours { judge::keep_at_once(ctx, &entry, told).await? } else { None };
    let kept = match at_once {
        Some(kept) => kept,
        None if undated && is_ours => store::keep_undated(&ctx.pool, &entry).await?,
        None => store::keep(&ctx.pool, &entry).await?,
    };
    match (entry.verdict, kept.verdict) {
        (Verdict::Merchant, _) => {
            tracing::warn!("notification for another merchant");
            return Ok(Verdict::Merchant);
        }
        (Verdict::UnknownKind, _) => {
            let (order_no, kind) = (told.order_no.as_deref().unwrap_or_default(), &told.method);
            tracing::error!(
                alert = true,
                order_no,
                kind,
                "notification of a kind that is no money"
            );
            return Ok(Verdict::UnknownKind);
        }
        // A further copy of a cancellation may be the only word of another one.
        (_, verdict @ (Verdict::Applied | Verdict::Unexpected | Verdict::Review))
            if kind != Kind::Cancellation =>
        {
            return Ok(verdict);
        }
        _ => {}
    }
    let verdict = judge::judge(ctx, &kept, told).await?;
    if verdict != kept.verdict {
        store::set_verdict(&ctx.pool, &kept, verdict).await?;
    }
    Ok(verdict)
}

/// Whether the order it names was opened under its CPID, of which the key is not set any more.
async fn was_asked_under(ctx: &Context, told: &Notification) -> sqlx::Result<bool> {
    let Some(order_no) = told.order_no.clone() else { return Ok(false) };
    let order = find(&ctx.pool, &PaymentRef::OrderNo(order_no)).await?;
    Ok(order.is_some_and(|order| order.cpid.is_some() && order.is_under(&told.cpid)))
}

/// A card number in the place of an order number or a transaction id is masked, unless an order of
/// ours has that number.
async fn named_safely(ctx: &Context, told: Notification) -> sqlx::Result<Notification> {
    let number = told.order_no.clone().unwrap_or_default();
    if !holds_card(&number) && !holds_card(&told.transaction_id) {
        return Ok(told);
    }
    let ours = find(&ctx.pool, &PaymentRef::OrderNo(number)).await?.is_some();
    let masked = |text: String| if ours { text } else { mask_cards(&text) };
    Ok(Notification {
        order_no: told.order_no.map(masked),
        transaction_id: masked(told.transaction_id),
        ..told
    })
}
