//! What is left of an API key: its public id, and the hash of its secret in one table.

use kiwoom_billing::access::api_keys::Scope;
use sqlx::AssertSqlSafe;

use super::id;
use crate::support::app::TestApp;

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
