//! However money comes and goes, and whoever tells of it: each amount is one movement.

use kiwoom_sandbox::CPID;
use serde_json::{Value, json};

use super::{agree, agree_with_ledger, moved, movements, named};
use crate::support::app::{TestApp, one_off, steady};
use crate::support::refusals::without;
use crate::support::sandbox::{IMPATIENT, lose};
use crate::support::subscriptions::{ALWAYS_SHORT, APPROVED, monthly};
use crate::support::window::{ALL_ON, answered, in_window, paid, pay_by, prepare, status, tell};

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_stays_and_what_goes_back_stands_beside_it() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    let short = app.register(ALWAYS_SHORT).await;
    let sale = app.pay(&key).await.data(200);
    app.pay(&short).await.fails(402, "payment_declined");
    let part = json!({"paymentId": sale["id"], "amount": 4000});
    let refund = app.post("/billing/refund", &part).await.data(200)["refund"].clone();
    let mut plan = without(&monthly(&key), "cycleDay");
    (plan["chargeNow"], plan["firstPeriod"]) = (json!(true), json!("full"));
    let made = app.post("/billing/subscribe", &plan).await.data(201);
    let whole = app.pay(&key).await.data(200);
    app.post("/billing/refund", &json!({"paymentId": whole["id"]})).await.data(200);

    let expected = [
        ("charge", 9900),
        ("refund", -4000),
        ("charge", 9900),
        ("charge", 9900),
        ("refund", -9900),
    ];
    assert_eq!(moved(&app, "").await, named(&expected));
    let all = movements(&app, "").await;
    let today = app.today().to_string();
    let of_sale = json!({
        "id": all[4]["id"], "kind": "charge", "amount": 9900, "taxFreeAmount": 0,
        "taxableAmount": 9900, "vat": 900, "method": "CARD", "cardCompanyCode": "CVSF",
        "cardCompany": "해외비자", "orderId": sale["orderId"],
        "transactionId": sale["transactionId"], "paymentId": "pay_", "refundId": null,
        "subscriptionId": null, "customerId": "user123", "movedAt": "at", "movedOn": today,
        "bookedAt": "at", "bookedOn": today,
    });
    assert_eq!(steady(all[4].clone()), of_sale);
    assert_eq!((&all[4]["paymentId"], &all[4]["movedAt"]), (&sale["id"], &sale["approvedAt"]));
    assert!(all[4]["id"].as_str().unwrap().starts_with("mov_"));
    let back = &all[3];
    assert_eq!((&back["refundId"], &back["paymentId"]), (&refund["id"], &sale["id"]));
    assert_eq!((&back["amount"], &back["vat"]), (&json!(-4000), &json!(-364)));
    assert_eq!(back["transactionId"], sale["transactionId"]);
    assert_eq!(all[2]["subscriptionId"], made["id"]);
    let whole = agree_with_ledger(&app).await;
    assert_eq!(
        (&whole["total"]["gross"], &whole["total"]["refunds"]),
        (&json!(29_700), &json!(13_900))
    );
    assert_eq!(whole["total"]["count"], 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_of_the_window_and_what_is_cancelled_in_the_merchant_pages() {
    let app = TestApp::with(ALL_ON).await;
    for (order, method) in [("O-1", "KAKAOPAY"), ("O-2", "NAVERPAY")] {
        pay_by(&app, &prepare(&app, order).await, method).await;
    }
    let late = prepare(&app, "O-3").await;
    app.advance_days(1).await;
    assert_eq!(status(&app, "O-3").await["status"], "expired");
    pay_by(&app, &late, "PAYCO").await;
    app.post("/easypay/cancel", &json!({"orderId": "O-2"})).await.data(200);
    let there = json!({"transactionId": app.ledger().await[0]["transactionId"], "amount": 900});
    assert_eq!(app.post("/sandbox/admin/cancel", &there).await.status, 200);
    app.advance_secs(1).await;
    let expected = [
        ("window_payment", 9900),
        ("window_payment", 9900),
        ("window_payment", 9900),
        ("refund", -9900),
        ("cancellation", -900),
    ];
    assert_eq!(moved(&app, "").await, named(&expected));
    let of = async |filter: &str| {
        let found = movements(&app, filter).await.into_iter();
        found.map(|m| m["orderId"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(of("method=NAVERPAY").await, ["O-2", "O-2"]);
    assert_eq!(of("kind=cancellation").await, ["O-1"]);
    assert_eq!(of("kind=window_payment&method=PAYCO").await, ["O-3"]);
    agree_with_ledger(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn money_that_nobody_asked_for_comes_and_goes_under_a_name_of_its_own() {
    let app = TestApp::with(ALL_ON).await;
    let prepared = prepare(&app, "O-1").await;
    in_window(&app, &prepared, "pay").await;
    in_window(&app, &prepared, "pay").await;
    let second = app.ledger().await[1]["transactionId"].clone();
    app.post("/billing/refund", &json!({"transactionId": second, "amount": 900})).await.data(200);
    let there = json!({"transactionId": second, "amount": 9000});
    assert_eq!(app.post("/sandbox/admin/cancel", &there).await.status, 200);
    app.advance_secs(1).await;
    let expected = [
        ("window_payment", 9900),
        ("unexpected", 9900),
        ("unexpected_return", -900),
        ("unexpected_return", -9000),
    ];
    assert_eq!(moved(&app, "").await, named(&expected));
    assert!(movements(&app, "").await.iter().all(|m| m["orderId"] == "O-1"));
    agree_with_ledger(&app).await;
    // Another amount is told first, and the right one of the same transaction then.
    prepare(&app, "O-2").await;
    answered(&tell(&app, &paid("O-2", "t1", 1000)).await, 200);
    answered(&tell(&app, &paid("O-2", "t1", 9900)).await, 200);
    let mut of_second = moved(&app, "").await.split_off(4);
    of_second[1..].sort();
    let expected = [("unexpected", 1000), ("unexpected", -1000), ("window_payment", 9900)];
    assert_eq!(of_second, named(&expected));
    let all = movements(&app, "").await;
    assert!(all[..3].iter().all(|m| m["transactionId"] == "t1"), "{all:?}");
    agree(&app).await;
}

/// That the charge was made, as KiwoomPay would tell of it.
fn charged(transaction: &Value) -> String {
    let text = |name: &str| transaction[name].as_str().unwrap().to_owned();
    let (id, order, auth) = (text("transactionId"), text("orderNo"), text("authNo"));
    format!(
        "PAYMETHOD=CARD&CPID={CPID}&DAOUTRX={id}&ORDERNO={order}&AMOUNT={}&AUTHNO={auth}",
        transaction["amount"]
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_unknown_is_booked_once_when_it_is_settled_whoever_settles_it() {
    let app = TestApp::at_noon(IMPATIENT).await;
    let key = app.register(APPROVED).await;
    let mut orders = Vec::new();
    for n in 0..4 {
        lose(&app, "CARD-BATCH", "drop_after").await;
        let mut body = one_off(&key);
        body["orderId"] = json!(format!("LOST-{n}"));
        orders.push(app.post("/billing/pay", &body).await.data(202)["id"].clone());
    }
    assert_eq!(moved(&app, "").await, named(&[]));
    let ledger = app.ledger().await;
    // By a person, twice.
    let by_hand = json!({"outcome": "approved", "reason": "가맹점 관리자에서 확인",
        "transactionId": ledger[0]["transactionId"]});
    let path = format!("/billing/payment/{}/resolve", orders[0].as_str().unwrap());
    app.post(&path, &by_hand).await.data(200);
    app.post(&path, &by_hand).await.fails(409, "not_unknown");
    // By a notification and its copies.
    for _ in 0..3 {
        answered(&tell(&app, &charged(&ledger[1])).await, 200);
        answered(&tell(&app, &charged(&ledger[0])).await, 200);
    }
    assert_eq!(moved(&app, "").await, named(&[("charge", 9900), ("charge", 9900)]));
    // A refund without an answer, and the rest by KiwoomPay's list of the day before.
    lose(&app, "CANCEL", "drop_after").await;
    let part = json!({"paymentId": orders[0], "amount": 4000});
    app.post("/billing/refund", &part).await.data(202);
    app.cancel_unheard(&ledger[1]["transactionId"], 900).await;
    assert_eq!(moved(&app, "").await.len(), 2);
    app.advance_days(1).await;
    let list = app.listed().await.join("\n");
    let list = format!("type,at,transactionId,orderNo,amount\n{}\n", list.replace('|', ","));
    for _ in 0..2 {
        let done = app.reconcile("?settle=true&reason=test", list.clone()).await;
        assert_eq!(done.status, 200, "{}", done.text);
    }
    let expected = [
        ("cancellation", -900),
        ("charge", 9900),
        ("charge", 9900),
        ("charge", 9900),
        ("charge", 9900),
        ("refund", -4000),
    ];
    let mut all = moved(&app, "").await;
    all.sort();
    assert_eq!(all, named(&expected));
    let found = movements(&app, "").await;
    let today = json!(app.today().to_string());
    let yesterday = json!(app.today().pred_opt().unwrap().to_string());
    let reconciled: Vec<_> = found.iter().filter(|m| m["bookedOn"] == today).collect();
    assert_eq!(reconciled.len(), 4);
    assert!(reconciled.iter().all(|m| m["movedOn"] == yesterday), "{reconciled:?}");
    agree_with_ledger(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_period_that_the_books_had_lost_is_booked_when_it_is_recorded() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    let made = app.post("/billing/subscribe", &monthly(&key)).await.data(201);
    app.advance_to_charge(&made["nextBillingDate"]).await;
    let next = app.subscription(&made["id"]).await["nextBillingDate"].clone();
    let day: chrono::NaiveDate = next.as_str().unwrap().parse().unwrap();
    app.advance_to(&format!("{}T12:00:00+09:00", day.pred_opt().unwrap())).await;
    let body = json!({"periodStart": next, "transactionId": "LOST1",
        "reason": "복구한 데이터베이스에 없는 결제"});
    let path = format!("/billing/subscription/{}/paid", made["id"].as_str().unwrap());
    for _ in 0..2 {
        let request = app.request(reqwest::Method::POST, &path).json(&body);
        app.send(request.header("Idempotency-Key", "once")).await.data(201);
    }
    let all = movements(&app, "").await;
    assert_eq!(all.len(), 2, "{all:?}");
    let seen = (&all[0]["kind"], &all[0]["amount"], &all[0]["transactionId"]);
    assert_eq!(seen, (&json!("charge"), &json!(9900), &json!("LOST1")));
    assert!(all.iter().all(|m| m["subscriptionId"] == made["id"]));
    agree(&app).await;
}
