//! Changes at once whose outcome is unknown for a while, and others that come at the same time.

use chrono::Datelike;
use futures::future::{join, join_all};
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::subscriptions::{APPROVED, monthly};

const SUBSCRIBE: &str = "/billing/subscribe";

/// A subscription that paid 9,900 won for the days from 15 March to 15 April, at noon of 25 March.
async fn paid_in_march(app: &TestApp, more: &Value) -> Value {
    let year = app.today().year() + 1;
    app.advance_to(&format!("{year}-03-10T12:00:00+09:00")).await;
    let mut body = monthly(&app.register(APPROVED).await);
    body["metadata"] = json!({"grade": "silver", "shop": 1});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let made = app.post(SUBSCRIBE, &body).await.data(201);
    app.advance_to(&format!("{year}-03-25T12:00:00+09:00")).await;
    app.subscription(&made["id"]).await
}

fn upgrade() -> Value {
    json!({"amount": 19_800, "planId": "premium", "productName": "프리미엄",
        "metadata": {"grade": "gold"}, "when": "now", "consent": {"method": "checkbox"}})
}

/// Changes it at once; nobody knows what came of it. The payment.
async fn changed_and_unknown(app: &TestApp, id: &Value, change: &Value) -> String {
    app.fault(json!({"on": "CARD-BATCH", "kind": "drop_before"})).await;
    let unknown = app.change(id, change).await.data(202);
    unknown["payment"]["id"].as_str().unwrap().to_owned()
}

async fn declined(app: &TestApp, payment: &str) {
    let found = json!({"outcome": "declined", "reason": "승인 내역 없음"});
    app.post(&format!("/billing/payment/{payment}/resolve"), &found).await.data(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_called_otherwise_meanwhile_stays_when_it_is_declined() {
    let app = TestApp::start().await;
    let before = paid_in_march(&app, &json!({})).await;
    let id = &before["id"];
    let payment = changed_and_unknown(&app, id, &upgrade()).await;
    let other = app.register(APPROVED).await;
    let since = json!({"productName": "새 이름", "retryDays": [2], "billingKey": other,
        "metadata": {"shop": 2, "note": "since"}});
    let shown = app.change(id, &since).await.data(200);
    let metadata = json!({"grade": "gold", "shop": 2, "note": "since"});
    assert_eq!((&shown["planId"], &shown["metadata"]), (&json!("premium"), &metadata));
    declined(&app, &payment).await;

    let now = app.subscription(id).await;
    let mut expected = before.clone();
    for (name, value) in [
        ("productName", json!("새 이름")),
        ("retryDays", json!([2])),
        ("billingKey", json!(other)),
        ("metadata", json!({"grade": "silver", "shop": 2, "note": "since"})),
    ] {
        expected[name] = value;
    }
    assert_eq!(now, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_that_is_cleared_or_fits_no_more_with_what_there_was_stays_too() {
    for since in [Value::Null, json!({"grade": null, "note": "x".repeat(4000)})] {
        let app = TestApp::start().await;
        let much = json!({"metadata": {"old": "x".repeat(2000)}});
        let before = paid_in_march(&app, &much).await;
        let id = &before["id"];
        let mut clears = upgrade();
        clears["metadata"] = json!({"old": null, "grade": "gold"});
        let payment = changed_and_unknown(&app, id, &clears).await;
        let shown = app.change(id, &json!({"metadata": since})).await.data(200);
        declined(&app, &payment).await;
        let now = app.subscription(id).await;
        assert_eq!((&now["planId"], &now["amount"]), (&json!("monthly"), &json!(9900)));
        assert_eq!(now["metadata"], shown["metadata"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_card_before_it_is_not_deleted_before_it_is_known() {
    let app = TestApp::start().await;
    let before = paid_in_march(&app, &json!({})).await;
    let id = &before["id"];
    let mut change = upgrade();
    change["billingKey"] = json!(app.register(APPROVED).await);
    let payment = changed_and_unknown(&app, id, &change).await;
    let path = format!("/billing/key/{}", before["billingKey"].as_str().unwrap());
    app.delete(&path).await.fails(409, "subscription_exists");
    declined(&app, &payment).await;
    assert_eq!(app.subscription(id).await, before);
    app.delete(&path).await.fails(409, "subscription_exists");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_changes_at_once_at_the_same_time_one_is_charged() {
    let app = TestApp::start().await;
    let before = paid_in_march(&app, &json!({})).await;
    let id = &before["id"];
    app.fault(json!({"on": "CARD-BATCH", "kind": "delay_after", "delayMs": 1000})).await;
    let changes = [19_800, 29_700].map(|amount| {
        let mut change = upgrade();
        change["amount"] = json!(amount);
        change
    });
    let replies = join_all(changes.iter().map(|change| app.change(id, change))).await;
    let made = replies.iter().position(|reply| reply.status == 200).unwrap();
    assert_eq!(replies[1 - made].error(409)["code"], "charge_in_progress");
    let ledger = app.ledger().await;
    assert_eq!((ledger.len(), app.calls("CARD-BATCH").await), (2, 2));
    let now = app.subscription(id).await;
    assert_eq!(now["amount"], changes[made]["amount"]);
    assert_eq!((&now["coverage"], &now["paidThrough"]), (&json!("paid"), &before["paidThrough"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_and_a_change_at_once_at_the_same_time_give_back_no_more_than_was_paid() {
    let app = TestApp::start().await;
    let before = paid_in_march(&app, &json!({})).await;
    let id = &before["id"];
    let payment = app.get("/billing/payments").await.data(200)["items"][0].clone();
    for step in ["CARD-BATCH", "CANCEL"] {
        app.fault(json!({"on": step, "kind": "delay_after", "delayMs": 500})).await;
    }
    let refund = json!({"paymentId": payment["id"], "amount": 9900});
    let change = upgrade();
    let (refunded, changed) =
        join(app.post("/billing/refund", &refund), app.change(id, &change)).await;
    let changed = changed.data(200);
    // 6,707 won of 9,900 are not used, and 13,412 won are to be paid for the same days.
    let credit = 13_412 - changed["payment"]["amount"].as_i64().unwrap();
    if refunded.status == 200 {
        assert_eq!(credit, 0, "all of it is given back");
    } else {
        refunded.fails(409, "refund_exceeds_balance");
        assert_eq!(credit, 6707);
    }
    let back = app.ledger().await[0]["canceledAmount"].as_i64().unwrap();
    assert!(back + credit <= 9900, "{back} and {credit}");
    let path = format!("/billing/payment/{}", payment["id"].as_str().unwrap());
    let left = app.get(&path).await.data(200)["refundableAmount"].as_i64().unwrap();
    assert_eq!(left, 9900 - back - credit);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_interval_at_once_is_refused_when_no_charge_is_left() {
    let app = TestApp::start().await;
    let last = paid_in_march(&app, &json!({"totalCycles": 1})).await;
    let id = &last["id"];
    let year = json!({"amount": 90_000, "interval": "year", "when": "now"});
    let books = app.everything().await;
    let refused = app.change(id, &year).await.error(409);
    let reason = "남은 회차가 없습니다. 먼저 totalCycles를 늘리거나 null로 지워 주세요.";
    assert_eq!(refused["code"], "subscription_not_active");
    assert_eq!(refused["details"], json!([{"field": "totalCycles", "reason": reason}]));
    assert_eq!(app.everything().await, books);
    // Another price for the days that are left is no charge more.
    app.change(id, &json!({"amount": 8000, "when": "now"})).await.data(200);
    app.change(id, &json!({"totalCycles": 1})).await.data(200);
    let made = app.change(id, &year).await.data(200);
    assert_eq!((&made["payment"]["status"], &made["cyclesLeft"]), (&json!("approved"), &json!(0)));
}
