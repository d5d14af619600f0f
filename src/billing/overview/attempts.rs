//! Attempts to take money: what became of them, why cards were declined, what retries brought back.

use chrono::NaiveDate;
use serde::Serialize;
use sqlx::postgres::PgConnection;
use utoipa::ToSchema;

use super::Range;

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

/// What was settled by hand says nothing of how long KiwoomPay takes.
const DAYS: &str = "
    with made as (
        select (created_at at time zone 'Asia/Seoul')::date as date, amount, state,
            merchant_setting is not null as is_refused,
            case when kind in ('one_off', 'subscription') and state in ('approved', 'declined')
                    and resolve_reason is null
                then extract(epoch from settled_at - created_at) * 1000 end as millis
        from payments
        where created_at >= $1 and created_at < $2 and kind <> 'unexpected'),
    counted as (
        select date, count(*) filter (where state = 'approved') as approved,
            sum(amount) filter (where state = 'approved') as approved_amount,
            count(*) filter (where state = 'declined' and not is_refused) as declined,
            sum(amount) filter (where state = 'declined' and not is_refused) as declined_amount,
            count(*) filter (where is_refused) as refused,
            count(*) filter (where state in ('unknown', 'mismatch')) as unknown,
            percentile_disc(0.5) within group (order by millis) as median_millis,
            percentile_disc(0.95) within group (order by millis) as p95_millis
        from made group by date)
    select day::date as date, coalesce(approved, 0) as approved,
        coalesce(approved_amount, 0)::bigint as approved_amount, coalesce(declined, 0) as declined,
        coalesce(declined_amount, 0)::bigint as declined_amount, coalesce(refused, 0) as refused,
        coalesce(unknown, 0) as unknown, median_millis::bigint, p95_millis::bigint
    from generate_series($3::date, $4::date - 1, interval '1 day') as day
    left join counted on date = day::date
    order by day";

pub async fn days(db: &mut PgConnection, range: Range) -> sqlx::Result<Vec<AttemptsDayBody>> {
    let (from, to) = range.instants();
    let query = sqlx::query_as(DAYS).bind(from).bind(to).bind(range.from).bind(range.to);
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

pub async fn declines(db: &mut PgConnection, range: Range) -> sqlx::Result<Vec<DeclineBody>> {
    let (from, to) = range.instants();
    let query = sqlx::query_as(
        "select coalesce(failure_code, '') as code,
            coalesce((array_agg(failure_message order by id desc))[1], '') as message,
            count(*) as count, sum(amount)::bigint as amount
         from payments
         where created_at >= $1 and created_at < $2 and state = 'declined'
            and merchant_setting is null
         group by 1 order by count desc, code limit 20",
    );
    query.bind(from).bind(to).fetch_all(db).await
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

/// A charge is tried again within the shortest period, and no later than so many days after the first
/// decline.
const RETRIES: &str = "
    with declined as (
        select distinct subscription_id, charge_no from payments
        where created_at >= $1 - interval '60 days' and created_at < $2 and state = 'declined'
            and kind = 'subscription' and merchant_setting is null),
    tried as (
        select p.state, p.amount, p.created_at,
            row_number() over (partition by p.subscription_id, p.charge_no order by p.id) - 1 as retry
        from declined join payments p using (subscription_id, charge_no)
        where p.merchant_setting is null and p.kind = 'subscription')
    select retry, count(*) as tried, count(*) filter (where state = 'approved') as approved,
        coalesce(sum(amount) filter (where state = 'approved'), 0)::bigint as amount
    from tried where retry > 0 and created_at >= $1 and created_at < $2
    group by retry order by retry";

pub async fn retries(db: &mut PgConnection, range: Range) -> sqlx::Result<Vec<RetriedBody>> {
    let (from, to) = range.instants();
    sqlx::query_as(RETRIES).bind(from).bind(to).fetch_all(db).await
}
