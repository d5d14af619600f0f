//! API keys of the database: made, listed and revoked by `kiwoom-billing keys`, while the service
//! runs.

use std::process::Command;
use std::time::{Duration, Instant};

use kiwoom_billing::access::api_keys::{NewKey, Scope};
use reqwest::Method;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use super::{OF_SETTINGS, id, keys, made};
use crate::support::app::{TestApp, card};
use crate::support::process::{Process, migrate};
use crate::support::production::{Durable, without_keys};
use crate::support::subscriptions::APPROVED;

/// A key made two days ago that expires in so many seconds.
async fn old_key(database_url: &str, secs: f64) -> NewKey {
    let key = NewKey::make();
    let insert = sqlx::query(
        "insert into api_keys (id, name, secret_hash, scopes, created_at, expires_at, first_id)
         values ($1, 'old', $2, '{read}', now() - interval '2 days',
            now() + make_interval(secs => $3), $1)",
    );
    insert
        .bind(&key.id)
        .bind(&key.hash[..])
        .bind(secs)
        .execute(&mut PgConnection::connect(database_url).await.unwrap())
        .await
        .unwrap();
    key
}

/// The newest entry of the trail, when it is published.
async fn first_of_trail(app: &TestApp) -> Value {
    for _ in 0..500 {
        let trail = app.with_key(OF_SETTINGS, Method::GET, "/audit").await.data(200);
        if let Some(first) = trail["items"].get(0) {
            return first.clone();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("nothing was published");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_shown_once_works_everywhere_at_once_and_stops_everywhere_when_revoked() {
    let app = TestApp::with(&[("API_KEYS", OF_SETTINGS)]).await;
    let replica = app.replica(&[]).await;
    let url = app.owner_url();
    let told = keys(&url, &["new", "--name", "정기결제 서버", "--scopes", "read,charge"]);
    assert_eq!(told.code, Some(0), "{}", told.err);
    let key = told.out.trim_end();
    assert_eq!(told.out, format!("{key}\n"), "nothing else on standard output");
    assert!(told.err.contains(id(key)) && !told.err.contains(key), "{}", told.err);

    // Both have read the table before it was made.
    for service in [&app, &replica] {
        let reply = service.with_key(key, Method::GET, "/billing/keys").await;
        assert_eq!(reply.data(200), json!({"items": [], "nextCursor": null}));
        let reply = service.request(Method::GET, "/billing/keys").header("x-api-key", key);
        service.send(reply).await.data(200);
    }
    let register = app.request(Method::POST, "/billing/register").json(&card(APPROVED));
    app.send(register.bearer_auth(key)).await.data(201);
    assert_eq!(first_of_trail(&app).await["actor"], id(key));

    let list = keys(&url, &["list"]).out;
    let line = list.lines().find(|line| line.starts_with(id(key))).unwrap();
    assert!(line.contains("usable") && line.contains("read,charge"), "{line}");
    assert!(line.ends_with("-  정기결제 서버") && !list.contains(key), "{list}");

    let revoked = keys(&url, &["revoke", id(key)]);
    assert_eq!((revoked.code, revoked.out.as_str()), (Some(0), ""), "{}", revoked.err);
    app.until_refused(key).await;
    replica.until_refused(key).await;
    app.with_key(OF_SETTINGS, Method::GET, "/billing/keys").await.data(200);
    assert_eq!(keys(&url, &["revoke", id(key)]).code, Some(0), "twice is as good as once");
    let list = keys(&url, &["list"]).out;
    assert!(list.lines().any(|l| l.starts_with(id(key)) && l.contains("revoked")), "{list}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_program_does_not_understand_changes_nothing() {
    let app = TestApp::start().await;
    let url = app.owner_url();
    let long = "x".repeat(101);
    for (arguments, said) in [
        (vec!["new", "--name", "x"], "--scopes"),
        (vec!["new", "--scopes", "read"], "--name"),
        (vec!["new", "--name", "x", "--scopes", ""], "possible values: read, charge"),
        (
            vec!["new", "--name", "x", "--scopes", "read,everything"],
            "possible values: read, charge",
        ),
        (vec!["new", "--name", " ", "--scopes", "read"], "1 to 100 characters"),
        (vec!["new", "--name", "a\nb", "--scopes", "read"], "1 to 100 characters"),
        (vec!["new", "--name", &long, "--scopes", "read"], "1 to 100 characters"),
        (vec!["new", "--name", "x", "--scopes", "read", "--expires-days", "0"], "1..=3650"),
        (vec!["revoke", "kbk_000000000000"], "there is no such API key"),
        (vec!["revoke", "shop"], "a public id is needed"),
    ] {
        let told = keys(&url, &arguments);
        assert!(told.code != Some(0) && told.err.contains(said), "{arguments:?}: {}", told.err);
        assert_eq!(told.out, "", "{arguments:?}");
    }
    assert_eq!(keys(&url, &["list"]).out.lines().count(), 1, "the heading");
    // Somebody who gives the whole key is not shown it again.
    let key = made(&url, "read");
    let told = keys(&url, &["revoke", &key]);
    assert!(told.code != Some(0) && !told.err.contains(&key[17..]), "{}", told.err);
    app.with_key(&key, Method::GET, "/billing/keys").await.data(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_expires_by_the_time_of_callers_not_by_the_sandbox_s_clock() {
    let app = TestApp::with(&[("API_KEYS", OF_SETTINGS)]).await;
    let url = app.owner_url();
    let arguments = ["new", "--name", "x", "--scopes", "read", "--expires-days", "1"];
    let tomorrow = keys(&url, &arguments).out.trim_end().to_owned();
    app.advance_days(31).await;
    app.with_key(&tomorrow, Method::GET, "/billing/keys").await.data(200);

    let key = old_key(&url, 1.0).await;
    app.until_refused(key.text.expose_secret()).await;
    let list = keys(&url, &["list"]).out;
    assert!(list.lines().any(|l| l.starts_with(&key.id) && l.contains("expired")), "{list}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_database_a_key_is_good_for_some_seconds_and_never_called_wrong() {
    let settings = [("API_KEYS", OF_SETTINGS), ("AUTH_FAILURES_PER_MINUTE", "0")];
    let app = TestApp::with(&settings).await;
    let key = app.key(&[Scope::Read]).await;
    let ask = async |key: &str| app.with_key(key, Method::GET, "/easypay/methods").await;
    ask(&key).await.data(200);
    app.service.ctx.pool.close().await;
    let unknown = NewKey::make();
    ask(unknown.text.expose_secret()).await.fails(503, "database_unavailable");
    let deadline = Instant::now() + Duration::from_secs(20);
    let away = loop {
        let reply = ask(&key).await;
        if reply.status != 200 {
            break reply;
        }
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    away.fails(503, "database_unavailable");
    assert_eq!(away.headers["retry-after"], "5");
    ask(OF_SETTINGS).await.data(200);
    ask("no-key-at-all-0123456789abc").await.fails(401, "unauthorized");
    app.get("/easypay/methods").await.fails(401, "unauthorized");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_development_the_first_key_closes_the_api_for_good() {
    let app = TestApp::start().await;
    app.get("/billing/keys").await.data(200);
    let key = made(&app.owner_url(), "read");
    app.with_key(&key, Method::GET, "/billing/keys").await.data(200);
    app.get("/billing/keys").await.fails(401, "unauthorized");
    keys(&app.owner_url(), &["revoke", id(&key)]);
    app.until_refused(&key).await;
    app.get("/billing/keys").await.fails(401, "unauthorized");
    let app = app.restart().await;
    app.get("/billing/keys").await.fails(401, "unauthorized");
}

#[tokio::test(flavor = "multi_thread")]
async fn production_starts_with_a_key_of_either_kind_and_not_without() {
    let durable = Durable::start().await;
    let (dir, database) = (&durable.dir, &durable.database);
    migrate(database, &[]).unwrap();
    let mut settings = without_keys(database);
    let start = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kiwoom-billing"));
        command.env_clear().current_dir(&**dir).env("PORT", "0");
        command.envs(settings.iter().copied()).output().unwrap()
    };
    old_key(database, -1.0).await;
    let refused = start();
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8(refused.stderr).unwrap();
    for part in ["운영 환경에는 API 키가 있어야 합니다", "kiwoom-billing keys new", "API_KEYS"]
    {
        assert!(said.contains(part), "{said}");
    }
    let made = made(database, "read");
    settings.push(("SHUTDOWN_DRAIN_SECS", "0"));
    let service = Process::service(dir, "production", &settings).await;
    service.get("/billing/keys").await.fails(401, "unauthorized");
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let asked = client.get(format!("{}/billing/keys", service.base)).bearer_auth(&made);
    assert_eq!(asked.send().await.unwrap().status(), 200);
    assert!(service.terminate().success());
    durable.stop().await;
}
