//! Subscriptions that go on as they are: their next charge is in their row, and whole periods follow it.

use std::collections::HashMap;

use chrono::NaiveDate;
use kiwoom_paid_time::Period;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use crate::payments::store::paid_time::cadence;
use crate::rules::ids::SubscriptionId;
use crate::rules::schedule::Rules;

/// SQL: of the row `s` the next charge, on `$1` or later, is in it, and whole periods of `amount` follow it.
/// `$3` is the least that is charged.
pub const GOES_ON: &str = "(s.status = 'active' and s.next_charge_amount > 0 and s.next_charge_date >= $1
    and s.next_charge_date = s.next_charge_start and s.next_charge_reason in ('whole', 'stub')
    and s.amount >= $3 and s.credit = 0 and s.carried = 0 and s.pending_amount is null
    and s.pending_interval is null and s.end_date is null and s.cycles_left is null
    and not s.cancel_at_period_end and not s.pause_at_period_end and s.rise_on is null
    and s.undo is null and not s.legacy_end and not s.legacy_pause
    and not exists (select from subscription_phases p where p.subscription_id = s.id and p.position > 0)
    and not exists (select from subscription_charges c where c.subscription_id = s.id
        and c.state not in ('approved', 'declined')))";

/// One of them.
#[derive(sqlx::FromRow)]
pub struct GoingOn {
    amount: i64,
    billing_interval: String,
    interval_count: i16,
    cycle_day: i16,
    next_charge_start: NaiveDate,
    next_charge_end: NaiveDate,
    next_charge_amount: i64,
}

/// Those of these subscriptions that go on from `today`.
pub async fn find(
    db: &mut PgConnection,
    ids: &[SubscriptionId],
    rules: &Rules,
    today: NaiveDate,
) -> sqlx::Result<HashMap<SubscriptionId, GoingOn>> {
    let sql = format!(
        "select id, amount, billing_interval, interval_count, cycle_day, next_charge_start,
            next_charge_end, next_charge_amount
         from subscriptions s where s.id = any($2) and {GOES_ON}"
    );
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let query = sqlx::query_as(AssertSqlSafe(sql)).bind(today).bind(ids).bind(rules.minimum);
    let found: Vec<Found> = query.fetch_all(db).await?;
    Ok(found.into_iter().map(|found| (found.id, found.of)).collect())
}

#[derive(sqlx::FromRow)]
struct Found {
    id: SubscriptionId,
    #[sqlx(flatten)]
    of: GoingOn,
}

impl GoingOn {
    /// What each charge until `until` (inclusive) takes, in won, and for which days. It is made on the first
    /// of them.
    pub fn charges(&self, until: NaiveDate) -> impl Iterator<Item = (i64, Period)> {
        let next = Period { start: self.next_charge_start, end: self.next_charge_end };
        let cadence = cadence(&self.billing_interval, self.interval_count, self.cycle_day);
        let (first, amount) = (next.end, self.amount);
        let following = (0..).map(move |n| (amount, cadence.whole(first, n)));
        let all = std::iter::once((self.next_charge_amount, next)).chain(following);
        all.take_while(move |(_, period)| period.start <= until)
    }
}
