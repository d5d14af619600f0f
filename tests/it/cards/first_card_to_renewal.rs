//! The main job: from a card to next month's automatic charge.

use serde_json::json;

use crate::support::app::{TestApp, card};

#[tokio::test(flavor = "multi_thread")]
async fn a_card_is_registered_subscribed_charged_refunded_and_renewed() {
    let app = TestApp::start().await;
    let registered = app.post("/billing/register", &card("4111111111111111")).await.data(201);
    assert_eq!(registered["card"]["number"], "411111******1111");
    let key = registered["billingKey"].as_str().unwrap();
    let subscription = app.subscribe(key, 15).await;

    let paid = app.pay(key).await.data(200);
    let part = json!({"paymentId": paid["id"], "amount": 3000, "reason": "고객 변심"});
    let refunded = app.post("/billing/refund", &part).await.data(200);
    assert_eq!(refunded["payment"]["status"], "partially_refunded");
    assert_eq!(refunded["payment"]["refundableAmount"], 6900);
    let rest = json!({"orderId": paid["orderId"]});
    let refunded = app.post("/billing/refund", &rest).await.data(200);
    assert_eq!(refunded["refund"]["amount"], 6900);
    assert_eq!(refunded["payment"]["status"], "refunded");
    app.post("/billing/refund", &rest).await.fails(409, "refund_exceeds_balance");

    let next = subscription["nextBillingDate"].as_str().unwrap();
    app.advance_to(&format!("{next}T10:00:00+09:00")).await;
    let renewals: Vec<_> =
        app.ledger().await.into_iter().filter(|t| t["productName"] == "월간 구독").collect();
    assert_eq!(renewals.len(), 1, "{renewals:?}");
    assert_eq!(renewals[0]["amount"], 9900);
}
