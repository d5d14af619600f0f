//! Notifications of failures: for a card charge they settle nothing, for an order they may contradict.

use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::window::{answered, paid, prepare, status, tell};

async fn unknown_charge(app: &TestApp) -> Value {
    let key = app.register("4111111111111111").await;
    app.fault(json!({"on": "CARD-BATCH", "kind": "drop_after"})).await;
    app.pay(&key).await.data(202)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_notice_settles_no_card_charge() {
    let app = TestApp::start().await;
    let unknown = unknown_charge(&app).await;
    let path = format!("/billing/payment/{}", unknown["id"].as_str().unwrap());
    let order = unknown["orderId"].as_str().unwrap();
    let transaction = app.ledger().await[0]["transactionId"].as_str().unwrap().to_owned();
    let right = paid(order, &transaction, 9900).replace("KAKAOPAY", "CARD");
    for failure in [
        right.clone() + "&RESULTCODE=2003&ERRORMESSAGE=no",
        paid(order, "t9", 1).replace("KAKAOPAY", "CARD") + "&RES_CD=00",
        paid(order, "", 9900).replace("KAKAOPAY", "CARD") + "&RES_CD=1071",
        right.clone() + "&RESULTCODE=2003&AUTHNO=12345678",
    ] {
        answered(&tell(&app, &failure).await, 200);
        assert_eq!(app.get(&path).await.data(200), unknown, "{failure}");
    }
    let kept: Vec<(String, String)> =
        sqlx::query_as("select kind, verdict from notifications order by id")
            .fetch_all(&app.service.ctx.pool)
            .await
            .unwrap();
    let row = ("failure".to_owned(), "review".to_owned());
    assert_eq!(kept, [row.clone(), row.clone(), row.clone(), row]);
    let health = app.webhook_health().await;
    assert_eq!((&health["status"], &health["review24h"]), (&json!("degraded"), &json!(4)));
    answered(&tell(&app, &right).await, 200);
    assert_eq!(app.get(&path).await.data(200)["status"], "approved");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_that_is_unknown_is_not_charged_again_after_a_failure_notice() {
    let app = TestApp::start().await;
    let key = app.register("4111111111111111").await;
    app.subscribe(&key, 15).await;
    app.fault(json!({"on": "CARD-BATCH", "kind": "drop_after"})).await;
    app.advance_days(31).await;
    let order = app.ledger().await[0]["orderNo"].as_str().unwrap().to_owned();
    let failure = paid(&order, "t1", 1).replace("KAKAOPAY", "CARD") + "&RES_CD=00";
    answered(&tell(&app, &failure).await, 200);
    app.advance_days(10).await;
    assert_eq!(app.ledger().await.len(), 1, "not charged again");
    assert_eq!(app.ready().await["unknownOutcomes"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sandbox_can_tell_of_a_failure_of_a_charge_that_was_made() {
    let app = TestApp::start().await;
    let key = app.register("4111111111111111").await;
    assert_eq!(app.post("/sandbox/notifications", &json!({"kind": "failed"})).await.status, 200);
    app.fault(json!({"on": "CARD-BATCH", "kind": "drop_after_notify"})).await;
    let unknown = app.pay(&key).await.data(202);
    app.advance_secs(2).await;
    let sent = app.get("/sandbox/notifications").await.json()["sent"].clone();
    assert_eq!(sent.as_array().unwrap().len(), 1, "{sent}");
    let path = format!("/billing/payment/{}", unknown["id"].as_str().unwrap());
    assert_eq!(app.get(&path).await.data(200)["status"], "unknown");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_of_an_order_with_an_approval_number_or_another_amount_is_a_contradiction() {
    let app = TestApp::start().await;
    prepare(&app, "O-1").await;
    let ready = status(&app, "O-1").await;
    for failure in [
        paid("O-1", "t1", 9900) + "&RESULTCODE=2003&AUTHNO=12345678",
        paid("O-1", "t1", 1) + "&RESULTCODE=2003",
    ] {
        answered(&tell(&app, &failure).await, 409);
        assert_eq!(status(&app, "O-1").await, ready, "{failure}");
    }
    // The amount decides nothing here.
    let plain = paid("O-1", "t1", 9900).replace("&AMOUNT=9900", "") + "&RESULTCODE=2003";
    answered(&tell(&app, &plain).await, 200);
    assert_eq!(status(&app, "O-1").await["status"], "failed");
    answered(&tell(&app, &paid("O-1", "t2", 9900)).await, 200);
    let before = status(&app, "O-1").await;
    let late = paid("O-1", "t1", 1) + "&RESULTCODE=2003";
    answered(&tell(&app, &late).await, 409);
    assert_eq!(status(&app, "O-1").await, before);
}
