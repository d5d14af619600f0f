//! `GET /billing/forecast`: what will be charged until a date, by the rules that charging itself
//! follows.

use axum::extract::State;
use chrono::{Months, NaiveDate};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::answers::PeriodBody;
use crate::billing::store::{self, Filter, Subscription};
use crate::billing::subscriptions::price_rises::{OnTheDay, on_the_day};
use crate::context::{AppState, Context};
use crate::http::answer::{self, Answer, Cursor, Page, Paging, Success};
use crate::http::error::ApiError;
use crate::http::extract::{Fields, FromFields, Query};
use crate::kiwoom::text::CustomerId;
use crate::payments::store::attempts;
use crate::rules::ids::SubscriptionId;
use crate::rules::money::Won;
use crate::rules::subscription_state::Planned;
use crate::rules::text::Text;
use kiwoom_clock::rfc3339_kst;

const MAX_YEARS: u32 = 3;

/// What to foretell.
pub struct ForecastRequest {
    until: NaiveDate,
    filter: Filter,
    paging: Paging,
}

impl FromFields for ForecastRequest {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        let until = f.required("until");
        let customer_id = f.optional::<CustomerId>("customerId");
        let filter = Filter {
            id: f.optional::<SubscriptionId>("subscriptionId"),
            customer_id: customer_id.map(|c| c.as_str().to_owned()),
            billed_only: true,
            ..Filter::default()
        };
        Some(Self { filter, paging: Paging::from_fields(f)?, until: until? })
    }
}

/// The future charges of a subscription.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ForecastBody {
    subscription_id: String,
    customer_id: String,
    plan_id: String,
    /// Sum of the charges in won.
    total: i64,
    /// In order of time.
    charges: Vec<ChargeBody>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ChargeBody {
    date: NaiveDate,
    at: String,
    /// Won.
    amount: i64,
    period: PeriodBody,
    /// Whether it is another try for a period that was declined.
    is_retry: bool,
}

/// The date and amount of every charge until `until` (inclusive, at most three years ahead), by
/// subscription, newest first. It takes each charge to be approved and nothing to be changed.
#[utoipa::path(
    get, path = "/billing/forecast", operation_id = "forecastCharges", tag = "billing",
    params(
        ("until" = NaiveDate, Query, description = "YYYY-MM-DD"),
        ("customerId" = inline(Option<CustomerId>), Query),
        ("subscriptionId" = inline(Option<SubscriptionId>), Query),
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 100),
        ("cursor" = inline(Option<Cursor>), Query),
    ),
    responses(
        (status = 200, description = "A page", body = Success<Page<ForecastBody>>),
    )
)]
pub async fn show(State(ctx): State<AppState>, Query(request): Query<ForecastRequest>) -> Answer {
    let today = ctx.clock.today();
    if request.until < today || request.until > today + Months::new(12 * MAX_YEARS) {
        let ko = "오늘부터 3년 안의 날짜여야 합니다.";
        let reason = Text::new(ko, "Has to be within three years from today.");
        return Err(ApiError::invalid_field("until", reason));
    }
    let rows = store::list_subscriptions(&ctx.pool, &request.filter, request.paging).await?;
    let mut foretold = Vec::with_capacity(rows.len());
    for subscription in rows {
        foretold.push((subscription.id.0, forecast(&ctx, subscription, request.until).await?));
    }
    Ok(answer::ok(request.paging.page(foretold, |row| row.0, |row| row.1)))
}

async fn forecast(ctx: &Context, s: Subscription, until: NaiveDate) -> sqlx::Result<ForecastBody> {
    let planned = s.state.planned(ctx.rules(), ctx.clock.now(), until);
    let mut db = ctx.pool.acquire().await?;
    // Only the first to come can be a retry.
    let earlier = match planned.first() {
        Some(first) if first.is_retry => attempts(&mut db, s.id, first.period.start).await?,
        _ => Vec::new(),
    };
    let (retries, others) = planned.split_at(usize::from(!earlier.is_empty()));
    // The first new period settles a price rise. What is free today stays so until a consent comes.
    let from_then_on = match others.first() {
        Some(first) => on_the_day(ctx, &mut db, &s, first.period.start).await?,
        None => OnTheDay::End,
    };
    drop(db);
    let retries = retries.iter().map(|charge| ChargeBody::new(charge, s.terms(&earlier).amount));
    let mut charges: Vec<ChargeBody> = retries.collect();
    if let OnTheDay::Charge(amount) = from_then_on {
        charges.extend(others.iter().map(|charge| ChargeBody::new(charge, amount)));
    }
    Ok(ForecastBody {
        subscription_id: s.id.to_string(),
        total: charges.iter().map(|charge| charge.amount).sum(),
        charges,
        customer_id: s.customer_id,
        plan_id: s.plan_id,
    })
}

impl ChargeBody {
    fn new(planned: &Planned, amount: Won) -> Self {
        Self {
            date: planned.date(),
            at: rfc3339_kst(planned.at),
            amount: amount.get(),
            period: planned.period.into(),
            is_retry: planned.is_retry,
        }
    }
}
