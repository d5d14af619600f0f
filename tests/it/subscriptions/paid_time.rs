//! What a subscription charges for, day by day: no day paid twice, none given away.

use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::long_run::{charged, charges};
use crate::support::refusals::invalid;
use crate::support::subscriptions::{APPROVED, monthly};

const SUBSCRIBE: &str = "/billing/subscribe";

/// A service whose clock stands at noon of 2027-03-10, a Wednesday, and a card that is approved.
async fn on_a_wednesday() -> (TestApp, String) {
    let app = TestApp::start().await;
    app.advance_to("2027-03-10T12:00:00+09:00").await;
    let key = app.register(APPROVED).await;
    (app, key)
}

/// `monthly` with further fields.
fn with(key: &str, more: &Value) -> Value {
    let mut body = monthly(key);
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

async fn subscribed(app: &TestApp, key: &str, more: &Value) -> Value {
    app.post(SUBSCRIBE, &with(key, more)).await.data(201)
}

async fn noon(app: &TestApp, day: &str) {
    app.advance_to(&format!("{day}T12:00:00+09:00")).await;
}

fn charges_of(days: &[(&str, i64)]) -> Vec<(String, i64)> {
    days.iter().map(|(day, won)| ((*day).to_owned(), *won)).collect()
}

fn next(date: &str, amount: i64, end: &str, reason: &str) -> Value {
    json!({
        "date": date, "amount": amount, "periodStart": date, "periodEnd": end, "reason": reason,
    })
}

impl TestApp {
    /// Foretells to the end of a day, lets the time pass, and compares: what was charged.
    async fn as_foretold_to(&self, id: &Value, day: &str) -> Vec<(String, i64)> {
        let before = charged(self).await;
        let path = format!("/billing/forecast?until={day}&subscriptionId={}", id.as_str().unwrap());
        let page = self.get(&path).await.data(200);
        let foretold = charges(page["items"].as_array().unwrap());
        self.advance_to(&format!("{day}T23:59:59+09:00")).await;
        let all = charged(self).await;
        let foretold: Vec<_> = foretold.into_iter().filter(|charge| charge.1 > 0).collect();
        assert_eq!(all[before.len()..], foretold, "as foretold");
        all
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_year_at_once_is_charged_once_a_year() {
    let (app, key) = on_a_wednesday().await;
    let year = json!({"amount": 99_000, "interval": "year", "cycleDay": 10, "chargeNow": true});
    let made = subscribed(&app, &key, &year).await;
    assert_eq!(made["nextCharge"], next("2028-03-10", 99_000, "2029-03-10", "whole"));
    assert_eq!((&made["paidThrough"], &made["coverage"]), (&json!("2028-03-10"), &json!("paid")));
    let all = app.as_foretold_to(&made["id"], "2028-12-31").await;
    assert_eq!(all, charges_of(&[("2027-03-10", 99_000), ("2028-03-10", 99_000)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_cycle_of_a_year_lasts_a_year() {
    let (app, key) = on_a_wednesday().await;
    let year = json!({
        "amount": 99_000, "interval": "year", "cycleDay": 10, "chargeNow": true, "totalCycles": 1,
    });
    let made = subscribed(&app, &key, &year).await;
    assert_eq!((&made["cyclesLeft"], &made["nextCharge"]), (&json!(0), &Value::Null));
    noon(&app, "2028-03-09").await;
    assert_eq!(app.status(&made["id"]).await, "active");
    app.advance_to("2028-03-10T00:00:00+09:00").await;
    assert_eq!(app.status(&made["id"]).await, "canceled");
    assert_eq!(app.ledger().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_begins_off_the_anchor_costs_its_share() {
    let (app, key) = on_a_wednesday().await;
    let made = subscribed(&app, &key, &json!({"chargeNow": true})).await;
    assert_eq!(made["nextCharge"], next("2027-03-15", 9900, "2027-04-15", "whole"));
    // 5 of the 28 days to 15 March.
    assert_eq!(charged(&app).await, charges_of(&[("2027-03-10", 1767)]));

    let full = json!({"planId": "full", "chargeNow": true, "firstPeriod": "full"});
    let full = subscribed(&app, &key, &full).await;
    assert_eq!(full["nextCharge"], next("2027-04-15", 9900, "2027-05-15", "whole"));
    assert_eq!(full["paidThrough"], "2027-04-15");
    let free = json!({"planId": "free", "chargeNow": true, "firstPeriod": "free"});
    let free = subscribed(&app, &key, &free).await;
    assert_eq!((&free["coverage"], &free["paidThrough"]), (&json!("free"), &json!("2027-03-15")));
    let all = charged(&app).await;
    assert_eq!(all, charges_of(&[("2027-03-10", 1767), ("2027-03-10", 9900)]));

    // Without a day the day of the first charge is the anchor.
    let mut today = with(&key, &json!({"planId": "today", "amount": 31, "chargeNow": true}));
    today.as_object_mut().unwrap().remove("cycleDay");
    let today = app.post(SUBSCRIBE, &today).await.data(201);
    assert_eq!((&today["cycleDay"], &today["nextBillingDate"]), (&json!(10), &json!("2027-04-10")));
    let mut plain = with(&key, &json!({"planId": "plain", "startDate": "2027-03-31"}));
    plain.as_object_mut().unwrap().remove("cycleDay");
    let plain = app.post(SUBSCRIBE, &plain).await.data(201);
    assert_eq!((&plain["cycleDay"], &plain["coverage"]), (&json!(31), &json!("none")));
    assert_eq!(plain["nextCharge"], next("2027-03-31", 9900, "2027-04-30", "whole"));
    assert_eq!(plain["paidThrough"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_ends_to_the_day_and_a_stub_follows() {
    let (app, key) = on_a_wednesday().await;
    let trial = json!({"trialDays": 7, "consent": {"method": "checkbox"}});
    let made = subscribed(&app, &key, &trial).await;
    assert_eq!((&made["trialEnd"], &made["coverage"]), (&json!("2027-03-17"), &json!("free")));
    assert_eq!(made["nextCharge"], next("2027-03-17", 9261, "2027-04-15", "stub"));
    let all = app.as_foretold_to(&made["id"], "2027-06-30").await;
    let expected =
        [("2027-03-17", 9261), ("2027-04-15", 9900), ("2027-05-15", 9900), ("2027-06-15", 9900)];
    assert_eq!(all, charges_of(&expected));
    assert_eq!(app.subscription(&made["id"]).await.get("trialEnd"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_before_a_year_ends_to_the_day() {
    let (app, key) = on_a_wednesday().await;
    let trial = json!({
        "amount": 99_000, "interval": "year", "trialDays": 14, "consent": {"method": "checkbox"},
    });
    let made = subscribed(&app, &key, &trial).await;
    assert_eq!(made["nextCharge"], next("2027-03-24", 5967, "2027-04-15", "stub"));
    let all = app.as_foretold_to(&made["id"], "2028-05-31").await;
    let expected = [("2027-03-24", 5967), ("2027-04-15", 99_000), ("2028-04-15", 99_000)];
    assert_eq!(all, charges_of(&expected));
    // With the day left out the end of the free time is the anchor.
    let mut plain = with(&key, &json!({"planId": "plain", "trialDays": 7}));
    plain.as_object_mut().unwrap().remove("cycleDay");
    let end = (app.today() + chrono::Days::new(7)).to_string();
    let plain = app.post(SUBSCRIBE, &plain).await.data(201);
    assert_eq!(plain["trialEnd"], end);
    assert_eq!(plain["cycleDay"].as_u64().unwrap(), end[8..].parse::<u64>().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_one_changes_of_the_day_move_nothing() {
    let (app, key) = on_a_wednesday().await;
    let made = subscribed(&app, &key, &json!({})).await;
    noon(&app, "2027-03-16").await;
    let before = app.subscription(&made["id"]).await;
    for day in [14, 13, 15].into_iter().chain(1..=31).chain([15]) {
        app.change(&made["id"], &json!({"cycleDay": day})).await.data(200);
    }
    assert_eq!(app.subscription(&made["id"]).await, before);
    assert_eq!(before["nextBillingDate"], "2027-04-15");
    let all = app.as_foretold_to(&made["id"], "2027-05-31").await;
    let expected = [("2027-03-15", 9900), ("2027-04-15", 9900), ("2027-05-15", 9900)];
    assert_eq!(all, charges_of(&expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_over_the_billing_moment_is_no_free_month() {
    let (app, key) = on_a_wednesday().await;
    let made = subscribed(&app, &key, &json!({})).await;
    app.advance_to("2027-04-14T20:00:00+09:00").await;
    let paused = app.turn(&made["id"], "pause").await.data(200);
    assert_eq!((&paused["coverage"], &paused["keptDays"]), (&json!("none"), &json!(1)));
    assert_eq!((&paused["nextCharge"], &paused["status"]), (&Value::Null, &json!("paused")));
    noon(&app, "2027-04-16").await;
    let resumed = app.turn(&made["id"], "resume").await.data(200);
    assert_eq!(
        (&resumed["coverage"], &resumed["paidThrough"]),
        (&json!("paid"), &json!("2027-04-17"))
    );
    assert_eq!(resumed["nextCharge"], next("2027-04-17", 9240, "2027-05-15", "stub"));
    let all = app.as_foretold_to(&made["id"], "2027-05-31").await;
    let expected = [("2027-03-15", 9900), ("2027-04-17", 9240), ("2027-05-15", 9900)];
    assert_eq!(all, charges_of(&expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_pauses_when_what_is_paid_is_used_up_and_that_can_be_taken_back() {
    let (app, key) = on_a_wednesday().await;
    let made = subscribed(&app, &key, &json!({})).await;
    noon(&app, "2027-03-20").await;
    let running = app.subscription(&made["id"]).await;
    let path = format!("/billing/subscription/{}/pause", made["id"].as_str().unwrap());
    let ending = app.post(&path, &json!({"at": "period_end"})).await.data(200);
    assert_eq!((&ending["status"], &ending["pauseAtPeriodEnd"]), (&json!("active"), &json!(true)));
    assert_eq!((&ending["nextCharge"], &ending["nextBillingDate"]), (&Value::Null, &Value::Null));
    assert_eq!(app.turn(&made["id"], "resume").await.data(200), running);
    app.post(&path, &json!({"at": "period_end"})).await.data(200);
    app.advance_to("2027-04-14T23:59:59+09:00").await;
    assert_eq!(app.status(&made["id"]).await, "active");
    app.advance_to("2027-04-15T00:00:00+09:00").await;
    assert_eq!(app.status(&made["id"]).await, "paused");
    noon(&app, "2027-05-20").await;
    // Nothing was left: it is charged from today, at the hour of the schedule.
    let resumed = app.turn(&made["id"], "resume").await.data(200);
    assert_eq!(resumed["nextCharge"], next("2027-05-20", 8303, "2027-06-15", "stub"));
    let all = app.as_foretold_to(&made["id"], "2027-06-30").await;
    let expected = [("2027-03-15", 9900), ("2027-05-20", 8303), ("2027-06-15", 9900)];
    assert_eq!(all, charges_of(&expected));
    let wrong = app.post(&path, &json!({"at": "later"})).await;
    assert_eq!(wrong.error(400), invalid(&[("at", "now, period_end 중 하나여야 합니다.")]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_inside_a_period_is_a_stub() {
    let (app, key) = on_a_wednesday().await;
    for (end, reason) in [
        ("2027-03-15", "첫 청구일인 2027-03-15보다 뒤여야 합니다."),
        ("2027-03-12", "첫 청구일인 2027-03-15보다 뒤여야 합니다."),
        ("2027-03-10", "오늘(2027-03-10)보다 뒤여야 합니다."),
    ] {
        let reply = app.post(SUBSCRIBE, &with(&key, &json!({"endDate": end}))).await;
        assert_eq!(reply.error(400), invalid(&[("endDate", reason)]), "{end}");
    }
    let made = subscribed(&app, &key, &json!({"endDate": "2027-03-20"})).await;
    assert_eq!(made["nextCharge"], next("2027-03-15", 1596, "2027-03-20", "stub"));
    let all = app.as_foretold_to(&made["id"], "2027-03-19").await;
    assert_eq!(all, charges_of(&[("2027-03-15", 1596)]));
    let inside = app.change(&made["id"], &json!({"endDate": "2027-03-20"})).await.data(200);
    assert_eq!(inside["endDate"], "2027-03-20");
    app.advance_to("2027-03-20T00:00:00+09:00").await;
    assert_eq!(app.status(&made["id"]).await, "canceled");

    let other = subscribed(&app, &key, &json!({"planId": "other", "chargeNow": true})).await;
    let reason = "2027-04-15 전날까지 이미 결제되었거나 무료입니다(paidThrough 2027-04-15).";
    let reply = app.change(&other["id"], &json!({"endDate": "2027-04-01"})).await;
    assert_eq!(reply.error(400), invalid(&[("endDate", reason)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_never_covered_is_cancelled_at_once_and_free_days_are_given_after_what_is_covered()
{
    let (app, key) = on_a_wednesday().await;
    let made = subscribed(&app, &key, &json!({})).await;
    let extend = format!("/billing/subscription/{}/extend", made["id"].as_str().unwrap());
    let days = json!({"days": 3, "reason": "장애 보상"});
    let refused = app.post(&extend, &days).await.error(409);
    assert_eq!(refused["code"], "nothing_paid");
    let message = refused["message"].as_str().unwrap();
    assert!(message.contains("2027-03-10") && message.contains("2027-03-15"), "{message}");
    let cancel = json!({"subscriptionId": made["id"], "atPeriodEnd": true});
    assert_eq!(app.post("/billing/cancel", &cancel).await.data(200)["status"], "canceled");

    let made = subscribed(&app, &key, &json!({})).await;
    noon(&app, "2027-03-20").await;
    let extend = format!("/billing/subscription/{}/extend", made["id"].as_str().unwrap());
    let extended = app.post(&extend, &days).await.data(200);
    assert_eq!(extended["paidThrough"], "2027-04-18");
    assert_eq!(extended["nextCharge"], next("2027-04-18", 8910, "2027-05-15", "stub"));
    let trail = app.get("/audit").await.data(200);
    let told = trail["items"].as_array().unwrap().iter().find(|item| item["reason"].is_string());
    assert_eq!(told.unwrap()["reason"], "장애 보상", "{trail}");
    let all = app.as_foretold_to(&made["id"], "2027-05-31").await;
    let expected = [("2027-03-15", 9900), ("2027-04-18", 8910), ("2027-05-15", 9900)];
    assert_eq!(all, charges_of(&expected));
    for (body, field) in
        [(json!({"days": 0, "reason": "x"}), "days"), (json!({"days": 1}), "reason")]
    {
        assert_eq!(app.post(&extend, &body).await.error(400)["details"][0]["field"], field);
    }
}
