//! Attempts to take money: what became of them, why cards were declined, what retries brought back.

use chrono::NaiveDate;
use serde::Serialize;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use utoipa::ToSchema;

use super::attempt_days::{AttemptDays, on_day};

/// The attempts that were begun on a day, with orders of the payment window that were opened on it.
#[derive(Serialize, ToSchema, sqlx::FromRow)]
#[serde(rename_all = "camelCase")]
pub struct AttemptsDayBody {
    date: NaiveDate,
    approved: i64,
    approved_amount: i64,
    declined: i64,
    declined_amount: i64,
    /// Refused because of the merchant's set-up.
    refused: i64,
    /// Whose outcome is unknown.
    unknown: i64,
    /// Milliseconds from the intent of a charge to its outcome: half of them took at most so long;
    /// `null` without any.
    #[schema(required)]
    median_millis: Option<i64>,
    /// 95 of 100 took at most so long.
    #[schema(required)]
    p95_millis: Option<i64>,
}

/// Of the days `$1`. What was settled by hand says nothing of how long KiwoomPay takes.
pub(super) const OF_DAYS: &str = concat!(
    "select day as date, count(*) filter (where state = 'approved') as approved,
        coalesce(sum(amount) filter (where state = 'approved'), 0)::bigint as approved_amount,
        count(*) filter (where state = 'declined' and merchant_setting is null) as declined,
        coalesce(sum(amount) filter (where state = 'declined' and merchant_setting is null),
            0)::bigint as declined_amount,
        count(*) filter (where merchant_setting is not null) as refused,
        count(*) filter (where state in ('unknown', 'mismatch')) as unknown,
        percentile_disc(0.5) within group (order by millis)::bigint as median_millis,
        percentile_disc(0.95) within group (order by millis)::bigint as p95_millis
     from unnest($1::date[]) as day left join payments on kind <> 'unexpected' and ",
    on_day!(),
    " left join lateral (select extract(epoch from settled_at - created_at)::float8 * 1000 as millis
        where kind in ('one_off', 'subscription') and state in ('approved', 'declined')
            and resolve_reason is null) as taken on true
     group by day"
);

pub async fn days(db: &mut PgConnection, days: &AttemptDays) -> sqlx::Result<Vec<AttemptsDayBody>> {
    let sql = format!(
        "select day as date, approved, approved_amount, declined, declined_amount, refused, unknown,
            median_millis, p95_millis
         from attempt_days where day = any($2)
         union all {OF_DAYS} order by date"
    );
    let query = sqlx::query_as(AssertSqlSafe(sql)).bind(&days.open).bind(&days.kept);
    query.fetch_all(db).await
}

/// A reason for which cards were declined.
#[derive(Serialize, ToSchema, sqlx::FromRow)]
pub struct DeclineBody {
    /// RESULTCODE.
    code: String,
    /// ERRORMESSAGE, of the last one.
    message: String,
    count: i64,
    /// Won that were asked for.
    amount: i64,
}

/// Of the days `$1`, each by itself: of those that were ever declined there are many.
pub(super) const DECLINES_OF_DAYS: &str = concat!(
    "select day, coalesce(failure_code, '') as code,
        coalesce((array_agg(failure_message order by id desc))[1], '') as message,
        count(*) as count, sum(amount)::bigint as amount
     from unnest($1::date[]) as day cross join lateral (
        select failure_code, failure_message, id, amount from payments
        where state = 'declined' and merchant_setting is null and ",
    on_day!(),
    " offset 0) as declined group by day, 2"
);

pub async fn declines(db: &mut PgConnection, days: &AttemptDays) -> sqlx::Result<Vec<DeclineBody>> {
    let sql = format!(
        "with each as (
            select day, code, message, count, amount from attempt_day_declines where day = any($2)
            union all {DECLINES_OF_DAYS})
         select code, (array_agg(message order by day desc))[1] as message,
            sum(count)::bigint as count, sum(amount)::bigint as amount
         from each group by code order by count desc, code limit 20"
    );
    let query = sqlx::query_as(AssertSqlSafe(sql)).bind(&days.open).bind(&days.kept);
    query.fetch_all(db).await
}

/// The first, second … retry of declined charges.
#[derive(Serialize, ToSchema, sqlx::FromRow)]
pub struct RetriedBody {
    /// 1 for the first one.
    retry: i64,
    tried: i64,
    approved: i64,
    /// Won that they brought back.
    amount: i64,
}

/// Of the days `$1`: each charge of which an attempt was declined is tried again.
pub(super) const RETRIES_OF_DAYS: &str = concat!(
    "select day, retry, count(*) as tried, count(*) filter (where state = 'approved') as approved,
        coalesce(sum(amount) filter (where state = 'approved'), 0)::bigint as amount
     from unnest($1::date[]) as day join payments p on ",
    on_day!(),
    ",
        lateral (select count(*) as retry, bool_or(state = 'declined') as was_declined from payments e
            where e.subscription_id = p.subscription_id and e.charge_no = p.charge_no and e.id < p.id
                and e.kind = 'subscription' and e.merchant_setting is null) as earlier
     where p.kind = 'subscription' and p.merchant_setting is null and was_declined
     group by day, retry"
);

pub async fn retries(db: &mut PgConnection, days: &AttemptDays) -> sqlx::Result<Vec<RetriedBody>> {
    let sql = format!(
        "with each as (
            select day, retry, tried, approved, amount from attempt_day_retries where day = any($2)
            union all {RETRIES_OF_DAYS})
         select retry, sum(tried)::bigint as tried, sum(approved)::bigint as approved,
            sum(amount)::bigint as amount
         from each group by retry order by retry"
    );
    let query = sqlx::query_as(AssertSqlSafe(sql)).bind(&days.open).bind(&days.kept);
    query.fetch_all(db).await
}
