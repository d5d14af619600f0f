//! `GET /billing/overview`: what needs a person, and how it goes.

mod attempt_days;
mod attempts;
mod attention;
mod forecast;
mod members;

use axum::extract::State;
use chrono::{DateTime, Days, NaiveDate, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::context::AppState;
use crate::http::answer::{self, Answer, Success};
use crate::http::extract::{Fields, FromFields, InQuery, Query, UpTo};
use crate::rules::schedule::midnight;
use attempts::{AttemptsDayBody, DeclineBody, RetriedBody};
use attention::AttentionBody;
use forecast::ForecastDayBody;
use members::{MembersBody, MembersDayBody};

const DAYS: i16 = 30;
const MAX_DAYS: i16 = 366;
const AHEAD: Days = Days::new(60);

/// How far to look back.
pub struct OverviewRequest {
    days: i16,
}

impl FromFields for OverviewRequest {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        let days = f.optional::<InQuery<UpTo<MAX_DAYS>>>("days");
        Some(Self { days: days.map_or(DAYS, |days| days.0.0) })
    }
}

/// Whole days of Korea.
#[derive(Clone, Copy)]
struct Range {
    from: NaiveDate,
    /// The day after the last one.
    to: NaiveDate,
}

impl Range {
    fn instants(self) -> (DateTime<Utc>, DateTime<Utc>) {
        (midnight(self.from), midnight(self.to))
    }
}

/// Amounts are won, days those of Korea.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OverviewBody {
    from: NaiveDate,
    /// The day after the last one, today.
    to: NaiveDate,
    attention: AttentionBody,
    /// Each day: the attempts that were begun on it, by what has become of them, and how long KiwoomPay
    /// took.
    attempts: Vec<AttemptsDayBody>,
    /// Why cards were declined, the most frequent first.
    declines: Vec<DeclineBody>,
    /// What was tried again, by the number of the retry.
    retries: Vec<RetriedBody>,
    subscriptions: MembersBody,
    /// Each day: the subscriptions that covered it, and what they are worth a month.
    members: Vec<MembersDayBody>,
    /// Each of the next 60 days, when each charge is approved and nothing is changed.
    forecast: Vec<ForecastDayBody>,
}

/// Get the overview.
///
/// What waits for a person, and the figures of the last `days` days (1 to 366, today is the last;
/// default 30).
#[utoipa::path(
    get, path = "/billing/overview", operation_id = "getOverview", tag = "billing",
    params(("days" = Option<i64>, Query, minimum = 1, maximum = 366)),
    responses(
        (status = 200, description = "The figures", body = Success<OverviewBody>),
    )
)]
pub async fn show(State(ctx): State<AppState>, Query(request): Query<OverviewRequest>) -> Answer {
    let today = ctx.clock.today();
    let to = today + Days::new(1);
    let range = Range { from: to - Days::new(request.days.unsigned_abs().into()), to };
    let mut db = ctx.reading.acquire().await?;
    let days = attempt_days::keep(&mut db, range).await?;
    let body = OverviewBody {
        from: range.from,
        to,
        attention: attention::find(&mut db, range, ctx.clock.now()).await?,
        attempts: attempts::days(&mut db, &days).await?,
        declines: attempts::declines(&mut db, &days).await?,
        retries: attempts::retries(&mut db, &days).await?,
        subscriptions: members::now(&mut db).await?,
        members: members::days(&mut db, range).await?,
        forecast: forecast::days(&mut db, ctx.rules(), ctx.clock.now(), today + AHEAD).await?,
    };
    Ok(answer::ok(body))
}
