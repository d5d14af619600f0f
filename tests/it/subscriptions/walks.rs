//! Three years of each interval: what is foretold is what the gateway's ledger holds and what the
//! timeline says, to the won and the day.

use chrono::{Datelike, Months, NaiveDate};
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::long_run::{charged, charges, forecast};
use crate::support::subscriptions::APPROVED;

/// Walks 36 months with subscriptions of this interval: one that waits for each of the anchors, one
/// that begins at once in the middle of a period, one with a trial and one with phases.
async fn walk(interval: &str, count: u32, anchors: &[u32]) {
    let app = TestApp::start().await;
    let year = app.today().year() + 1;
    app.advance_to(&format!("{year}-01-12T12:00:00+09:00")).await;
    let key = app.register(APPROVED).await;
    let price = 9907;
    let body = |anchor: u32, more: &Value| {
        let mut body = json!({
            "billingKey": key, "customerId": "user123", "amount": price, "cycleDay": anchor,
            "planId": uuid::Uuid::now_v7().to_string(), "productName": "구독",
            "interval": interval, "intervalCount": count,
        });
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        if body.get("phases").is_some() {
            body.as_object_mut().unwrap().remove("amount");
        }
        body
    };
    let phases = json!([{"cycles": 1, "amount": 9907}, {"cycles": 2, "amount": 3301},
        {"amount": 1009}]);
    let last = *anchors.last().unwrap();
    let mut bodies: Vec<_> = anchors.iter().map(|anchor| body(*anchor, &json!({}))).collect();
    bodies.push(body(last, &json!({"chargeNow": true})));
    bodies.push(body(last, &json!({"chargeNow": true, "firstPeriod": "full"})));
    bodies.push(body(last, &json!({"trialDays": 10, "consent": {"method": "checkbox"}})));
    bodies.push(body(last, &json!({ "phases": phases })));
    let mut ids = Vec::new();
    for body in &bodies {
        ids.push(app.post("/billing/subscribe", body).await.data(201)["id"].clone());
    }
    let at_once = charged(&app).await.len();
    assert_eq!(at_once, 2);

    let until = app.today() + Months::new(36);
    let foretold = charges(&forecast(&app, until).await);
    let (mut planned, mut prices) = (Vec::new(), Vec::new());
    for id in &ids {
        let timeline = timeline(&app, id, app.today(), until).await;
        prices.extend(segments(&timeline, |s| s["planned"] == true && s["kind"] == "paid"));
        planned.push(all(&timeline));
    }
    prices.sort();
    assert_eq!(prices, foretold, "the forecast is what the timeline plans");

    let began = app.today();
    app.advance_to(&format!("{until}T23:59:59+09:00")).await;
    let charged = charged(&app).await;
    assert_eq!(charged[at_once..], foretold, "the ledger is what was foretold");
    let mut paid = Vec::new();
    for (id, planned) in ids.iter().zip(planned) {
        let timeline = timeline(&app, id, began, until).await;
        assert_eq!(all(&timeline), planned, "{id}");
        paid.extend(payments(&timeline));
    }
    paid.sort();
    assert_eq!(paid, charged, "the timeline's payments are the ledger");
}

async fn timeline(app: &TestApp, id: &Value, from: NaiveDate, until: NaiveDate) -> Value {
    let (id, to) = (id.as_str().unwrap(), until.succ_opt().unwrap());
    let path = format!("/billing/subscription/{id}/timeline?from={from}&to={to}");
    app.get(&path).await.data(200)
}

/// Start and amount of the segments of a kind.
fn segments(timeline: &Value, of: impl Fn(&Value) -> bool) -> Vec<(String, i64)> {
    let all = timeline["segments"].as_array().unwrap().iter().filter(|s| of(s));
    all.map(|s| (text(&s["start"]), s["amount"].as_i64().unwrap())).collect()
}

/// What is asked of each segment, whether it is to come or over.
fn all(timeline: &Value) -> Vec<[Value; 5]> {
    let names = ["start", "end", "kind", "reason", "amount"];
    let all = timeline["segments"].as_array().unwrap().iter();
    all.map(|s| names.map(|name| s[name].clone())).collect()
}

fn payments(timeline: &Value) -> Vec<(String, i64)> {
    let segments = timeline["segments"].as_array().unwrap().iter().filter(|s| s["kind"] == "paid");
    let all = segments.flat_map(|s| s["payments"].as_array().unwrap());
    all.map(|p| (text(&p["date"]), p["amount"].as_i64().unwrap())).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn months_are_charged_as_foretold() {
    walk("month", 1, &[1, 15, 29, 31]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn quarters_are_charged_as_foretold() {
    walk("month", 3, &[1, 15, 29, 31]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn weeks_are_charged_as_foretold() {
    walk("week", 1, &[1, 4]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fortnights_are_charged_as_foretold() {
    walk("week", 2, &[1, 7]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn years_are_charged_as_foretold() {
    walk("year", 1, &[1, 15, 29, 31]).await;
}
