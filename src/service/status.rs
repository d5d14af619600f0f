//! `GET /status`: what runs here and how it is set up, for the people who run it.

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgPool;
use utoipa::ToSchema;

use crate::access::api_keys::store;
use crate::context::AppState;
use crate::http::answer::{self, Answer, Success};
use crate::storage::live_processes;
use kiwoom_clock::rfc3339_kst;

/// What runs, with which settings, keys and database.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ServiceStatus)]
struct Status {
    /// Of the program.
    version: &'static str,
    /// The time that charges follow.
    #[schema(format = DateTime)]
    now: String,
    /// Where browsers reach the service.
    public_url: String,
    /// The number of the process that answers.
    process: i32,
    /// Numbers of all that live, in order.
    processes: Vec<i32>,
    database: Database,
    /// Those of the database, in the order in which they were made. Those of `API_KEYS` are among the
    /// settings.
    api_keys: Vec<Key>,
    settings: Vec<Setting>,
}

/// The database.
#[derive(Serialize, ToSchema, sqlx::FromRow)]
#[serde(rename_all = "camelCase")]
#[schema(as = DatabaseStatus)]
struct Database {
    /// Of PostgreSQL.
    version: String,
    /// Its name.
    name: String,
    /// The role of the service.
    role: String,
    /// Bytes on disk.
    size: i64,
    /// Number of the newest migration.
    migration: i64,
    /// Its description.
    migration_name: String,
}

/// An API key without its secret.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ApiKeyStatus)]
struct Key {
    /// Its public id.
    id: String,
    /// The operator's word for it.
    name: String,
    /// What it may do.
    scopes: Vec<String>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(required, format = DateTime)]
    expires_at: Option<String>,
    #[schema(required, format = DateTime)]
    revoked_at: Option<String>,
    /// Whether it lets anybody in now.
    usable: bool,
}

/// A setting as it is in effect.
#[derive(Serialize, ToSchema)]
#[schema(as = SettingStatus)]
struct Setting {
    /// As in `.env.example`.
    name: &'static str,
    /// Empty: not set. Of a secret `***`.
    value: String,
}

impl From<store::Row> for Key {
    fn from(row: store::Row) -> Self {
        let shown = |moment: Option<DateTime<Utc>>| moment.map(rfc3339_kst);
        Self {
            id: row.id,
            name: row.name,
            scopes: row.scopes,
            created_at: rfc3339_kst(row.created_at),
            expires_at: shown(row.expires_at),
            revoked_at: shown(row.revoked_at),
            usable: row.usable,
        }
    }
}

/// Get the set-up of the service.
///
/// What runs here and how it is set up, without any secret.
#[utoipa::path(
    get, path = "/status", operation_id = "getStatus", tag = "operations",
    responses((status = 200, description = "The status", body = Success<Status>))
)]
pub async fn show(State(ctx): State<AppState>) -> Answer {
    let mut processes = live_processes::alive(&ctx.pool).await?;
    processes.sort_unstable();
    let settings = ctx.config.shown().into_iter();
    Ok(answer::ok(Status {
        version: env!("CARGO_PKG_VERSION"),
        now: rfc3339_kst(ctx.clock.now()),
        public_url: ctx.public_url.clone(),
        process: ctx.instance.number(),
        processes,
        database: database(&ctx.pool).await?,
        api_keys: store::all(&ctx.pool).await?.into_iter().map(Key::from).collect(),
        settings: settings.map(|(name, value)| Setting { name, value }).collect(),
    }))
}

async fn database(pool: &PgPool) -> sqlx::Result<Database> {
    let query = sqlx::query_as(
        "select current_setting('server_version') as version, current_database()::text as name,
            current_user::text as role, pg_database_size(current_database()) as size,
            version as migration, description as migration_name
         from _sqlx_migrations order by version desc limit 1",
    );
    query.fetch_one(pool).await
}
