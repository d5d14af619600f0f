//! Which days are billed: two years of short months, months that were missed, start dates.

use chrono::{Datelike, Days, NaiveDate};
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::subscriptions::{APPROVED, monthly};

/// Days of a month by the rule one learns at school, not by the library the service uses.
fn days_of(year: i32, month: u32) -> u32 {
    let leap = year % 4 == 0 && year % 100 != 0 || year % 400 == 0;
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The next `count` billing dates of an anchor on or after a date.
fn billing_dates(anchor: u32, from: NaiveDate, count: usize) -> Vec<String> {
    let (mut year, mut month) = (from.year(), from.month());
    let mut dates = Vec::new();
    while dates.len() < count {
        let date = format!("{year}-{month:02}-{:02}", anchor.min(days_of(year, month)));
        if date >= from.to_string() {
            dates.push(date);
        }
        (year, month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    }
    dates
}

#[tokio::test(flavor = "multi_thread")]
async fn anchors_29_30_and_31_bill_once_a_month_on_the_clamped_day_for_two_years() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    let tomorrow = app.today() + Days::new(1);
    let mut last = String::new();
    for anchor in [29, 30, 31] {
        let mut body = monthly(&key);
        body["planId"] = json!(format!("day-{anchor}"));
        body["cycleDay"] = json!(anchor);
        body["amount"] = json!(anchor);
        let made = app.post("/billing/subscribe", &body).await.data(201);
        let dates = billing_dates(anchor, tomorrow, 24);
        assert_eq!(made["nextBillingDate"], dates[0]);
        last = last.max(dates[23].clone());
    }
    app.advance_to(&format!("{last}T23:59:59+09:00")).await;
    let ledger = app.ledger().await;
    for anchor in [29, 30, 31] {
        let of_anchor = ledger.iter().filter(|t| t["amount"] == anchor);
        let at: Vec<&str> = of_anchor.map(|t| t["approvedAt"].as_str().unwrap()).collect();
        assert!(at.iter().all(|t| t[10..].starts_with("T10:00:0")), "{at:?}");
        let days: Vec<&str> = at.iter().map(|t| &t[..10]).collect();
        assert_eq!(days, billing_dates(anchor, tomorrow, 24), "anchor {anchor}");
    }
    assert_eq!(ledger.len(), 72);
    let declined = app.get("/billing/payments?status=declined").await.data(200);
    assert_eq!(declined["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn months_that_were_missed_are_caught_up_with_one_charge_for_the_latest() {
    let app = TestApp::with(&[("SCHEDULER_ENABLED", "false")]).await;
    let key = app.register(APPROVED).await;
    let made = app.subscribe(&key, 15).await;
    let dates = billing_dates(15, app.today() + Days::new(1), 5);
    assert_eq!(made["nextBillingDate"], dates[0]);
    app.advance_to(&format!("{}-20T12:00:00+09:00", &dates[3][..7])).await;
    assert_eq!(app.ledger().await, Vec::<Value>::new());

    let app = app.restart_with(&[("SCHEDULER_ENABLED", "true")]).await;
    app.advance_days(1).await;
    let ledger = app.ledger().await;
    assert_eq!(ledger.len(), 1, "{ledger:?}");
    let now = app.subscription(&made["id"]).await;
    assert_eq!(now["status"], "active");
    assert_eq!(now["currentPeriod"], json!({"start": dates[3], "end": dates[4]}));
    assert_eq!(now["nextBillingDate"], dates[4]);
    app.pay_period(&made["id"]).await.fails(409, "already_charged");
    app.advance_to(&format!("{}T10:00:00+09:00", dates[4])).await;
    assert_eq!(app.ledger().await.len(), 2);
    assert_eq!(app.charged_on().await[1], dates[4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_caller_may_charge_a_due_period_itself_while_the_schedule_is_off() {
    let app = TestApp::with(&[("SCHEDULER_ENABLED", "false")]).await;
    let made = app.subscribe(&app.register(APPROVED).await, 15).await;
    app.pay_period(&made["id"]).await.fails(409, "already_charged");
    app.advance_to_charge(&made["nextBillingDate"]).await;
    let paid = app.pay_period(&made["id"]).await.data(200);
    assert_eq!(paid["period"]["start"], made["nextBillingDate"]);
    app.pay_period(&made["id"]).await.fails(409, "already_charged");
    assert_eq!(app.ledger().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_charge_is_on_the_first_anchor_on_or_after_the_start() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    let today = app.today();
    let start = today + Days::new(40);
    let mut expected = Vec::new();
    for anchor in [1, 15, 28, 31, start.day()] {
        let mut body = monthly(&key);
        body["planId"] = json!(format!("day-{anchor}-{}", expected.len()));
        body["cycleDay"] = json!(anchor);
        body["startDate"] = json!(start);
        let made = app.post("/billing/subscribe", &body).await.data(201);
        let first = billing_dates(anchor, start, 1).remove(0);
        assert_eq!(made["nextBillingDate"], first, "anchor {anchor}");
        assert_eq!(made["currentPeriod"], json!({"start": today, "end": first}));
        expected.push(first);
    }
    expected.sort();
    app.advance_to(&format!("{}T10:00:00+09:00", expected[4])).await;
    let charged = app.charged_on().await;
    assert_eq!(charged[..1], expected[..1]);
    let first_of_each: std::collections::BTreeSet<_> = charged.into_iter().collect();
    assert!(expected.iter().all(|day| first_of_each.contains(day)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_today_on_the_anchor_is_charged_today_and_only_once() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    // Noon of a day in the middle of a month: the hour of charging is past.
    let start = billing_dates(15, app.today() + Days::new(1), 1).remove(0);
    app.advance_to(&format!("{start}T12:00:00+09:00")).await;
    let mut body = monthly(&key);
    body["startDate"] = json!(start);
    let made = app.post("/billing/subscribe", &body).await.data(201);
    assert_eq!(made["nextBillingDate"], start);
    app.advance_to(&format!("{start}T12:05:00+09:00")).await;
    assert_eq!(app.charged_on().await, std::slice::from_ref(&start));
    let now = app.subscription(&made["id"]).await;
    assert_eq!(now["currentPeriod"]["start"], start);
    let next = billing_dates(15, start.parse::<NaiveDate>().unwrap() + Days::new(1), 1).remove(0);
    assert_eq!(now["nextBillingDate"], next);
    app.advance_to(&format!("{next}T10:00:00+09:00")).await;
    assert_eq!(app.charged_on().await, [start, next]);
}
