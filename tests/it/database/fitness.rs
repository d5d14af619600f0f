//! A database that cannot be the service's is refused with what to do, and left as it is.

use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::support::app::TestApp;
use crate::support::postgres::{as_owner, empty_database};
use crate::support::process::run;
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
