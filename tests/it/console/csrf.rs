//! Actions that no page of the session sent: none succeeds, and nothing changes.

use kiwoom_billing::access::api_keys::Scope;
use reqwest::{Method, RequestBuilder};

use super::matrix::{ACTIONS, PAGES, Stage};
use super::{Fields, KEYED, Visitor, location};
use crate::support::app::{Reply, TestApp};

const NOT_FROM_HERE: &str = "이 화면에서 보낸 요청인지 확인할 수 없어 처리하지 않았습니다.";

/// A form with a token, as a browser sends it with these headers.
fn form(
    visitor: &Visitor<'_>,
    path: &str,
    (token, fields): (Option<&str>, &[(&str, &str)]),
    headers: &[(&str, &str)],
) -> RequestBuilder {
    let mut all = fields.to_vec();
    all.extend(token.map(|token| ("csrf", token)));
    let request = visitor.client.post(format!("{}{path}", visitor.app.base)).fields(&all);
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))
}

#[track_caller]
fn refused(what: &str, reply: &Reply) {
    assert_eq!(reply.status, 403, "{what}: {}", reply.text);
    assert!(reply.text.contains(NOT_FROM_HERE), "{what}: {}", reply.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_action_is_taken_from_another_page_whatever_it_sends() {
    let stage = Stage::start().await;
    let key = stage.app.key(&[Scope::Admin]).await;
    let mut visitor = Visitor::signed_in(&stage.app, &key).await;
    let token = visitor.csrf().await;
    let another = Visitor::signed_in(&stage.app, &key).await.csrf().await;
    let base = stage.app.base.clone();
    let own = [("origin", base.as_str()), ("sec-fetch-site", "same-origin")];
    let before = stage.books().await;
    let sign_out: (&str, &[(&str, &str)], Scope) = ("/console/sign-out", &[], Scope::Read);
    let mut tried = 0;
    for (action, fields, _) in ACTIONS.iter().chain([&sign_out]) {
        let path = stage.path(action);
        let wrong = token.replace('0', "1");
        for bad in [None, Some(""), Some("x"), Some(another.as_str()), Some(wrong.as_str())] {
            if bad != Some(token.as_str()) {
                let request = form(&visitor, &path, (bad, fields), &own);
                refused(action, &visitor.send(request).await);
                tried += 1;
            }
        }
        for headers in [
            &[][..],
            &[("origin", "https://evil.example")],
            &[("origin", "null")],
            &[("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")],
            &[("origin", "https://evil.example"), ("sec-fetch-site", "same-origin")],
            &[("origin", base.as_str()), ("sec-fetch-site", "cross-site")],
            &[("origin", base.as_str()), ("sec-fetch-site", "same-site")],
            &[("origin", base.as_str()), ("sec-fetch-site", "none")],
            &[("sec-fetch-site", "cross-site")],
            &[("referer", base.as_str())],
        ] {
            let request = form(&visitor, &path, (Some(&token), fields), headers);
            refused(&format!("{action} {headers:?}"), &visitor.send(request).await);
            tried += 1;
        }
        // JSON, as a script of another page may send it.
        let json = visitor.request(Method::POST, &path).header("content-type", "text/plain");
        let reply = visitor.send(json.body(format!("csrf={token}"))).await;
        assert_eq!(reply.status, 415, "{action}: {}", reply.text);
        let reply = visitor.get(&format!("{path}?csrf={token}")).await;
        assert!(matches!(reply.status, 404 | 405), "{action}: {} {}", reply.status, reply.text);
        let head = visitor.request(Method::HEAD, &path);
        assert!(matches!(visitor.send(head).await.status, 404 | 405), "{action}");
        tried += 3;
    }
    assert_eq!(stage.books().await, before, "nothing was done");
    println!("{tried} tries, none succeeded");
    // The same with the token, from here: both browsers that say where they come from and older ones.
    for headers in [&own[..], &own[..1], &[("sec-fetch-site", "same-origin")]] {
        let fields = [("since", "2020-01-01T00:00")];
        let request = form(&visitor, "/console/events/redeliver", (Some(&token), &fields), headers);
        let reply = visitor.send(request).await;
        assert_eq!(reply.status, 400, "no receiver: {}", reply.text);
        assert!(reply.text.contains("MERCHANT_WEBHOOK_URL"), "{}", reply.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_signed_in_from_another_page() {
    let app = TestApp::with(&KEYED).await;
    let key = app.key(&[Scope::Admin]).await;
    let mut visitor = Visitor::new(&app);
    for headers in [
        &[][..],
        &[("origin", "https://evil.example")],
        &[("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")],
    ] {
        let fields = [("apiKey", key.as_str())];
        let request = form(&visitor, "/console/sign-in", (None, &fields), headers);
        refused("sign-in", &visitor.send(request).await);
        assert!(visitor.cookies.is_empty());
    }
}

/// Where anybody may call, an action still has to come from a page of the console.
#[tokio::test(flavor = "multi_thread")]
async fn an_open_console_takes_no_action_of_another_page_either() {
    let app = TestApp::start().await;
    let paid = app.pay(&app.register("4111111111111111").await).await.data(200);
    let path = format!("/console/payments/{}/refund", paid["id"].as_str().unwrap());
    let mut visitor = Visitor::new(&app);
    let request = visitor.request(Method::POST, &path).fields(&[("how", "all")]);
    let reply = visitor.send(request).await;
    assert_eq!((reply.status, location(&reply)), (303, "/console/sign-in"), "no session");
    visitor.page("/console/events").await;
    let request = visitor.request(Method::POST, &path).fields(&[("how", "all")]);
    refused("no token", &visitor.send(request).await);
    assert_eq!(app.ledger().await[0]["canceledAmount"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_keeps_others_from_framing_it_and_runs_nothing_inline() {
    let stage = Stage::start().await;
    let mut visitor = Visitor::with(&stage.app, &[Scope::Admin]).await;
    let others =
        ["/console/nowhere", "/console/sign-in", "/console/language", "/console/payments/x"];
    let pages = PAGES.iter().map(|(page, _)| stage.path(page));
    for path in pages.chain(others.map(str::to_owned)) {
        let reply = visitor.get(&path).await;
        let headers = &reply.headers;
        let policy = headers["content-security-policy"].to_str().unwrap();
        for directive in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.split("; ").any(|one| one == directive), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(headers["x-frame-options"], "DENY", "{path}");
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(headers["cache-control"], "no-store", "{path}");
        assert_eq!(headers["referrer-policy"], "same-origin", "{path}");
        for inline in ["<style", " style=", " onclick", " onsubmit", " onload", "javascript:"] {
            assert!(!reply.text.contains(inline), "{path}: {inline}");
        }
        let scripts = reply.text.matches("<script").count();
        assert_eq!(scripts, reply.text.matches("<script src=\"/assets/").count(), "{path}");
    }
}
