//! Subscriptions: how many there are, what they are worth a month, who comes and who goes.

use chrono::NaiveDate;
use serde::Serialize;
use sqlx::postgres::PgConnection;
use utoipa::ToSchema;

use super::Range;

/// How many subscriptions there are now, by status.
#[derive(Serialize, ToSchema, sqlx::FromRow)]
#[serde(rename_all = "camelCase")]
pub struct MembersBody {
    active: i64,
    past_due: i64,
    paused: i64,
    unpaid: i64,
}

pub async fn now(db: &mut PgConnection) -> sqlx::Result<MembersBody> {
    let query = sqlx::query_as(
        "select count(*) filter (where status = 'active') as active,
            count(*) filter (where status = 'past_due') as past_due,
            count(*) filter (where status = 'paused') as paused,
            count(*) filter (where status = 'unpaid') as unpaid
         from subscriptions where status in ('active', 'past_due', 'paused', 'unpaid')",
    );
    query.fetch_one(db).await
}

/// The subscriptions of a day.
#[derive(Serialize, ToSchema, sqlx::FromRow)]
#[serde(rename_all = "camelCase")]
pub struct MembersDayBody {
    date: NaiveDate,
    /// Those of which the day is paid, free, or open: its charge is under way, unknown or tried again.
    covered: i64,
    /// Won a month (365/12 days) at the prices that are paid or asked for on that day.
    monthly_amount: i64,
    /// Made on that day.
    new: i64,
    /// Ended on that day.
    ended: i64,
}

/// Each segment adds on its first day and takes away on the day after its last. What was cancelled at
/// once ends with the day before.
const DAYS: &str = "
    with segments as (
        select greatest(g.starts_on, $1) as starts_on,
            least(g.ends_on, coalesce(s.canceled_on, g.ends_on)) as ends_on, rate_twelfths,
            case when kind = 'free' then 0 else rate_amount end as rate_amount
        from subscription_segments g join subscriptions s on s.id = g.subscription_id
        where g.ends_on > $1 and g.starts_on < $2 and g.kind <> 'none' and s.status <> 'incomplete'),
    steps as (
        select starts_on as date, count(*) as covered, sum(rate_amount) * 365.0 / rate_twelfths as monthly
        from segments where starts_on < ends_on group by starts_on, rate_twelfths
        union all
        select ends_on, -count(*), -sum(rate_amount) * 365.0 / rate_twelfths
        from segments where starts_on < ends_on and ends_on < $2 group by ends_on, rate_twelfths),
    made as (
        select (created_at at time zone 'Asia/Seoul')::date as date, count(*) as new
        from subscriptions where created_at >= $3 and created_at < $4 and status <> 'incomplete'
        group by 1),
    ended as (
        select (canceled_at at time zone 'Asia/Seoul')::date as date, count(*) as ended
        from subscriptions where canceled_at >= $3 and canceled_at < $4 group by 1)
    select day::date as date,
        (sum(coalesce(sum(steps.covered), 0)) over (order by day))::bigint as covered,
        round(sum(coalesce(sum(steps.monthly), 0)) over (order by day))::bigint as monthly_amount,
        coalesce(max(new), 0) as new, coalesce(max(ended), 0) as ended
    from generate_series($1, $2 - 1, interval '1 day') as day
    left join steps on steps.date = day::date
    left join made on made.date = day::date
    left join ended on ended.date = day::date
    group by day order by day";

pub async fn days(db: &mut PgConnection, range: Range) -> sqlx::Result<Vec<MembersDayBody>> {
    let (from, to) = range.instants();
    let query = sqlx::query_as(DAYS).bind(range.from).bind(range.to).bind(from).bind(to);
    query.fetch_all(db).await
}
