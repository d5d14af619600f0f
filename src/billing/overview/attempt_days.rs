//! Days whose attempts are summed up already, kept in `attempt_days`.

use chrono::{Days, NaiveDate};
use sqlx::AssertSqlSafe;
use sqlx::Connection;
use sqlx::postgres::PgConnection;

use super::Range;
use super::attempts::{DECLINES_OF_DAYS, OF_DAYS, RETRIES_OF_DAYS};

/// SQL: a row of `payments` was made on `day`, in Korea.
macro_rules! on_day {
    () => {
        "created_at >= day::timestamp at time zone 'Asia/Seoul'
            and created_at < (day + 1)::timestamp at time zone 'Asia/Seoul'"
    };
}
pub(super) use on_day;

/// The days of a range.
pub struct AttemptDays {
    /// Whose sums are kept.
    pub kept: Vec<NaiveDate>,
    /// Which are counted now: today, yesterday, and those on which something is under way.
    pub open: Vec<NaiveDate>,
}

/// Each day of a range, and whether its kept sums hold.
const HOLDING: &str = "select day, exists (select from attempt_days k where k.day = days.day)
        and not exists (select from attempt_days_changed c where c.day = days.day)
    from (select generate_series($1, $2::date - 1, interval '1 day')::date as day) as days";

/// Sums up the days before yesterday for which that is to be done, unless another request is at it.
pub async fn keep(db: &mut PgConnection, range: Range) -> sqlx::Result<AttemptDays> {
    let mut days = holding(db, range).await?;
    // A process whose clock was ahead has summed up days that were not over.
    if days.iter().any(|(day, holds)| *holds != is_past(range, *day)) {
        let mut tx = db.begin().await?;
        let lock = sqlx::query_scalar("select pg_try_advisory_xact_lock(hashtext('attempt_days'))");
        if lock.fetch_one(&mut *tx).await? {
            sum_up(&mut tx, range).await?;
        }
        tx.commit().await?;
        days = holding(db, range).await?;
    }
    let (kept, open): (Vec<_>, Vec<_>) = days.into_iter().partition(|(_, holds)| *holds);
    let dates = |days: Vec<(NaiveDate, bool)>| days.into_iter().map(|(day, _)| day).collect();
    Ok(AttemptDays { kept: dates(kept), open: dates(open) })
}

/// Before yesterday.
fn is_past(range: Range, day: NaiveDate) -> bool {
    day < range.to - Days::new(2)
}

async fn holding(db: &mut PgConnection, range: Range) -> sqlx::Result<Vec<(NaiveDate, bool)>> {
    sqlx::query_as(HOLDING).bind(range.from).bind(range.to).fetch_all(db).await
}

async fn sum_up(db: &mut PgConnection, range: Range) -> sqlx::Result<()> {
    let early = sqlx::query("delete from attempt_days where day >= $1::date - 2").bind(range.to);
    early.execute(&mut *db).await?;
    let days = holding(db, range).await?.into_iter();
    let candidates = days.filter(|(day, holds)| !holds && is_past(range, *day));
    let candidates: Vec<NaiveDate> = candidates.map(|(day, _)| day).collect();
    if candidates.is_empty() {
        return Ok(());
    }
    // What changes from now on leaves a row that is not taken away here.
    for table in ["attempt_days_changed", "attempt_days"] {
        let delete = format!("delete from {table} where day = any($1)");
        sqlx::query(AssertSqlSafe(delete)).bind(&candidates).execute(&mut *db).await?;
    }
    // Only now: what becomes of an attempt that is under way leaves none.
    let days = sqlx::query_scalar(concat!(
        "select day from unnest($1::date[]) as day
         where not exists (select from payments where state in ('ready', 'sending') and ",
        on_day!(),
        ")"
    ));
    let days: Vec<NaiveDate> = days.bind(&candidates).fetch_all(&mut *db).await?;
    for (table, sums) in [
        (
            "attempt_days (day, approved, approved_amount, declined, declined_amount, refused,
                unknown, median_millis, p95_millis)",
            OF_DAYS,
        ),
        ("attempt_day_declines (day, code, message, count, amount)", DECLINES_OF_DAYS),
        ("attempt_day_retries (day, retry, tried, approved, amount)", RETRIES_OF_DAYS),
    ] {
        let insert = format!("insert into {table} {sums}");
        sqlx::query(AssertSqlSafe(insert)).bind(&days).execute(&mut *db).await?;
    }
    Ok(())
}
