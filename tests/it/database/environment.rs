//! The books belong to one environment: a service with other settings is refused.

use sqlx::{Connection, PgConnection};

use crate::support::postgres::{as_owner, new_database};
use crate::support::process::{Folder, Process, World, run};
use crate::support::production::{Durable, MERCHANT, production, without_keys};

const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// `settings` with another value of `name`.
fn with<'a>(
    settings: &[(&'a str, &'a str)],
    name: &'a str,
    value: &'a str,
) -> Vec<(&'a str, &'a str)> {
    let mut changed = settings.to_vec();
    changed.retain(|(known, _)| *known != name);
    changed.push((name, value));
    changed
}

/// A start that is to fail: what it printed.
fn refused(settings: &[(&str, &str)]) -> String {
    run(&["serve"], &with(settings, "PORT", "0")).unwrap_err()
}

fn adopt(settings: &[(&str, &str)], arguments: &[&str]) -> Result<String, String> {
    run(&[&["adopt", "--reason", "두 번째 가맹점"], arguments].concat(), settings)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_books_of_production_are_for_no_other_environment_merchant_or_host() {
    let durable = Durable::start().await;
    let settings = with(&production(&durable.database), "SHUTDOWN_DRAIN_SECS", "0");
    let first = Process::service(&durable.dir, "first", &settings).await;

    // A replica whose APP_ENV was forgotten, with and without what else production has.
    let forgotten: Vec<_> = settings.iter().copied().filter(|(n, _)| *n != "APP_ENV").collect();
    let told = refused(&forgotten);
    assert!(told.contains("APP_ENV") && told.contains("KIWOOM_PROD_AUTH_KEY"), "{told}");
    let data_dir = durable.dir.join("other").display().to_string();
    let bare = [("DATABASE_URL", &*durable.database), ("DATA_DIR", &data_dir)];
    let told = refused(&bare);
    assert!(told.contains(&format!("production (api.kiwoompay.co.kr, CPID {MERCHANT})")), "{told}");
    assert!(told.contains("sandbox (sandbox, CPID "), "{told}");
    let test = [("KIWOOM_CPID", MERCHANT), ("KIWOOM_TEST_AUTH_KEY", KEY)];
    let told = refused(&[&bare[..], &test].concat());
    assert!(told.contains("development (apitest.kiwoompay.co.kr"), "{told}");

    let second = with(&settings, "KIWOOM_CPID", "MERCHANT2");
    let told = refused(&second);
    assert!(told.contains("kiwoom-billing adopt --cpid MERCHANT2 --reason"), "{told}");
    let told = refused(&with(&settings, "KIWOOM_BASE_URL", "https://proxy.example"));
    assert!(told.contains("proxy.example"), "{told}");

    // The owner adopts a second merchant id, and retires the first.
    let told = adopt(&settings, &["--cpid", "MERCHANT2"]).unwrap_err();
    assert!(told.contains(&format!("the settings have the CPID {MERCHANT}")), "{told}");
    let told = adopt(&settings, &["--cpid", MERCHANT, "--retire"]).unwrap_err();
    assert!(told.contains("cannot be retired"), "{told}");
    let told = adopt(&second, &["--cpid", "MERCHANT2"]).unwrap();
    assert!(told.contains(&format!("CPID {MERCHANT}, MERCHANT2")), "{told}");
    // A role with a contract of its own: its CPID has to be adopted too.
    let window = [("KIWOOM_WINDOW_CPID", "WINDOW1"), ("KIWOOM_WINDOW_AUTH_KEY", KEY)];
    let with_window = [&second[..], &window].concat();
    let told = refused(&with_window);
    assert!(told.contains("CPID MERCHANT2, WINDOW1"), "{told}");
    assert!(told.contains("kiwoom-billing adopt --cpid WINDOW1 --reason"), "{told}");
    assert!(!told.contains("adopt --cpid MERCHANT2"), "{told}");
    let told = adopt(&with_window, &["--cpid", "WINDOW1"]).unwrap();
    assert!(told.contains(&format!("CPID {MERCHANT}, MERCHANT2, WINDOW1")), "{told}");
    assert!(Process::service(&durable.dir, "window", &with_window).await.terminate().success());
    let both = Process::service(&durable.dir, "second", &second).await;
    assert!(both.terminate().success());
    adopt(&second, &["--cpid", MERCHANT, "--retire"]).unwrap();
    assert!(first.terminate().success());
    assert!(refused(&settings).contains("CPID MERCHANT2, WINDOW1)"));
    durable.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_owner_adopts_and_a_database_from_before_takes_what_comes_first() {
    let database = new_database().await;
    let mut db = PgConnection::connect(&as_owner(&database)).await.unwrap();
    let dir = Folder::new();
    let data_dir = dir.display().to_string();
    let secret = ("BILLING_KEY_SECRET", KEY);
    let settings = [("DATABASE_URL", &*database), ("DATA_DIR", &data_dir), secret];
    // Nothing is said of it yet, as after an upgrade; a sandbox is the same one on any port.
    for name in ["first", "again"] {
        Process::service(&dir, name, &settings).await.terminate();
    }
    let world = World { database_url: database.clone(), ..World::start().await };
    world.service("elsewhere", &[secret]).await.terminate();
    let books: (String, String, i32) =
        sqlx::query_as("select name, gateway_host, cardinality(cpids) from environment")
            .fetch_one(&mut db)
            .await
            .unwrap();
    assert_eq!(books, ("sandbox".to_owned(), "sandbox".to_owned(), 1));

    let test = [("KIWOOM_CPID", "CTTEST1"), ("KIWOOM_TEST_AUTH_KEY", KEY)];
    let development = [&settings[..], &test].concat();
    assert!(refused(&development).contains("adopt --cpid CTTEST1"));
    let told = adopt(&development, &["--cpid", "CTTEST1"]).unwrap_err();
    assert!(told.contains("DATABASE_URL of the tables' owner"), "{told}");
    let owner = as_owner(&database);
    let as_owner = with(&development, "DATABASE_URL", &owner);
    adopt(&as_owner, &["--cpid", "CTTEST1"]).unwrap();
    Process::service(&dir, "development", &development).await.terminate();
    assert!(refused(&settings).contains("development (apitest.kiwoompay.co.kr, CPID CTTEST1)"));
    let told = adopt(&as_owner, &["--cpid", "4111111111111111"]).unwrap_err();
    assert!(told.contains("the settings have the CPID CTTEST1"), "{told}");
}

#[test]
fn a_sandbox_never_plays_beside_the_settings_of_production() {
    let settings = without_keys("postgres://nobody@127.0.0.1:1/none");
    let settings: Vec<_> = settings.into_iter().filter(|(name, _)| *name != "APP_ENV").collect();
    let told = refused(&settings);
    assert!(told.contains("APP_ENV is wrong: it takes production beside"), "{told}");
    let sandbox = with(&settings, "KIWOOM_BASE_URL", "http://127.0.0.1:4000/sandbox");
    assert!(refused(&sandbox).contains("APP_ENV is wrong"));
    // A key of the test host without its merchant id is not enough to leave the sandbox.
    let mut half = with(&settings, "KIWOOM_TEST_AUTH_KEY", KEY);
    half.retain(|(name, _)| *name != "KIWOOM_CPID");
    assert!(refused(&half).contains("APP_ENV is wrong"));
    // With both keys, as in the `.env` of the original, it is development: no sandbox plays.
    let both = with(&settings, "KIWOOM_TEST_AUTH_KEY", KEY);
    assert!(refused(&both).contains("cannot be reached"));
}
