//! Tax-free and mixed amounts: what the gateway is told, and what goes back first.

use serde_json::{Value, json};

use crate::support::app::{TestApp, one_off};
use crate::support::refusals::invalid;
use crate::support::sandbox::fields;
use crate::support::subscriptions::{APPROVED, SHORT_AT_FIRST, monthly};

const MISFIT: &str = "환불할 금액과 남은 면세·과세 금액에 맞아야 합니다.";

/// TAXFREECD and TAXFREEAMT of each call of a kind.
async fn told(app: &TestApp, what: &str) -> Vec<(Value, Value)> {
    let of = |call: &Value| {
        let fields = Value::from(fields(call));
        (fields["TAXFREECD"].clone(), fields["TAXFREEAMT"].clone())
    };
    app.requests(what).await.iter().map(of).collect()
}

async fn paid(app: &TestApp, tax_free: i64) -> Value {
    let mut body = one_off(&app.register(APPROVED).await);
    body["taxFreeAmount"] = json!(tax_free);
    app.post("/billing/pay", &body).await.data(200)
}

#[tokio::test(flavor = "multi_thread")]
async fn taxable_tax_free_and_mixed_charges_are_told_apart_on_the_wire() {
    let app = TestApp::start().await;
    let shown = [paid(&app, 0).await, paid(&app, 9900).await, paid(&app, 2000).await];
    assert_eq!(shown[0].get("taxFreeAmount"), None);
    assert_eq!(
        (&shown[1]["taxFreeAmount"], &shown[2]["taxFreeAmount"]),
        (&json!(9900), &json!(2000))
    );
    let expected =
        [(json!("00"), Value::Null), (json!("01"), Value::Null), (json!("02"), json!("2000"))];
    assert_eq!(told(&app, "CARD-BATCH").await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_keeps_its_tax_free_part_and_a_retry_the_one_of_its_first_attempt() {
    let app = TestApp::start().await;
    let key = app.register(SHORT_AT_FIRST).await;
    let mut body = monthly(&key);
    body["taxFreeAmount"] = json!(900);
    let made = app.post("/billing/subscribe", &body).await.data(201);
    assert_eq!(made["taxFreeAmount"], 900);
    app.advance_to_charge(&made["nextBillingDate"]).await;
    let change = json!({"taxFreeAmount": 1000, "amount": 20_000});
    let changed = app.change(&made["id"], &change).await.data(200);
    assert_eq!(
        (&changed["taxFreeAmount"], &changed["pendingTaxFreeAmount"]),
        (&json!(900), &json!(1000))
    );
    let wrong = app.change(&made["id"], &json!({"amount": 899})).await;
    let above = invalid(&[("taxFreeAmount", "amount를 넘을 수 없습니다.")]);
    assert_eq!(wrong.error(400), above);
    app.advance_days(1).await;
    app.consent(&made["id"], 20_000).await.data(201);
    let now = app.subscription(&made["id"]).await;
    app.advance_to_charge(&now["nextBillingDate"]).await;
    let mixed = |part: &str| (json!("02"), json!(part));
    assert_eq!(told(&app, "CARD-BATCH").await, [mixed("900"), mixed("900"), mixed("1000")]);

    let whole = app.change(&made["id"], &json!({"amount": 5000, "taxFreeAmount": 5000})).await;
    assert_eq!(whole.data(200)["taxFreeAmount"], 5000);
    let risen = app.change(&made["id"], &json!({"amount": 6000})).await.data(200);
    assert_eq!(risen["pendingTaxFreeAmount"], 6000, "a tax-free subscription stays one");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_gives_the_taxable_part_back_first_and_never_too_much_of_either() {
    let app = TestApp::start().await;
    let id = paid(&app, 2000).await["id"].clone();
    let refund = |body: Value| {
        let mut body = body;
        body["paymentId"] = id.clone();
        let app = &app;
        async move { app.post("/billing/refund", &body).await }
    };
    let first = refund(json!({"amount": 4000})).await.data(200);
    assert_eq!(first["refund"].get("taxFreeAmount"), None);
    for wrong in [json!({"amount": 3000, "taxFreeAmount": 2001}), json!({"taxFreeAmount": 1999})] {
        assert_eq!(refund(wrong).await.error(400), invalid(&[("taxFreeAmount", MISFIT)]));
    }
    let chosen = refund(json!({"amount": 1000, "taxFreeAmount": 500})).await.data(200);
    assert_eq!(chosen["refund"]["taxFreeAmount"], 500);
    let rest = refund(json!({})).await.data(200);
    assert_eq!(
        (&rest["refund"]["amount"], &rest["refund"]["taxFreeAmount"]),
        (&json!(4900), &json!(1500))
    );
    assert_eq!(rest["payment"]["status"], "refunded");
    let parts: Vec<_> = told(&app, "CANCEL").await.into_iter().map(|call| call.1).collect();
    assert_eq!(parts, [Value::Null, json!("500"), json!("1500")]);
}
