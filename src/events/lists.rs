//! SQL of the lists of events.

use sqlx::{PgPool, Postgres, QueryBuilder};
use uuid::Uuid;

use crate::events::store::{DeliveryState, Event, event_columns, events, published};
use crate::rules::ids::{SubscriptionId, WebhookEndpointId};

/// What a list of events is narrowed to.
#[derive(Debug, Default)]
pub struct Filter {
    pub kind: Option<&'static str>,
    pub subscription_id: Option<SubscriptionId>,
    pub object_id: Option<Uuid>,
    pub actor: Option<String>,
    pub delivery: Option<DeliveryState>,
    /// Without those that tell of no change.
    pub changes_only: bool,
    /// Of whose deliveries; without one, of any endpoint that was not deleted.
    pub endpoint_id: Option<WebhookEndpointId>,
}

/// Which way a list goes, and from where.
#[derive(Clone, Copy, Debug)]
pub enum From {
    /// Oldest first, after this position.
    After(i64),
    /// Newest first, before this position.
    Before(i64),
}

/// Published events.
pub async fn list(
    pool: &PgPool,
    filter: &Filter,
    from: From,
    limit: i64,
) -> sqlx::Result<Vec<Event>> {
    let of_deliveries = filter.delivery.is_some() || filter.endpoint_id.is_some();
    let mut sql: QueryBuilder<Postgres> = QueryBuilder::new(concat!(events!(), " where "));
    // What is delivered is published.
    if !of_deliveries {
        sql.push(concat!("position <= ", published!(), " and "));
    }
    let column = push_first(&mut sql, filter, from);
    if let Some(id) = filter.subscription_id.filter(|_| column != "subscription_id") {
        sql.push(" and subscription_id = ").push_bind(id);
    }
    if let Some(kind) = filter.kind.filter(|_| column != "type") {
        sql.push(" and type = ").push_bind(kind);
    }
    if let Some(actor) = filter.actor.as_ref().filter(|_| column != "actor") {
        sql.push(" and actor = ").push_bind(actor);
    }
    if filter.changes_only {
        sql.push(" and not test");
    }
    if of_deliveries {
        sql.push(" and id in (select event_id from event_deliveries where endpoint_id ");
        match filter.endpoint_id {
            Some(id) => sql.push("= ").push_bind(id),
            None => sql.push("in (select id from webhook_endpoints where deleted_at is null)"),
        };
        match filter.delivery {
            Some(state) => sql.push(" and state = ").push_bind(state),
            // Each has an index of its own.
            None => {
                sql.push(" and (state = 'waiting' or state = 'delivered' or state = 'given_up')")
            }
        };
        sql.push(")");
    }
    let direction = if matches!(from, From::After(_)) { "" } else { " desc" };
    let first = if column == "position" { String::new() } else { format!("{column}{direction}, ") };
    sql.push(format!(" order by {first}position{direction} limit ")).push_bind(limit);
    sql.build_query_as().fetch_all(pool).await
}

/// Adds the position, and the first filter that narrows to few, as one with it: so only the index of both
/// has the order. For `=` the planner would rather read all events in theirs, and take the first ones to be
/// near. The column.
fn push_first(sql: &mut QueryBuilder<Postgres>, filter: &Filter, from: From) -> &'static str {
    let (first, last) = match from {
        From::After(position) => (position, i64::MAX),
        From::Before(position) => (-1, position - 1),
    };
    if let Some(id) = filter.object_id {
        push_between(sql, "object_id", id, (first, last))
    } else if let Some(id) = filter.subscription_id {
        sql.push("subscription_id is not null and ");
        push_between(sql, "subscription_id", id, (first, last))
    } else if let Some(kind) = filter.kind {
        push_between(sql, "type", kind, (first, last))
    } else if let Some(actor) = &filter.actor {
        push_between(sql, "actor", actor.clone(), (first, last))
    } else {
        sql.push("position > ").push_bind(first).push(" and position <= ").push_bind(last);
        "position"
    }
}

/// Of those whose `column` is `value`, the positions after the first up to the last one.
fn push_between<T>(
    sql: &mut QueryBuilder<Postgres>,
    column: &'static str,
    value: T,
    (first, last): (i64, i64),
) -> &'static str
where
    T: Clone + Send + sqlx::Type<Postgres> + for<'a> sqlx::Encode<'a, Postgres> + 'static,
{
    sql.push("(").push(column).push(", position) > (").push_bind(value.clone());
    sql.push(", ").push_bind(first).push(") and (").push(column).push(", position) <= (");
    sql.push_bind(value).push(", ").push_bind(last).push(")");
    column
}
