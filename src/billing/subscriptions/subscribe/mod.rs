//! `POST /billing/subscribe`: makes a subscription, with its first charge at once when asked to.

mod request;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::NaiveDate;
use sqlx::types::Json;

use crate::api::answers::{PaymentBody, payment_answer};
use crate::api::errors::takes;
use crate::billing::answers::SubscriptionBody;
use crate::billing::cards::{decrypt, find_active_key, lock_active_key};
use crate::billing::renewals::charge_due::order_no;
use crate::billing::store::{self, Subscription};
use crate::billing::subscriptions::consents;
use crate::billing::subscriptions::price_rises::awaited;
use crate::billing::subscriptions::trial_and_end::{Limit, Trial};
use crate::context::{AppState, Context};
use crate::http::answer::{self, Answer, Success};
use crate::http::error::{ApiError, Code, ErrorBody};
use crate::http::extract::Body;
use crate::layers::idempotency::NewId;
use crate::payments::charge::{Draft, Ready, Waiting};
use crate::payments::store::{InitiatedBy, Payment, PaymentRef, find};
use crate::rules::ids::{PaymentId, SubscriptionId};
use crate::rules::payment_state::State as PaymentState;
use crate::rules::schedule::Rules;
use crate::rules::subscription_state::{Status, SubscriptionState};
use crate::rules::text::Text;
use kiwoom_clock::Clock;

pub use request::{PlanId, SubscribeRequest};

const ONE_LIVE: &str = "subscriptions_one_live";

/// 정기결제 등록: a card, an amount and a day of the month.
#[utoipa::path(
    post, path = "/billing/subscribe", operation_id = "createSubscription",
    tag = "billing", request_body = SubscribeRequest,
    responses(
        (status = 201, description = "Made", body = Success<SubscriptionBody>),
        (status = 202, description = "`chargeNow`, and the gateway's answer was lost: the payment",
            body = Success<PaymentBody>),
        (status = 402, description = "`chargeNow` was declined; no subscription", body = ErrorBody),
        (status = "5XX", description = "Nothing was charged", body = ErrorBody),
    )
)]
pub async fn subscribe(
    State(ctx): State<AppState>,
    new: NewId,
    Body(mut request): Body<SubscribeRequest>,
) -> Answer {
    let id = SubscriptionId(new.id);
    if new.resumed
        && let Some(answer) = resumed(&ctx, new).await?
    {
        return Ok(answer);
    }
    takes(&ctx.kiwoom.contracts().billing, request.amount, request.tax_free_amount)?;
    let subscription = draft(&ctx.clock, ctx.rules(), id, &request)?;
    if request.consent.is_some() && awaited(&subscription).is_none() {
        return Err(consents::not_awaited());
    }
    if request.charge_now {
        return charge_first(&ctx, PaymentId(new.id), subscription).await;
    }
    let mut tx = ctx.begin().await?;
    lock_active_key(&mut tx, request.billing_key, &subscription.customer_id).await?;
    store::insert_subscription(&mut tx, &subscription).await.map_err(exists)?;
    if let Some(given) = request.consent.take() {
        consents::write_given(&ctx, &mut tx, &subscription, given).await?;
    }
    tx.commit().await?;
    Ok(created(&ctx, subscription))
}

fn created(ctx: &Context, s: Subscription) -> Response {
    answer::with_status(StatusCode::CREATED, SubscriptionBody::new(ctx.rules(), s))
}

/// What a process that died had already made of this request.
async fn resumed(ctx: &Context, new: NewId) -> Result<Option<Response>, ApiError> {
    if let Some(payment) = find(&ctx.pool, &PaymentRef::Id(PaymentId(new.id))).await? {
        return first_answer(ctx, payment).await.map(Some);
    }
    let made = store::find_subscription(&ctx.pool, SubscriptionId(new.id)).await?;
    Ok(made.map(|s| created(ctx, s)))
}

/// The subscription that was asked for, as it is stored. An error when `startDate` is not
/// [within ten years](within_ten_years).
pub fn draft(
    clock: &Clock,
    rules: &Rules,
    id: SubscriptionId,
    request: &SubscribeRequest,
) -> Result<Subscription, ApiError> {
    let today = clock.today();
    let tomorrow = today.succ_opt().unwrap_or(today);
    let start = request.start_date.unwrap_or(tomorrow);
    within_ten_years(today, start).map_err(|r| ApiError::invalid_field("startDate", r))?;
    let cadence = request.cadence();
    // A first charge made now covers the time up to the first billing date after today.
    let from = if request.charge_now { start.max(tomorrow) } else { start };
    let trial = Trial::of(request.trial_days, request.free_cycles);
    let trial_end = trial.map(|trial| trial.first_charge(cadence, from));
    let mut state = SubscriptionState {
        status: if request.charge_now { Status::Incomplete } else { Status::Active },
        cadence,
        period_start: today,
        next_billing_date: trial_end.unwrap_or_else(|| cadence.first_on_or_after(from)),
        retry_attempt: 0,
        retry_base: None,
        retry_at: None,
        next_attempt_at: None,
        cancel_at_period_end: false,
        retry_days: request.retry_days.clone(),
        resume_on: None,
        trial_end,
        end_date: None,
        cycles_left: None,
    };
    if let Some(limit) = Limit::of(request.end_date, request.total_cycles) {
        limit.set(&mut state, today)?;
    }
    if request.charge_now {
        state.cycles_left = state.cycles_left.map(|left| left - 1);
    }
    state.next_attempt_at = state.next_moment(rules);
    Ok(Subscription {
        id,
        customer_id: request.customer_id.as_str().to_owned(),
        plan_id: request.plan_id.0.clone(),
        billing_key_id: request.billing_key,
        amount: request.amount,
        tax_free_amount: request.tax_free_amount,
        product_name: request.product_name.as_str().to_owned(),
        state,
        canceled_at: None,
        cancel_reason: None,
        metadata: Json(request.metadata.clone()),
        created_at: clock.now(),
        pending_amount: None,
        pending_tax_free_amount: None,
        pending_rise: None,
    })
}

/// Says what is wrong with a first day that is before `today` or too far after it.
pub fn within_ten_years(today: NaiveDate, day: NaiveDate) -> Result<(), Text> {
    if (today..=today + chrono::Months::new(120)).contains(&day) {
        return Ok(());
    }
    let ko = "오늘부터 10년 안의 날짜여야 합니다.";
    Err(Text::new(ko, "Has to be within ten years from today."))
}

/// The subscription is written with the intent of its first charge, and stays unseen until that is
/// approved. When it is declined, both go.
async fn charge_first(ctx: &Context, id: PaymentId, subscription: Subscription) -> Answer {
    let (billing_key, customer) = (subscription.billing_key_id, &subscription.customer_id);
    let key = find_active_key(ctx, billing_key, customer).await?;
    let period = subscription.state.period();
    let card = decrypt(ctx, key).await?;
    let mut ready = Ready::new(ctx, Waiting::Caller, &card).await?;
    let draft = Draft {
        id,
        order_no: order_no(subscription.id, period, 1),
        amount: subscription.amount,
        tax_free_amount: subscription.tax_free_amount,
        product_name: subscription.product_name.clone(),
        card,
        period: Some((subscription.id, period)),
        initiated_by: InitiatedBy::Merchant,
    };
    lock_active_key(&mut ready.transaction, billing_key, customer).await?;
    store::insert_subscription(&mut ready.transaction, &subscription).await.map_err(exists)?;
    first_answer(ctx, ready.charge(ctx, draft).await?).await
}

/// The subscription, when its first charge is approved. Should the database be away by then, 202 with
/// the payment: money has moved, and the caller is not told otherwise.
async fn first_answer(ctx: &Context, payment: Payment) -> Answer {
    let (PaymentState::Approved, Some(id)) = (payment.state, payment.subscription_id) else {
        return payment_answer(ctx, payment);
    };
    match store::find_subscription(&ctx.pool, id).await {
        Ok(Some(made)) => Ok(created(ctx, made)),
        Ok(None) => payment_answer(ctx, payment),
        Err(error) => {
            tracing::warn!(%id, %error, "charged, but the subscription cannot be shown now");
            Ok(answer::with_status(StatusCode::ACCEPTED, PaymentBody::new(ctx, payment)))
        }
    }
}

/// One live subscription for each customer and plan.
pub fn exists(error: sqlx::Error) -> ApiError {
    let taken = error.as_database_error().and_then(|e| e.constraint()) == Some(ONE_LIVE);
    if taken { Code::SubscriptionExists.into() } else { error.into() }
}
