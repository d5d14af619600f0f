//! Lists have connections of their own: who reads much, or waits, holds up no payment.

use futures::future::join_all;
use serde_json::json;
use sqlx::Connection;

use crate::support::process::World;

/// More than there are connections of either kind.
const READERS: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn lists_that_wait_for_a_lock_leave_payments_alone_and_come_to_an_end() {
    let world = World::start().await;
    let service = world.service("service", &[("DATABASE_MAX_CONNECTIONS", "4")]).await;
    let key = service.register().await;
    let body = json!({
        "billingKey": key, "customerId": "user123", "planId": "monthly", "amount": 9900,
        "productName": "월간 구독", "cycleDay": 15,
    });
    let made = service.post("/billing/subscribe", &body).await.data(201);
    let path = format!("/billing/subscription/{}/consents", made["id"].as_str().unwrap());
    let mut db = world.owner().await;
    let mut frozen = db.begin().await.unwrap();
    let lock = sqlx::query("lock table price_consents in access exclusive mode");
    lock.execute(&mut *frozen).await.unwrap();

    let lists = join_all((0..READERS).map(|_| service.try_get(&path)));
    let pay = async {
        let body = json!({
            "billingKey": key, "customerId": "user123", "amount": 9900, "productName": "단건",
        });
        for _ in 0..5 {
            service.post("/billing/pay", &body).await.data(200);
        }
    };
    let (lists, ()) = tokio::join!(lists, pay);
    for list in lists {
        list.unwrap().fails(503, "database_unavailable");
    }
    frozen.rollback().await.unwrap();
    service.get(&path).await.data(200);
}
