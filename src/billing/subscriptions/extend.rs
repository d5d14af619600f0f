//! `POST /billing/subscription/:id/extend`: free days after those that are covered.

use axum::extract::State;
use chrono::NaiveDate;
use kiwoom_paid_time::Refused;
use utoipa::ToSchema;

use crate::billing::answers::{SubscriptionBody, subscription_answer};
use crate::billing::subscriptions::{locked, refusal, save};
use crate::context::AppState;
use crate::http::answer::{Answer, Success};
use crate::http::error::{ApiError, Code};
use crate::http::extract::{Body, Fields, FromFields, PathId, UpTo};
use crate::http::fields::Reason;
use crate::layers::idempotency::NewId;
use crate::payments::store::say;
use crate::rules::ids::SubscriptionId;
use crate::rules::text::Text;

/// Free days, and why.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExtendRequest {
    #[schema(value_type = i64, minimum = 1, maximum = 366)]
    days: UpTo<366>,
    /// Told by the event.
    reason: Reason,
}

impl FromFields for ExtendRequest {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        let (days, reason) = (f.required("days"), f.required("reason"));
        Some(Self { days: days?, reason: reason? })
    }
}

/// Give free days.
///
/// After those that are covered: `paidThrough` and the next charge move by as many. While it is
/// paused or unpaid they are kept, and given when it goes on. One that was never covered is given
/// none: a later `startDate` does that.
#[utoipa::path(
    post, path = "/billing/subscription/{id}/extend", operation_id = "extendSubscription",
    tag = "billing", request_body = ExtendRequest, params(("id" = String, Path)),
    responses(
        (status = 200, description = "Extended", body = Success<SubscriptionBody>),
    )
)]
pub async fn extend(
    State(ctx): State<AppState>,
    PathId(id): PathId,
    new: NewId,
    Body(request): Body<ExtendRequest>,
) -> Answer {
    let (mut tx, mut s) = locked(&ctx, SubscriptionId::parse(&id)).await?;
    if new.is_applied(&mut tx).await? {
        return Ok(subscription_answer(&ctx, &s));
    }
    let (today, first) = (ctx.clock.today(), s.paid.covered_to());
    let extended = s.paid.extend(request.days.0.unsigned_abs().into());
    extended.map_err(|refused| match refused {
        Refused::NothingPaid => not_begun(today, first),
        other => refusal(other),
    })?;
    say(&mut tx, &request.reason.0).await?;
    save(&ctx, &mut tx, &mut s).await?;
    tx.commit().await?;
    Ok(subscription_answer(&ctx, &s))
}

/// 409 on `today` for one whose first charge is on the day `first`.
fn not_begun(today: NaiveDate, first: NaiveDate) -> ApiError {
    ApiError::from(Code::NothingPaid).with_text(Text::new(
        format!(
            "오늘({today})은 이용 시작 전이며 첫 청구일은 {first}입니다. 시작일을 늦추려면 startDate를 나중 날짜로 \
             구독해 주세요."
        ),
        format!(
            "Today, {today}, it has not begun: the first charge is on {first}. Subscribe with a later \
             startDate instead."
        ),
    ))
}
