//! In with a key, and out; wrong keys; where the console is off.

use kiwoom_billing::access::api_keys::Scope;
use reqwest::Method;

use super::{Fields, KEYED, Visitor, asking, location};
use crate::access::{OF_SETTINGS, id, keys};
use crate::support::app::TestApp;
use crate::support::process::{Process, migrate};
use crate::support::production::{Durable, production};

const WRONG: &str = "wrong-key-0123456789abcdef";

#[tokio::test(flavor = "multi_thread")]
async fn a_key_lets_in_says_who_it_is_and_signing_out_ends_it() {
    let app = TestApp::with(&KEYED).await;
    let key = app.key(&[Scope::Read]).await;
    let mut visitor = Visitor::new(&app);
    let reply = visitor.get("/console/payments?status=approved").await;
    let there = "/console/sign-in?next=%2Fconsole%2Fpayments%3Fstatus%3Dapproved";
    assert_eq!((reply.status, location(&reply)), (303, there));
    let page = visitor.page(there).await;
    assert!(page.contains(r#"<html lang="ko">"#) && page.contains("콘솔 로그인"), "{page}");

    let fields = [("apiKey", key.as_str()), ("next", "/console/payments?status=approved")];
    let request = visitor.request(Method::POST, "/console/sign-in").fields(&fields);
    let reply = visitor.send(request).await;
    assert_eq!((reply.status, location(&reply)), (303, "/console/payments?status=approved"));
    let page = visitor.page("/console/events").await;
    assert!(page.contains(id(&key)) && !page.contains(&key[17..]), "{page}");

    let token = visitor.cookies["kiwoom_console_session"].clone();
    let reply = visitor.act("/console/sign-out", &[]).await;
    assert_eq!((reply.status, location(&reply)), (303, "/console/sign-in"));
    assert!(!visitor.cookies.contains_key("kiwoom_console_session"));
    visitor.cookies.insert("kiwoom_console_session".to_owned(), token);
    assert_eq!(visitor.get("/console/events").await.status, 303, "the token is worth nothing now");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_refused_counted_with_all_others_and_a_good_one_passes() {
    let app = TestApp::with(&[("API_KEYS", OF_SETTINGS), ("AUTH_FAILURES_PER_MINUTE", "5")]).await;
    let mut visitor = Visitor::new(&app);
    for key in [WRONG, ""] {
        let reply = visitor.sign_in(key).await;
        assert_eq!(reply.status, 401);
        assert!(reply.text.contains("API 키가 없거나 올바르지 않습니다."), "{}", reply.text);
        assert!(!reply.text.contains(WRONG) && visitor.cookies.is_empty());
    }
    // The same count as that of the API, both ways.
    for _ in 0..2 {
        app.with_key(WRONG, Method::GET, "/billing/keys").await.fails(401, "unauthorized");
    }
    assert_eq!(visitor.sign_in(WRONG).await.status, 401);
    let reply = visitor.sign_in(WRONG).await;
    assert_eq!(reply.status, 429);
    assert!(reply.text.contains("잘못된 API 키로 보낸 요청이 너무 많습니다"), "{}", reply.text);
    app.with_key(WRONG, Method::GET, "/billing/keys").await.fails(429, "rate_limited");
    let rows: i64 = sqlx::query_scalar("select count(*) from console_sessions")
        .fetch_one(&app.service.ctx.pool)
        .await
        .unwrap();
    assert_eq!(rows, 0);
    Visitor::signed_in(&app, OF_SETTINGS).await.page("/console/status").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn revoked_keys_do_not_sign_in_and_end_their_sessions() {
    let app = TestApp::with(&KEYED).await;
    let key = app.key(&[Scope::Admin]).await;
    let mut visitor = Visitor::signed_in(&app, &key).await;
    visitor.page("/console/status").await;
    keys(&app.owner_url(), &["revoke", id(&key)]);
    app.until_refused(&key).await;
    let reply = visitor.get("/console/status").await;
    assert_eq!(
        (reply.status, location(&reply)),
        (303, "/console/sign-in?next=%2Fconsole%2Fstatus")
    );
    assert_eq!(Visitor::new(&app).sign_in(&key).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_keys_the_console_is_open_as_the_api_is_and_says_so_until_the_first_key() {
    let app = TestApp::start().await;
    let mut visitor = Visitor::new(&app);
    let page = visitor.page("/console/status").await;
    assert!(page.contains("API 키가 없어 누구나"), "{page}");
    assert!(!page.contains("/console/sign-out"), "{page}");
    let reply = visitor.get("/console/sign-in").await;
    assert_eq!((reply.status, location(&reply)), (303, "/console"));
    let english = visitor.get("/console/language?to=en&next=/console/status").await;
    assert_eq!((english.status, location(&english)), (303, "/console/status"));
    let page = visitor.page("/console/status").await;
    assert!(
        page.contains("Development without API keys") && page.contains(r#"lang="en""#),
        "{page}"
    );

    app.key(&[Scope::Read]).await;
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while visitor.get("/console/status").await.status != 303 {
        assert!(std::time::Instant::now() < deadline);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_led_elsewhere_after_signing_in_or_by_the_switch_of_language() {
    let app = TestApp::with(&KEYED).await;
    let mut visitor = Visitor::new(&app);
    for next in
        ["https://evil.example/", "//evil.example", "/console\\evil", "/sandbox", "javascript:x"]
    {
        let fields = [("apiKey", OF_SETTINGS), ("next", next)];
        let request = visitor.request(Method::POST, "/console/sign-in").fields(&fields);
        assert_eq!(location(&visitor.send(request).await), "/console", "{next}");
        let switch = asking("/console/language", &[("to", "en"), ("next", next)]);
        assert_eq!(location(&visitor.get(&switch).await), "/console", "{next}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn production_has_no_console_unless_it_is_switched_on_and_then_its_cookie_is_secure() {
    let durable = Durable::start().await;
    let (dir, database) = (&durable.dir, &durable.database);
    migrate(database, &[]).unwrap();
    let mut settings = production(database);
    settings.push(("SHUTDOWN_DRAIN_SECS", "0"));
    let service = Process::service(dir, "off", &settings).await;
    for path in ["/console", "/console/sign-in", "/console/status"] {
        service.get(path).await.fails(404, "not_found");
    }
    assert!(service.get("/").await.text.contains("운영: 실제로 결제됩니다"));
    assert!(service.terminate().success());
    settings.push(("CONSOLE_ENABLED", "true"));
    let service = Process::service(dir, "on", &settings).await;
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    let request = client.build().unwrap().post(format!("{}/console/sign-in", service.base));
    let request = request.header("origin", &service.base).header("sec-fetch-site", "same-origin");
    let reply =
        request.fields(&[("apiKey", "a-key-of-the-tests-0123456789")]).send().await.unwrap();
    assert_eq!(reply.status(), 303);
    let cookie = reply.headers()["set-cookie"].to_str().unwrap();
    let attributes: Vec<&str> = cookie.split("; ").skip(1).collect();
    for attribute in ["HttpOnly", "SameSite=Strict", "Secure", "Path=/console"] {
        assert!(attributes.contains(&attribute), "{cookie}");
    }
    assert!(service.terminate().success());
    durable.stop().await;
}
