//! How much of the telling is left to do.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::events::store::published;

/// Events that wait.
#[derive(sqlx::FromRow)]
pub struct Backlog {
    /// Deliveries that are still tried.
    pub waiting: i64,
    /// When the oldest of their events happened, by the clock that charges follow.
    pub oldest: Option<DateTime<Utc>>,
    /// Deliveries that are not tried any more.
    pub given_up: i64,
    /// Events that no reader sees yet.
    pub unpublished: i64,
}

/// All that waits now, of the endpoints that are on.
pub async fn backlog(pool: &PgPool) -> sqlx::Result<Backlog> {
    let query = sqlx::query_as(concat!(
        "with live as (select id from webhook_endpoints where enabled and deleted_at is null),
         waiting as (
            select count(*) as count, min(position) as first from event_deliveries
            where state = 'waiting' and endpoint_id in (select id from live))
         select waiting.count as waiting,
            (select created_at from events where position = waiting.first) as oldest,
            (select count(*) from event_deliveries
                where state = 'given_up' and endpoint_id in (select id from live)) as given_up,
            (select count(*) from events where position > ",
        published!(),
        " and position <= pg_sequence_last_value('event_positions')) as unpublished
         from waiting",
    ));
    query.fetch_one(pool).await
}
