//! SQL of `webhook_endpoints`.

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use sqlx::postgres::PgConnection;

use crate::events::store::{DeliveryState, published};
use crate::rules::ids::WebhookEndpointId;

/// The columns of [`Endpoint`].
macro_rules! endpoint_columns {
    () => {
        "id, url, description, types, enabled, previous_secret_until, created_at"
    };
}
pub(in crate::events) use endpoint_columns;

/// A row of `webhook_endpoints` without its secrets.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Endpoint {
    pub id: WebhookEndpointId,
    /// `None`: the receiver of the settings.
    pub url: Option<String>,
    pub description: Option<String>,
    /// `None`: all.
    pub types: Option<Vec<String>>,
    pub enabled: bool,
    pub previous_secret_until: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
}

/// All that were not deleted, the receiver of the settings first.
pub async fn all(pool: &PgPool) -> sqlx::Result<Vec<Endpoint>> {
    let query = sqlx::query_as(concat!(
        "select ",
        endpoint_columns!(),
        " from webhook_endpoints where deleted_at is null order by id"
    ));
    query.fetch_all(pool).await
}

pub async fn find(pool: &PgPool, id: WebhookEndpointId) -> sqlx::Result<Option<Endpoint>> {
    let query = sqlx::query_as(concat!(
        "select ",
        endpoint_columns!(),
        " from webhook_endpoints where id = $1 and deleted_at is null"
    ));
    query.bind(id).fetch_optional(pool).await
}

/// The row, locked until the transaction ends.
pub async fn lock(db: &mut PgConnection, id: WebhookEndpointId) -> sqlx::Result<Option<Endpoint>> {
    let query = sqlx::query_as(concat!(
        "select ",
        endpoint_columns!(),
        " from webhook_endpoints where id = $1 and deleted_at is null for no key update"
    ));
    query.bind(id).fetch_optional(db).await
}

/// How many the API has made, counted by one at a time until the transaction ends.
pub async fn count(db: &mut PgConnection) -> sqlx::Result<i64> {
    let turn = sqlx::query("select pg_advisory_xact_lock(hashtext('webhook_endpoints'))");
    turn.execute(&mut *db).await?;
    let query =
        "select count(*) from webhook_endpoints where url is not null and deleted_at is null";
    sqlx::query_scalar(query).fetch_one(db).await
}

/// Keeps a new one: it is told of what is published from now on.
pub async fn insert(db: &mut PgConnection, row: &Endpoint, secret: &[u8]) -> sqlx::Result<()> {
    let query = sqlx::query(concat!(
        "insert into webhook_endpoints
            (id, url, description, types, enabled, secret, created_at, position)
         values ($1, $2, $3, $4, $5, $6, $7, ",
        published!(),
        ")"
    ));
    let query = query.bind(row.id).bind(&row.url).bind(&row.description).bind(&row.types);
    let query = query.bind(row.enabled).bind(secret).bind(row.created_at);
    query.execute(db).await.map(drop)
}

pub async fn update(db: &mut PgConnection, row: &Endpoint) -> sqlx::Result<()> {
    let query = sqlx::query(
        "update webhook_endpoints
         set url = $2, description = $3, types = $4, enabled = $5, revision = revision + 1
         where id = $1",
    );
    let query = query.bind(row.id).bind(&row.url).bind(&row.description).bind(&row.types);
    query.bind(row.enabled).execute(db).await.map(drop)
}

/// Signs with another secret from now on, and with the one of before for so many hours too.
pub async fn rotate(
    db: &mut PgConnection,
    id: WebhookEndpointId,
    secret: &[u8],
    hours: i16,
) -> sqlx::Result<()> {
    let query = sqlx::query(
        "update webhook_endpoints
         set secret = $2, previous_secret = case when $3 > 0 then secret end,
            previous_secret_until = case when $3 > 0 then now() + make_interval(hours => $3) end,
            revision = revision + 1
         where id = $1",
    );
    query.bind(id).bind(secret).bind(i32::from(hours)).execute(db).await.map(drop)
}

/// Forgets the secrets, and tries no more deliveries.
pub async fn delete(
    db: &mut PgConnection,
    id: WebhookEndpointId,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    let query = sqlx::query(
        "update webhook_endpoints
         set deleted_at = $2, secret = null, previous_secret = null, previous_secret_until = null,
            revision = revision + 1
         where id = $1",
    );
    query.bind(id).bind(now).execute(&mut *db).await?;
    let query = sqlx::query(
        "update event_deliveries set state = $2 where endpoint_id = $1 and state = 'waiting'",
    );
    query.bind(id).bind(DeliveryState::GivenUp).execute(db).await.map(drop)
}

/// The secret as it is stored.
pub async fn secret(pool: &PgPool, id: WebhookEndpointId) -> sqlx::Result<Option<Vec<u8>>> {
    let query = sqlx::query_scalar("select secret from webhook_endpoints where id = $1");
    query.bind(id).fetch_one(pool).await
}

/// What a courier needs.
#[derive(sqlx::FromRow)]
pub struct Bound {
    pub id: WebhookEndpointId,
    pub url: String,
    pub types: Option<Vec<String>>,
    pub secret: Vec<u8>,
    /// While deliveries are signed with it too.
    pub previous_secret: Option<Vec<u8>>,
    pub revision: i32,
}

/// Those of the API that are on.
pub async fn bound(pool: &PgPool) -> sqlx::Result<Vec<Bound>> {
    let query = sqlx::query_as(
        "select id, url, types, secret, revision,
            case when previous_secret_until > now() then previous_secret end as previous_secret
         from webhook_endpoints where url is not null and enabled and deleted_at is null",
    );
    query.fetch_all(pool).await
}

/// How an endpoint fares.
#[derive(sqlx::FromRow)]
pub struct Health {
    pub waiting: i64,
    pub given_up: i64,
    pub last_success: Option<DateTime<Utc>>,
    pub last_failure: Option<DateTime<Utc>>,
    /// HTTP status of the answer that was the last failure.
    pub status: Option<i16>,
    /// Why there was none.
    pub failure: Option<String>,
}

pub async fn health(pool: &PgPool, id: WebhookEndpointId) -> sqlx::Result<Health> {
    let query = sqlx::query_as(
        "select
            (select count(*) from event_deliveries
                where endpoint_id = $1 and state = 'waiting') as waiting,
            (select count(*) from event_deliveries
                where endpoint_id = $1 and state = 'given_up') as given_up,
            (select attempted_at from delivery_attempts
                where endpoint_id = $1 and status between 200 and 299
                order by seq desc limit 1) as last_success,
            failed.attempted_at as last_failure, failed.status, failed.failure
         from (select 1) as one left join lateral (
            select attempted_at, status, failure from delivery_attempts
            where endpoint_id = $1 and (status is null or status not between 200 and 299)
            order by seq desc limit 1) as failed on true",
    );
    query.bind(id).fetch_one(pool).await
}
