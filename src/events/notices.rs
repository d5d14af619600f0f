//! Notices ahead of time: a renewal, a price rise or the end of a trial to come, a consent that can be
//! given, a card about to expire. Each is an event, given once.

use chrono::{DateTime, Duration, NaiveDate, Utc};
use sqlx::AssertSqlSafe;

use crate::context::Context;
use crate::rules::schedule::due_at;
use kiwoom_clock::kst;

/// Days before the last day of the month on the card.
const EXPIRY_DAYS: i64 = 30;
/// Days before a price rises or a trial ends (전자상거래법 제13조 제6항).
const AHEAD_DAYS: i64 = 7;
const BATCH: i64 = 500;
/// SQL before and after the select of which notices to give, of what, and when: what an event holds the
/// database takes from the object's row (`complete_notice` in the migrations).
const GIVE: &str = "insert into events (type, object_id, notice, created_at)";
const ONCE: &str = "on conflict (notice) where notice is not null do nothing";

/// Gives the notices that are due, at `CHARGE_HOUR` of their day.
pub async fn give(ctx: &Context) -> sqlx::Result<()> {
    if let Some(days) = renewal_days(ctx) {
        while renewals(ctx, reached(ctx, days)).await? == BATCH.unsigned_abs() {}
    }
    for ahead in AHEAD {
        while ahead.tell(ctx).await? == BATCH.unsigned_abs() {}
    }
    while expiries(ctx, reached(ctx, EXPIRY_DAYS)).await? == BATCH.unsigned_abs() {}
    Ok(())
}

/// The next moment at which a notice is due.
pub async fn next(ctx: &Context) -> sqlx::Result<Option<DateTime<Utc>>> {
    let renewal = match renewal_days(ctx) {
        Some(days) => first_renewal(ctx).await?.map(|date| moment(ctx, date, days)),
        None => None,
    };
    let expiry = first_expiry(ctx).await?.map(|date| moment(ctx, date, EXPIRY_DAYS));
    let mut moments = vec![renewal, expiry];
    for ahead in AHEAD {
        moments.push(ahead.first(ctx).await?.map(|date| moment(ctx, date, ahead.days)));
    }
    Ok(moments.into_iter().flatten().min())
}

/// `RENEWAL_NOTICE_DAYS`; 0 = no notice.
fn renewal_days(ctx: &Context) -> Option<i64> {
    Some(ctx.config.schedule.renewal_notice_days).filter(|days| *days > 0)
}

fn moment(ctx: &Context, date: NaiveDate, days: i64) -> DateTime<Utc> {
    due_at(date - Duration::days(days), ctx.rules().charge_hour)
}

/// The date whose notice, given `days` before, is due now.
fn reached(ctx: &Context, days: i64) -> NaiveDate {
    let hours = Duration::hours(ctx.rules().charge_hour.into());
    kst(ctx.clock.now() - hours).date_naive() + Duration::days(days)
}

/// SQL: the subscriptions with a charge ahead of which nobody has been told.
const UNTOLD_RENEWALS: &str = "from subscriptions
    where status = 'active' and not cancel_at_period_end and next_charge_amount > 0
        and renewal_noticed is distinct from next_billing_date
        and not exists (select from billing_keys
            where id = billing_key_id and billing_keys.inactive_at is not null)";

async fn first_renewal(ctx: &Context) -> sqlx::Result<Option<NaiveDate>> {
    let first = "order by next_billing_date limit 1";
    let sql = format!("select next_billing_date {UNTOLD_RENEWALS} {first}");
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_optional(&ctx.pool).await
}

/// A notice ahead of the day on which the price of a subscription rises, or its free time ends.
struct Ahead {
    /// Type of the event, after `subscription.`.
    kind: &'static str,
    /// SQL: on which day, or `days` before it.
    on: &'static str,
    days: i64,
    /// SQL over the row `s`: names the rise, so that it is told of once.
    key: &'static str,
    /// SQL over the row `s`: of which rises it tells.
    condition: &'static str,
}

const AHEAD: [Ahead; 3] = [
    // Who could have sent the consent with the subscription knows of it.
    Ahead {
        kind: "consent_needed",
        on: "consent_from",
        days: 0,
        key: "'consent ' || s.id || ' ' || s.rise_on || ' ' || s.rise_amount",
        condition: "(created_at at time zone 'Asia/Seoul')::date < consent_from",
    },
    Ahead {
        kind: "price_rise_upcoming",
        on: "rise_on",
        days: AHEAD_DAYS,
        key: "'price_rise ' || s.id || ' ' || s.rise_on || ' ' || s.rise_amount",
        condition: "rise_on is distinct from trial_end",
    },
    Ahead {
        kind: "trial_ending",
        on: "rise_on",
        days: AHEAD_DAYS,
        key: "'trial ' || s.id || ' ' || s.trial_end",
        condition: "rise_on = trial_end",
    },
];

impl Ahead {
    /// The subscriptions of which nobody has been told.
    fn untold(&self) -> String {
        let Self { key, condition, .. } = self;
        format!(
            "from subscriptions s
             where rise_on is not null and status in ('active', 'past_due')
                and not cancel_at_period_end and {condition}
                and not exists (select from events where notice = {key})"
        )
    }

    async fn first(&self, ctx: &Context) -> sqlx::Result<Option<NaiveDate>> {
        let sql = format!("select min({}) {}", self.on, self.untold());
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&ctx.pool).await
    }

    async fn tell(&self, ctx: &Context) -> sqlx::Result<u64> {
        let Self { kind, on, key, .. } = self;
        let sql = format!(
            "{GIVE} select 'subscription.{kind}', id, {key}, $2 {} and {on} <= $1
             order by {on} limit $3 {ONCE}",
            self.untold()
        );
        let query = sqlx::query(AssertSqlSafe(sql)).bind(reached(ctx, self.days));
        let query = query.bind(ctx.clock.now()).bind(BATCH);
        query.execute(&ctx.pool).await.map(|done| done.rows_affected())
    }
}

/// SQL: the cards in use of whose end nobody has been told.
const UNTOLD_EXPIRIES: &str = "from billing_keys
    where status = 'active' and inactive_at is null and not expiry_noticed
        and exists (select from subscriptions
            where billing_key_id = billing_keys.id
                and subscriptions.status not in ('incomplete', 'canceled'))";

async fn first_expiry(ctx: &Context) -> sqlx::Result<Option<NaiveDate>> {
    let sql = format!("select min(card_expires) {UNTOLD_EXPIRIES} and card_expires >= $1");
    let query = sqlx::query_scalar(AssertSqlSafe(sql)).bind(ctx.clock.today());
    query.fetch_one(&ctx.pool).await
}

async fn renewals(ctx: &Context, until: NaiveDate) -> sqlx::Result<u64> {
    let sql = format!(
        "with due as (
            select id {UNTOLD_RENEWALS} and next_billing_date <= $1
            order by next_billing_date limit $3 for update skip locked),
         noticed as (
            update subscriptions set renewal_noticed = next_billing_date
            from due where subscriptions.id = due.id
            returning subscriptions.id, next_billing_date)
         {GIVE} select 'subscription.renewal_upcoming', id, 'renewal ' || id || ' ' || next_billing_date, $2
         from noticed {ONCE}"
    );
    let query = sqlx::query(AssertSqlSafe(sql)).bind(until).bind(ctx.clock.now()).bind(BATCH);
    query.execute(&ctx.pool).await.map(|done| done.rows_affected())
}

async fn expiries(ctx: &Context, until: NaiveDate) -> sqlx::Result<u64> {
    let sql = format!(
        "with due as (
            select id {UNTOLD_EXPIRIES} and card_expires between $2 and $1
            limit $4 for update skip locked),
         noticed as (
            update billing_keys set expiry_noticed = true
            from due where billing_keys.id = due.id returning billing_keys.id)
         {GIVE} select 'billing_key.expiring', id, 'expiry ' || id, $3 from noticed {ONCE}"
    );
    let query = sqlx::query(AssertSqlSafe(sql))
        .bind(until)
        .bind(ctx.clock.today())
        .bind(ctx.clock.now())
        .bind(BATCH);
    query.execute(&ctx.pool).await.map(|done| done.rows_affected())
}
