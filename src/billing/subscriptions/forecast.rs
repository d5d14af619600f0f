//! `GET /billing/forecast`: what will be charged until a date, by the rules that charging itself
//! follows.

use std::collections::HashMap;

use axum::extract::State;
use chrono::{DateTime, Months, NaiveDate, Utc};
use kiwoom_paid_time::{ChargeState, Period, Planned};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::answers::PeriodBody;
use crate::billing::store::{self, Filter};
use crate::billing::subscriptions::going_on::{self, GoingOn};
use crate::context::AppState;
use crate::http::answer::{self, Answer, Cursor, Page, Paging, Success};
use crate::http::error::ApiError;
use crate::http::extract::{Fields, FromFields, Query};
use crate::kiwoom::text::CustomerId;
use crate::payments::store::paid_time::{Loaded, Row, find_all};
use crate::rules::ids::SubscriptionId;
use crate::rules::schedule::{Rules, due_at};
use crate::rules::text::Text;
use kiwoom_clock::{kst, rfc3339_kst};

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
    #[schema(format = DateTime)]
    at: String,
    /// What the card pays, in won; 0 when credit pays for it or it is too little to be charged.
    amount: i64,
    period: PeriodBody,
    /// Whether it is another try for a period that was declined.
    is_retry: bool,
}

/// Forecast charges.
///
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
    let last = today + Months::new(12 * MAX_YEARS);
    if !(today..=last).contains(&request.until) {
        let ko = format!("오늘({today})부터 3년 안({last}까지)의 날짜여야 합니다.");
        let en = format!("Has to be within three years from today: {today} to {last}.");
        let reason = Text::new(ko, en);
        return Err(ApiError::invalid_field("until", reason));
    }
    let mut db = ctx.reading.acquire().await?;
    let rows = store::list_subscriptions(&mut db, &request.filter, request.paging).await?;
    let (until, now, rules) = (request.until, ctx.clock.now(), ctx.rules());
    let ids: Vec<SubscriptionId> = rows.iter().map(|row| row.id).collect();
    // Asked for alone it is always foretold step by step.
    let going_on = match request.filter.id {
        None => going_on::find(&mut db, &ids, rules, today).await?,
        Some(_) => HashMap::new(),
    };
    let others: Vec<_> = ids.into_iter().filter(|id| !going_on.contains_key(id)).collect();
    let others = find_all(&mut db, &others, rules).await?;
    drop(db);
    let others: HashMap<_, _> = others.into_iter().map(|s| (s.row.id, s)).collect();
    // Without those that are gone by now.
    let found = rows.into_iter().filter_map(|row| {
        let charges = match (going_on.get(&row.id), others.get(&row.id)) {
            (Some(s), _) => of_going_on(rules, s, now, until),
            (_, Some(s)) => all(rules, s, now, until),
            (None, None) => return None,
        };
        Some((row, charges))
    });
    let body = |(row, charges): (Row, Vec<ChargeBody>)| ForecastBody {
        subscription_id: row.id.to_string(),
        total: charges.iter().map(|charge| charge.amount).sum(),
        charges,
        customer_id: row.customer_id,
        plan_id: row.plan_id,
    };
    Ok(answer::ok(request.paging.page(found.collect(), |(row, _)| row.id.0, body)))
}

fn of_going_on(
    rules: &Rules,
    s: &GoingOn,
    now: DateTime<Utc>,
    until: NaiveDate,
) -> Vec<ChargeBody> {
    let charge = |(amount, period): (i64, Period)| {
        ChargeBody::new(due_at(period.start, rules.charge_hour).max(now), amount, period, false)
    };
    s.charges(until).map(charge).collect()
}

fn all(rules: &Rules, s: &Loaded, now: DateTime<Utc>, until: NaiveDate) -> Vec<ChargeBody> {
    let mut charges: Vec<_> = retry(rules, s, now, until).into_iter().collect();
    let planned = s.paid.forecast(kst(now).date_naive(), until);
    charges.extend(planned.iter().map(|charge| ChargeBody::planned(rules, charge, now)));
    charges
}

/// Day and won of every charge of `s` until `until` (inclusive).
pub fn charges(
    rules: &Rules,
    s: &Loaded,
    now: DateTime<Utc>,
    until: NaiveDate,
) -> impl Iterator<Item = (NaiveDate, i64)> {
    all(rules, s, now, until).into_iter().map(|charge| (charge.date, charge.amount))
}

/// The next try of a declined charge, when it comes before the next period does.
fn retry(rules: &Rules, s: &Loaded, now: DateTime<Utc>, until: NaiveDate) -> Option<ChargeBody> {
    let charge = s.paid.charges.iter().find(|c| c.state == ChargeState::Retrying)?;
    let at = s.row.retries.retry_at?.max(now);
    let next_period = due_at(s.paid.covered_to(), rules.charge_hour);
    let in_time = at < next_period && kst(at).date_naive() <= until;
    let period = s.paid.period_of(charge.id).filter(|_| in_time)?;
    Some(ChargeBody::new(at, charge.amount.won, period, true))
}

impl ChargeBody {
    fn planned(rules: &Rules, charge: &Planned, now: DateTime<Utc>) -> Self {
        let at = due_at(charge.on, rules.charge_hour).max(now);
        Self::new(at, charge.amount.won, charge.period, false)
    }

    fn new(at: DateTime<Utc>, amount: i64, period: Period, is_retry: bool) -> Self {
        Self {
            date: kst(at).date_naive(),
            at: rfc3339_kst(at),
            amount,
            period: period.into(),
            is_retry,
        }
    }
}
