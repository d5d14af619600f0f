//! Tax-free and mixed amounts: what the gateway is told, and what goes back first.

use serde_json::{Value, json};

use crate::support::app::{TestApp, one_off};
use crate::support::refusals::invalid;
use crate::support::sandbox::fields;
use crate::support::subscriptions::{APPROVED, SHORT_AT_FIRST, monthly};

const MISFIT: &str = "환불할 금액과 남은 면세·과세 금액에 맞아야 합니다.";

/// TAXFREECD of each charge, and PRODUCTCODE, in which the tax-free part of a mixed one travels.
async fn charged(app: &TestApp) -> Vec<(String, String)> {
    let of = |call: &Value| {
        let fields = fields(call);
        assert!(!fields.contains_key("TAXFREEAMT"), "{fields:?}");
        let text = |name: &str| fields[name].as_str().unwrap().to_owned();
        (text("TAXFREECD"), text("PRODUCTCODE"))
    };
    app.requests("CARD-BATCH").await.iter().map(of).collect()
}

/// AMOUNT and TAXFREEAMT of each cancellation.
async fn canceled(app: &TestApp) -> Vec<(Value, Value)> {
    let of = |call: &Value| {
        let fields = Value::from(fields(call));
        (fields["AMOUNT"].clone(), fields["TAXFREEAMT"].clone())
    };
    app.requests("CANCEL").await.iter().map(of).collect()
}

fn pair(code: &str, part: &str) -> (String, String) {
    (code.to_owned(), part.to_owned())
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
    assert_eq!(charged(&app).await, [pair("00", ""), pair("01", ""), pair("02", "2000")]);
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
    let mixed = |part| pair("02", part);
    assert_eq!(charged(&app).await, [mixed("900"), mixed("900"), mixed("1000")]);

    let whole = app.change(&made["id"], &json!({"amount": 5000, "taxFreeAmount": 5000})).await;
    assert_eq!(whole.data(200)["taxFreeAmount"], 5000);
    let risen = app.change(&made["id"], &json!({"amount": 6000})).await.data(200);
    // Less than the 20,000 won that were charged last: no rise.
    let price = (&risen["amount"], &risen["taxFreeAmount"]);
    assert_eq!(price, (&json!(6000), &json!(6000)), "a tax-free subscription stays one");
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
    let parts: Vec<_> = canceled(&app).await.into_iter().map(|call| call.1).collect();
    assert_eq!(parts, [Value::Null, json!("500"), json!("1500")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_used_of_a_mixed_sale_goes_back_in_proportion() {
    let app = TestApp::start().await;
    let mut body = one_off(&app.register(APPROVED).await);
    (body["amount"], body["taxFreeAmount"]) = (json!(11_000), json!(3000));
    let id = app.post("/billing/pay", &body).await.data(200)["id"].clone();
    let quote = async |used: i64, total: i64| {
        let id = id.as_str().unwrap();
        let path = format!("/billing/refund-quote?paymentId={id}&used={used}&total={total}");
        let quote = app.get(&path).await.data(200);
        ["quote", "quoteTaxableAmount", "quoteTaxFreeAmount"].map(|name| quote[name].clone())
    };
    let refund = async |used: i64, total: i64| {
        let basis = json!({"used": used, "total": total});
        let body = json!({"paymentId": id, "proRata": basis});
        let refund = app.post("/billing/refund", &body).await.data(200)["refund"].clone();
        (refund["amount"].clone(), refund["taxFreeAmount"].clone())
    };
    assert_eq!(quote(1, 2).await, [5500, 4000, 1500]);
    assert_eq!(refund(1, 2).await, (json!(5500), json!(1500)));
    assert_eq!(quote(1, 2).await, [0, 0, 0]);
    // Rounded down, each time, and the last refund gives back the rest of both parts.
    assert_eq!(refund(1, 3).await, (json!(1833), json!(500)));
    assert_eq!(refund(0, 3).await, (json!(3667), json!(1000)));
    let pair = |amount: &str, part: &str| (json!(amount), json!(part));
    let sent = [pair("5500", "1500"), pair("1833", "500"), pair("3667", "1000")];
    assert_eq!(canceled(&app).await, sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_cancellation_made_elsewhere_the_taxable_part_went_back_first() {
    let app = TestApp::start().await;
    let payment = paid(&app, 2000).await;
    let id = payment["transactionId"].as_str().unwrap();
    let elsewhere = json!({"transactionId": id, "amount": 8000});
    assert_eq!(app.post("/sandbox/admin/cancel", &elsewhere).await.status, 200);
    app.advance_secs(1).await;
    let refunds = app.get("/billing/refunds").await.data(200);
    assert_eq!(refunds["items"][0]["taxFreeAmount"], 100);
    let rest = json!({"paymentId": payment["id"]});
    let rest = app.post("/billing/refund", &rest).await.data(200);
    assert_eq!(
        (&rest["refund"]["amount"], &rest["refund"]["taxFreeAmount"]),
        (&json!(1900), &json!(1900))
    );
}
