//! What a refund of the unused part would give back, and the refund that gives it back.

use chrono::{Datelike, NaiveDate};
use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::app::{Reply, TestApp};
use crate::support::refusals::{REQUIRED, invalid};
use crate::support::subscriptions::{ALWAYS_SHORT, APPROVED, monthly};

const REFUND: &str = "/billing/refund";
const DATE: &str = "YYYY-MM-DD 형식의 날짜여야 합니다.";
const COUNT: &str = "0 이상 1000000 이하의 정수여야 합니다.";
const NO_PERIOD: &str =
    "구독 회차의 결제가 아니어서 일할 계산을 할 수 없습니다. used와 total을 보내 주세요.";

/// The charge of this many won for a February of 29 days, on whose first day it now is.
async fn leap_february(app: &TestApp, amount: i64) -> (Value, i32) {
    let key = app.register(APPROVED).await;
    let next = app.today().year() + 1;
    let year =
        (next..next + 9).find(|year| NaiveDate::from_ymd_opt(*year, 2, 29).is_some()).unwrap();
    app.advance_to(&format!("{year}-01-20T09:00:00+09:00")).await;
    let mut body = monthly(&key);
    (body["cycleDay"], body["amount"]) = (json!(1), json!(amount));
    app.post("/billing/subscribe", &body).await.data(201);
    app.advance_to(&format!("{year}-02-01T10:00:00+09:00")).await;
    let items = app.get("/billing/payments").await.data(200)["items"].clone();
    let period = json!({"start": format!("{year}-02-01"), "end": format!("{year}-03-01")});
    assert_eq!((&items[0]["period"], &items[0]["status"]), (&period, &json!("approved")));
    (items[0].clone(), year)
}

/// Nothing was left of it to give back: no refund was made.
fn gives_nothing(reply: &Reply, refundable: i64) {
    let data = reply.data(200);
    assert_eq!((&data["refund"], &data["amount"]), (&Value::Null, &json!(0)));
    assert_eq!(data["payment"]["refundableAmount"], refundable);
}

async fn quote(app: &TestApp, payment: &Value, measure: &str) -> Value {
    let id = payment["id"].as_str().unwrap();
    app.get(&format!("/billing/refund-quote?paymentId={id}{measure}")).await.data(200)
}

fn unused(payment: &Value, basis: &Value) -> Value {
    json!({"paymentId": payment["id"], "proRata": basis})
}

#[tokio::test(flavor = "multi_thread")]
async fn the_days_after_the_date_are_given_back_rounded_down() {
    let app = TestApp::start().await;
    let (paid, year) = leap_february(&app, 9900).await;
    for (day, left, won) in [
        ("01-31", 29, 9900),
        ("01-01", 29, 9900),
        ("02-01", 28, 9558),
        ("02-15", 14, 4779),
        ("02-27", 2, 682),
        ("02-28", 1, 341),
        ("02-29", 0, 0),
        ("03-01", 0, 0),
        ("12-31", 0, 0),
    ] {
        let as_of = format!("{year}-{day}");
        let expected = json!({
            "paymentId": paid["id"], "amount": 9900, "refundedAmount": 0,
            "refundableAmount": 9900, "basis": "days", "total": 29, "used": 29 - left,
            "unused": left, "quote": won, "asOf": as_of,
        });
        assert_eq!(quote(&app, &paid, &format!("&asOf={as_of}")).await, expected);
    }
    let today = quote(&app, &paid, &format!("&asOf={year}-02-01")).await;
    assert_eq!(quote(&app, &paid, "").await, today);
    let uses = json!({
        "paymentId": paid["id"], "amount": 9900, "refundedAmount": 0, "refundableAmount": 9900,
        "basis": "uses", "total": 7, "used": 2, "unused": 5, "quote": 7071, "asOf": null,
    });
    assert_eq!(quote(&app, &paid, "&used=2&total=7").await, uses);

    let refunded = app.post(REFUND, &unused(&paid, &json!(true))).await.data(200);
    assert_eq!(refunded["refund"]["amount"], 9558);
    assert_eq!(refunded["payment"]["refundableAmount"], 342);
    gives_nothing(&app.post(REFUND, &unused(&paid, &json!(true))).await, 342);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_gone_back_is_not_given_back_again() {
    let app = TestApp::start().await;
    let (paid, year) = leap_february(&app, 29_000).await;
    let middle = format!("&asOf={year}-02-15");
    let part = json!({"paymentId": paid["id"], "amount": 5000});
    app.post(REFUND, &part).await.data(200);
    let again = quote(&app, &paid, &middle).await;
    let told = ["refundedAmount", "refundableAmount", "unused", "quote"].map(|k| again[k].clone());
    assert_eq!(told, [json!(5000), json!(24_000), json!(14), json!(9000)]);

    let as_of = json!({"asOf": format!("{year}-02-15")});
    let mut body = unused(&paid, &as_of);
    body["taxFreeAmount"] = json!(9001);
    let above = invalid(&[("taxFreeAmount", "환불할 금액과 남은 면세·과세 금액에 맞아야 합니다.")]);
    assert_eq!(app.post(REFUND, &body).await.error(400), above);
    body["taxFreeAmount"] = json!(0);
    let refunded = app.post(REFUND, &body).await.data(200);
    assert_eq!(refunded["refund"]["amount"], 9000);
    assert_eq!(refunded["payment"]["refundableAmount"], 15_000);
    assert_eq!(quote(&app, &paid, &middle).await["quote"], 0);
    gives_nothing(&app.post(REFUND, &unused(&paid, &as_of)).await, 15_000);
    assert_eq!(quote(&app, &paid, &format!("&asOf={year}-02-28")).await["quote"], 0);
    assert_eq!(quote(&app, &paid, &format!("&asOf={year}-01-01")).await["quote"], 15_000);
    assert_eq!(quote(&app, &paid, "&used=1&total=2").await["quote"], 500);
    let half = unused(&paid, &json!({"used": 1, "total": 2}));
    assert_eq!(app.post(REFUND, &half).await.data(200)["refund"]["amount"], 500);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_ten_refunds_at_once_one_gives_the_quote_back() {
    let app = TestApp::start().await;
    let (paid, year) = leap_february(&app, 29_000).await;
    let body = unused(&paid, &json!({"asOf": format!("{year}-02-15")}));
    let replies = join_all((0..10).map(|_| app.post(REFUND, &body))).await;
    let done: Vec<_> = replies.iter().filter(|r| r.data(200)["refund"].is_object()).collect();
    assert_eq!(done.len(), 1);
    assert_eq!(done[0].data(200)["payment"]["refundableAmount"], 15_000);
    let made = app.get("/billing/refunds").await.data(200)["items"].clone();
    assert_eq!(made.as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_whose_answer_was_lost_counts_as_given_back() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    let paid = app.pay(&key).await.data(200);
    let half = unused(&paid, &json!({"used": 5, "total": 10}));
    app.fault(json!({"on": "CANCEL", "kind": "drop_after"})).await;
    app.post(REFUND, &half).await.data(202);
    let held = quote(&app, &paid, "&used=5&total=10").await;
    let told = ["refundedAmount", "refundableAmount", "quote"].map(|k| held[k].clone());
    assert_eq!(told, [json!(0), json!(4950), json!(0)]);
    gives_nothing(&app.post(REFUND, &half).await, 4950);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_charge_for_no_period_is_measured_by_uses_alone() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    let paid = app.pay(&key).await.data(200);
    let path = format!("/billing/refund-quote?paymentId={}", paid["id"].as_str().unwrap());
    for days in ["", "&asOf=2026-01-01"] {
        let reply = app.get(&format!("{path}{days}")).await;
        assert_eq!(reply.error(400), invalid(&[("paymentId", NO_PERIOD)]));
    }
    for days in [json!(true), json!({"asOf": "2026-01-01"})] {
        let reply = app.post(REFUND, &unused(&paid, &days)).await;
        assert_eq!(reply.error(400), invalid(&[("proRata", NO_PERIOD)]));
    }
    for (used, won) in [(0, 9900), (1, 6600), (3, 0)] {
        let told = quote(&app, &paid, &format!("&used={used}&total=3")).await;
        assert_eq!((&told["quote"], &told["asOf"]), (&json!(won), &Value::Null));
    }
    let third = unused(&paid, &json!({"used": 1, "total": 3}));
    assert_eq!(app.post(REFUND, &third).await.data(200)["refund"]["amount"], 6600);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_was_paid_can_be_quoted() {
    let app = TestApp::start().await;
    let short = app.register(ALWAYS_SHORT).await;
    app.pay(&short).await.fails(402, "payment_declined");
    let declined = app.get("/billing/payments").await.data(200)["items"][0].clone();
    let key = app.register(APPROVED).await;
    app.fault(json!({"on": "CARD-BATCH", "kind": "drop_after"})).await;
    let unknown = app.pay(&key).await.data(202);
    let uses = json!({"used": 1, "total": 2});
    for (payment, code) in [(declined, "refund_not_allowed"), (unknown, "outcome_unknown")] {
        let id = payment["id"].as_str().unwrap();
        for measure in ["", "&used=1&total=2"] {
            let path = format!("/billing/refund-quote?paymentId={id}{measure}");
            app.get(&path).await.fails(409, code);
        }
        app.post(REFUND, &unused(&payment, &uses)).await.fails(409, code);
    }
    app.get("/billing/refund-quote?paymentId=pay_x").await.fails(404, "payment_not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_measure_that_is_wrong_is_refused() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    let paid = app.pay(&key).await.data(200);
    let both = "asOf 또는 used와 total 중 한 가지만 보낼 수 있습니다.";
    let total = "1 이상이고 used 이상이어야 합니다.";
    for (query, expected) in [
        ("asOf=2026-02-30", vec![("paymentId", REQUIRED), ("asOf", DATE)]),
        ("paymentId=pay_x&asOf=today", vec![("asOf", DATE)]),
        ("paymentId=pay_x&used=1", vec![("total", REQUIRED)]),
        ("paymentId=pay_x&total=1", vec![("used", REQUIRED)]),
        ("paymentId=pay_x&used=-1&total=1e3", vec![("used", COUNT), ("total", COUNT)]),
        ("paymentId=pay_x&used=0&total=1000001", vec![("total", COUNT)]),
        ("paymentId=pay_x&used=0&total=0", vec![("total", total)]),
        ("paymentId=pay_x&used=3&total=2", vec![("total", total)]),
        ("paymentId=pay_x&asOf=2026-01-01&used=1&total=2", vec![("asOf", both)]),
    ] {
        let reply = app.get(&format!("/billing/refund-quote?{query}")).await;
        assert_eq!(reply.error(400), invalid(&expected), "{query}");
    }
    let wrong = "true, {\"asOf\":\"YYYY-MM-DD\"}, {\"used\":N,\"total\":M}(0≤N≤M, M≥1) 중 \
        하나여야 합니다.";
    for basis in [
        json!(false),
        json!("true"),
        json!({}),
        json!([]),
        json!({"asOf": null}),
        json!({"asOf": "2026-02-30"}),
        json!({"asOf": "2026-01-01", "used": 1, "total": 2}),
        json!({"asOf": "2026-01-01", "more": 1}),
        json!({"used": 1}),
        json!({"used": 1, "total": 0}),
        json!({"used": 3, "total": 2}),
        json!({"used": -1, "total": 2}),
        json!({"used": "1", "total": 2}),
        json!({"used": 0.5, "total": 2}),
        json!({"used": 1, "total": 1_000_001}),
    ] {
        let reply = app.post(REFUND, &unused(&paid, &basis)).await;
        assert_eq!(reply.error(400), invalid(&[("proRata", wrong)]), "{basis}");
    }
    let mut body = unused(&paid, &json!({"used": 1, "total": 2}));
    body["amount"] = json!(1);
    let one = "amount와 proRata 중 하나만 보낼 수 있습니다.";
    assert_eq!(app.post(REFUND, &body).await.error(400), invalid(&[("proRata", one)]));
    let left = quote(&app, &paid, "&used=0&total=1").await["refundableAmount"].clone();
    assert_eq!(left, 9900, "nothing was refunded");
}
