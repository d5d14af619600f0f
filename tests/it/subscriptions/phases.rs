//! Prices in phases, successors, and periods that the books had lost.

use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::long_run::charged;
use crate::support::refusals::{UNKNOWN_FIELD, invalid};
use crate::support::subscriptions::{APPROVED, monthly};

const SUBSCRIBE: &str = "/billing/subscribe";

async fn on_a_wednesday(settings: &[(&str, &str)]) -> (TestApp, String) {
    let app = TestApp::with(settings).await;
    app.advance_to("2027-03-10T12:00:00+09:00").await;
    let key = app.register(APPROVED).await;
    (app, key)
}

/// A subscription from 10 March: 100 won for the first month, then 9,900.
fn introductory(key: &str) -> Value {
    let mut body = monthly(key);
    body.as_object_mut().unwrap().remove("amount");
    body["cycleDay"] = json!(10);
    body["chargeNow"] = json!(true);
    body["phases"] = json!([{"cycles": 1, "amount": 100}, {"amount": 9900}]);
    body
}

fn charges_of(days: &[(&str, i64)]) -> Vec<(String, i64)> {
    days.iter().map(|(day, won)| ((*day).to_owned(), *won)).collect()
}

fn next(date: &str, amount: i64, end: &str, reason: &str) -> Value {
    json!({
        "date": date, "amount": amount, "periodStart": date, "periodEnd": end, "reason": reason,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_introductory_price_rises_with_a_consent_from_its_first_day_on() {
    let (app, key) = on_a_wednesday(&[]).await;
    let early = json!({"method": "checkbox"});
    let mut body = introductory(&key);
    body["consent"] = early.clone();
    let error = app.post(SUBSCRIBE, &body).await.error(400);
    assert_eq!(error["details"][0]["field"], "consent.consentedAt", "{error}");
    assert!(error["details"][0]["reason"].as_str().unwrap().contains("2027-03-11"), "{error}");
    assert_eq!(app.ledger().await, Vec::<Value>::new());

    let made = app.post(SUBSCRIBE, &introductory(&key)).await.data(201);
    assert_eq!(made["phases"], json!([{"cycles": 1, "amount": 100}, {"amount": 9900}]));
    assert_eq!((&made["amount"], &made["pendingAmount"]), (&json!(100), &json!(9900)));
    let days = (&made["pendingFrom"], &made["consentFrom"]);
    assert_eq!(days, (&json!("2027-04-10"), &json!("2027-03-11")));
    assert_eq!(made["nextCharge"], next("2027-04-10", 100, "2027-05-10", "whole"));
    app.consent(&made["id"], 9900).await.fails(400, "invalid_request");
    app.advance_to("2027-03-11T00:00:00+09:00").await;
    app.consent(&made["id"], 9900).await.data(201);
    let now = app.subscription(&made["id"]).await;
    assert_eq!(now["nextCharge"], next("2027-04-10", 9900, "2027-05-10", "whole"));
    assert_eq!(now.get("consentFrom"), None);
    app.advance_to("2027-05-10T10:00:00+09:00").await;
    let expected = [("2027-03-10", 100), ("2027-04-10", 9900), ("2027-05-10", 9900)];
    assert_eq!(charged(&app).await, charges_of(&expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_consent_the_last_price_is_repeated_or_it_ends() {
    for (fallback, expected) in [
        ("keep_price", vec![("2027-03-10", 100), ("2027-04-10", 100), ("2027-05-10", 100)]),
        ("end", vec![("2027-03-10", 100)]),
    ] {
        let (app, key) = on_a_wednesday(&[("PRICE_RISE_FALLBACK", fallback)]).await;
        let made = app.post(SUBSCRIBE, &introductory(&key)).await.data(201);
        app.advance_to("2027-05-10T10:00:00+09:00").await;
        assert_eq!(charged(&app).await, charges_of(&expected), "{fallback}");
        let status = if fallback == "end" { "canceled" } else { "active" };
        assert_eq!(app.status(&made["id"]).await, status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_free_phase_asks_the_gateway_for_nothing_and_is_told_of() {
    let (app, key) = on_a_wednesday(&[]).await;
    let mut body = introductory(&key);
    body["phases"] = json!([{"cycles": 2, "amount": 0}, {"amount": 9900}]);
    let made = app.post(SUBSCRIBE, &body).await.data(201);
    assert_eq!((&made["coverage"], &made["paidThrough"]), (&json!("free"), &json!("2027-04-10")));
    app.advance_to("2027-04-12T12:00:00+09:00").await;
    assert_eq!(app.calls("CARD-BATCH").await, 0);
    let renewed = app.events_of("&type=subscription.renewed").await;
    assert_eq!(renewed.len(), 1, "{renewed:?}");
    assert_eq!(renewed[0]["subscriptionId"], made["id"]);
    app.consent(&made["id"], 9900).await.data(201);
    app.advance_to("2027-05-10T10:00:00+09:00").await;
    assert_eq!(charged(&app).await, charges_of(&[("2027-05-10", 9900)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_phases_are_refused_each_with_its_place() {
    let (app, key) = on_a_wednesday(&[("KIWOOM_MIN_AMOUNT", "100")]).await;
    let list = "1개 이상 20개 이하의 객체를 담은 배열이어야 합니다.";
    let amount = "0 이상 9999999999 이하의 정수(원)여야 합니다.";
    let endless = "마지막 단계는 끝이 없으므로 사용할 수 없습니다.";
    for (phases, field, reason) in [
        (json!([]), "phases", list),
        (json!([1]), "phases", list),
        (json!({}), "phases", list),
        (json!([{"amount": -1}]), "phases[0].amount", amount),
        (json!([{"amount": 0}]), "phases[0].amount", "마지막 단계는 1원 이상이어야 합니다."),
        (json!([{"amount": 9900, "cycles": 1}]), "phases[0].cycles", endless),
        (
            json!([{"amount": 100}, {"amount": 200}]),
            "phases[0].cycles",
            "마지막 단계가 아니면 필수 값입니다.",
        ),
        (
            json!([{"amount": 100, "taxFreeAmount": 101}]),
            "phases[0].taxFreeAmount",
            "amount를 넘을 수 없습니다.",
        ),
        (json!([{"amount": 100, "price": 1}]), "phases[0].price", UNKNOWN_FIELD),
        (
            json!([{"amount": 99}]),
            "phases[0].amount",
            "100원 이상이어야 합니다(KIWOOM_MIN_AMOUNT).",
        ),
    ] {
        let mut body = introductory(&key);
        body["phases"] = phases.clone();
        assert_eq!(
            app.post(SUBSCRIBE, &body).await.error(400),
            invalid(&[(field, reason)]),
            "{phases}"
        );
    }
    let mut both = introductory(&key);
    both["amount"] = json!(9900);
    let together = "phases와(과) 함께 사용할 수 없습니다.";
    assert_eq!(app.post(SUBSCRIBE, &both).await.error(400), invalid(&[("amount", together)]));
    let small = json!({"amount": 99});
    let mut body = monthly(&key);
    body["amount"] = small["amount"].clone();
    let least = "100원 이상이어야 합니다(KIWOOM_MIN_AMOUNT).";
    assert_eq!(app.post(SUBSCRIBE, &body).await.error(400), invalid(&[("amount", least)]));
    let made = app.post(SUBSCRIBE, &monthly(&key)).await.data(201);
    assert_eq!(app.change(&made["id"], &small).await.error(400), invalid(&[("amount", least)]));
    let mut later = monthly(&key);
    later["chargeNow"] = json!(true);
    later["startDate"] = json!("2027-03-11");
    let reason = "chargeNow를 사용하면 오늘(2027-03-10)이어야 합니다.";
    assert_eq!(app.post(SUBSCRIBE, &later).await.error(400), invalid(&[("startDate", reason)]));
    let mut first = monthly(&key);
    first["firstPeriod"] = json!("full");
    let reason = "chargeNow와 함께 사용할 수 있습니다.";
    assert_eq!(app.post(SUBSCRIBE, &first).await.error(400), invalid(&[("firstPeriod", reason)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_successor_begins_where_the_last_one_ends_and_the_one_in_the_way_is_named() {
    let (app, key) = on_a_wednesday(&[]).await;
    let made = app.post(SUBSCRIBE, &monthly(&key)).await.data(201);
    let refused = app.post(SUBSCRIBE, &monthly(&key)).await.error(409);
    assert_eq!(refused["code"], "subscription_exists");
    let named = refused["details"][0]["reason"].as_str().unwrap();
    assert!(named.contains(made["id"].as_str().unwrap()), "{named}");
    app.advance_to("2027-03-20T12:00:00+09:00").await;
    let ending = json!({"subscriptionId": made["id"], "atPeriodEnd": true});
    app.post("/billing/cancel", &ending).await.data(200);
    let early = app.post(SUBSCRIBE, &monthly(&key)).await;
    let mut body = monthly(&key);
    assert_eq!(early.status, 201, "its first charge is on the day on which the other ends");
    app.post("/billing/cancel", &json!({"subscriptionId": early.data(201)["id"]})).await.data(200);
    body["chargeNow"] = json!(true);
    let refused = app.post(SUBSCRIBE, &body).await.error(409);
    assert!(refused["details"][0]["reason"].as_str().unwrap().contains("2027-04-15"), "{refused}");
    body["chargeNow"] = json!(false);
    let successor = app.post(SUBSCRIBE, &body).await.data(201);
    let back = app.change(&made["id"], &json!({"cancelAtPeriodEnd": false})).await.error(409);
    assert_eq!(back["code"], "subscription_exists");
    let named = back["details"][0]["reason"].as_str().unwrap();
    assert!(named.contains(successor["id"].as_str().unwrap()), "{named}");
    app.advance_to("2027-05-15T10:00:00+09:00").await;
    let expected = [("2027-03-15", 9900), ("2027-04-15", 9900), ("2027-05-15", 9900)];
    assert_eq!(charged(&app).await, charges_of(&expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_may_go_as_soon_as_no_charge_can_come_and_is_missed_when_one_is_to_come_again() {
    let (app, key) = on_a_wednesday(&[]).await;
    let made = app.post(SUBSCRIBE, &monthly(&key)).await.data(201);
    app.advance_to("2027-03-20T12:00:00+09:00").await;
    let path = format!("/billing/key/{key}");
    assert_eq!(app.delete(&path).await.status, 409);
    app.change(&made["id"], &json!({"cancelAtPeriodEnd": true})).await.data(200);
    app.delete(&path).await.data(200);
    let back = app.change(&made["id"], &json!({"cancelAtPeriodEnd": false})).await.error(409);
    assert_eq!(back["code"], "billing_key_inactive");
    assert_eq!(back["details"][0]["field"], "billingKey");
    let other = app.register(APPROVED).await;
    let both = json!({"cancelAtPeriodEnd": false, "billingKey": other});
    app.change(&made["id"], &both).await.data(200);
    app.advance_to("2027-04-15T10:00:00+09:00").await;
    assert_eq!(app.ledger().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_period_that_the_books_had_lost_is_recorded_and_not_charged_again() {
    let (app, key) = on_a_wednesday(&[]).await;
    let made = app.post(SUBSCRIBE, &monthly(&key)).await.data(201);
    app.advance_to("2027-04-14T12:00:00+09:00").await;
    let path = format!("/billing/subscription/{}/paid", made["id"].as_str().unwrap());
    let body = json!({
        "periodStart": "2027-04-15", "transactionId": "CTS27041500001", "reason": "복원 후 확인",
        "approvedAt": "2027-04-13T10:00:03+09:00",
    });
    let before = app.everything().await;
    let mut early = body.clone();
    early["approvedAt"] = json!("2027-04-14T12:00:01+09:00");
    let reason = "미래일 수 없습니다.";
    assert_eq!(app.post(&path, &early).await.error(400), invalid(&[("approvedAt", reason)]));
    let mut wrong = body.clone();
    wrong["periodStart"] = json!("2027-05-15");
    let reason = "다음 회차가 시작하는 2027-04-15이어야 합니다(paidThrough 2027-04-15).";
    assert_eq!(app.post(&path, &wrong).await.error(400), invalid(&[("periodStart", reason)]));
    let mut taken = body.clone();
    taken["transactionId"] = app.ledger().await[0]["transactionId"].clone();
    let refused = app.post(&path, &taken).await.error(409);
    assert_eq!(refused["details"][0]["field"], "transactionId");
    assert_eq!(app.everything().await, before);
    let recorded = app.post(&path, &body).await.data(201);
    let period = json!({"start": "2027-04-15", "end": "2027-05-15"});
    assert_eq!((&recorded["amount"], &recorded["period"]), (&json!(9900), &period));
    assert_eq!(
        (&recorded["status"], &recorded["transactionId"]),
        (&json!("approved"), &body["transactionId"])
    );
    assert_eq!(recorded["approvedAt"], "2027-04-13T10:00:03.000+09:00");
    let now = app.subscription(&made["id"]).await;
    assert_eq!(now["paidThrough"], "2027-05-15");
    app.advance_to("2027-05-15T10:00:00+09:00").await;
    let expected = [("2027-03-15", 9900), ("2027-05-15", 9900)];
    assert_eq!(charged(&app).await, charges_of(&expected));
}
