//! Weekly, quarterly and yearly subscriptions.

use std::collections::BTreeMap;

use chrono::{Datelike, Days, Months, NaiveDate};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::long_run::{LongRun, charged, charges, forecast};
use crate::support::refusals::invalid;
use crate::support::subscriptions::{ALWAYS_SHORT, APPROVED, monthly};

const SUBSCRIBE: &str = "/billing/subscribe";

/// A subscription of `user123` to a plan of its own, told apart by its amount.
fn every(key: &str, count: u32, interval: &str, day: u32, amount: u32) -> Value {
    let mut body = monthly(key);
    body["planId"] = json!(format!("plan-{amount}"));
    body["amount"] = json!(amount);
    body["cycleDay"] = json!(day);
    body["interval"] = json!(interval);
    body["intervalCount"] = json!(count);
    body
}

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn months(date: NaiveDate) -> u32 {
    u32::try_from(date.year()).unwrap() * 12 + date.month0()
}

/// The days of the charges by amount.
fn by_amount(charges: &[(String, i64)]) -> BTreeMap<i64, Vec<NaiveDate>> {
    let mut days: BTreeMap<i64, Vec<NaiveDate>> = BTreeMap::new();
    for (day, amount) in charges {
        days.entry(*amount).or_default().push(date(day));
    }
    days
}

#[tokio::test(flavor = "multi_thread")]
async fn three_years_of_weeks_quarters_and_years_are_charged_as_foretold() {
    let app = LongRun::start().await;
    let key = app.register(APPROVED).await;
    let in_months = [(3, "month", 31), (6, "month", 30), (12, "month", 1), (1, "year", 15)];
    for (amount, (count, interval, day)) in (100..).zip(in_months) {
        app.post(SUBSCRIBE, &every(&key, count, interval, day, amount)).await.data(201);
    }
    for (count, day) in [(1, 1), (2, 7)] {
        app.post(SUBSCRIBE, &every(&key, count, "week", day, count)).await.data(201);
    }
    let february = NaiveDate::from_ymd_opt(app.today().year() + 1, 2, 1).unwrap();
    let mut leap = every(&key, 1, "year", 29, 29);
    leap["startDate"] = json!(february);
    app.post(SUBSCRIBE, &leap).await.data(201);

    let until = app.today() + Months::new(36);
    let foretold = charges(&forecast(&app, until).await);
    app.advance_to(&format!("{until}T23:59:59+09:00")).await;
    let charged = charged(&app).await;
    assert_eq!(app.told().await, charged);
    assert_eq!(foretold, charged);

    let days = by_amount(&charged);
    for (count, weekday) in [(1, 1), (2, 7)] {
        let days = &days[&count];
        assert!(days.iter().all(|day| day.weekday().number_from_monday() == weekday));
        assert!(days.windows(2).all(|pair| (pair[1] - pair[0]).num_days() == 7 * count));
        assert!(days.len() >= if count == 1 { 155 } else { 77 }, "{days:?}");
    }
    for (amount, (count, interval, anchor)) in (100..).zip(in_months) {
        let days = &days[&amount];
        let distance = if interval == "year" { 12 * count } else { count };
        assert!(days.windows(2).all(|pair| months(pair[1]) - months(pair[0]) == distance));
        let last_of = |day: &NaiveDate| (*day + Months::new(1)).with_day(1).unwrap().pred_opt();
        let clamped = |day: &NaiveDate| anchor.min(last_of(day).unwrap().day());
        assert!(days.iter().all(|day| day.day() == clamped(day)), "{days:?}");
        assert!(days.len() >= usize::try_from(36 / distance).unwrap(), "{days:?}");
    }
    let leaps: Vec<_> = days[&29].iter().map(|day| (day.year(), day.month(), day.day())).collect();
    let of_year = |year: i32| (year, 2, if year % 4 == 0 { 29 } else { 28 });
    let years = february.year()..;
    assert_eq!(leaps, years.take(leaps.len()).map(of_year).collect::<Vec<_>>());
    assert!(leaps.len() >= 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_shown_unless_it_is_once_a_month_and_the_day_can_be_changed() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    let plain = app.post(SUBSCRIBE, &every(&key, 1, "month", 15, 1)).await.data(201);
    assert_eq!((plain.get("interval"), plain.get("intervalCount")), (None, None));
    let quarterly = app.post(SUBSCRIBE, &every(&key, 3, "month", 15, 2)).await.data(201);
    assert_eq!((&quarterly["interval"], &quarterly["intervalCount"]), (&json!("month"), &json!(3)));
    let weekly = app.post(SUBSCRIBE, &every(&key, 1, "week", 3, 3)).await.data(201);
    assert_eq!((&weekly["interval"], &weekly["intervalCount"]), (&json!("week"), &json!(1)));
    assert_eq!(app.subscription(&weekly["id"]).await, weekly);
    let told = app.events_of("&type=subscription.created").await;
    let of_it = told.iter().find(|event| event["data"]["id"] == weekly["id"]).unwrap();
    assert_eq!(of_it["data"], weekly);

    let moved = app.change(&weekly["id"], &json!({"cycleDay": 5})).await.data(200);
    let next = date(moved["nextBillingDate"].as_str().unwrap());
    let before = date(weekly["nextBillingDate"].as_str().unwrap());
    assert_eq!((next - before).num_days(), 2);
    let reason = "주 단위 구독에서는 1(월요일) 이상 7(일요일) 이하의 정수여야 합니다.";
    let reply = app.change(&weekly["id"], &json!({"cycleDay": 8})).await;
    assert_eq!(reply.error(400), invalid(&[("cycleDay", reason)]));
    assert_eq!(app.subscription(&weekly["id"]).await, moved);
    let monthly = app.change(&weekly["id"], &json!({"interval": "month"})).await.data(200);
    assert_eq!(monthly["pending"]["interval"], "month");
    let back = app.change(&weekly["id"], &json!({"interval": "week"})).await.data(200);
    assert_eq!(back, moved, "there and back is nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_interval_is_refused() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    let post = || (Method::POST, SUBSCRIBE);
    let names = "month, week, year 중 하나여야 합니다.";
    let range = |max: u32| format!("1 이상 {max} 이하의 정수여야 합니다.");
    for (interval, max) in [("month", 24), ("week", 52), ("year", 5)] {
        let base = every(&key, 1, interval, 7, 9900);
        let above = (max + 1).to_string();
        let range = range(max);
        let wrong = ["0", "-1", "1.5", "true", "99999999999", &above];
        let counts: Vec<_> = wrong.iter().map(|raw| ("intervalCount", *raw, &*range)).collect();
        app.refuses_each(post(), &base, &counts).await;
    }
    let base = every(&key, 1, "month", 7, 9900);
    let cases = ["\"day\"", "\"Month\"", "1", "\"\""].map(|raw| ("interval", raw, names));
    app.refuses_each(post(), &base, &cases).await;
    let weekly = every(&key, 1, "week", 7, 9900);
    let reason = "주 단위 구독에서는 1(월요일) 이상 7(일요일) 이하의 정수여야 합니다.";
    app.refuses_each(post(), &weekly, &[("cycleDay", "8", reason)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn weekly_retries_end_within_the_week_and_missed_weeks_are_one_charge() {
    let app = TestApp::with(&[("SCHEDULER_ENABLED", "false")]).await;
    let key = app.register(APPROVED).await;
    let made = app.post(SUBSCRIBE, &every(&key, 2, "week", 3, 7)).await.data(201);
    let first = date(made["nextBillingDate"].as_str().unwrap());
    app.advance_to(&format!("{}T12:00:00+09:00", first + Days::new(30))).await;
    let app = app.restart_with(&[("SCHEDULER_ENABLED", "true")]).await;
    app.advance_secs(60).await;
    let now = app.subscription(&made["id"]).await;
    let (start, end) = (first + Days::new(28), first + Days::new(42));
    assert_eq!(now["currentPeriod"], json!({"start": start, "end": end}));
    assert_eq!(app.ledger().await.len(), 1);

    let short = app.register(ALWAYS_SHORT).await;
    let mut weekly = every(&short, 1, "week", 3, 8);
    weekly["retryDays"] = json!([2, 6, 7, 20]);
    let made = app.post(SUBSCRIBE, &weekly).await.data(201);
    assert_eq!(made["retryDays"], json!([2, 6]));
    let first = date(made["nextBillingDate"].as_str().unwrap());
    app.advance_to(&format!("{}T12:00:00+09:00", first + Days::new(6))).await;
    assert_eq!(app.status(&made["id"]).await, "unpaid");
}
