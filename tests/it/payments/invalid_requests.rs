//! Bad input to payments, refunds, what settles them by hand, and lists.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::{TestApp, one_off};
use crate::support::refusals::{
    CONTROL, Case, EMPTY, NUMBER, PIPE, REQUIRED, STRING, UNKNOWN_FIELD, invalid, product_cases,
    wire_id_cases, with_raw,
};
use crate::support::sandbox::lose;

const PAY: &str = "/billing/pay";
const REFUND: &str = "/billing/refund";
const ORDER: &str = "영문, 숫자, -_.:=@+만 사용할 수 있습니다.";
const ONE_OF: &str = "paymentId, orderId, transactionId 중 하나만 보내야 합니다.";
const TAX_FREE: &str = "0 이상의 정수(원)여야 합니다.";
const ABOVE: &str = "amount를 넘을 수 없습니다.";

#[tokio::test(flavor = "multi_thread")]
async fn whole_won_are_taken_however_json_writes_them() {
    let app = TestApp::start().await;
    let base = one_off(&app.register("4111111111111111").await);
    for amount in ["9900", "9900.00", "9.9E+3", "9.9e3", "990000e-2"] {
        let body = with_raw(&base, "amount", amount);
        let body = body.replacen('{', "{\"taxFreeAmount\":1e2,", 1);
        let paid = app.send_raw(Method::POST, PAY, body).await.data(200);
        assert_eq!(
            (&paid["amount"], &paid["taxFreeAmount"]),
            (&json!(9900), &json!(100)),
            "{amount}"
        );
        let back = format!("{{\"paymentId\":{},\"amount\":5.0e3}}", paid["id"]);
        let refund = app.send_raw(Method::POST, REFUND, back).await.data(200);
        assert_eq!(refund["refund"]["amount"], 5000, "{amount}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_is_refused_for_each_field_that_is_missing_or_wrong() {
    let app = TestApp::start().await;
    let base = one_off(&app.register("4111111111111111").await);
    let post = || (Method::POST, PAY);
    app.misses_each(PAY, &base, &["billingKey", "customerId", "amount", "productName"]).await;
    app.refuses_no_amounts(post(), &base).await;
    app.refuses_each(post(), &base, &wire_id_cases("customerId")).await;
    app.refuses_each(post(), &base, &product_cases("productName")).await;
    let cases = [
        ("billingKey", "[]", STRING),
        ("orderId", "1", STRING),
        ("orderId", "\"\"", EMPTY),
        ("orderId", "\"a b\"", ORDER),
        ("orderId", "\"주문-1\"", ORDER),
        ("orderId", "\"a|b\"", ORDER),
        ("orderId", "\"a/b\"", ORDER),
        ("orderId", "\"🎉\"", ORDER),
        ("orderId", "\"'; --\"", ORDER),
        ("orderId", "\"a\\u0000\"", CONTROL),
        (
            "orderId",
            "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"",
            "50자를 넘을 수 없습니다.",
        ),
        ("taxFreeAmount", "-1", TAX_FREE),
        ("taxFreeAmount", "9901", ABOVE),
        ("currency", "\"USD\"", UNKNOWN_FIELD),
    ];
    app.refuses_each(post(), &base, &cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_that_is_both_one_off_and_of_a_subscription_is_refused() {
    const NOT_WITH: &str = "subscriptionId와 함께 사용할 수 없습니다.";
    let app = TestApp::start().await;
    let key = app.register("4111111111111111").await;
    let id = app.subscribe(&key, 15).await["id"].clone();
    let before = app.everything().await;
    let mut both = one_off(&key);
    both["subscriptionId"] = id.clone();
    both["orderId"] = json!("ORDER-1");
    let fields = ["billingKey", "customerId", "amount", "productName", "orderId"];
    let expected = invalid(&fields.map(|field| (field, NOT_WITH)));
    assert_eq!(app.post(PAY, &both).await.error(400), expected);
    for field in fields {
        let body = json!({"subscriptionId": id, field: both[field]});
        let expected = invalid(&[(field, NOT_WITH)]);
        assert_eq!(app.post(PAY, &body).await.error(400), expected);
    }
    for wrong in [json!(1), json!(true), json!([id])] {
        let body = json!({"subscriptionId": wrong});
        let expected = invalid(&[("subscriptionId", STRING)]);
        assert_eq!(app.post(PAY, &body).await.error(400), expected);
    }
    assert_eq!(app.everything().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_is_refused_for_each_wrong_field() {
    let app = TestApp::start().await;
    let key = app.register("4111111111111111").await;
    let paid = app.pay(&key).await.data(200);
    let base = json!({"paymentId": paid["id"], "amount": 1000});
    let post = || (Method::POST, REFUND);
    app.refuses_no_amounts(post(), &base).await;
    let cases = [
        ("paymentId", "1", STRING),
        ("taxFreeAmount", "-1", TAX_FREE),
        ("taxFreeAmount", "0.5", TAX_FREE),
        ("taxFreeAmount", "\"0\"", NUMBER),
        ("taxFreeAmount", "10000000000", TAX_FREE),
        ("taxFreeAmount", "1001", ABOVE),
        ("reason", "1", STRING),
        ("reason", "\"\"", EMPTY),
        ("reason", "\"a\\nb\"", CONTROL),
        ("amuont", "1000", UNKNOWN_FIELD),
    ];
    app.refuses_each(post(), &base, &cases).await;
    let before = app.everything().await;
    let both = json!({"paymentId": paid["id"], "orderId": paid["orderId"]});
    let none = json!({"amount": 1000});
    let null = json!({"paymentId": null, "amount": 1000});
    let three = json!({"paymentId": "x", "orderId": "y", "transactionId": "z"});
    for body in [both, none, null, three] {
        let expected = invalid(&[("paymentId", ONE_OF)]);
        assert_eq!(app.post(REFUND, &body).await.error(400), expected);
    }
    let long = json!({"paymentId": paid["id"], "reason": "왜".repeat(201)});
    let expected = invalid(&[("reason", "200자를 넘을 수 없습니다.")]);
    assert_eq!(app.post(REFUND, &long).await.error(400), expected);
    // Nothing said about the amount: all that is left, and none of it is tax-free.
    let above = json!({"paymentId": paid["id"], "taxFreeAmount": 9901});
    let misfit = "환불할 금액과 남은 면세·과세 금액에 맞아야 합니다.";
    assert_eq!(app.post(REFUND, &above).await.error(400), invalid(&[("taxFreeAmount", misfit)]));
    assert_eq!(app.everything().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_is_settled_by_hand_only_with_a_whole_story_and_only_when_unknown() {
    const OUTCOME: &str = "approved, declined 중 하나여야 합니다.";
    const TRANSACTION: &str = "영문과 숫자 20자 이하여야 합니다.";
    let app = TestApp::start().await;
    let key = app.register("4000000000000119").await;
    let unknown = app.pay(&key).await.data(202);
    let path = format!("/billing/payment/{}/resolve", unknown["id"].as_str().unwrap());
    app.misses_each(&path, &json!({"outcome": "declined", "reason": "x"}), &["outcome", "reason"])
        .await;
    let base = json!({"outcome": "approved", "transactionId": "T1", "reason": "확인"});
    let cases = [
        ("outcome", "\"refunded\"", OUTCOME),
        ("outcome", "true", OUTCOME),
        ("transactionId", "null", REQUIRED),
        ("transactionId", "1", STRING),
        ("transactionId", "\"\"", EMPTY),
        ("transactionId", "\"T-1\"", TRANSACTION),
        ("transactionId", "\"xxxxxxxxxxxxxxxxxxxxx\"", TRANSACTION),
        ("reason", "\"\"", EMPTY),
        ("reason", "7", STRING),
        ("status", "\"approved\"", UNKNOWN_FIELD),
    ];
    app.refuses_each((Method::POST, &path), &base, &cases).await;

    let paid = app.pay(&app.register("4111111111111111").await).await.data(200);
    let before = app.everything().await;
    let other = json!({
        "outcome": "approved", "transactionId": paid["transactionId"], "reason": "확인",
    });
    let expected = invalid(&[("transactionId", "다른 결제의 거래번호입니다.")]);
    assert_eq!(app.post(&path, &other).await.error(400), expected);
    let known = format!("/billing/payment/{}/resolve", paid["id"].as_str().unwrap());
    let expected = json!({"code": "not_unknown", "message": "미확정 상태가 아닙니다."});
    assert_eq!(app.post(&known, &base).await.error(409), expected);
    let refused = json!({"orderId": unknown["orderId"]});
    app.post(REFUND, &refused).await.fails(409, "outcome_unknown");
    assert_eq!(app.everything().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_is_settled_by_hand_only_as_refunded_or_declined() {
    const OUTCOME: &str = "refunded, declined 중 하나여야 합니다.";
    let app = TestApp::start().await;
    let key = app.register("4111111111111111").await;
    let paid = app.pay(&key).await.data(200);
    lose(&app, "CANCEL", "drop_after").await;
    let lost = app.post(REFUND, &json!({"paymentId": paid["id"]})).await.data(202);
    assert_eq!(lost["status"], "unknown");
    let path = format!("/billing/refund/{}/resolve", lost["refund"]["id"].as_str().unwrap());
    let base = json!({"outcome": "refunded", "reason": "확인"});
    app.misses_each(&path, &base, &["outcome", "reason"]).await;
    let cases = [
        ("outcome", "\"pending\"", OUTCOME),
        ("outcome", "\"unknown\"", OUTCOME),
        ("outcome", "\"approved\"", OUTCOME),
        ("outcome", "1", OUTCOME),
        ("reason", "\" \"", EMPTY),
        ("transactionId", "\"T1\"", UNKNOWN_FIELD),
    ];
    app.refuses_each((Method::POST, &path), &base, &cases).await;
    let settled = app.post(&path, &base).await.data(200);
    assert_eq!(settled["refund"]["status"], "refunded");
    app.post(&path, &base).await.fails(409, "not_unknown");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_refuse_limits_cursors_and_filters_that_mean_nothing() {
    const LIMIT: &str = "1 이상 100 이하의 정수여야 합니다.";
    const CURSOR: &str = "nextCursor로 받은 값이어야 합니다.";
    const SUBSCRIPTION: &str = "active, past_due, paused, unpaid, canceled 중 하나여야 합니다.";
    const PAYMENT: &str = "pending, approved, declined, refused, unknown, partially_refunded, refunded \
        중 하나여야 합니다.";
    const KEY: &str = "active, inactive 중 하나여야 합니다.";
    const REFUNDS: &str = "pending, refunded, declined, unknown 중 하나여야 합니다.";
    const INSTANT: &str = "RFC 3339 시각이어야 합니다.";
    let everywhere: Vec<Case> = vec![
        ("limit", "0", LIMIT),
        ("limit", "101", LIMIT),
        ("limit", "abc", LIMIT),
        ("limit", "-1", LIMIT),
        ("limit", "1.5", LIMIT),
        ("limit", "", LIMIT),
        ("limit", "99999999999999999999", LIMIT),
        ("cursor", "broken", CURSOR),
        ("cursor", "%27;--", CURSOR),
        ("cursor", "", CURSOR),
        ("page", "2", UNKNOWN_FIELD),
        ("Limit", "2", UNKNOWN_FIELD),
    ];
    let of_each: [(&str, Vec<Case>); 4] = [
        ("keys", vec![("customerId", "a%7Cb", PIPE), ("status", "x", KEY)]),
        ("subscriptions", vec![("status", "nope", SUBSCRIPTION), ("status", "", SUBSCRIPTION)]),
        (
            "payments",
            vec![
                ("status", "nope", PAYMENT),
                ("status", "Approved", PAYMENT),
                ("from", "yesterday", INSTANT),
                ("to", "2026-02-30", INSTANT),
                ("customerId", "%00", CONTROL),
            ],
        ),
        ("refunds", vec![("status", "approved", REFUNDS)]),
    ];
    let app = TestApp::start().await;
    let before = app.everything().await;
    for (list, own) in of_each {
        for (field, value, reason) in everywhere.iter().chain(&own) {
            let reply = app.get(&format!("/billing/{list}?{field}={value}")).await;
            assert_eq!(reply.error(400), invalid(&[(field, reason)]), "{list} {field}={value}");
        }
    }
    let reply = app.get("/billing/payments?limit=0&cursor=x&foo=1").await;
    let expected = invalid(&[("limit", LIMIT), ("cursor", CURSOR), ("foo", UNKNOWN_FIELD)]);
    assert_eq!(reply.error(400), expected);
    assert_eq!(app.everything().await, before);
    // A filter by ids of another kind finds nothing.
    let nothing: Value = json!({"items": [], "nextCursor": null});
    for filter in ["payments?subscriptionId=pay_x", "refunds?paymentId=sub_x"] {
        assert_eq!(app.get(&format!("/billing/{filter}")).await.data(200), nothing);
    }
}
