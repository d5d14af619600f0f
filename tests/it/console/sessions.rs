//! How long a session lasts, and what the browser is told of it.

use sqlx::AssertSqlSafe;

use super::{Fields, KEYED, Visitor};
use crate::access::OF_SETTINGS;
use crate::support::app::TestApp;

/// Makes every session as old as this, as the owner of the table.
async fn aged(app: &TestApp, column: &str, by: &str) {
    let sql = format!("update console_sessions set {column} = now() - interval '{by}'");
    sqlx::query(AssertSqlSafe(sql)).execute(&mut app.owner().await).await.unwrap();
}

async fn count(app: &TestApp) -> i64 {
    let query = sqlx::query_scalar("select count(*) from console_sessions");
    query.fetch_one(&app.service.ctx.pool).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_after_half_an_hour_without_use_and_after_eight_hours_of_it() {
    let app = TestApp::with(&KEYED).await;
    let mut visitor = Visitor::signed_in(&app, OF_SETTINGS).await;
    for (column, alive, ended) in [
        ("seen_at", "29 minutes", "31 minutes"),
        ("created_at", "7 hours 59 minutes", "8 hours 1 minute"),
    ] {
        aged(&app, column, alive).await;
        visitor.page("/console/status").await;
        // To be seen sets the idle time back, not the age.
        visitor.page("/console/status").await;
        aged(&app, column, ended).await;
        assert_eq!(visitor.get("/console/status").await.status, 303, "{column}");
        let refused = visitor.request(reqwest::Method::POST, "/console/sign-out");
        assert_eq!(visitor.send(refused.fields(&[("csrf", "x")])).await.status, 303, "{column}");
        // Who comes in takes away what has ended.
        visitor = Visitor::signed_in(&app, OF_SETTINGS).await;
        assert_eq!(count(&app).await, 1, "{column}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_of_the_sandbox_ends_no_session() {
    let app = TestApp::with(&KEYED).await;
    let mut visitor = Visitor::signed_in(&app, OF_SETTINGS).await;
    app.advance_days(31).await;
    visitor.page("/console/status").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_again_ends_the_session_before_and_each_has_its_own_token() {
    let app = TestApp::with(&KEYED).await;
    let mut visitor = Visitor::signed_in(&app, OF_SETTINGS).await;
    let first = visitor.cookies["kiwoom_console_session"].clone();
    visitor.sign_in(OF_SETTINGS).await;
    let second = visitor.cookies["kiwoom_console_session"].clone();
    assert!(first != second && first.len() == 64 && count(&app).await == 1);
    visitor.cookies.insert("kiwoom_console_session".to_owned(), first);
    assert_eq!(visitor.get("/console/status").await.status, 303);
    let kept: Vec<Vec<u8>> = sqlx::query_scalar("select token_hash from console_sessions")
        .fetch_all(&app.service.ctx.pool)
        .await
        .unwrap();
    assert!(kept.iter().all(|hash| hash.len() == 32));
    assert!(!format!("{kept:?}").contains(&second), "only the hash is kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cookies_are_of_the_console_alone_and_no_script_reads_them() {
    let app = TestApp::with(&KEYED).await;
    let mut visitor = Visitor::new(&app);
    let mut told = Vec::new();
    let reply = visitor.sign_in(OF_SETTINGS).await;
    told.extend(reply.headers.get_all("set-cookie").iter().cloned());
    let reply = visitor.get("/console/language?to=en").await;
    told.extend(reply.headers.get_all("set-cookie").iter().cloned());
    let reply = visitor.act("/console/sign-out", &[]).await;
    told.extend(reply.headers.get_all("set-cookie").iter().cloned());
    assert_eq!(told.len(), 3);
    for cookie in told {
        let cookie = cookie.to_str().unwrap();
        for attribute in ["; HttpOnly", "; SameSite=Strict", "; Path=/console"] {
            assert!(cookie.contains(attribute), "{cookie}");
        }
        // Plain http in development: a Secure cookie would not come back.
        assert!(!cookie.contains("Secure"), "{cookie}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn made_up_tokens_are_nobody() {
    let app = TestApp::with(&KEYED).await;
    let mut visitor = Visitor::new(&app);
    let long = "0".repeat(64);
    for token in ["", "x", long.as_str(), "' or 1=1 --", &"f".repeat(65)] {
        visitor.cookies.insert("kiwoom_console_session".to_owned(), token.to_owned());
        assert_eq!(visitor.get("/console/status").await.status, 303, "{token}");
    }
}
