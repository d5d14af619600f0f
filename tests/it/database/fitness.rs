//! A database that cannot be the service's is refused with what to do, and left as it is.

use kiwoom_billing::storage::database::private::{DATABASE, PrivateServer};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::support::app::TestApp;
use crate::support::postgres::{as_owner, empty_database};
use crate::support::process::{Folder, run};
use crate::support::subscriptions::APPROVED;

async fn execute(database: &str, sql: &str) {
    let mut db = PgConnection::connect(&as_owner(database)).await.unwrap();
    sqlx::query(AssertSqlSafe(sql)).execute(&mut db).await.unwrap();
}

async fn tables(database: &str) -> i64 {
    let mut db = PgConnection::connect(&as_owner(database)).await.unwrap();
    let count = "select count(*) from pg_tables where schemaname = 'public'";
    sqlx::query_scalar(count).fetch_one(&mut db).await.unwrap()
}

fn named(database: &str) -> String {
    url::Url::parse(database).unwrap().path().trim_start_matches('/').to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_reason_is_named_with_its_mend_and_nothing_is_made() {
    for (setting, told) in [
        ("session_replication_role = replica", "reset session_replication_role"),
        ("standard_conforming_strings = off", "reset standard_conforming_strings"),
        ("default_transaction_read_only = on", "it has to take writes"),
    ] {
        let database = empty_database().await;
        let name = named(&database);
        execute(&database, &format!("alter database {name} set {setting}")).await;
        for command in ["serve", "check"] {
            let settings = [("DATABASE_URL", &*as_owner(&database)), ("PORT", "0")];
            let output = run(&[command], &settings).unwrap_err();
            assert!(output.contains(setting) && output.contains(told), "{command}: {output}");
        }
        assert_eq!(tables(&database).await, 0, "{setting}");
    }
    for encoding in ["SQL_ASCII", "LATIN1"] {
        let database = empty_database().await;
        let name = format!("{}_other", named(&database));
        let made =
            format!("create database {name} encoding '{encoding}' locale 'C' template template0");
        execute(&database, &made).await;
        let other = as_owner(&database.replace(&named(&database), &name));
        let output = run(&["serve"], &[("DATABASE_URL", &*other), ("PORT", "0")]).unwrap_err();
        assert!(output.contains(&format!("server_encoding = {encoding}")), "{output}");
    }
}

/// None is at hand, so a database says that its server is one.
const OF_13: &str =
    "create function shadow.current_setting(name text) returns text language sql as $$
    select case name when 'server_version_num' then '130010' when 'server_version' then '13.10'
        else pg_catalog.current_setting(name) end $$";

#[tokio::test(flavor = "multi_thread")]
async fn a_server_before_14_is_refused() {
    let database = empty_database().await;
    execute(&database, "create schema shadow").await;
    execute(&database, OF_13).await;
    let path =
        format!("alter database {} set search_path = shadow, pg_catalog, public", named(&database));
    execute(&database, &path).await;
    let settings = [("DATABASE_URL", &*as_owner(&database)), ("PORT", "0")];
    let output = run(&["serve"], &settings).unwrap_err();
    assert!(output.contains("PostgreSQL 13.10: 14 이상이 필요합니다"), "{output}");
    assert_eq!(tables(&database).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_is_refused() {
    let dir = Folder::new();
    let server = PrivateServer::start(&dir, None).await.unwrap();
    let data = server.dir().to_owned();
    server.stop().await;
    std::fs::write(data.join("standby.signal"), "").unwrap();
    let server = PrivateServer::start(&dir, None).await.unwrap();
    let database = server.url(DATABASE);
    for command in ["serve", "migrate", "check"] {
        let settings = [("DATABASE_URL", &*database), ("PORT", "0")];
        let output = run(&[command], &settings).unwrap_err();
        assert!(
            output.contains("pg_is_in_recovery() = true: 스탠바이입니다"),
            "{command}: {output}"
        );
        assert!(!output.contains("default_transaction_read_only"), "{command}: {output}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_isolation_and_time_outs_by_default_change_nothing() {
    let app = TestApp::start().await;
    let pool = &app.service.ctx.pool;
    let name: String =
        sqlx::query_scalar("select current_database()::text").fetch_one(pool).await.unwrap();
    for (setting, value) in [
        ("default_transaction_isolation", "serializable"),
        ("lock_timeout", "1"),
        ("statement_timeout", "0"),
        ("idle_in_transaction_session_timeout", "0"),
    ] {
        let sql = format!("alter database {name} set {setting} = {value}");
        execute(&format!("postgres://localhost/{name}"), &sql).await;
    }
    let app = app.restart().await;
    for (setting, value) in [
        ("transaction_isolation", "read committed"),
        ("lock_timeout", "10s"),
        ("statement_timeout", "30s"),
        ("idle_in_transaction_session_timeout", "30s"),
    ] {
        let shown: String = sqlx::query_scalar(AssertSqlSafe(format!("show {setting}")))
            .fetch_one(&app.service.ctx.pool)
            .await
            .unwrap();
        assert_eq!(shown, value, "{setting}");
    }
    let key = app.register(APPROVED).await;
    app.pay(&key).await.data(200);
}
