//! The proof of a payment: all attempts for the same money, and the rule between them.

use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::subscriptions::{ALWAYS_SHORT, APPROVED, SHORT_AT_FIRST, renewed_with};

async fn payments(app: &TestApp, subscription: &Value) -> Vec<Value> {
    let path = format!("/billing/payments?subscriptionId={}", subscription.as_str().unwrap());
    app.get(&path).await.data(200)["items"].as_array().unwrap().clone()
}

async fn proof(app: &TestApp, payment: &Value) -> Value {
    let path = format!("/billing/payment/{}/proof", payment.as_str().unwrap());
    app.get(&path).await.data(200)
}

/// The rules of a proof: of each attempt, and of the next.
fn rules(proof: &Value) -> (Vec<&Value>, &Value, &Value) {
    let attempts = proof["attempts"].as_array().unwrap();
    let allowed_by = attempts.iter().map(|a| &a["allowedBy"]["code"]).collect();
    (allowed_by, &proof["next"]["allowed"], &proof["next"]["rule"]["code"])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_is_allowed_by_the_decline_before_it_and_nothing_after_the_payment() {
    let app = TestApp::start().await;
    let (id, _) = renewed_with(&app, SHORT_AT_FIRST).await;
    let declined = payments(&app, &id).await[0].clone();
    let before = proof(&app, &declined["id"]).await;
    let first = json!("first_attempt");
    assert_eq!(rules(&before), (vec![&first], &json!(true), &json!("earlier_declined")));

    app.advance_days(1).await;
    let made = payments(&app, &id).await;
    let after = proof(&app, &declined["orderId"]).await;
    let allowed_by = [json!("first_attempt"), json!("earlier_declined")];
    assert_eq!(rules(&after), (allowed_by.iter().collect(), &json!(false), &json!("paid")));
    assert_eq!((&after["subscriptionId"], &after["period"]), (&id, &declined["period"]));
    let days = json!({"number": 1, "amount": 9900, "credit": 0, "carried": 0, "segments": [{
        "start": after["period"]["start"], "end": after["period"]["end"],
        "kind": "paid", "amount": 9900,
    }]});
    assert_eq!(after["charge"], days);
    assert_eq!(before["charge"]["segments"][0]["kind"], "open");
    let attempts = after["attempts"].as_array().unwrap();
    assert_eq!([&attempts[0]["payment"], &attempts[1]["payment"]], [&made[1], &made[0]]);
    assert_eq!(attempts[1]["initiatedBy"], "scheduler");
    assert!(attempts[1]["settledAt"].is_string());
    assert_eq!(proof(&app, &made[0]["id"]).await, after, "asked by any of its attempts");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_outcome_forbids_another_attempt_until_it_is_settled() {
    let app = TestApp::start().await;
    app.fault(json!({"on": "CARD-BATCH", "kind": "drop_before"})).await;
    let (id, _) = renewed_with(&app, APPROVED).await;
    let unknown = payments(&app, &id).await[0]["id"].clone();
    let open = proof(&app, &unknown).await;
    let first = json!("first_attempt");
    assert_eq!(rules(&open), (vec![&first], &json!(false), &json!("outcome_unknown")));
    let resolve = format!("/billing/payment/{}/resolve", unknown.as_str().unwrap());
    let declined = json!({"outcome": "declined", "reason": "승인 내역 없음"});
    app.post(&resolve, &declined).await.data(200);
    let settled = proof(&app, &unknown).await;
    assert_eq!(rules(&settled), (vec![&first], &json!(true), &json!("earlier_declined")));
    let cancel = json!({"subscriptionId": id});
    app.post("/billing/cancel", &cancel).await.data(200);
    let over = proof(&app, &unknown).await;
    assert_eq!(rules(&over), (vec![&first], &json!(false), &json!("subscription_canceled")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_period_that_was_given_up_is_not_charged_after_the_next_one_began() {
    let app = TestApp::start().await;
    app.fault(json!({"on": "CARD-BATCH", "kind": "drop_before"})).await;
    let (id, _) = renewed_with(&app, APPROVED).await;
    let unknown = payments(&app, &id).await[0]["id"].clone();
    app.advance_days(32).await;
    let resolve = format!("/billing/payment/{}/resolve", unknown.as_str().unwrap());
    let declined = json!({"outcome": "declined", "reason": "승인 내역 없음"});
    app.post(&resolve, &declined).await.data(200);
    let proof = proof(&app, &unknown).await;
    let first = json!("first_attempt");
    assert_eq!(rules(&proof), (vec![&first], &json!(false), &json!("period_over")));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_pays_after_unpaid_pays_for_other_days_and_the_declined_ones_are_over() {
    let app = TestApp::start().await;
    let (id, _) = renewed_with(&app, ALWAYS_SHORT).await;
    let declined = payments(&app, &id).await[0]["id"].clone();
    app.advance_days(7).await;
    let over = proof(&app, &declined).await;
    let (allowed_by, allowed, rule) = rules(&over);
    assert_eq!((allowed_by.len(), allowed, rule), (5, &json!(false), &json!("period_over")));
    let days = &over["charge"]["segments"][0];
    assert_eq!((&days["kind"], &days["amount"]), (&json!("open"), &json!(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_charge_has_one_attempt_and_its_order_number_is_not_used_again() {
    let app = TestApp::start().await;
    let first = json!("first_attempt");
    for (card, status, rule) in [(APPROVED, 200, "paid"), (SHORT_AT_FIRST, 402, "order_used")] {
        let key = app.register(card).await;
        assert_eq!(app.pay(&key).await.status, status);
        let made = app.get("/billing/payments").await.data(200)["items"][0].clone();
        let proof = proof(&app, &made["id"]).await;
        assert_eq!(rules(&proof), (vec![&first], &json!(false), &json!(rule)));
        for of_a_subscription in ["subscriptionId", "period", "charge"] {
            assert_eq!(proof[of_a_subscription], Value::Null, "{of_a_subscription}");
        }
        assert_eq!(proof["attempts"][0]["payment"], made);
    }
    for nothing in ["pay_x", "sub_019ac000-0000-7000-8000-000000000000", "NO-SUCH-ORDER"] {
        let path = format!("/billing/payment/{nothing}/proof");
        app.get(&path).await.fails(404, "payment_not_found");
    }
}
