//! What is left of an API key: its public id everywhere, the hash of its secret in one table, and of
//! the secret nothing.

use kiwoom_billing::api_keys::Scope;
use sqlx::AssertSqlSafe;

use crate::api_keys::{id, keys};
use crate::app::{TestApp, card};
use crate::process::World;
use crate::searcher::Searcher;
use crate::subscriptions::APPROVED;

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_keys_are_kept_and_hold_no_secret() {
    let app = TestApp::start().await;
    let key = app.key(&[Scope::Read]).await;
    let pool = &sqlx::PgPool::connect(&app.owner_url()).await.unwrap();
    let row: String =
        sqlx::query_scalar("select t::text from api_keys t").fetch_one(pool).await.unwrap();
    assert!(row.contains(id(&key)) && !row.contains(&key[17..]), "{row}");
    let revoke = "update api_keys set revoked_at = now()";
    for (sql, allowed) in [
        ("delete from api_keys", false),
        ("truncate api_keys", false),
        ("update api_keys set scopes = '{admin}'", false),
        ("update api_keys set expires_at = now() + interval '1 year'", false),
        (revoke, true),
        ("update api_keys set revoked_at = now() + interval '1 day'", false),
        ("update api_keys set revoked_at = null", false),
    ] {
        let done = sqlx::query(AssertSqlSafe(sql)).execute(pool).await;
        assert_eq!(done.is_ok(), allowed, "{sql}: {done:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_key_and_no_hash_is_left_in_logs_answers_or_tables() {
    let world = World::start().await;
    let log = [("RUST_LOG", "trace,sqlx=trace,hyper=trace"), ("LOG_FORMAT", "json")];
    let service = world.service("service", &log).await;
    let told = keys(&world.owner_url(), &["new", "--name", "x", "--scopes", "read,charge"]);
    let key = told.out.trim_end().to_owned();
    let wrong = format!("{}{}", &key[..80], if key.ends_with('0') { "1" } else { "0" });
    let mut searcher = Searcher::default();
    searcher.add("the program", told.err);
    searcher.add("the list", keys(&world.owner_url(), &["list"]).out);
    for (key, path) in [
        (&key, "/billing/register"),
        (&key, "/billing/refund"),
        (&wrong, "/billing/register"),
        (&wrong, "/metrics"),
    ] {
        let bearer = format!("Bearer {key}");
        let headers = [("Authorization", bearer.as_str())];
        let reply = service.try_post(path, &headers, &card(APPROVED)).await.unwrap();
        searcher.add("answers", format!("{:?}\n{}", reply.headers, reply.text));
    }
    tokio::task::spawn_blocking(|| service.terminate()).await.unwrap();
    searcher.add_files(&world.dir, &|name| !name.starts_with("sandbox"));
    searcher.add_database(&world.database_url).await;
    assert!(searcher.find(id(&key)).len() >= 4, "{:?}", searcher.find(id(&key)));
    for secret in [key.as_str(), &key[17..], &wrong, &wrong[17..]] {
        assert!(searcher.find(secret).is_empty(), "{secret} in {:?}", searcher.find(secret));
    }
    let pool = sqlx::PgPool::connect(&world.owner_url()).await.unwrap();
    let hash: String = sqlx::query_scalar("select encode(secret_hash, 'hex') from api_keys")
        .fetch_one(&pool)
        .await
        .unwrap();
    pool.close().await;
    let found = searcher.find(&hash);
    assert!(found.iter().all(|origin| *origin == "table api_keys"), "{found:?}");
}
