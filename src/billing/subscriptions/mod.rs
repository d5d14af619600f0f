//! Subscriptions: reading, pausing and cancelling them.

pub(crate) mod consents;
pub(crate) mod forecast;
pub(crate) mod price_rises;
pub(crate) mod subscribe;
mod trial_and_end;
pub(crate) mod update;

use axum::extract::State;
use chrono::{Months, NaiveDate};
use serde_json::Value;
use sqlx::postgres::{PgConnection, PgTransaction};
use utoipa::ToSchema;

use crate::api::filters::terms;
use crate::billing::answers::{SubscriptionBody, subscription_answer};
use crate::billing::store::{self, Filter, Subscription};
use crate::billing::subscriptions::subscribe::PlanId;
use crate::context::{AppState, Context};
use crate::http::answer::{self, Answer, Cursor, Page, Paging, Success};
use crate::http::description::{self, described};
use crate::http::error::{ApiError, Code};
use crate::http::extract::{
    Body, Fields, FromField, FromFields, OptionalBody, PathId, Query, one_of,
};
use crate::http::fields::Reason;
use crate::kiwoom::text::CustomerId;
use crate::payments::store::terms::Terms;
use crate::rules::ids::SubscriptionId;
use crate::rules::subscription_state::Status;
use crate::rules::text::Text;

/// 구독 정보 조회.
#[utoipa::path(
    get, path = "/billing/subscription/{id}", operation_id = "getSubscription",
    tag = "billing", params(("id" = String, Path)),
    responses(
        (status = 200, description = "The subscription", body = Success<SubscriptionBody>),
    )
)]
pub async fn show(State(ctx): State<AppState>, PathId(id): PathId) -> Answer {
    let found = store::find_subscription(&ctx.pool, SubscriptionId::parse(&id)).await?;
    let found = found.ok_or(ApiError::from(Code::SubscriptionNotFound))?;
    Ok(subscription_answer(&ctx, found))
}

/// Which subscriptions to list.
pub struct ListRequest {
    filter: Filter,
    paging: Paging,
}

const STATUSES: &[&str] = &["active", "past_due", "paused", "unpaid", "canceled"];

#[derive(Clone, Copy)]
struct StatusFilter(&'static str);

described!(StatusFilter as "SubscriptionStatus", description::one_of(STATUSES.iter().copied()));

impl FromField for StatusFilter {
    fn from_field(value: &Value) -> Result<Self, Text> {
        let words: Vec<_> = STATUSES.iter().map(|status| (*status, Self(status))).collect();
        one_of(value, &words)
    }
}

impl FromFields for ListRequest {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        let customer_id = f.optional::<CustomerId>("customerId");
        let plan_id = f.optional::<PlanId>("planId");
        let status = f.optional::<StatusFilter>("status");
        let filter = Filter {
            customer_id: customer_id.map(|c| c.as_str().to_owned()),
            plan_id: plan_id.map(|p| p.0),
            status: status.map(|s| s.0),
            terms: terms(f),
            ..Filter::default()
        };
        Some(Self { filter, paging: Paging::from_fields(f)? })
    }
}

/// 구독 목록 조회, newest first.
#[utoipa::path(
    get, path = "/billing/subscriptions", operation_id = "listSubscriptions", tag = "billing",
    params(
        ("customerId" = inline(Option<CustomerId>), Query),
        ("planId" = inline(Option<PlanId>), Query),
        ("status" = inline(Option<StatusFilter>), Query),
        ("minAmount" = Option<i64>, Query, minimum = 1, maximum = 9_999_999_999_i64,
            description = "Won, included"),
        ("maxAmount" = Option<i64>, Query, minimum = 1, maximum = 9_999_999_999_i64,
            description = "Won, included"),
        ("metadata" = inline(Option<Terms>), Query, style = DeepObject, explode,
            description = "`metadata[key]=value`, at most 5"),
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 100),
        ("cursor" = inline(Option<Cursor>), Query),
    ),
    responses(
        (status = 200, description = "A page", body = Success<Page<SubscriptionBody>>),
    )
)]
pub async fn list(State(ctx): State<AppState>, Query(request): Query<ListRequest>) -> Answer {
    let rows = store::list_subscriptions(&ctx.pool, &request.filter, request.paging).await?;
    Ok(answer::ok(request.paging.page(rows, |s| s.id.0, |s| SubscriptionBody::new(ctx.rules(), s))))
}

/// Which subscription to cancel, and when.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[serde(deny_unknown_fields)]
pub struct CancelRequest {
    subscription_id: SubscriptionId,
    reason: Option<Reason>,
    /// Let the current period run out.
    #[schema(value_type = Option<bool>)]
    at_period_end: bool,
}

impl FromFields for CancelRequest {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        let subscription_id = f.required("subscriptionId");
        Some(Self {
            reason: f.optional("reason"),
            at_period_end: f.optional("atPeriodEnd").unwrap_or(false),
            subscription_id: subscription_id?,
        })
    }
}

/// 구독 취소: at once, or with `atPeriodEnd` when the period has run out. Planned charges and
/// retries are void. Cancelling twice answers the same.
#[utoipa::path(
    post, path = "/billing/cancel", operation_id = "cancelSubscription",
    tag = "billing", request_body = CancelRequest,
    responses(
        (status = 200, description = "Cancelled", body = Success<SubscriptionBody>),
    )
)]
pub async fn cancel(State(ctx): State<AppState>, Body(request): Body<CancelRequest>) -> Answer {
    let (mut tx, mut s) = locked(&ctx, request.subscription_id).await?;
    if s.state.status == Status::Canceled {
        return Ok(subscription_answer(&ctx, s));
    }
    if request.at_period_end {
        s.state.cancel_at_period_end = true;
    } else {
        s.cancel(ctx.clock.now());
    }
    s.cancel_reason = request.reason.map(|r| r.0).or(s.cancel_reason);
    save(&ctx, &mut tx, &mut s).await?;
    tx.commit().await?;
    Ok(subscription_answer(&ctx, s))
}

/// Until when to pause.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PauseRequest {
    /// The day on which it goes on by itself; left out, it stays paused until it is resumed.
    until: Option<NaiveDate>,
}

impl FromFields for PauseRequest {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        Some(Self { until: f.optional("until") })
    }
}

/// Stops billing until it is resumed, or until a date. Only an active subscription can be paused;
/// pausing again sets another date.
#[utoipa::path(
    post, path = "/billing/subscription/{id}/pause", operation_id = "pauseSubscription",
    tag = "billing",
    request_body = Option<PauseRequest>,
    params(("id" = String, Path)),
    responses(
        (status = 200, description = "Paused, or was already", body = Success<SubscriptionBody>),
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
    match s.state.status {
        Status::Paused | Status::Active => s.state.status = Status::Paused,
        Status::PastDue | Status::Unpaid | Status::Canceled | Status::Incomplete => {
            return Err(Code::SubscriptionNotActive.into());
        }
    }
    s.state.resume_on = request.until;
    save(&ctx, &mut tx, &mut s).await?;
    tx.commit().await?;
    Ok(subscription_answer(&ctx, s))
}

/// Goes on with billing, on the next anchor day from today. The time between is not billed.
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
    match s.state.status {
        Status::Active => return Ok(subscription_answer(&ctx, s)),
        Status::Paused => s.state.resume(ctx.clock.today()),
        Status::PastDue | Status::Unpaid | Status::Canceled | Status::Incomplete => {
            return Err(Code::SubscriptionNotActive.into());
        }
    }
    save(&ctx, &mut tx, &mut s).await?;
    tx.commit().await?;
    Ok(subscription_answer(&ctx, s))
}

/// The subscription with its row locked, in a transaction.
pub async fn locked(
    ctx: &Context,
    id: SubscriptionId,
) -> Result<(PgTransaction<'static>, Subscription), ApiError> {
    let mut tx = ctx.begin().await?;
    let found = store::lock_subscription(&mut tx, id).await?;
    Ok((tx, found.ok_or(ApiError::from(Code::SubscriptionNotFound))?))
}

/// Stores all of it with the next moment put right; a charge under way sets its own at its end.
pub async fn save(ctx: &Context, db: &mut PgConnection, s: &mut Subscription) -> sqlx::Result<()> {
    let under_way = s.state.next_attempt_at.is_none() && charge_under_way(db, s.id).await?;
    if !under_way {
        s.state.next_attempt_at = s.state.next_moment(ctx.rules());
    }
    store::save_subscription(db, s).await
}

async fn charge_under_way(db: &mut PgConnection, id: SubscriptionId) -> sqlx::Result<bool> {
    let query = sqlx::query_scalar(
        "select exists (select from payments where subscription_id = $1 and state = 'sending')",
    );
    query.bind(id).fetch_one(db).await
}
