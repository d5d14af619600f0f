//! Payment page links: an order by itself, or what a subscription owes.

mod addresses;
mod ends;
mod in_events;
mod of_orders;
mod of_subscriptions;
mod races;

use serde_json::{Value, json};

use crate::support::app::TestApp;

/// A link to what the subscription owes.
pub async fn link_to(app: &TestApp, subscription: &Value) -> Value {
    let body = json!({"subscriptionId": subscription});
    app.post("/easypay/links", &body).await.data(201)
}

/// The link as it is now.
pub async fn link_now(app: &TestApp, link: &Value) -> Value {
    app.get(&format!("/easypay/links/{}", link["id"].as_str().unwrap())).await.data(200)
}

/// The payments of the subscription, newest first: status, method and source.
pub async fn payments(app: &TestApp, subscription: &Value) -> Vec<Value> {
    let path = format!("/billing/payments?subscriptionId={}", subscription.as_str().unwrap());
    let page = app.get(&path).await.data(200);
    page["items"].as_array().unwrap().clone()
}

/// The statuses of the payments, newest first.
pub async fn statuses(app: &TestApp, subscription: &Value) -> Vec<String> {
    let payments = payments(app, subscription).await;
    payments.iter().map(|payment| payment["status"].as_str().unwrap().to_owned()).collect()
}
