//! What the next days bring, of all subscriptions together.
//!
//! Most of them go on as they are: their next charge is in their row and whole periods follow it, which
//! the database counts. Of those that something is to happen to, the forecast of each is taken.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use kiwoom_clock::kst;
use serde::Serialize;
use sqlx::postgres::PgConnection;
use utoipa::ToSchema;

use crate::billing::subscriptions::forecast::charges;
use crate::billing::subscriptions::going_on::GOES_ON;
use crate::payments::store::paid_time;
use crate::rules::ids::SubscriptionId;
use crate::rules::schedule::Rules;

/// The charges of a day to come.
#[derive(Default, Serialize, ToSchema, sqlx::FromRow)]
pub struct ForecastDayBody {
    date: NaiveDate,
    charges: i64,
    /// Won.
    amount: i64,
}

/// How many subscriptions are forecast one by one at a time.
const CHUNK: usize = 500;

/// Of `subscriptions`: what the schedule charges, or will when its pause is over.
const BILLED: &str =
    "(s.status in ('active', 'past_due') or s.status = 'paused' and s.resume_on is not null)
    and not exists (select from billing_keys where id = s.billing_key_id and inactive_at is not null)";

fn going_on() -> String {
    format!(
        "with s as (
            select amount, billing_interval, interval_count, cycle_day, next_charge_date,
                next_charge_end, next_charge_amount, count(*) as n
            from subscriptions s where {BILLED} and {GOES_ON}
            group by 1, 2, 3, 4, 5, 6, 7),
        charges as (
            select next_charge_date as date, next_charge_amount as amount, n from s
            union all
            select case when billing_interval = 'week' then next_charge_end + 7 * units
                else (first + least(cycle_day,
                    extract(day from first + interval '1 month' - interval '1 day')::int) - 1)::date end,
                amount, n
            from s,
                lateral generate_series(0, ($2 - next_charge_end) / (interval_count * 7)) as nth,
                lateral (select nth * interval_count
                    * case billing_interval when 'year' then 12 else 1 end as units) as u,
                lateral (select (date_trunc('month', next_charge_end::timestamp)
                    + units * interval '1 month')::date as first) as m
            where next_charge_end <= $2)
        select date, sum(n)::bigint as charges, sum(amount * n)::bigint as amount
        from charges where date <= $2 group by date"
    )
}

/// Each day from the one after `now` in Korea, or from today, to `until`, both inclusive.
pub async fn days(
    db: &mut PgConnection,
    rules: &Rules,
    now: DateTime<Utc>,
    until: NaiveDate,
) -> sqlx::Result<Vec<ForecastDayBody>> {
    let today = kst(now).date_naive();
    let counted: Vec<ForecastDayBody> = sqlx::query_as(sqlx::AssertSqlSafe(going_on()))
        .bind(today)
        .bind(until)
        .bind(rules.minimum)
        .fetch_all(&mut *db)
        .await?;
    let mut days: BTreeMap<NaiveDate, ForecastDayBody> =
        counted.into_iter().map(|day| (day.date, day)).collect();
    let others =
        format!("select s.id from subscriptions s where {BILLED} and not {GOES_ON} and $2 >= $1");
    let others: Vec<SubscriptionId> = sqlx::query_scalar(sqlx::AssertSqlSafe(others))
        .bind(today)
        .bind(until)
        .bind(rules.minimum)
        .fetch_all(&mut *db)
        .await?;
    for ids in others.chunks(CHUNK) {
        for s in paid_time::find_all(db, ids, rules).await? {
            for (date, amount) in charges(rules, &s, now, until) {
                let day = days.entry(date).or_default();
                (day.date, day.charges, day.amount) = (date, day.charges + 1, day.amount + amount);
            }
        }
    }
    let all = today.iter_days().take_while(|day| *day <= until);
    let empty = |date| ForecastDayBody { date, ..ForecastDayBody::default() };
    Ok(all.map(|date| days.remove(&date).unwrap_or_else(|| empty(date))).collect())
}
