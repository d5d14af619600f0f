//! What each key may do: every route that needs one, with every kind of key.

use std::collections::BTreeSet;

use kiwoom_billing::access::api_keys::{SCOPES, Scope};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::Connection;

use super::OF_SETTINGS;
use crate::support::app::{Reply, TestApp, card};
use crate::support::subscriptions::APPROVED;

const ALL: [Scope; 4] = [Scope::Read, Scope::Charge, Scope::Refund, Scope::Admin];

async fn start() -> TestApp {
    TestApp::with(&[("API_KEYS", OF_SETTINGS), ("AUTH_FAILURES_PER_MINUTE", "0")]).await
}

async fn ask(app: &TestApp, key: Option<&str>, (method, route): (&str, &str)) -> Reply {
    let path = route.replace("{id}", "x").replace("{billingKey}", "x").replace("{orderId}", "x");
    let mut request = app.request(method.parse().unwrap(), &path);
    if let Some(key) = key {
        request = request.bearer_auth(key);
    }
    if method == "POST" || method == "PATCH" {
        // A key that is let in there by mistake would register a card.
        let body = if route == "/billing/register" { card(APPROVED) } else { json!({}) };
        request = request.json(&body);
    }
    app.send(request).await
}

/// Routes of the description that need a key.
async fn described(app: &TestApp) -> BTreeSet<(String, String)> {
    let doc = app.get("/openapi.json").await.json();
    let paths = doc["paths"].as_object().unwrap().clone();
    let operations = paths.into_iter().flat_map(|(path, item)| {
        let item = item.as_object().unwrap().clone();
        item.into_iter().map(move |(method, operation)| (method, path.clone(), operation))
    });
    let keyed = operations.filter(|(_, _, operation)| operation["security"] != json!([{}]));
    keyed.map(|(method, path, _)| (method.to_uppercase(), path)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_that_needs_a_key_has_a_scope_and_says_so() {
    let app = start().await;
    let named = SCOPES.iter().map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned()));
    let named: BTreeSet<_> = named.collect();
    assert_eq!(named.len(), SCOPES.len(), "no route twice");
    assert_eq!(described(&app).await, named);
    let doc = app.get("/openapi.json").await.json();
    for (method, path, scope) in SCOPES {
        let refused = &doc["paths"][path][method.to_lowercase()]["responses"]["403"];
        let text = refused["description"].as_str().unwrap_or_default();
        assert!(text.ends_with(&format!("`{}`", scope.name())), "{method} {path}: {refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_does_what_its_scope_says_and_nothing_else() {
    let app = start().await;
    let mut keys = Vec::new();
    for scope in ALL {
        keys.push((scope, app.key(&[scope]).await));
    }
    let revoked = app.key(&[Scope::Admin]).await;
    let expired = app.key(&[Scope::Admin]).await;
    end(&app, &revoked, &expired).await;
    let wrong = format!("{}{}", &keys[3].1[..80], if keys[3].1.ends_with('0') { "1" } else { "0" });
    let before = app.everything().await;
    let (mut refused, mut let_in) = (0, Vec::new());
    for &(method, path, needed) in SCOPES {
        let route = (method, path);
        for key in [None, Some(revoked.as_str()), Some(&expired), Some(&wrong)] {
            ask(&app, key, route).await.fails(401, "unauthorized");
            refused += 1;
        }
        for (scope, key) in &keys {
            if *scope == needed || *scope == Scope::Admin {
                let_in.push((key, route));
                continue;
            }
            let error = ask(&app, Some(key), route).await.error(403);
            let message = format!("API 키에 {} 권한이 없습니다.", needed.name());
            assert_eq!(
                error,
                json!({"code": "insufficient_scope", "message": message}),
                "{route:?}"
            );
            refused += 1;
        }
    }
    assert_eq!(app.everything().await, before, "nothing is done, asked or kept");
    for (key, route) in &let_in {
        let reply = ask(&app, Some(key), *route).await;
        assert!(!matches!(reply.status, 401 | 403 | 405 | 429), "{route:?}: {}", reply.text);
    }
    let admins = SCOPES.iter().filter(|(_, _, scope)| *scope == Scope::Admin).count();
    assert_eq!(let_in.len(), 2 * SCOPES.len() - admins);
    assert_eq!(refused + let_in.len(), 8 * SCOPES.len());
}

/// Revokes one key and lets the other expire.
async fn end(app: &TestApp, revoked: &str, expired: &str) {
    let mut db = app.owner().await;
    let revoke = sqlx::query("update api_keys set revoked_at = now() where id = $1");
    revoke.bind(&revoked[..16]).execute(&mut db).await.unwrap();
    // The table keeps its rows as they are: the trigger has to be away for this.
    let mut tx = db.begin().await.unwrap();
    for sql in [
        "alter table api_keys disable trigger api_keys_are_kept",
        "update api_keys set created_at = now() - interval '2 days',
            expires_at = now() - interval '1 day' where id = $1",
        "alter table api_keys enable trigger api_keys_are_kept",
    ] {
        let query = sqlx::query(sql);
        let query = if sql.contains("$1") { query.bind(&expired[..16]) } else { query };
        query.execute(&mut *tx).await.unwrap();
    }
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn several_scopes_are_the_sum_of_each_and_the_refusal_comes_before_the_body() {
    let app = start().await;
    let both = app.key(&[Scope::Read, Scope::Refund]).await;
    ask(&app, Some(&both), ("GET", "/billing/payments")).await.data(200);
    ask(&app, Some(&both), ("POST", "/billing/refund")).await.fails(400, "invalid_request");
    ask(&app, Some(&both), ("POST", "/billing/pay")).await.fails(403, "insufficient_scope");
    // Neither that the body is wrong nor that the method is.
    let request = app.request(Method::POST, "/billing/pay").bearer_auth(&both);
    let request = request.header("idempotency-key", "one").body("x".repeat(70 * 1024));
    let reply = app.send(request.header("accept-language", "en")).await;
    assert_eq!(reply.error(403)["message"], "The API key lacks the scope charge.");
    ask(&app, Some(&both), ("PUT", "/billing/pay")).await.fails(403, "insufficient_scope");
    let admin = app.key(&[Scope::Admin]).await;
    ask(&app, Some(&admin), ("PUT", "/billing/pay")).await.fails(405, "method_not_allowed");
    // HEAD is a GET without the body.
    let head = async |scope| {
        let key = app.key(&[scope]).await;
        app.with_key(&key, Method::HEAD, "/billing/payments").await.status
    };
    assert_eq!((head(Scope::Read).await, head(Scope::Charge).await), (200, 403));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_the_settings_may_do_everything() {
    let app = start().await;
    for &(method, path, _) in SCOPES {
        let reply = ask(&app, Some(OF_SETTINGS), (method, path)).await;
        assert!(!matches!(reply.status, 401 | 403), "{method} {path}: {}", reply.text);
    }
    let made: Value = ask(&app, Some(OF_SETTINGS), ("GET", "/billing/keys")).await.data(200);
    assert_eq!(made["items"].as_array().unwrap().len(), 1);
}
