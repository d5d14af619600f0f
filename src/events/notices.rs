//! Notices ahead of time: a renewal, a price rise or the end of a trial to come, a card about to
//! expire. Each is an event, given once.

use chrono::{DateTime, Duration, NaiveDate, Utc};
use sqlx::AssertSqlSafe;

use crate::context::Context;
use crate::rules::schedule::due_at;
use kiwoom_clock::kst;

/// Days before the last day of the month on the card.
const EXPIRY_DAYS: i64 = 30;
/// Days before a price rises or a trial ends (전자상거래법 제13조 제6항 asks for a consent then).
const AHEAD_DAYS: i64 = 7;
const BATCH: i64 = 500;

/// Gives the notices that are due, at `CHARGE_HOUR` of their day.
pub async fn give(ctx: &Context) -> sqlx::Result<()> {
    if let Some(days) = renewal_days(ctx) {
        while renewals(ctx, reached(ctx, days)).await? == BATCH.unsigned_abs() {}
    }
    for ahead in AHEAD {
        while ahead.tell(ctx, reached(ctx, AHEAD_DAYS)).await? == BATCH.unsigned_abs() {}
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
        moments.push(ahead.first(ctx).await?.map(|date| moment(ctx, date, AHEAD_DAYS)));
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

/// SQL: the subscriptions with a renewal ahead of which nobody has been told.
const UNTOLD_RENEWALS: &str = "from subscriptions
    where status = 'active' and not cancel_at_period_end
        and cycles_left is distinct from 0 and (next_billing_date < end_date) is not false
        and renewal_noticed is distinct from next_billing_date";

async fn first_renewal(ctx: &Context) -> sqlx::Result<Option<NaiveDate>> {
    let sql = format!("select min(next_billing_date) {UNTOLD_RENEWALS}");
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&ctx.pool).await
}

/// A change to come on the next billing date of a subscription, told of a week before.
struct Ahead {
    /// Type of the event, after `subscription.`.
    kind: &'static str,
    /// SQL over the row `s`: names the change, so that it is told of once.
    key: &'static str,
    /// SQL: which subscriptions have such a change ahead.
    condition: &'static str,
}

const AHEAD: [Ahead; 2] = [
    Ahead {
        kind: "price_rise_upcoming",
        key: "'price_rise ' || s.id || ' ' || s.next_billing_date || ' ' || s.pending_amount",
        condition: "pending_amount is not null and status in ('active', 'past_due')
            and not cancel_at_period_end",
    },
    Ahead {
        kind: "trial_ending",
        key: "'trial ' || s.id || ' ' || s.trial_end",
        condition: "period_start < trial_end and status = 'active' and not cancel_at_period_end",
    },
];

impl Ahead {
    /// The subscriptions of which nobody has been told.
    fn untold(&self) -> String {
        let Self { key, condition, .. } = self;
        format!(
            "from subscriptions s where {condition}
                and not exists (select from events where notice = {key})"
        )
    }

    async fn first(&self, ctx: &Context) -> sqlx::Result<Option<NaiveDate>> {
        let sql = format!("select min(next_billing_date) {}", self.untold());
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&ctx.pool).await
    }

    async fn tell(&self, ctx: &Context, until: NaiveDate) -> sqlx::Result<u64> {
        let Self { kind, key, .. } = self;
        let sql = format!(
            "insert into events (id, type, object, object_id, subscription_id, stream, notice,
                actor, after, created_at)
             select new_event_id(), 'subscription.{kind}', 'subscription', id, id, id, {key},
                'scheduler', to_jsonb(s), $2
             from (select * {} and next_billing_date <= $1
                order by next_billing_date limit $3) as s
             on conflict (notice) do nothing",
            self.untold()
        );
        let query = sqlx::query(AssertSqlSafe(sql)).bind(until).bind(ctx.clock.now()).bind(BATCH);
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
         told as (
            update subscriptions set renewal_noticed = next_billing_date
            from due where subscriptions.id = due.id returning subscriptions.*)
         insert into events (id, type, object, object_id, subscription_id, stream, notice, actor,
            after, created_at)
         select new_event_id(), 'subscription.renewal_upcoming', 'subscription', id, id, id,
            'renewal ' || id || ' ' || next_billing_date, 'scheduler', to_jsonb(told), $2
         from told on conflict (notice) do nothing"
    );
    let query = sqlx::query(AssertSqlSafe(sql)).bind(until).bind(ctx.clock.now()).bind(BATCH);
    query.execute(&ctx.pool).await.map(|done| done.rows_affected())
}

async fn expiries(ctx: &Context, until: NaiveDate) -> sqlx::Result<u64> {
    let sql = format!(
        r"with due as (
            select id {UNTOLD_EXPIRIES} and card_expires between $2 and $1
            limit $4 for update skip locked),
         told as (
            update billing_keys set expiry_noticed = true
            from due where billing_keys.id = due.id returning billing_keys.*)
         insert into events (id, type, object, object_id, stream, notice, actor, after, created_at)
         select new_event_id(), 'billing_key.expiring', 'billing_key', id, id, 'expiry ' || id,
            'scheduler', to_jsonb(told) || jsonb_build_object('autokey', '\x',
                'expires', to_char(card_expires, 'YYYY-MM'),
                'subscriptions', (select jsonb_agg('sub_' || s.id order by s.id)
                    from subscriptions s where s.billing_key_id = told.id
                        and s.status not in ('incomplete', 'canceled'))), $3
         from told on conflict (notice) do nothing"
    );
    let query = sqlx::query(AssertSqlSafe(sql))
        .bind(until)
        .bind(ctx.clock.today())
        .bind(ctx.clock.now())
        .bind(BATCH);
    query.execute(&ctx.pool).await.map(|done| done.rows_affected())
}
