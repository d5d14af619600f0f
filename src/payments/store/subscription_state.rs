//! SQL of the part of a subscription that attempts change: its columns are named and bound here, and
//! nowhere else.

use sqlx::postgres::{PgArguments, PgConnection};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Postgres};

use crate::payments::store::columns::subscription_state_columns;
use crate::rules::ids::SubscriptionId;
use crate::rules::subscription_state::SubscriptionState;

/// The columns, in the order in which [`bind`] binds them. The interval is left out: it is written
/// once, with the subscription.
pub const COLUMNS: [&str; 14] = [
    "status",
    "cycle_day",
    "period_start",
    "next_billing_date",
    "retry_attempt",
    "retry_base",
    "retry_at",
    "next_attempt_at",
    "cancel_at_period_end",
    "retry_days",
    "resume_on",
    "trial_end",
    "end_date",
    "cycles_left",
];

/// Binds the values of [`COLUMNS`].
pub fn bind<'q>(
    query: Query<'q, Postgres, PgArguments>,
    s: &'q SubscriptionState,
) -> Query<'q, Postgres, PgArguments> {
    query
        .bind(s.status)
        .bind(s.cadence.anchor)
        .bind(s.period_start)
        .bind(s.next_billing_date)
        .bind(s.retry_attempt)
        .bind(s.retry_base)
        .bind(s.retry_at)
        .bind(s.next_attempt_at)
        .bind(s.cancel_at_period_end)
        .bind(&s.retry_days)
        .bind(s.resume_on)
        .bind(s.trial_end)
        .bind(s.end_date)
        .bind(s.cycles_left)
}

/// `$first` and those after it, one for each of `count` columns, with commas between them.
pub fn placeholders(first: usize, count: usize) -> String {
    let numbered: Vec<String> = (first..first + count).map(|n| format!("${n}")).collect();
    numbered.join(", ")
}

/// The state, locked until the transaction ends.
pub async fn lock(
    db: &mut PgConnection,
    id: SubscriptionId,
) -> sqlx::Result<Option<SubscriptionState>> {
    let query = sqlx::query_as(concat!(
        "select ",
        subscription_state_columns!(),
        " from subscriptions where id = $1 for update"
    ));
    query.bind(id).fetch_optional(db).await
}

/// Stores the state and ends the lease on the row.
pub async fn save(
    db: &mut PgConnection,
    id: SubscriptionId,
    state: &SubscriptionState,
) -> sqlx::Result<()> {
    let (columns, values) = (COLUMNS.join(", "), placeholders(2, COLUMNS.len()));
    let sql = format!(
        "update subscriptions set ({columns}, leased_until) = ({values}, null) where id = $1"
    );
    bind(sqlx::query(AssertSqlSafe(sql)).bind(id), state).execute(db).await.map(drop)
}
