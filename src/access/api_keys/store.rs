//! SQL of `api_keys`.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::access::api_keys::NewKey;

/// A key without its secret.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Row {
    /// The public id.
    pub id: String,
    /// The operator's word for it.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// From when on it lets nobody in.
    pub expires_at: Option<DateTime<Utc>>,
    /// The same, by an operator.
    pub revoked_at: Option<DateTime<Utc>>,
    /// Neither revoked nor expired, by the database's clock.
    pub usable: bool,
    /// Of keys that replaced each other the first.
    pub first_id: String,
    /// SHA-256 of the secret.
    pub(super) secret_hash: Vec<u8>,
}

/// What a new key is for.
pub struct Terms {
    /// The operator's word for it.
    pub name: String,
    /// Names of what it may do.
    pub scopes: Vec<String>,
    /// Days after which it lets nobody in; `None`: never.
    pub expires_days: Option<i32>,
    /// Of the key that it replaces [`Row::first_id`].
    pub first_id: Option<String>,
}

/// All keys, in the order in which they were made.
pub async fn all(pool: &PgPool) -> sqlx::Result<Vec<Row>> {
    let query = sqlx::query_as(
        "select id, name, scopes, created_at, expires_at, revoked_at, first_id, secret_hash,
            revoked_at is null and coalesce(expires_at > now(), true) as usable
         from api_keys order by created_at, id",
    );
    query.fetch_all(pool).await
}

/// Keeps a new key; the instant at which it expires.
pub async fn insert(
    pool: &PgPool,
    key: &NewKey,
    terms: &Terms,
) -> sqlx::Result<Option<DateTime<Utc>>> {
    let query = sqlx::query_scalar(
        "insert into api_keys (id, name, secret_hash, scopes, expires_at, first_id)
         values ($1, $2, $3, $4, now() + make_interval(days => $5), coalesce($6, $1))
         returning expires_at",
    );
    let query = query.bind(&key.id).bind(&terms.name).bind(&key.hash[..]).bind(&terms.scopes);
    query.bind(terms.expires_days).bind(&terms.first_id).fetch_one(pool).await
}

/// Revokes a key; since when it is revoked. `None` when there is no such key.
pub async fn revoke(pool: &PgPool, id: &str) -> sqlx::Result<Option<DateTime<Utc>>> {
    let query = sqlx::query_scalar(
        "update api_keys set revoked_at = coalesce(revoked_at, now())
         where id = $1 returning revoked_at",
    );
    query.bind(id).fetch_optional(pool).await
}
