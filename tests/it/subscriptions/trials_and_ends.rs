//! Free time before the first charge, and a last day or a number of periods after it.

use chrono::{Days, Months, NaiveDate};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::long_run::{LongRun, charged, charges, forecast};
use crate::support::refusals::{NUMBER, invalid};
use crate::support::subscriptions::{ALWAYS_SHORT, APPROVED, monthly};

const SUBSCRIBE: &str = "/billing/subscribe";

/// A subscription to a plan of its own, told apart by its amount, with further fields.
fn with(key: &str, amount: i64, more: &Value) -> Value {
    let mut body = monthly(key);
    body["planId"] = json!(format!("plan-{amount}"));
    body["amount"] = json!(amount);
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

fn date(value: &Value) -> NaiveDate {
    value.as_str().unwrap().parse().unwrap()
}

fn days_of(charges: &[(String, i64)], amount: i64) -> Vec<String> {
    charges.iter().filter(|c| c.1 == amount).map(|c| c.0.clone()).collect()
}

fn id(subscription: &Value) -> &str {
    subscription["id"].as_str().unwrap()
}

/// Those of `made`, the first to end its free time first.
fn by_trial_end(made: &[Value], which: &[usize]) -> Vec<Value> {
    let mut trials: Vec<Value> = which.iter().map(|n| made[*n].clone()).collect();
    trials.sort_by_key(|trial| date(&trial["trialEnd"]));
    trials
}

#[tokio::test(flavor = "multi_thread")]
async fn two_years_of_trials_and_ends_are_charged_as_foretold() {
    let app = LongRun::start().await;
    app.advance_to("2027-03-10T12:00:00+09:00").await;
    let key = app.register(APPROVED).await;
    let today = app.today();
    let plain = app.post(SUBSCRIBE, &with(&key, 10_000, &json!({}))).await.data(201);
    let first = date(&plain["nextBillingDate"]);
    let last = first + Months::new(5);
    let terms = [
        json!({"trialDays": 45}),
        json!({"freeCycles": 3, "totalCycles": 4}),
        json!({"endDate": last}),
        json!({"endDate": last + Days::new(1)}),
        json!({"totalCycles": 1}),
        json!({"chargeNow": true, "totalCycles": 3}),
        json!({"cycleDay": 2, "interval": "week", "freeCycles": 2, "totalCycles": 10,
            "consent": {"method": "checkbox"}}),
        json!({"cycleDay": 3, "interval": "week", "intervalCount": 2, "trialDays": 30,
            "endDate": today + Months::new(12)}),
    ];
    let mut made = Vec::new();
    for (amount, more) in (2..).zip(&terms) {
        made.push(app.post(SUBSCRIBE, &with(&key, 10_000 * amount, more)).await.data(201));
    }
    let before = json!({"endDate": today + Days::new(1)});
    app.post(SUBSCRIBE, &with(&key, 100_000, &before)).await.fails(400, "invalid_request");
    let at_once = charged(&app).await;
    let until = today + Months::new(24);
    let mut foretold = charges(&forecast(&app, until).await);
    foretold.extend(at_once);
    // Too long before the end of their free time: the customers consent later.
    for trial in by_trial_end(&made, &[0, 1, 7]) {
        let soon = date(&trial["trialEnd"]) - Days::new(20);
        app.advance_to(&format!("{soon}T12:00:00+09:00")).await;
        app.consent(&trial["id"], trial["amount"].as_i64().unwrap()).await.data(201);
        let path = format!("/billing/forecast?until={until}&subscriptionId={}", id(&trial));
        foretold.extend(charges(app.get(&path).await.data(200)["items"].as_array().unwrap()));
    }
    foretold.sort();
    app.advance_to(&format!("{until}T23:59:59+09:00")).await;
    let charged = charged(&app).await;
    assert_eq!(app.told().await, charged);
    assert_eq!(foretold, charged);

    // What is no whole amount is a stub: its share of the days.
    let plain = days_of(&charged, 10_000);
    let from = |day: NaiveDate| plain.iter().filter(move |d| **d >= day.to_string()).cloned();
    let ends = [today + Days::new(45), today + Months::new(3)];
    assert_eq!(days_of(&charged, 20_000), from(ends[0]).collect::<Vec<_>>());
    assert!(charged.contains(&(ends[0].to_string(), 20_000 * 21 / 30)), "{charged:?}");
    assert_eq!(days_of(&charged, 30_000), from(ends[1]).take(3).collect::<Vec<_>>());
    assert!(charged.contains(&(ends[1].to_string(), 30_000 * 5 / 31)), "{charged:?}");
    assert_eq!(days_of(&charged, 40_000), plain[..5]);
    assert_eq!(days_of(&charged, 50_000), plain[..5]);
    assert!(charged.contains(&(last.to_string(), 50_000 / 31)), "{charged:?}");
    assert_eq!(days_of(&charged, 60_000), plain[..1]);
    assert_eq!(days_of(&charged, 70_000), plain[..2]);
    assert!(charged.contains(&(today.to_string(), 70_000 * 5 / 28)), "{charged:?}");
    assert_eq!(days_of(&charged, 80_000).len(), 9);
    let of_nine = days_of(&charged, 90_000);
    assert!(of_nine[0] >= (today + Days::new(31)).to_string(), "{of_nine:?}");
    assert!(of_nine.last().unwrap() < &(today + Months::new(12)).to_string(), "{of_nine:?}");
    for (at, made) in made.iter().enumerate() {
        let expected = if at == 0 { "active" } else { "canceled" };
        assert_eq!(app.status(&made["id"]).await, expected, "{}", terms[at]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_trial_is_told_of_once_a_week_before() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    let body = with(&key, 9900, &json!({"trialDays": 60}));
    let made = app.post(SUBSCRIBE, &body).await.data(201);
    app.advance_to(&format!("{}T00:00:00+09:00", date(&made["trialEnd"]) - Days::new(30))).await;
    app.consent(&made["id"], 9900).await.data(201);
    app.post(SUBSCRIBE, &with(&key, 1, &json!({}))).await.data(201);
    app.advance_days(200).await;
    let told = app.events_of("&type=subscription.trial_ending").await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["subscriptionId"], made["id"]);
    let day = date(&made["trialEnd"]) - Days::new(7);
    assert_eq!(told[0]["timestamp"].as_str().unwrap()[..13], format!("{day}T10"));
    assert_eq!(told[0]["data"]["trialEnd"], made["trialEnd"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trial_and_the_end_are_shown_and_the_end_can_be_changed() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    let terms = json!({"trialDays": 40, "totalCycles": 2});
    let made = app.post(SUBSCRIBE, &with(&key, 9900, &terms)).await.data(201);
    assert_eq!(made["trialEnd"], made["nextBillingDate"]);
    assert_eq!((made["cyclesLeft"].as_i64(), made.get("endDate")), (Some(2), None));
    let moved = app.change(&made["id"], &json!({"cycleDay": 20})).await.data(200);
    assert_eq!(moved["trialEnd"], moved["nextBillingDate"]);
    app.advance_to(&format!("{}T00:00:00+09:00", date(&moved["trialEnd"]) - Days::new(30))).await;
    app.consent(&made["id"], 9900).await.data(201);
    app.advance_to_charge(&moved["nextBillingDate"]).await;
    let paid = app.subscription(&made["id"]).await;
    assert_eq!((paid.get("trialEnd"), paid["cyclesLeft"].as_i64()), (None, Some(1)));
    app.advance_to_charge(&paid["nextBillingDate"]).await;
    let last = app.subscription(&made["id"]).await;
    assert_eq!((&last["status"], &last["nextBillingDate"]), (&json!("active"), &Value::Null));

    let more = app.change(&made["id"], &json!({"totalCycles": 1})).await.data(200);
    assert_eq!(more["nextBillingDate"], last["currentPeriod"]["end"]);
    let end = date(&more["nextBillingDate"]);
    let ending = app.change(&made["id"], &json!({"endDate": end})).await.data(200);
    assert_eq!((&ending["endDate"], ending.get("cyclesLeft")), (&json!(end), None));
    let open = app.change(&made["id"], &json!({"endDate": null, "totalCycles": null})).await;
    assert_eq!(open.data(200).get("endDate"), None);
    assert_eq!(app.change(&made["id"], &json!({"endDate": end})).await.data(200), ending);
    app.advance_to(&format!("{end}T00:00:00+09:00")).await;
    assert_eq!(app.status(&made["id"]).await, "canceled");
    assert_eq!(app.ledger().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declined_period_counts_and_what_is_unpaid_or_paused_ends_too() {
    let app = TestApp::start().await;
    let short = app.register(ALWAYS_SHORT).await;
    let counted = with(&short, 1, &json!({"totalCycles": 1}));
    let counted = app.post(SUBSCRIBE, &counted).await.data(201);
    let first = date(&counted["nextBillingDate"]);
    let end = first + Months::new(2);
    let unpaid = app.post(SUBSCRIBE, &with(&short, 2, &json!({"endDate": end}))).await.data(201);
    let key = app.register(APPROVED).await;
    let paused = app.post(SUBSCRIBE, &with(&key, 3, &json!({"endDate": end}))).await.data(201);
    app.turn(&paused["id"], "pause").await.data(200);
    app.advance_to(&format!("{}T23:59:59+09:00", first + Days::new(10))).await;
    // Its only charge was declined for good: nothing is left to come back to.
    assert_eq!(app.status(&counted["id"]).await, "canceled");
    assert_eq!(app.subscription(&counted["id"]).await["cyclesLeft"], 0);
    assert_eq!(app.status(&unpaid["id"]).await, "unpaid");
    app.advance_to(&format!("{end}T00:00:00+09:00")).await;
    assert_eq!(app.status(&unpaid["id"]).await, "canceled");
    assert_eq!(app.status(&paused["id"]).await, "canceled");
    assert_eq!(app.ledger().await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_terms_are_refused() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    let base = with(&key, 1, &json!({}));
    let post = || (Method::POST, SUBSCRIBE);
    for (field, max) in [("trialDays", 730), ("freeCycles", 24), ("totalCycles", 600)] {
        let range = format!("1 이상 {max} 이하의 정수여야 합니다.");
        let above = (max + 1).to_string();
        let cases = ["0", "-1", "1.5", &above].map(|raw| (field, raw, &*range));
        app.refuses_each(post(), &base, &cases).await;
        app.refuses_each(post(), &base, &[(field, "\"1\"", NUMBER)]).await;
    }
    let later = &*format!("오늘({})보다 뒤여야 합니다.", app.today());
    let today = json!(app.today()).to_string();
    let ends = [("endDate", &*today, later), ("endDate", "\"2020-01-01\"", later)];
    app.refuses_each(post(), &base, &ends).await;
    let end = app.today() + Months::new(3);
    let together = [
        (json!({"chargeNow": true, "trialDays": 3}), "trialDays", "chargeNow"),
        (json!({"chargeNow": true, "freeCycles": 3}), "freeCycles", "chargeNow"),
        (json!({"trialDays": 3, "freeCycles": 3}), "freeCycles", "trialDays"),
        (json!({"endDate": end, "totalCycles": 3}), "totalCycles", "endDate"),
    ];
    for (more, field, other) in together {
        let expected = invalid(&[(field, &format!("{other}와(과) 함께 사용할 수 없습니다."))]);
        assert_eq!(app.post(SUBSCRIBE, &with(&key, 1, &more)).await.error(400), expected);
    }
    let made = app.post(SUBSCRIBE, &base).await.data(201);
    let both = json!({"endDate": end, "totalCycles": 3});
    app.change(&made["id"], &both).await.fails(400, "invalid_request");
    let reply = app.change(&made["id"], &json!({"endDate": app.today()})).await;
    assert_eq!(reply.error(400), invalid(&[("endDate", later)]));
    app.change(&made["id"], &json!({"trialDays": 3})).await.fails(400, "invalid_request");
    assert_eq!(app.subscription(&made["id"]).await, made);
}
