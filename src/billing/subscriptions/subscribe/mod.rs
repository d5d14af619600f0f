//! `POST /billing/subscribe`. With `chargeNow` the first charge is made before the answer.

mod phases;
mod request;
mod terms;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::NaiveDate;
use kiwoom_paid_time::Start;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::api::answers::{PaymentBody, payment_answer};
use crate::billing::answers::SubscriptionBody;
use crate::billing::cards::{find_active_key, lock_active_key};
use crate::billing::renewals::begun::{Prepared, prepare};
use crate::billing::renewals::charge_due::By;
use crate::billing::store;
use crate::billing::subscriptions::consents::{self, Given, NewConsent};
use crate::billing::subscriptions::successors::{succeeds, taken};
use crate::context::{AppState, Context};
use crate::http::answer::{self, Answer, Success};
use crate::http::error::{ApiError, ErrorBody};
use crate::http::extract::Body;
use crate::layers::idempotency::NewId;
use crate::payments::store::paid_time::{self, Loaded};
use crate::payments::store::{Payment, PaymentRef, find};
use crate::rules::ids::{PaymentId, SubscriptionId};
use crate::rules::payment_state::State as PaymentState;
use crate::rules::subscription_state::Status;

pub use request::{PlanId, SubscribeRequest};
pub use terms::{draft, set_end, too_small, within_ten_years};

/// A subscription that was made.
#[derive(Serialize, ToSchema)]
pub struct SubscribedBody {
    #[serde(flatten)]
    subscription: SubscriptionBody,
    /// Only of a 202: its first charge, whose outcome is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    payment: Option<PaymentBody>,
}

/// Create a subscription.
///
/// A card, an amount and a day of the month. With `chargeNow` the first charge is made before the
/// answer: declined, there is no subscription (402); unknown (202), the subscription is
/// `incomplete` until the outcome is known, with the payment beside it.
#[utoipa::path(
    post, path = "/billing/subscribe", operation_id = "createSubscription",
    tag = "billing", request_body = SubscribeRequest,
    responses(
        (status = 201, description = "Made", body = Success<SubscribedBody>),
        (status = 202, description = "`chargeNow`, and the gateway's answer was lost: the subscription is \
            `incomplete` until the outcome of `payment` is known", body = Success<SubscribedBody>),
        (status = 402, description = "`chargeNow` was declined; no subscription", body = ErrorBody),
        (status = 409, description = "`subscription_exists`: the customer has the plan already, until \
            the day that is named or for good", body = ErrorBody),
        (status = 502, description = "`gateway_unavailable` or `merchant_setting`: nothing was charged",
            body = ErrorBody),
    )
)]
pub async fn subscribe(
    State(ctx): State<AppState>,
    new: NewId,
    Body(mut request): Body<SubscribeRequest>,
) -> Answer {
    let id = SubscriptionId(new.id);
    if new.resumed
        && let Some(answer) = resumed(&ctx, new.id).await?
    {
        return Ok(answer);
    }
    let terms = (ctx.rules(), &*ctx.kiwoom.contracts().billing);
    let mut s = draft(&ctx.clock, terms, id, &request)?;
    let consent = request.consent.take();
    if consent.is_some() && s.paid.rise().is_none() {
        return Err(consents::not_awaited());
    }
    if let Some(charge) = begun(&mut s, ctx.clock.today()) {
        find_active_key(&ctx, request.billing_key, &s.row.customer_id).await?;
        let ready = prepare(&ctx, request.billing_key, By::Merchant).await?;
        return charge_first(&ctx, ready, (PaymentId(new.id), charge), (s, consent)).await;
    }
    let mut tx = ctx.begin().await?;
    succeeds(&mut tx, &s).await?;
    lock_active_key(&mut tx, request.billing_key, &s.row.customer_id).await?;
    s.plan(ctx.rules());
    let consent = give(&ctx, &mut s, consent)?;
    if let Err(error) = paid_time::insert(&mut tx, &mut s, ctx.clock.now()).await {
        drop(tx);
        return Err(taken(&ctx.pool, &s.row, error).await);
    }
    if let Some(consent) = consent {
        consent.insert(&mut tx).await?;
    }
    tx.commit().await?;
    Ok(created(&ctx, &s))
}

/// What begins today begins now, not when the schedule would look: the charge that this needs.
fn begun(s: &mut Loaded, today: NaiveDate) -> Option<u32> {
    let begins = matches!(s.paid.start, Start::Now(day, _) if day == today);
    if begins { s.paid.due(today) } else { None }
}

fn give(
    ctx: &Context,
    s: &mut Loaded,
    given: Option<Given>,
) -> Result<Option<NewConsent>, ApiError> {
    given.map(|given| consents::give(ctx, s, given, "consent.consentedAt")).transpose()
}

fn created(ctx: &Context, s: &Loaded) -> Response {
    let subscription = SubscriptionBody::of(ctx, s);
    answer::with_status(StatusCode::CREATED, SubscribedBody { subscription, payment: None })
}

/// What a process that died had already made of this request.
async fn resumed(ctx: &Context, id: Uuid) -> Result<Option<Response>, ApiError> {
    if let Some(payment) = find(&ctx.pool, &PaymentRef::Id(PaymentId(id))).await? {
        return first_answer(ctx, payment, None).await.map(Some);
    }
    let mut db = ctx.pool.acquire().await?;
    let made = store::find_subscription(&mut db, SubscriptionId(id), ctx.rules()).await?;
    Ok(made.map(|s| created(ctx, &s)))
}

/// The subscription is written with the intent of its first charge, and stays unseen until that is
/// approved. When it is declined, both go.
async fn charge_first(
    ctx: &Context,
    mut ready: Prepared,
    (id, charge): (PaymentId, u32),
    (mut s, consent): (Loaded, Option<Given>),
) -> Answer {
    let tx = ready.transaction();
    s.row.status = Status::Incomplete;
    succeeds(tx, &s).await?;
    lock_active_key(tx, s.row.billing_key_id, &s.row.customer_id).await?;
    let consent = give(ctx, &mut s, consent)?;
    if let Err(error) = paid_time::insert(tx, &mut s, ctx.clock.now()).await {
        drop(ready);
        return Err(taken(&ctx.pool, &s.row, error).await);
    }
    if let Some(consent) = consent {
        consent.insert(tx).await?;
    }
    let begun = SubscriptionBody::of(ctx, &s);
    first_answer(ctx, ready.charge(ctx, s, charge, id).await?, Some(begun)).await
}

/// The subscription with its first charge, whose outcome may not be known. Should the database be away by
/// then, 202 with the subscription as it was `begun`: money has moved, and the caller is not told otherwise.
async fn first_answer(ctx: &Context, payment: Payment, begun: Option<SubscriptionBody>) -> Answer {
    let status = match (payment.state, payment.subscription_id) {
        (PaymentState::Declined, _) | (_, None) => return payment_answer(ctx, payment),
        (PaymentState::Approved, Some(_)) => StatusCode::CREATED,
        (_, Some(_)) => StatusCode::ACCEPTED,
    };
    let (status, subscription) = match (shown(ctx, payment.subscription_id).await, begun) {
        (Ok(Some(made)), _) => (status, SubscriptionBody::of(ctx, &made)),
        // Settled as declined in this moment.
        (Ok(None), Some(begun)) => (StatusCode::ACCEPTED, begun),
        (Ok(None), None) => return payment_answer(ctx, payment),
        (Err(error), Some(begun)) => {
            tracing::warn!(id = %payment.id, %error, "charged, but the subscription cannot be shown now");
            (StatusCode::ACCEPTED, begun)
        }
        (Err(error), None) => return Err(error.into()),
    };
    let payment = (status == StatusCode::ACCEPTED).then(|| PaymentBody::new(ctx, payment));
    Ok(answer::with_status(status, SubscribedBody { subscription, payment }))
}

/// The subscription, one that is incomplete too.
async fn shown(ctx: &Context, id: Option<SubscriptionId>) -> sqlx::Result<Option<Loaded>> {
    let Some(id) = id else { return Ok(None) };
    let mut db = ctx.pool.acquire().await?;
    paid_time::find(&mut db, id, ctx.rules()).await
}
