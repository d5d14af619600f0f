//! How the service begins on a database: who brings the schema up to date, and which database is not
//! fit for real money.

use kiwoom_billing::storage::database::private::{DATABASE, StartOptions};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::support::app::TestApp;
use crate::support::postgres::{SERVICE, as_owner, empty_database, new_database};
use crate::support::process::{Folder, Process, migrate, run};
use crate::support::production::{Durable, production};

const WEAKNESSES: [&str; 3] = ["fsync", "full_page_writes", "synchronous_commit"];

/// A start that is to fail: what it printed.
fn refused(settings: &[(&str, &str)]) -> String {
    let port = [("PORT", "0")];
    run(&["serve"], &[settings, &port].concat()).unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_migrates_and_the_service_runs_without_the_right_to() {
    let database = empty_database().await;
    let owner = as_owner(&database);
    let told = refused(&[("DATABASE_URL", &database)]);
    let advice = format!("kiwoom-billing migrate --grant-to {SERVICE}");
    assert!(told.contains("not up to date") && told.contains(&advice), "{told}");

    migrate(&owner, &[]).unwrap();
    assert!(refused(&[("DATABASE_URL", &database)]).contains(&advice));
    for _ in 0..2 {
        migrate(&owner, &["--grant-to", SERVICE]).unwrap();
    }
    let app = TestApp::with(&[("DATABASE_URL", &database)]).await;
    let key = app.register("4111111111111111").await;
    app.pay(&key).await.data(200);

    // A later version of the service, whose migrations have not been run.
    let mut db = PgConnection::connect(&owner).await.unwrap();
    let newest = "delete from _sqlx_migrations
         where version = (select max(version) from _sqlx_migrations)";
    sqlx::query(newest).execute(&mut db).await.unwrap();
    let told = refused(&[("DATABASE_URL", &database)]);
    assert!(told.contains("not up to date") && told.contains(&advice), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_without_rights_stops_the_start() {
    let database = new_database().await;
    let mut db = PgConnection::connect(&as_owner(&database)).await.unwrap();
    sqlx::query("create table later (n int)").execute(&mut db).await.unwrap();
    let told = refused(&[("DATABASE_URL", &database)]);
    assert!(told.contains("no rights to these tables") && told.contains("later"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_are_given_to_a_role_that_is_there_and_that_they_restrict() {
    let database = new_database().await;
    let owner = as_owner(&database);
    let told = migrate(&owner, &["--grant-to", "nobody_of_the_tests"]).unwrap_err();
    assert!(told.contains("there is no role nobody_of_the_tests"), "{told}");
    let mut db = PgConnection::connect(&owner).await.unwrap();
    let name: String =
        sqlx::query_scalar("select current_user::text").fetch_one(&mut db).await.unwrap();
    let told = migrate(&owner, &["--grant-to", &name]).unwrap_err();
    assert!(told.contains("no grant restricts"), "{told}");
    let told = migrate(&database, &["--grant-to", SERVICE]).unwrap_err();
    assert!(told.contains("could not be granted"), "{told}");

    let odd = format!("x\"; drop table payments; --{}", uuid::Uuid::now_v7().simple());
    let quoted = format!("\"{}\"", odd.replace('"', "\"\""));
    let sql = |verb: &str| AssertSqlSafe(format!("{verb} {quoted}"));
    sqlx::raw_sql(sql("create role")).execute(&mut db).await.unwrap();
    let given = migrate(&owner, &["--grant-to", &odd]);
    let may: bool = sqlx::query_scalar("select has_table_privilege($1, 'payments', 'insert')")
        .bind(&odd)
        .fetch_one(&mut db)
        .await
        .unwrap();
    sqlx::raw_sql(sql("drop owned by")).execute(&mut db).await.unwrap();
    sqlx::raw_sql(sql("drop role")).execute(&mut db).await.unwrap();
    assert!(given.is_ok() && may, "{given:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_cannot_confirm_another_database_by_itself() {
    let app = TestApp::start().await;
    let sql = "update database_identity set timeline = '0000000F'";
    sqlx::query(sql).execute(&mut app.owner().await).await.unwrap();
    let database = app.setting("DATABASE_URL");
    let told = run(&["resume-charging"], &[("DATABASE_URL", database)]).unwrap_err();
    assert!(told.contains("DATABASE_URL of the tables' owner"), "{told}");
    let ready = app.ready().await;
    assert_eq!(ready["scheduledCharging"], "paused");
    let told = run(&["resume-charging"], &[("DATABASE_URL", &as_owner(database))]).unwrap();
    assert!(told.contains("timeline 0000000F"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn production_does_not_start_on_a_database_that_may_lose_commits() {
    let dir = Folder::new();
    let server = StartOptions::new(&*dir).for_tests().start().await.unwrap();
    let database = server.url(DATABASE);
    let told = refused(&production(&database));
    assert!(told.contains("may lose what it has committed"), "{told}");
    for name in WEAKNESSES {
        assert!(told.contains(&format!("- {name} = off (command line)")), "{told}");
    }
    // Development is only told.
    let data_dir = dir.display().to_string();
    let settings = [("DATABASE_URL", &*database), ("DATA_DIR", &data_dir)];
    let process = Process::service(&dir, "development", &settings).await;
    assert!(process.output().contains("may lose what it has committed"), "{}", process.output());
    assert!(process.terminate().success());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn production_starts_on_a_durable_database_and_warns_of_a_role_that_owns_the_tables() {
    let durable = Durable::start().await;
    let (dir, owner, warning) = (&durable.dir, &durable.database, "as the owner of its tables");
    let mut settings = production(owner);
    settings.push(("SHUTDOWN_DRAIN_SECS", "0"));
    let process = Process::service(dir, "owner", &settings).await;
    assert!(process.output().contains(warning), "{}", process.output());
    assert!(process.terminate().success());

    let mut db = PgConnection::connect(owner).await.unwrap();
    sqlx::query("create role service login").execute(&mut db).await.unwrap();
    migrate(owner, &["--grant-to", "service"]).unwrap();
    let database = owner.replacen("kiwoom@", "service@", 1);
    let mut settings = production(&database);
    settings.push(("SHUTDOWN_DRAIN_SECS", "0"));
    let process = Process::service(dir, "service", &settings).await;
    assert!(!process.output().contains(warning), "{}", process.output());
    assert!(process.terminate().success());

    // One of them is enough, and it counts as this role sees it.
    let sql = "alter role service set synchronous_commit = off";
    sqlx::query(AssertSqlSafe(sql)).execute(&mut db).await.unwrap();
    let told = refused(&settings);
    assert!(told.contains("- synchronous_commit = off (user)"), "{told}");
    assert!(!told.contains("- fsync"), "{told}");
    db.close().await.unwrap();
    durable.stop().await;
}
