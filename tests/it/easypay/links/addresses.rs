//! The address of a payment page: who does not have it cannot guess it, and it is kept nowhere.

use reqwest::Method;
use serde_json::{Value, json};

use super::link_now;
use crate::support::app::TestApp;
use crate::support::payment_page::{open_window, page};
use crate::support::window::{ALL_ON, in_window};

fn order() -> Value {
    json!({"amount": 9900, "productName": "상품", "customerName": "홍길동", "customerId": "user123"})
}

fn token(link: &Value) -> String {
    link["url"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_whole_address_leads_to_the_page() {
    let app = TestApp::with(ALL_ON).await;
    let link = app.post("/easypay/links", &order()).await.data(201);
    let other = app.post("/easypay/links", &order()).await.data(201);
    let (token, theirs) = (token(&link), token(&other));
    assert_eq!(token.len(), 72);
    assert!(token.bytes().all(|letter| letter.is_ascii_lowercase()), "{token}");
    let mixed = format!("{}{}", &token[..32], &theirs[32..]);
    for wrong in [&token[..71], &token[..32], &mixed, "x", &format!("{token}a")] {
        let reply = app.get(&format!("/easypay/pay/{wrong}")).await;
        assert_eq!(reply.status, 404, "{wrong}");
        assert!(reply.text.contains("결제 링크를 찾을 수 없습니다"), "{}", reply.text);
    }
    let reply = app.get(&format!("/easypay/pay/{token}")).await;
    assert_eq!(reply.status, 200);
    let policy = reply.headers["content-security-policy"].to_str().unwrap();
    for part in ["default-src 'none'", "script-src 'nonce-", "frame-ancestors 'none'"] {
        assert!(policy.contains(part), "{policy}");
    }
    assert_eq!(reply.headers["referrer-policy"], "no-referrer");
    assert_eq!(reply.headers["cache-control"], "no-store");
    let english = app.request(Method::GET, &format!("/easypay/pay/{token}"));
    let english = app.send(english.header("Accept-Language", "en")).await;
    assert!(english.text.contains("Can be paid until"), "{}", english.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_address_is_in_no_event_and_in_no_row() {
    let app = TestApp::with(ALL_ON).await;
    let request = app.request(Method::POST, "/easypay/links").header("Idempotency-Key", "k");
    let link = app.send(request.try_clone().unwrap().json(&order())).await.data(201);
    let again = app.send(request.json(&order())).await.data(201);
    assert_eq!((&again["id"], &again["url"]), (&link["id"], &Value::Null));
    assert_eq!(link_now(&app, &link).await["url"], link["url"]);
    let window = open_window(&link, "KAKAOPAY").await;
    in_window(&app, &window, "pay").await;
    let events = app.events().await;
    let of_link: Vec<_> = events.iter().filter(|event| event["object"] == "link").collect();
    let types: Vec<_> = of_link.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["link.created", "link.opened", "link.paid"]);
    assert_eq!(of_link[0]["data"]["url"], Value::Null);
    let audit =
        app.get(&format!("/audit?objectId={}", link["id"].as_str().unwrap())).await.data(200);
    let actors: Vec<_> =
        audit["items"].as_array().unwrap().iter().map(|e| e["actor"].clone()).collect();
    assert!(actors.contains(&json!("buyer")) && actors.contains(&json!("kiwoompay")), "{actors:?}");
    let mut db = app.owner().await;
    let secret = token(&link)[32..].to_owned();
    for table in ["events", "payment_links", "payments", "notifications"] {
        let sql = format!("select count(*) from {table} t where position($1 in t::text) > 0");
        let query = sqlx::query_scalar::<_, i64>(sqlx::AssertSqlSafe(sql)).bind(&secret);
        assert_eq!(query.fetch_one(&mut db).await.unwrap(), 0, "{table}");
    }
    let kept = "select count(*) from idempotency_keys
        where position(convert_to($1, 'UTF8') in body) > 0";
    let kept = sqlx::query_scalar::<_, i64>(kept).bind(&secret).fetch_one(&mut db).await.unwrap();
    assert_eq!(kept, 0);
    assert_eq!(page(&link).await.status, 200);
}
