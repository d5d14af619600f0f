//! Pausing a subscription, and going on. The days that are left are kept and given back.

use axum::extract::State;
use chrono::{Months, NaiveDate};
use kiwoom_paid_time::{Refused, Status};
use serde_json::Value;
use utoipa::ToSchema;

use crate::billing::answers::{SubscriptionBody, subscription_answer};
use crate::billing::subscriptions::{locked, refusal, save};
use crate::context::AppState;
use crate::http::answer::{Answer, Success};
use crate::http::description::{self, described};
use crate::http::error::ApiError;
use crate::http::extract::{Fields, FromField, FromFields, OptionalBody, PathId, one_of};
use crate::rules::ids::SubscriptionId;
use crate::rules::text::Text;

/// From when and until when to pause.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PauseRequest {
    /// The day on which it goes on by itself; left out, it stays paused until it is resumed.
    until: Option<NaiveDate>,
    /// `now` (default), or `period_end`: when what is paid is used up.
    #[schema(value_type = Option<At>)]
    at: At,
}

const AT: [(&str, At); 2] = [("now", At::Now), ("period_end", At::PeriodEnd)];

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum At {
    #[default]
    Now,
    PeriodEnd,
}

described!(At as "PauseAt", description::one_of(AT.map(|(word, _)| word)));

impl FromField for At {
    fn from_field(value: &Value) -> Result<Self, Text> {
        one_of(value, &AT)
    }
}

impl FromFields for PauseRequest {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        Some(Self { until: f.optional("until"), at: f.optional("at").unwrap_or_default() })
    }
}

/// Pause a subscription.
///
/// Stops billing until it is resumed, or until a date. The days that are left, paid or free, are
/// kept and given back then. Only an active subscription can be paused; pausing again sets another
/// date.
#[utoipa::path(
    post, path = "/billing/subscription/{id}/pause", operation_id = "pauseSubscription",
    tag = "billing",
    request_body = Option<PauseRequest>,
    params(("id" = String, Path)),
    responses(
        (status = 200, description = "Paused, or was already; with `at` `period_end`: will be",
            body = Success<SubscriptionBody>),
    )
)]
pub async fn pause(
    State(ctx): State<AppState>,
    PathId(id): PathId,
    OptionalBody(request): OptionalBody<PauseRequest>,
) -> Answer {
    let today = ctx.clock.today();
    let in_time = |day: &NaiveDate| *day > today && *day <= today + Months::new(120);
    if !request.until.as_ref().is_none_or(in_time) {
        let ko = "내일부터 10년 안의 날짜여야 합니다.";
        let reason = Text::new(ko, "Has to be within ten years from tomorrow.");
        return Err(ApiError::invalid_field("until", reason));
    }
    let (mut tx, mut s) = locked(&ctx, SubscriptionId::parse(&id)).await?;
    match (s.paid.status, request.at) {
        (Status::Paused, _) => s.paid.resume_on = request.until,
        (Status::Active, At::PeriodEnd) => {
            s.paid.pause_at_period_end = true;
            s.paid.resume_on = request.until;
        }
        (Status::Active, At::Now) => s.paid.pause(today, request.until).map_err(refusal)?,
        (status, _) => return Err(refusal(Refused::Status(status))),
    }
    save(&ctx, &mut tx, &mut s).await?;
    tx.commit().await?;
    Ok(subscription_answer(&ctx, &s))
}

/// Resume a subscription.
///
/// Goes on from today: the days that were left are given back, and the next charge follows them;
/// when none were left, today. Also takes back a pause that was to come with the end of the period.
#[utoipa::path(
    post, path = "/billing/subscription/{id}/resume", operation_id = "resumeSubscription",
    tag = "billing",
    params(("id" = String, Path)),
    responses(
        (status = 200, description = "Active, or was already", body = Success<SubscriptionBody>),
    )
)]
pub async fn resume(State(ctx): State<AppState>, PathId(id): PathId) -> Answer {
    let (mut tx, mut s) = locked(&ctx, SubscriptionId::parse(&id)).await?;
    match s.paid.status {
        Status::Active if s.paid.pause_at_period_end => {
            s.paid.pause_at_period_end = false;
            s.paid.resume_on = None;
        }
        Status::Active => return Ok(subscription_answer(&ctx, &s)),
        Status::Paused => s.resume(ctx.clock.today()),
        status => return Err(refusal(Refused::Status(status))),
    }
    save(&ctx, &mut tx, &mut s).await?;
    tx.commit().await?;
    Ok(subscription_answer(&ctx, &s))
}
