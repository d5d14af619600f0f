//! A PostgreSQL server for the tests, and a database for each.
//!
//! `DATABASE_URL` names the server when it is set; else a private one is started, with its
//! durability off, and ends with the test process. The services under test connect as a role that
//! owns nothing and has what `database/grants.sql` gives it, so that each test tries those rights
//! too. What a test does to the database behind the service's back it does as the owner.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use kiwoom_billing::storage::database::private::{PrivateServer, StartOptions};
use kiwoom_billing::storage::database::{MIGRATIONS, grants, migrating};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection};
use tokio::sync::OnceCell;

const TEMPLATE: &str = "kiwoom_billing_template";
/// The service's role, and its password where one is asked for.
pub const SERVICE: &str = "kiwoom_billing_test_service";
const PASSWORD: &str = "of-tests-only";

struct Server {
    options: PgConnectOptions,
    _private: Option<PrivateServer>,
}

static SERVER: OnceCell<Server> = OnceCell::const_new();

/// A new, migrated database; its `DATABASE_URL` for the service's role.
pub async fn new_database() -> String {
    new_database_of(TEMPLATE).await
}

/// A new database without a table, without rights for the service's role; its `DATABASE_URL`.
pub async fn empty_database() -> String {
    let url = new_database_of("template1").await;
    // Before PostgreSQL 15 everybody may make tables in it.
    let options = PgConnectOptions::from_str(&as_owner(&url)).unwrap();
    execute(&options, "revoke create on schema public from public").await;
    url
}

async fn new_database_of(template: &str) -> String {
    let server = SERVER.get_or_init(start).await;
    let name = format!("test_{}", uuid::Uuid::now_v7().simple());
    execute(&server.options, &format!("create database {name} template {template}")).await;
    url(&server.options, &name, Some(SERVICE))
}

/// The same database as its owner, a superuser.
pub fn as_owner(database_url: &str) -> String {
    let server = SERVER.get().expect("a database of a test");
    let url = url::Url::parse(database_url).unwrap();
    self::url(&server.options, url.path().trim_start_matches('/'), None)
}

/// Where the services of tests keep their files; emptied by the next run.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("services")
}

async fn start() -> Server {
    let (options, private) = match std::env::var("DATABASE_URL") {
        Ok(url) => (PgConnectOptions::from_str(&url).expect("DATABASE_URL"), None),
        Err(_) => {
            // Each version of PostgreSQL has its own data: scripts/postgres-versions.sh.
            let name = std::env::var("TEST_POSTGRES").unwrap_or_else(|_| "postgres".to_owned());
            let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
            let server = StartOptions::new(dir).for_tests().start().await.expect("PostgreSQL");
            (server.options("postgres"), Some(server))
        }
    };
    if private.as_ref().is_some_and(PrivateServer::is_owner) {
        drop_old(&options).await;
        std::fs::remove_dir_all(folder()).ok();
    }
    let role = format!("create role {SERVICE} login password '{PASSWORD}'");
    let there = "exception when duplicate_object or unique_violation then null";
    execute(&options, &format!("do $$ begin {role}; {there}; end $$")).await;
    let template = format!("{TEMPLATE}_{}", std::process::id());
    execute(&options, &format!("create database {template}")).await;
    let mut db = PgConnection::connect_with(&options.clone().database(&template)).await.unwrap();
    assert!(migrating::apply(&MIGRATIONS, &mut db).await.unwrap());
    grants::grant(&mut db, SERVICE).await.unwrap();
    db.close().await.unwrap();
    // Another test process may use the server too: the last template wins, they are the same.
    execute(&options, &format!("drop database if exists {TEMPLATE}")).await;
    execute(&options, &format!("alter database {template} rename to {TEMPLATE}")).await;
    Server { options, _private: private }
}

async fn drop_old(options: &PgConnectOptions) {
    let mut db = PgConnection::connect_with(options).await.unwrap();
    let names: Vec<String> =
        sqlx::query_scalar("select datname from pg_database where datname like 'test\\_%'")
            .fetch_all(&mut db)
            .await
            .unwrap();
    for name in names {
        execute(options, &format!("drop database if exists {name} with (force)")).await;
    }
}

async fn execute(options: &PgConnectOptions, sql: &str) {
    let mut db = PgConnection::connect_with(options).await.unwrap();
    sqlx::query(AssertSqlSafe(sql)).execute(&mut db).await.unwrap();
}

/// As `user`, or else as the owner.
fn url(options: &PgConnectOptions, name: &str, user: Option<&str>) -> String {
    if let Some(socket) = options.get_socket() {
        let user = user.unwrap_or(options.get_username());
        return format!("postgres://{user}@localhost/{name}?host={}", socket.display());
    }
    let mut url = url::Url::parse(&std::env::var("DATABASE_URL").unwrap()).unwrap();
    url.set_path(name);
    if let Some(user) = user {
        url.set_username(user).unwrap();
        url.set_password(Some(PASSWORD)).unwrap();
    }
    url.to_string()
}
