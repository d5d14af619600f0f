//! A transaction that stands still holds rows for ever: everything else goes on.

use serde_json::json;
use sqlx::Connection;

use crate::support::process::{Process, World};

async fn subscription(service: &Process, plan: &str) {
    let body = json!({
        "billingKey": service.register().await, "customerId": "user123", "planId": plan,
        "amount": 9900, "productName": plan, "cycleDay": 15,
    });
    service.post("/billing/subscribe", &body).await.data(201);
}

async fn until_expired(service: &Process, order: &str) {
    let path = format!("/easypay/status/{order}");
    service.until(|| service.get(&path), |reply| reply.data(200)["status"] == "expired").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_its_own_rows_and_nobody_else_s() {
    let world = World::start().await;
    let service = world.service("service", &[("SCHEDULER_INTERVAL_SECS", "1")]).await;
    subscription(&service, "held").await;
    subscription(&service, "free").await;
    for order in ["HELD", "FREE"] {
        let body = json!({
            "orderId": order, "amount": 9900, "productName": "프리미엄", "customerName": "홍길동",
        });
        service.post("/easypay/prepare", &body).await.data(200);
    }
    let mut db = world.owner().await;
    let mut frozen = db.begin().await.unwrap();
    for lock in [
        "select from payments where order_no = 'HELD' for update",
        "select from subscriptions where plan_id = 'held' for update",
    ] {
        assert_eq!(sqlx::query(lock).execute(&mut *frozen).await.unwrap().rows_affected(), 1);
    }

    world.advance_days(31).await;
    world.until_charged(1).await;
    assert_eq!(world.ledger().await[0]["productName"], "free");
    until_expired(&service, "FREE").await;
    let status = service.get("/easypay/status/HELD").await.data(200)["status"].clone();
    assert_eq!(status, "ready");

    frozen.rollback().await.unwrap();
    until_expired(&service, "HELD").await;
    world.until_charged(2).await;
}
