//! Subscriptions: reading and cancelling them, and what their other calls share.

pub(crate) mod consents;
pub(crate) mod extend;
pub(crate) mod forecast;
pub(crate) mod going_on;
pub(crate) mod pauses;
pub(crate) mod recorded;
mod refusals;
pub(crate) mod subscribe;
pub(crate) mod successors;
pub(crate) mod timeline;
mod trial_and_end;
pub(crate) mod update;

use axum::extract::State;
use serde_json::Value;
use sqlx::postgres::{PgConnection, PgTransaction};
use utoipa::ToSchema;

use crate::api::filters::terms;
use crate::billing::answers::{SubscriptionBody, subscription_answer};
use crate::billing::store::{self, Filter};
use crate::billing::subscriptions::subscribe::PlanId;
use crate::context::{AppState, Context};
use crate::http::answer::{self, Answer, Cursor, Page, Paging, Success};
use crate::http::description::{self, described};
use crate::http::error::{ApiError, Code};
use crate::http::extract::{Body, Fields, FromField, FromFields, PathId, Query, one_of};
use crate::http::fields::Reason;
use crate::kiwoom::text::CustomerId;
use crate::payments::store::paid_time::{self, Loaded};
use crate::payments::store::terms::Terms;
use crate::rules::ids::SubscriptionId;
use crate::rules::subscription_state::Status;
use crate::rules::text::Text;

pub use refusals::refusal;

/// Get a subscription.
///
/// One whose first charge is not known yet is `incomplete`.
#[utoipa::path(
    get, path = "/billing/subscription/{id}", operation_id = "getSubscription",
    tag = "billing", params(("id" = String, Path)),
    responses(
        (status = 200, description = "The subscription", body = Success<SubscriptionBody>),
    )
)]
pub async fn show(State(ctx): State<AppState>, PathId(id): PathId) -> Answer {
    let mut db = ctx.pool.acquire().await?;
    let found = paid_time::find(&mut db, SubscriptionId::parse(&id), ctx.rules()).await?;
    let found = found.ok_or(ApiError::from(Code::SubscriptionNotFound))?;
    Ok(subscription_answer(&ctx, &found))
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

/// List subscriptions.
///
/// Newest first, without those that are `incomplete`.
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
            description = "`metadata[key]=value`, at most 5; one also as `key:value`"),
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 100),
        ("cursor" = inline(Option<Cursor>), Query),
    ),
    responses(
        (status = 200, description = "A page", body = Success<Page<SubscriptionBody>>),
    )
)]
pub async fn list(State(ctx): State<AppState>, Query(request): Query<ListRequest>) -> Answer {
    let mut db = ctx.reading.acquire().await?;
    let rows = store::list_subscriptions(&mut db, &request.filter, request.paging).await?;
    let found = paid_time::load_all(&mut db, rows, ctx.rules()).await?;
    drop(db);
    let body = |s: Loaded| SubscriptionBody::of(&ctx, &s);
    Ok(answer::ok(request.paging.page(found, |s| s.row.id.0, body)))
}

/// Which subscription to cancel, and when.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[serde(deny_unknown_fields)]
pub struct CancelRequest {
    subscription_id: SubscriptionId,
    reason: Option<Reason>,
    /// Let what is paid run out; one that was never covered ends at once all the same.
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

/// Cancel a subscription.
///
/// At once, or with `atPeriodEnd` when what is paid has run out (`paidThrough`). Planned charges
/// and retries are void. Cancelling twice answers the same. No money goes back: that is a refund.
#[utoipa::path(
    post, path = "/billing/cancel", operation_id = "cancelSubscription",
    tag = "billing", request_body = CancelRequest,
    responses(
        (status = 200, description = "Cancelled", body = Success<SubscriptionBody>),
    )
)]
pub async fn cancel(State(ctx): State<AppState>, Body(request): Body<CancelRequest>) -> Answer {
    let (mut tx, mut s) = locked(&ctx, request.subscription_id).await?;
    if s.row.status == Status::Canceled {
        return Ok(subscription_answer(&ctx, &s));
    }
    let today = ctx.clock.today();
    if request.at_period_end {
        s.paid.cancel_at_period_end(today);
    } else {
        s.paid.cancel(today);
    }
    s.row.cancel_reason = request.reason.map(|r| r.0).or(s.row.cancel_reason);
    save(&ctx, &mut tx, &mut s).await?;
    tx.commit().await?;
    Ok(subscription_answer(&ctx, &s))
}

/// The subscription with its row locked, in a transaction.
pub async fn locked(
    ctx: &Context,
    id: SubscriptionId,
) -> Result<(PgTransaction<'static>, Loaded), ApiError> {
    let mut tx = ctx.begin().await?;
    let found = store::lock_subscription(&mut tx, id, ctx.rules()).await?;
    Ok((tx, found.ok_or(ApiError::from(Code::SubscriptionNotFound))?))
}

/// Stores all of it with the next moment put right; a charge under way sets its own at its end.
pub async fn save(ctx: &Context, db: &mut PgConnection, s: &mut Loaded) -> sqlx::Result<()> {
    s.plan(ctx.rules());
    paid_time::save(db, s, ctx.clock.now()).await
}
