//! What waits for a person.

use chrono::{DateTime, Days, Utc};
use kiwoom_clock::{kst, rfc3339_kst};
use serde::Serialize;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use utoipa::ToSchema;

use super::Range;
use crate::api::statuses::LEFT_TO_A_PERSON;

/// A card in use that ends within so many days is told of.
const CARD_ENDS: Days = Days::new(60);

/// How much of a kind there is.
#[derive(Serialize, ToSchema)]
pub struct WaitingBody {
    count: i64,
    /// Won; 0 where no money is meant.
    amount: i64,
    /// Since when the oldest of them waits; of cards, the end of the first one.
    #[schema(required, format = DateTime)]
    oldest: Option<String>,
}

/// What waits for a person, or for the next pass.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AttentionBody {
    /// Charges whose outcome is unknown.
    unknown_payments: WaitingBody,
    /// Refunds whose outcome is unknown.
    unknown_refunds: WaitingBody,
    /// Orders of which another amount was paid.
    mismatched_orders: WaitingBody,
    /// Money that was not asked for so, and was not given back.
    unexpected_payments: WaitingBody,
    /// Orders that were paid in these days after they had expired, failed or been closed, and were not
    /// given back.
    late_orders: WaitingBody,
    /// Notifications of these days that settle nothing and are left to a person.
    notifications: WaitingBody,
    /// Events of which no delivery is tried any more.
    given_up_events: WaitingBody,
    /// Subscriptions that are being tried again, with what is asked for.
    past_due: WaitingBody,
    /// Subscriptions whose last retry was declined.
    unpaid: WaitingBody,
    /// Cards in use that end within 60 days.
    ending_cards: WaitingBody,
    /// Subscriptions of which something is due now.
    due: WaitingBody,
    /// Events that wait for their delivery.
    deliveries: WaitingBody,
}

#[derive(sqlx::FromRow)]
struct Row {
    what: String,
    count: i64,
    amount: i64,
    oldest: Option<DateTime<Utc>>,
}

/// SQL: `$1` is the begin of the days, `$2` now, `$3` the day before which cards end.
fn waiting() -> String {
    format!(
        "
    select 'unknown_payments' as what, count(*) as count, coalesce(sum(amount), 0)::bigint as amount,
        min(created_at) as oldest
    from payments where state = 'unknown' or (state = 'sending' and call_ends_by < now())
    union all
    select 'unknown_refunds', count(*), coalesce(sum(amount), 0)::bigint, min(created_at)
    from refunds where state = 'unknown' or (state = 'sending' and call_ends_by < now())
    union all
    select 'mismatched_orders', count(*), coalesce(sum(amount), 0)::bigint, min(created_at)
    from payments where state = 'mismatch'
    union all
    select 'unexpected_payments', count(*),
        coalesce(sum(amount - refunded_amount), 0)::bigint, min(created_at)
    from payments where kind = 'unexpected' and state = 'approved' and refunded_amount < amount
    union all
    select 'late_orders', count(*), coalesce(sum(amount - refunded_amount), 0)::bigint,
        min(approved_at)
    from payments where late and state = 'approved' and refunded_amount < amount
        and approved_at >= $1
    union all
    select 'notifications', count(*), 0, min(first_at)
    from notifications where {LEFT_TO_A_PERSON} and last_at >= $1
    union all
    select 'given_up_events', count(*), 0, min(created_at)
    from event_deliveries d join events e on e.id = d.event_id where d.state = 'given_up'
        and d.endpoint_id in (select id from webhook_endpoints where enabled and deleted_at is null)
    union all
    select 'past_due', count(*), coalesce(sum(c.amount), 0)::bigint, min(s.retry_base)::timestamptz
    from subscriptions s
    left join subscription_charges c on c.subscription_id = s.id and c.state = 'retrying'
    where s.status = 'past_due'
    union all
    select 'unpaid', count(*), coalesce(sum(amount), 0)::bigint, null
    from subscriptions where status = 'unpaid'
    union all
    select 'ending_cards', count(*), 0, min(card_expires)::timestamp at time zone 'Asia/Seoul'
    from billing_keys k
    where k.status = 'active' and k.inactive_at is null and k.card_expires < $3
        and exists (select from subscriptions s where s.billing_key_id = k.id
            and s.status in ('active', 'past_due', 'paused', 'unpaid'))
    union all
    select 'due', count(*), coalesce(sum(next_charge_amount), 0)::bigint, min(next_attempt_at)
    from subscriptions where next_attempt_at <= $2
    union all
    select 'deliveries', count(*), 0, min(created_at)
    from event_deliveries d join events e on e.id = d.event_id where d.state = 'waiting'
        and d.endpoint_id in (select id from webhook_endpoints where enabled and deleted_at is null)"
    )
}

pub async fn find(
    db: &mut PgConnection,
    range: Range,
    now: DateTime<Utc>,
) -> sqlx::Result<AttentionBody> {
    let (from, _) = range.instants();
    let card_ends = kst(now).date_naive() + CARD_ENDS;
    let query = sqlx::query_as(AssertSqlSafe(waiting())).bind(from).bind(now).bind(card_ends);
    let mut rows: Vec<Row> = query.fetch_all(db).await?;
    let mut take = |what: &str| {
        let at = rows.iter().position(|row| row.what == what);
        let row = at.map(|at| rows.swap_remove(at)).ok_or(sqlx::Error::RowNotFound)?;
        let oldest = row.oldest.map(rfc3339_kst);
        Ok::<_, sqlx::Error>(WaitingBody { count: row.count, amount: row.amount, oldest })
    };
    Ok(AttentionBody {
        unknown_payments: take("unknown_payments")?,
        unknown_refunds: take("unknown_refunds")?,
        mismatched_orders: take("mismatched_orders")?,
        unexpected_payments: take("unexpected_payments")?,
        late_orders: take("late_orders")?,
        notifications: take("notifications")?,
        given_up_events: take("given_up_events")?,
        past_due: take("past_due")?,
        unpaid: take("unpaid")?,
        ending_cards: take("ending_cards")?,
        due: take("due")?,
        deliveries: take("deliveries")?,
    })
}
