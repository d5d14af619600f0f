//! `PATCH /billing/subscription/:id`: what a subscription is charged for, when and to which card.

mod bodies;
mod change;
mod request;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use kiwoom_paid_time::Outcome;
use sqlx::postgres::PgConnection;
use sqlx::types::Json;

use crate::api::answers::{PaymentBody, payment_answer};
use crate::api::errors::link_open;
use crate::billing::answers::{SubscriptionBody, subscription_answer};
use crate::billing::cards::lock_active_key;
use crate::billing::renewals::begun::prepare;
use crate::billing::renewals::charge_due::{By, NotCharged, charge_due};
use crate::billing::store::{self, KeyStatus};
use crate::billing::subscriptions::consents::{self, Given, NewConsent};
use crate::billing::subscriptions::refusals::{refusal, refusal_of};
use crate::billing::subscriptions::successors::taken;
use crate::billing::subscriptions::{locked, save};
use crate::context::{AppState, Context};
use crate::http::answer::{self, Answer, Success};
use crate::http::error::{ApiError, Code, ErrorBody};
use crate::http::extract::{Body, PathId, Query};
use crate::layers::idempotency::NewId;
use crate::payments::links;
use crate::payments::store::paid_time::Loaded;
use crate::payments::store::{Payment, PaymentRef, find};
use crate::rules::ids::{PaymentId, SubscriptionId};
use crate::rules::payment_state::State as PaymentState;
use crate::rules::text::Text;

use bodies::PreviewBody;
pub use bodies::UpdatedBody;
use change::{Changed, NoChange};
pub use request::{PreviewRequest, UpdateRequest};

/// Change a subscription.
///
/// Its price, interval and day from the next charge on or, with `"when": "now"`, from today; the
/// rest at once. No day is paid for twice. A retry of the open period still asks for the old
/// amount. A higher price waits for the customer's consent (`consent`, or `POST …/consent`); at
/// once it has to be given with the change. A change at once gives credit for the days that are
/// paid and not used, and charges the new ones. A new `billingKey` settles a period that is past
/// due or unpaid at once; `status` tells whether it could be charged. With `preview=true` nothing
/// is changed or charged: the answer is the subscription as it would be.
#[utoipa::path(
    patch, path = "/billing/subscription/{id}", operation_id = "updateSubscription",
    tag = "billing", request_body = UpdateRequest,
    params(("id" = String, Path), ("preview" = Option<bool>, Query)),
    responses(
        (status = 200, description = "Changed", body = Success<UpdatedBody>),
        (status = 202, description = "Changed; what became of the charge is not known yet",
            body = Success<UpdatedBody>),
        (status = 402, description = "The charge of a change at once was declined: nothing was changed",
            body = ErrorBody),
        (status = 409, description = "`charge_in_progress`, `outcome_unknown` or `nothing_paid`: nothing \
            is changed at once while a charge is open, or where nothing is paid", body = ErrorBody),
    )
)]
pub async fn update(
    State(ctx): State<AppState>,
    PathId(id): PathId,
    Query(PreviewRequest(preview)): Query<PreviewRequest>,
    new: NewId,
    Body(mut request): Body<UpdateRequest>,
) -> Answer {
    let id = SubscriptionId::parse(&id);
    if new.resumed
        && let Some(payment) = find(&ctx.pool, &PaymentRef::Id(PaymentId(new.id))).await?
    {
        return changed_at_once(&ctx, (id, None), payment).await;
    }
    let (mut tx, mut s) = locked(&ctx, id).await?;
    let before = s.clone();
    if request.billing_key.is_some_and(|key| key != s.row.billing_key_id) {
        // What is owed would be charged to the new card at once.
        let link = links::in_the_way(&mut tx, &s, ctx.clock.now()).await?;
        link.map_or(Ok(()), |link| Err(link_open(link)))?;
    }
    let changed = change_locked(&ctx, &mut tx, &mut s, &request).await?;
    if changed.charge.is_some() && !preview {
        drop(tx);
        return change_at_once(&ctx, id, PaymentId(new.id), request).await;
    }
    if let Some(charge) = changed.charge {
        s.paid.settle(charge, Outcome::Approved, ctx.clock.today());
    }
    let consent = give(&ctx, (&before, &mut s), request.consent.take(), &changed)?;
    if let Err(error) = save(&ctx, &mut tx, &mut s).await {
        drop(tx);
        return Err(taken(&ctx.pool, &s.row, error).await);
    }
    if let Some(consent) = consent {
        consent.insert(&mut tx).await?;
    }
    if preview {
        tx.rollback().await?;
        let preview = PreviewBody::new(&before.paid, &s.paid, &changed, ctx.clock.today());
        return Ok(answer::ok(UpdatedBody::new(&ctx, &s, None, Some(preview.map_err(refusal)?))));
    }
    tx.commit().await?;
    let owed = matches!(
        before.paid.status,
        kiwoom_paid_time::Status::PastDue | kiwoom_paid_time::Status::Unpaid
    );
    if owed && s.row.billing_key_id != before.row.billing_key_id {
        return Ok(settle_open_period(&ctx, s).await);
    }
    Ok(subscription_answer(&ctx, &s))
}

/// Makes the change to the locked subscription.
async fn change_locked(
    ctx: &Context,
    db: &mut PgConnection,
    s: &mut Loaded,
    request: &UpdateRequest,
) -> Result<Changed, ApiError> {
    if s.paid.status == kiwoom_paid_time::Status::Canceled {
        return Err(Code::SubscriptionNotActive.into());
    }
    if let Some(key) = request.billing_key {
        lock_active_key(db, key, &s.row.customer_id).await?;
    }
    let today = ctx.clock.today();
    let was_charged = s.paid.can_be_charged();
    match change::change(s, request, &ctx.kiwoom.contracts().billing, today) {
        Ok(changed) => {
            if s.paid.can_be_charged() && !was_charged {
                has_key(db, s).await?;
            }
            Ok(changed)
        }
        Err(NoChange::Refused(refused)) => Err(refusal_of(db, s, today, refused).await?),
        Err(NoChange::Error(error)) => Err(error),
    }
}

/// An error when its billing key was deleted while no charge was to come.
async fn has_key(db: &mut PgConnection, s: &Loaded) -> Result<(), ApiError> {
    let key = store::lock_key(db, s.row.billing_key_id).await?;
    if key.is_some_and(|key| key.status != KeyStatus::Deleted) {
        return Ok(());
    }
    let id = s.row.billing_key_id;
    let reason = Text::new(
        format!("{id}은(는) 삭제된 빌링키입니다. 다른 billingKey를 함께 보내 주세요."),
        format!("{id} was deleted: send another billingKey with it."),
    );
    Err(ApiError::from(Code::BillingKeyInactive).with_detail("billingKey", reason))
}

/// Gives the consent that came with the change.
fn give(
    ctx: &Context,
    (before, s): (&Loaded, &mut Loaded),
    given: Option<Given>,
    changed: &Changed,
) -> Result<Option<NewConsent>, ApiError> {
    let Some(given) = given else { return Ok(None) };
    let consent = match changed.rise {
        Some((price, cadence)) => {
            consents::give_now(ctx, before, given, (price, cadence, ctx.clock.today()))
        }
        None => consents::give(ctx, s, given, "consent.consentedAt"),
    };
    consent.map(Some)
}

/// A change at once that has to be charged for: written with the intent of its charge. Declined, all
/// is as it was before.
async fn change_at_once(
    ctx: &Context,
    id: SubscriptionId,
    payment: PaymentId,
    mut request: UpdateRequest,
) -> Answer {
    let key = match request.billing_key {
        Some(key) => key,
        None => shown(ctx, id).await?.row.billing_key_id,
    };
    let mut ready = prepare(ctx, key, By::Merchant).await?;
    let mut s = ready.lock(ctx, id).await?;
    let before = s.clone();
    let changed = change_locked(ctx, ready.transaction(), &mut s, &request).await?;
    let consent = give(ctx, (&before, &mut s), request.consent.take(), &changed)?;
    if let Some(consent) = consent {
        consent.insert(ready.transaction()).await?;
    }
    let Some(charge) = changed.charge else {
        let s = ready.save(ctx, s).await?;
        return Ok(subscription_answer(ctx, &s));
    };
    s.row.undo_labels = Some(Json(before.row.labels()));
    let intended = s.clone();
    match ready.charge(ctx, s, charge, payment).await {
        Ok(payment) => changed_at_once(ctx, (id, Some(intended)), payment).await,
        Err(NotCharged::Database(error)) => Err(taken(&ctx.pool, &intended.row, error).await),
        Err(reason) => Err(reason.into()),
    }
}

/// 200 with the payment, 202 while nobody knows what became of it; a decline is an error. Should the
/// database be away by now, 202 with the subscription as it was `intended`: money has moved, and the
/// caller is not told otherwise.
async fn changed_at_once(
    ctx: &Context,
    (id, intended): (SubscriptionId, Option<Loaded>),
    payment: Payment,
) -> Answer {
    if payment.state == PaymentState::Declined {
        return payment_answer(ctx, payment);
    }
    let (s, is_read) = match (shown(ctx, id).await, intended) {
        (Ok(s), _) => (s, true),
        (Err(error), Some(mut intended)) => {
            tracing::warn!(%id, ?error, "changed, but the subscription cannot be read now");
            intended.derive(ctx.clock.now());
            (intended, false)
        }
        (Err(error), None) => return Err(error),
    };
    let status = match payment.state {
        PaymentState::Approved if is_read => StatusCode::OK,
        _ => StatusCode::ACCEPTED,
    };
    let payment = PaymentBody::new(ctx, payment);
    Ok(answer::with_status(status, UpdatedBody::new(ctx, &s, Some(payment), None)))
}

async fn shown(ctx: &Context, id: SubscriptionId) -> Result<Loaded, ApiError> {
    let mut db = ctx.pool.acquire().await?;
    let found = store::find_subscription(&mut db, id, ctx.rules()).await?;
    found.ok_or(Code::SubscriptionNotFound.into())
}

/// Charges what is owed to the new card. The change stands whatever comes of it: a decline uses up
/// no planned retry, and what was not sent is left to them.
async fn settle_open_period(ctx: &Context, s: Loaded) -> Response {
    let id = s.row.id;
    if let Err(reason) = charge_due(ctx, id, PaymentId::new(), By::Merchant).await {
        tracing::warn!(%id, ?reason, "the open period was not charged to the new card");
    }
    match shown(ctx, id).await {
        Ok(found) => subscription_answer(ctx, &found),
        Err(error) => {
            tracing::warn!(%id, ?error, "charged, but the subscription cannot be read now");
            answer::with_status(StatusCode::ACCEPTED, SubscriptionBody::of(ctx, &s))
        }
    }
}
