//! `PATCH /billing/subscription/:id`: what a subscription is charged for, when and to which card.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::NaiveDate;
use sqlx::postgres::PgConnection;
use sqlx::types::Json;
use utoipa::ToSchema;

use crate::api::errors::takes;
use crate::billing::answers::{SubscriptionBody, subscription_answer};
use crate::billing::cards::lock_active_key;
use crate::billing::renewals::charge_due::{By, charge_due};
use crate::billing::store::{self, Subscription};
use crate::billing::subscriptions::consents::{self, Given};
use crate::billing::subscriptions::price_rises::reprice;
use crate::billing::subscriptions::subscribe::{PlanId, exists};
use crate::billing::subscriptions::trial_and_end::{Limit, TotalCycles, check_limit};
use crate::billing::subscriptions::{locked, save};
use crate::context::{AppState, Context};
use crate::http::answer::{self, Answer, Success};
use crate::http::error::{ApiError, Code, ErrorBody};
use crate::http::extract::{Body, Fields, FromFields, InQuery, PathId, Query};
use crate::http::fields::TaxFree;
use crate::kiwoom::text::ProductName;
use crate::payments::store::open_charge;
use crate::rules::ids::{BillingKeyId, PaymentId, SubscriptionId};
use crate::rules::metadata::Metadata;
use crate::rules::money::Won;
use crate::rules::payment_state::State as PaymentState;
use crate::rules::schedule::{AnchorDay, RetryDays};
use crate::rules::subscription_state::Status;

/// What to change, from the next period on.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[serde(deny_unknown_fields)]
pub struct UpdateRequest {
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 9_999_999_999_i64)]
    amount: Option<Won>,
    plan_id: Option<PlanId>,
    product_name: Option<ProductName>,
    /// Day of the month; with `interval` `week` the day of the week, 1 (Monday) to 7.
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 31)]
    cycle_day: Option<AnchorDay>,
    billing_key: Option<BillingKeyId>,
    /// From the next decline on.
    retry_days: Option<RetryDays>,
    #[schema(value_type = Option<Object>)]
    metadata: Option<Metadata>,
    /// `true`: it ends with the current period; `false` takes that back.
    #[schema(value_type = Option<bool>)]
    cancel_at_period_end: Option<bool>,
    /// Tax-free part of the amount in won.
    #[schema(value_type = Option<i64>, minimum = 0, maximum = 9_999_999_999_i64)]
    tax_free_amount: Option<TaxFree>,
    /// The customer's consent to the higher `amount`.
    consent: Option<Given>,
    /// A day after today: no period that would begin on it or later is charged. In place of the
    /// `totalCycles` there were.
    end_date: Option<NaiveDate>,
    /// So many more periods are charged, then it ends. In place of the `endDate` there was.
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 600)]
    total_cycles: Option<TotalCycles>,
}

impl FromFields for UpdateRequest {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        check_limit(f);
        Some(Self {
            amount: f.optional("amount"),
            plan_id: f.optional("planId"),
            product_name: f.optional("productName"),
            cycle_day: f.optional("cycleDay"),
            billing_key: f.optional("billingKey"),
            retry_days: f.optional("retryDays"),
            metadata: f.optional("metadata"),
            cancel_at_period_end: f.optional("cancelAtPeriodEnd"),
            tax_free_amount: f.optional("taxFreeAmount"),
            consent: f.object("consent"),
            end_date: f.optional("endDate"),
            total_cycles: f.optional("totalCycles"),
        })
    }
}

/// Whether only to show what would be.
pub struct PreviewRequest(bool);

impl FromFields for PreviewRequest {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        Some(Self(f.optional::<InQuery<bool>>("preview").is_some_and(|preview| preview.0)))
    }
}

/// Changes a subscription from the next period on. A new `cycleDay` moves the next billing date to
/// the first such day on or after it: no day is paid for twice. A retry of the open period still
/// asks for the old amount. A higher `amount` is pending until the next period, and holds then when
/// the customer has consented to it in time (`consent`, or `POST …/consent`). A new `billingKey`
/// settles a period that is past due or unpaid at once; `status` tells whether it could be charged.
/// With `preview=true` nothing is changed or charged: the answer is the subscription as it would be.
#[utoipa::path(
    patch, path = "/billing/subscription/{id}", operation_id = "updateSubscription",
    tag = "billing", request_body = UpdateRequest,
    params(("id" = String, Path), ("preview" = Option<bool>, Query)),
    responses(
        (status = 200, description = "Changed", body = Success<SubscriptionBody>),
        (status = 202, description = "Changed; what became of the charge to the new card is not known \
            yet", body = Success<SubscriptionBody>),
        (status = 409, description = "`charge_in_progress` or `outcome_unknown`: dates and cycles are \
            not changed while a period's charge is open", body = ErrorBody),
    )
)]
pub async fn update(
    State(ctx): State<AppState>,
    PathId(id): PathId,
    Query(PreviewRequest(preview)): Query<PreviewRequest>,
    Body(request): Body<UpdateRequest>,
) -> Answer {
    let (mut tx, mut s) = locked(&ctx, SubscriptionId::parse(&id)).await?;
    if s.state.status == Status::Canceled {
        return Err(Code::SubscriptionNotActive.into());
    }
    let new_card = request.billing_key.is_some_and(|key| key != s.billing_key_id);
    let owed = matches!(s.state.status, Status::PastDue | Status::Unpaid);
    if let Some(key) = request.billing_key {
        s.billing_key_id = lock_active_key(&mut tx, key, &s.customer_id).await?.id;
    }
    if request.changes_dates() {
        no_open_charge(&mut tx, &s).await?;
    }
    let changes_price = request.amount.is_some() || request.tax_free_amount.is_some();
    let consent = apply(&mut s, request, ctx.clock.today())?;
    if changes_price {
        let (amount, tax_free) = s.next_price();
        takes(&ctx.kiwoom.contracts().billing, amount, tax_free)?;
    }
    save(&ctx, &mut tx, &mut s).await.map_err(exists)?;
    if let Some(given) = consent {
        consents::write_given(&ctx, &mut tx, &s, given).await?;
    }
    if preview {
        tx.rollback().await?;
        return Ok(subscription_answer(&ctx, s));
    }
    tx.commit().await?;
    if new_card && owed {
        return Ok(settle_open_period(&ctx, s).await);
    }
    Ok(subscription_answer(&ctx, s))
}

impl UpdateRequest {
    /// Whether it changes when, or how often, the subscription is charged.
    fn changes_dates(&self) -> bool {
        self.cycle_day.is_some() || self.end_date.is_some() || self.total_cycles.is_some()
    }
}

/// An error while the charge of the current period or of a later one has no known outcome: that is
/// counted for the dates that it was made for.
async fn no_open_charge(db: &mut PgConnection, s: &Subscription) -> Result<(), ApiError> {
    match open_charge(db, s.id, s.state.period_start).await? {
        Some(PaymentState::Unknown) => Err(Code::OutcomeUnknown.into()),
        Some(_) => Err(Code::ChargeInProgress.into()),
        None => Ok(()),
    }
}

/// Changes all but the card; what is left is the consent to be recorded.
fn apply(
    s: &mut Subscription,
    request: UpdateRequest,
    today: NaiveDate,
) -> Result<Option<Given>, ApiError> {
    if let Some(day) = request.cycle_day {
        let cadence = &mut s.state.cadence;
        cadence.fits(day).map_err(|reason| ApiError::invalid_field("cycleDay", reason))?;
        cadence.anchor = day;
        s.state.move_to(s.state.next_billing_date);
    }
    if let Some(limit) = Limit::of(request.end_date, request.total_cycles) {
        limit.set(&mut s.state, today)?;
    }
    if let Some(ends) = request.cancel_at_period_end {
        s.state.cancel_at_period_end = ends;
        s.cancel_reason = s.cancel_reason.take().filter(|_| ends);
    }
    reprice(s, request.amount, request.tax_free_amount.map(|part| part.0))
        .map_err(|reason| ApiError::invalid_field("taxFreeAmount", reason))?;
    s.plan_id = request.plan_id.map_or(s.plan_id.clone(), |p| p.0);
    s.product_name = request.product_name.map_or(s.product_name.clone(), |n| n.as_str().to_owned());
    s.metadata = request.metadata.map_or(s.metadata.clone(), Json);
    s.state.retry_days = request.retry_days.or(s.state.retry_days.take());
    Ok(request.consent)
}

/// Charges what is owed to the new card. The change stands whatever comes of it: a decline uses up
/// no planned retry, and what was not sent is left to them.
async fn settle_open_period(ctx: &Context, s: Subscription) -> Response {
    let id = s.id;
    if let Err(reason) = charge_due(ctx, id, PaymentId::new(), By::Merchant).await {
        tracing::warn!(%id, ?reason, "the open period was not charged to the new card");
    }
    match store::find_subscription(&ctx.pool, id).await {
        Ok(found) => subscription_answer(ctx, found.unwrap_or(s)),
        Err(error) => {
            tracing::warn!(%id, %error, "charged, but the subscription cannot be read now");
            answer::with_status(StatusCode::ACCEPTED, SubscriptionBody::new(ctx.rules(), s))
        }
    }
}
