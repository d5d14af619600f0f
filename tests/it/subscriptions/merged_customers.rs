//! `POST /customers/:customerId/merge`: one person had two accounts.

use serde_json::{Value, json};

use crate::support::app::{Reply, TestApp, card};
use crate::support::subscriptions::{APPROVED, monthly};

async fn register(app: &TestApp, customer: &str) -> String {
    let mut body = card(APPROVED);
    body["customerId"] = json!(customer);
    app.post("/billing/register", &body).await.data(201)["billingKey"].as_str().unwrap().to_owned()
}

async fn subscribe(app: &TestApp, key: &str, (customer, plan): (&str, &str)) -> Value {
    let mut body = monthly(key);
    (body["customerId"], body["planId"]) = (json!(customer), json!(plan));
    app.post("/billing/subscribe", &body).await.data(201)
}

async fn merge(app: &TestApp, one: &str, other: &str) -> Reply {
    let body = json!({"into": other, "reason": "고객 요청으로 합침"});
    app.post(&format!("/customers/{one}/merge"), &body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cards_and_subscriptions_of_one_account_become_the_others() {
    let app = TestApp::start().await;
    let (old, new) = (register(&app, "old").await, register(&app, "new").await);
    let moved = subscribe(&app, &old, ("old", "basic")).await;
    let stays = subscribe(&app, &new, ("new", "extra")).await;
    let one_off =
        json!({"billingKey": old, "customerId": "old", "amount": 9900, "productName": "꽃"});
    let paid = app.post("/billing/pay", &one_off).await.data(200);
    let expected = json!({"customerId": "new", "billingKeys": 1, "subscriptions": 1});
    assert_eq!(merge(&app, "old", "new").await.data(200), expected);

    let shown = app.subscription(&moved["id"]).await;
    assert_eq!((&shown["customerId"], &shown["status"]), (&json!("new"), &json!("active")));
    let keys = app.get("/billing/keys?customerId=new").await.data(200);
    assert_eq!(keys["items"].as_array().unwrap().len(), 2);
    app.advance_to_charge(&moved["nextBillingDate"]).await;
    let charged = app.get("/billing/payments?customerId=new").await.data(200);
    let of = |s: &Value| {
        charged["items"].as_array().unwrap().iter().any(|p| p["subscriptionId"] == s["id"])
    };
    assert!(of(&moved) && of(&stays), "{charged}");
    let before = app.get("/billing/payments?customerId=old").await.data(200);
    assert_eq!(before["items"][0]["id"], paid["id"], "what was paid keeps its id");
    app.post("/billing/pay", &one_off).await.fails(404, "billing_key_not_found");

    let path = format!("/audit?objectId={}", moved["id"].as_str().unwrap());
    let audit = app.get(&path).await.data(200);
    let told =
        audit["items"].as_array().unwrap().iter().find(|e| e["reason"] == "고객 요청으로 합침");
    let told = told.unwrap_or_else(|| panic!("{audit}"));
    assert_eq!(told["changes"]["customerId"], json!({"before": "old", "after": "new"}));
    let nothing = json!({"customerId": "new", "billingKeys": 0, "subscriptions": 0});
    assert_eq!(merge(&app, "old", "new").await.data(200), nothing, "once more");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_merged_is_refused_by_name_and_changes_nothing() {
    let app = TestApp::start().await;
    let (old, new) = (register(&app, "old").await, register(&app, "new").await);
    let first = subscribe(&app, &old, ("old", "basic")).await;
    let second = subscribe(&app, &new, ("new", "basic")).await;
    let refused = merge(&app, "old", "new").await.error(409);
    assert_eq!(refused["code"], "subscription_exists");
    for s in [&first, &second] {
        assert!(refused["details"].to_string().contains(s["id"].as_str().unwrap()), "{refused}");
    }
    assert_eq!(app.subscription(&first["id"]).await["customerId"], "old");
    merge(&app, "old", "old").await.fails(400, "invalid_request");
    merge(&app, "old", "nobody").await.fails(404, "customer_not_found");
    merge(&app, "nobody", "new").await.fails(404, "customer_not_found");
    let bare = app.post("/customers/old/merge", &json!({"into": "new"})).await.error(400);
    assert!(bare["details"].to_string().contains("reason"), "{bare}");
}
