//! Refunds of what subscriptions paid: by the days of the real segments, less the credit that was given
//! for them, and of credit that is not used.

use chrono::Datelike;
use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::long_run::charges;
use crate::support::refusals::{REQUIRED, invalid};
use crate::support::subscriptions::{APPROVED, monthly};

const REFUND: &str = "/billing/refund";
const SUBSCRIBE: &str = "/billing/subscribe";

/// A year in which 15 March is still to come, at noon of 10 March.
async fn on_10_march(app: &TestApp) -> i32 {
    let year = app.today().year() + 1;
    app.advance_to(&format!("{year}-03-10T12:00:00+09:00")).await;
    year
}

/// A subscription that paid 9,900 won for the days from 15 March to 15 April, at noon of 25 March, with
/// its payment.
async fn paid(app: &TestApp, more: &Value) -> (Value, Value, i32) {
    let year = on_10_march(app).await;
    let mut body = monthly(&app.register(APPROVED).await);
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    let made = app.post(SUBSCRIBE, &body).await.data(201);
    app.advance_to(&format!("{year}-03-25T12:00:00+09:00")).await;
    let payment = app.get("/billing/payments").await.data(200)["items"][0].clone();
    (made["id"].clone(), payment, year)
}

/// The same after a change at once to 4,900 won: 6,707 won were credited, and 3,319 of them used.
async fn credited(app: &TestApp) -> (Value, Value, i32) {
    let (id, payment, year) = paid(app, &json!({})).await;
    let lower = app.change(&id, &json!({"amount": 4900, "when": "now"})).await.data(200);
    assert_eq!(lower["creditBalance"], 3388);
    (id, payment, year)
}

async fn quote(app: &TestApp, payment: &Value, measure: &str) -> Value {
    let id = payment["id"].as_str().unwrap();
    app.get(&format!("/billing/refund-quote?paymentId={id}{measure}")).await.data(200)
}

async fn shown(app: &TestApp, payment: &Value) -> Value {
    app.get(&format!("/billing/payment/{}", payment["id"].as_str().unwrap())).await.data(200)
}

fn from_credit(payment: &Value, amount: i64) -> Value {
    json!({"paymentId": payment["id"], "amount": amount, "fromCredit": true})
}

async fn foretold(app: &TestApp, year: i32) -> Vec<(String, i64)> {
    let path = format!("/billing/forecast?until={}-03-10", year + 1);
    charges(app.get(&path).await.data(200)["items"].as_array().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_year_counts_its_days() {
    let app = TestApp::start().await;
    let year = on_10_march(&app).await;
    let mut body = monthly(&app.register(APPROVED).await);
    for (name, value) in [
        ("amount", json!(99_000)),
        ("interval", json!("year")),
        ("cycleDay", json!(10)),
        ("chargeNow", json!(true)),
    ] {
        body[name] = value;
    }
    app.post(SUBSCRIBE, &body).await.data(201);
    let payment = app.get("/billing/payments").await.data(200)["items"][0].clone();
    assert_eq!(payment["period"]["end"], format!("{}-03-10", year + 1));
    let next_february = chrono::NaiveDate::from_ymd_opt(year + 1, 3, 1).unwrap().pred_opt();
    let days = 337 + i64::from(next_february.unwrap().day());
    let after_100 = quote(&app, &payment, &format!("&asOf={year}-06-17")).await;
    let told = ["total", "used", "unused", "quote"].map(|name| after_100[name].clone());
    let unused = days - 100;
    assert_eq!(told, [days, 100, unused, 99_000 * unused / days].map(|n| json!(n)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tax_free_part_goes_back_by_days_in_the_same_proportion() {
    let app = TestApp::start().await;
    let (_, payment, year) = paid(&app, &json!({"amount": 9300, "taxFreeAmount": 3100})).await;
    // 16 of 31 days are left.
    let half = quote(&app, &payment, &format!("&asOf={year}-03-29")).await;
    let told = ["unused", "quote", "quoteTaxableAmount", "quoteTaxFreeAmount"];
    let told = told.map(|name| half[name].as_i64().unwrap());
    assert_eq!(told, [16, 4800, 3200, 1600]);
    let basis = json!({"asOf": format!("{year}-03-29")});
    let refund = app.post(REFUND, &json!({"paymentId": payment["id"], "proRata": basis})).await;
    let refund = refund.data(200)["refund"].clone();
    assert_eq!((&refund["amount"], &refund["taxFreeAmount"]), (&json!(4800), &json!(1600)));
}

#[tokio::test(flavor = "multi_thread")]
async fn days_kept_by_a_pause_are_not_used() {
    let app = TestApp::start().await;
    let (id, payment, year) = paid(&app, &json!({})).await;
    app.turn(&id, "pause").await.data(200);
    for as_of in ["03-25", "04-20"] {
        let told = quote(&app, &payment, &format!("&asOf={year}-{as_of}")).await;
        let told = ["total", "used", "quote"].map(|name| told[name].as_i64().unwrap());
        assert_eq!(told, [31, 10, 9900 * 21 / 31], "{as_of}");
    }
    app.advance_to(&format!("{year}-04-01T12:00:00+09:00")).await;
    app.turn(&id, "resume").await.data(200);
    let told = quote(&app, &payment, "").await;
    assert_eq!((&told["used"], &told["quote"]), (&json!(11), &json!(9900 * 20 / 31)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_changes_neither_the_days_nor_the_next_charge() {
    let app = TestApp::start().await;
    let (id, payment, year) = paid(&app, &json!({})).await;
    let path = format!("/billing/subscription/{}/timeline", id.as_str().unwrap());
    let days = |timeline: Value| {
        let segments = timeline["segments"].as_array().unwrap().clone();
        segments.iter().map(|s| [s["start"].clone(), s["kind"].clone()]).collect::<Vec<_>>()
    };
    let before = (app.subscription(&id).await, foretold(&app, year).await);
    let covered = days(app.get(&path).await.data(200));
    let all = app.post(REFUND, &json!({"paymentId": payment["id"]})).await.data(200);
    assert_eq!(all["payment"]["refundableAmount"], 0);
    assert_eq!((app.subscription(&id).await, foretold(&app, year).await), before);
    assert_eq!(days(app.get(&path).await.data(200)), covered);
    app.advance_to(&format!("{year}-04-15T10:00:00+09:00")).await;
    assert_eq!(app.ledger().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_credited_is_not_refunded_by_the_payment_as_well() {
    let app = TestApp::start().await;
    let (_, payment, year) = credited(&app).await;
    let now = shown(&app, &payment).await;
    assert_eq!((&now["refundableAmount"], &now["creditedAmount"]), (&json!(3193), &json!(6707)));
    // Ten days are left of what it paid for, all of them used.
    let told = quote(&app, &payment, "").await;
    let names = ["total", "used", "unused", "quote", "refundableAmount", "creditedAmount"];
    let told = names.map(|name| told[name].as_i64().unwrap());
    assert_eq!(told, [10, 10, 0, 0, 3193, 6707]);
    let used = quote(&app, &payment, &format!("&asOf={year}-03-19")).await;
    assert_eq!((&used["unused"], &used["quote"]), (&json!(5), &json!(1596)));
    let above = json!({"paymentId": payment["id"], "amount": 3194});
    app.post(REFUND, &above).await.fails(409, "refund_exceeds_balance");
    let rest = app.post(REFUND, &json!({"paymentId": payment["id"]})).await.data(200);
    assert_eq!(rest["refund"]["amount"], 3193);
    assert_eq!(rest["payment"]["refundableAmount"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn unused_credit_is_refunded_to_the_card_and_pays_no_next_charge() {
    let app = TestApp::start().await;
    let (id, payment, year) = credited(&app).await;
    let next = |amount| (format!("{year}-04-15"), amount);
    assert_eq!(foretold(&app, year).await[0], next(1512));
    app.post(REFUND, &from_credit(&payment, 3389)).await.fails(409, "refund_exceeds_balance");
    let part = app.post(REFUND, &from_credit(&payment, 1000)).await.data(200);
    let told = [&part["refund"]["amount"], &part["refund"]["fromCredit"]];
    assert_eq!(told, [&json!(1000), &json!(true)]);
    let told = [&part["payment"]["refundableAmount"], &part["payment"]["creditedAmount"]];
    assert_eq!(told, [&json!(3193), &json!(5707)]);
    assert_eq!(app.subscription(&id).await["creditBalance"], 2388);
    assert_eq!(foretold(&app, year).await[0], next(2512));
    app.post(REFUND, &from_credit(&payment, 2388)).await.data(200);
    assert_eq!(app.subscription(&id).await["creditBalance"], 0);
    app.post(REFUND, &from_credit(&payment, 1)).await.fails(409, "refund_exceeds_balance");
    app.advance_to(&format!("{year}-04-15T10:00:00+09:00")).await;
    let ledger = app.ledger().await;
    assert_eq!((&ledger[0]["canceledAmount"], &ledger[1]["amount"]), (&json!(3388), &json!(4900)));
}

#[tokio::test(flavor = "multi_thread")]
async fn credit_whose_refund_is_refused_is_credit_again_and_one_that_is_unknown_waits() {
    let app = TestApp::start().await;
    let (id, payment, _) = credited(&app).await;
    let no = json!({"on": "CANCEL", "kind": "decline", "code": "9204", "message": "취소 불가"});
    app.fault(no).await;
    app.post(REFUND, &from_credit(&payment, 3388)).await.fails(409, "refund_not_allowed");
    assert_eq!(app.subscription(&id).await["creditBalance"], 3388);
    assert_eq!(shown(&app, &payment).await["creditedAmount"], 6707);

    app.fault(json!({"on": "CANCEL", "kind": "drop_before"})).await;
    let unknown = app.post(REFUND, &from_credit(&payment, 3000)).await.data(202);
    assert_eq!(app.subscription(&id).await["creditBalance"], 388);
    app.post(REFUND, &from_credit(&payment, 389)).await.fails(409, "refund_exceeds_balance");
    let resolve = format!("/billing/refund/{}/resolve", unknown["refund"]["id"].as_str().unwrap());
    let declined = json!({"outcome": "declined", "reason": "취소 내역 없음"});
    app.post(&resolve, &declined).await.data(200);
    assert_eq!(app.subscription(&id).await["creditBalance"], 3388);
    assert_eq!(shown(&app, &payment).await["refundableAmount"], 3193);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_ten_refunds_of_the_same_credit_one_is_made() {
    let app = TestApp::start().await;
    let (id, payment, _) = credited(&app).await;
    let body = from_credit(&payment, 2000);
    let replies = join_all((0..10).map(|_| app.post(REFUND, &body))).await;
    let (done, refused): (Vec<_>, Vec<_>) = replies.iter().partition(|r| r.status == 200);
    assert_eq!(done.len(), 1);
    for reply in refused {
        reply.fails(409, "refund_exceeds_balance");
    }
    assert_eq!(app.subscription(&id).await["creditBalance"], 1388);
    let all = json!({"paymentId": payment["id"]});
    let (credit, rest) = tokio::join!(app.post(REFUND, &body), app.post(REFUND, &all));
    credit.fails(409, "refund_exceeds_balance");
    assert_eq!(rest.data(200)["refund"]["amount"], 3193);
    assert_eq!(app.ledger().await[0]["canceledAmount"], 5193);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_of_credit_that_is_not_well_asked_for_is_refused() {
    let app = TestApp::start().await;
    let payment = app.pay(&app.register(APPROVED).await).await.data(200);
    app.post(REFUND, &from_credit(&payment, 1)).await.fails(409, "refund_exceeds_balance");
    let together = "fromCredit와 함께 사용할 수 없습니다.";
    let wrong = json!({"paymentId": payment["id"], "fromCredit": true, "proRata": true,
        "taxFreeAmount": 0});
    let expected = [("amount", REQUIRED), ("proRata", together), ("taxFreeAmount", together)];
    assert_eq!(app.post(REFUND, &wrong).await.error(400), invalid(&expected));
    assert_eq!(shown(&app, &payment).await["refundableAmount"], 9900);
}
