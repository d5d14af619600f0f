//! The figures of the first page: each is that of the gateway's ledger, to the won.

use std::collections::BTreeMap;

use chrono::Days;
use serde_json::{Value, json};

use super::Visitor;
use crate::support::app::{TestApp, one_off};
use crate::support::refusals::without;
use crate::support::subscriptions::{ALWAYS_SHORT, ANSWER_LOST, APPROVED, SHORT_AT_FIRST, monthly};
use crate::support::window::{in_window, paid, prepare};

impl TestApp {
    /// A subscription to a plan of its own, with these fields besides; the answer.
    async fn plan(&self, key: &str, more: Value) -> Value {
        let mut body = without(&monthly(key), "cycleDay");
        body["planId"] = json!(uuid::Uuid::now_v7().to_string());
        if more["phases"].is_array() {
            body.as_object_mut().unwrap().remove("amount");
        }
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.post("/billing/subscribe", &body).await.data(201)
    }

    async fn overview(&self, days: u32) -> Value {
        self.get(&format!("/billing/overview?days={days}")).await.data(200)
    }
}

fn sum(rows: &Value, name: &str) -> i64 {
    rows.as_array().unwrap().iter().map(|row| row[name].as_i64().unwrap()).sum()
}

/// The rows of a table of the page, as numbers where they are some.
fn table(page: &str, id: &str) -> Vec<Vec<String>> {
    let table = page
        .split(&format!("<table id=\"{id}\">"))
        .nth(1)
        .unwrap_or_else(|| panic!("{id}: {page}"));
    let body = table.split("<tbody>").nth(1).unwrap().split("</tbody>").next().unwrap();
    let cells = |row: &str| {
        let cells = row.split("<td").skip(1).map(|cell| {
            let cell = cell.split_once('>').unwrap().1.split("</td>").next().unwrap();
            cell.replace(['원', ','], "")
        });
        cells.collect()
    };
    body.split("<tr>").skip(1).map(cells).collect()
}

fn column(rows: &[Vec<String>], at: usize) -> i64 {
    rows.iter().map(|row| row[at].parse::<i64>().unwrap()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_revenue_declines_and_retries_are_those_of_the_ledger() {
    let app = TestApp::with(&[("KAKAOPAY_ENABLED", "true")]).await;
    let good = app.register(APPROVED).await;
    let short = app.register(SHORT_AT_FIRST).await;
    let never = app.register(ALWAYS_SHORT).await;
    let now = json!({"chargeNow": true});
    app.plan(&good, now.clone()).await;
    app.plan(&good, json!({"amount": 5500, "interval": "week", "chargeNow": true})).await;
    app.plan(&short, json!({"amount": 12_000})).await;
    app.plan(&never, json!({"amount": 7700})).await;
    let once = app.pay(&good).await.data(200);
    let order = prepare(&app, "ORDER-1").await;
    in_window(&app, &order, "pay").await;
    let refund = json!({"paymentId": once["id"], "amount": 3000});
    app.post("/billing/refund", &refund).await.data(200);
    app.advance_days(40).await;

    let ledger = app.ledger().await;
    let of = |name: &str| ledger.iter().map(|t| t[name].as_i64().unwrap_or(0)).sum::<i64>();
    let (taken, back) = (of("amount"), of("canceledAmount"));
    assert_eq!(back, 3000);
    let overview = app.overview(60).await;
    assert_eq!(sum(&overview["attempts"], "approved"), i64::try_from(ledger.len()).unwrap());
    assert_eq!(sum(&overview["attempts"], "approvedAmount"), taken);
    assert_eq!(overview["attempts"].as_array().unwrap().len(), 60);

    let declined = app.get("/billing/payments?status=declined&limit=100").await.data(200);
    let declined = &declined["items"];
    assert!(declined.as_array().unwrap().len() > 3, "{declined}");
    let (count, won) = (declined.as_array().unwrap().len(), sum(declined, "amount"));
    for rows in ["attempts", "declines"] {
        let (n, amount) =
            if rows == "attempts" { ("declined", "declinedAmount") } else { ("count", "amount") };
        assert_eq!(sum(&overview[rows], n), i64::try_from(count).unwrap(), "{rows}");
        assert_eq!(sum(&overview[rows], amount), won, "{rows}");
    }
    let retried = overview["retries"].as_array().unwrap();
    assert_eq!(retried[0]["retry"], 1);
    // The card that is short at first pays at the first retry of each of its charges.
    let short_paid = app.get("/billing/payments?minAmount=12000&maxAmount=12000").await.data(200);
    let paid = short_paid["items"].as_array().unwrap();
    let paid = paid.iter().filter(|p| p["status"] == "approved").count();
    let paid = i64::try_from(paid).unwrap();
    assert_eq!(sum(&overview["retries"], "approved"), paid, "{retried:?}");
    assert_eq!((paid, sum(&overview["retries"], "amount")), (2, 24_000));

    let mut visitor = Visitor::new(&app);
    let page = visitor.page("/console?days=90").await;
    let revenue = table(&page, "revenue");
    assert_eq!(revenue.len(), 90);
    let totals = [1, 2, 3].map(|at| column(&revenue, at));
    assert_eq!(totals, [taken, back, taken - back]);
    let attempts = table(&page, "attempts");
    assert_eq!(column(&attempts, 2), taken);
    assert_eq!(column(&table(&page, "declines"), 3), won);
    assert_eq!(column(&table(&page, "retries"), 3), 24_000);
}

/// Won and charges of each day, by the forecasts of each subscription.
async fn one_by_one(app: &TestApp) -> BTreeMap<String, (i64, i64)> {
    let until = app.today() + Days::new(60);
    let list = app.get(&format!("/billing/forecast?until={until}&limit=100")).await.data(200);
    assert_eq!(list["nextCursor"], Value::Null);
    let mut days = BTreeMap::new();
    for of in list["items"].as_array().unwrap() {
        // Asked for alone it is foretold step by step.
        let id = of["subscriptionId"].as_str().unwrap();
        let alone = app.get(&format!("/billing/forecast?until={until}&subscriptionId={id}")).await;
        assert_eq!(alone.data(200)["items"][0], *of);
        for charge in of["charges"].as_array().unwrap() {
            let day = charge["date"].as_str().unwrap().to_owned();
            let sums: &mut (i64, i64) = days.entry(day).or_default();
            *sums = (sums.0 + charge["amount"].as_i64().unwrap(), sums.1 + 1);
        }
    }
    days
}

async fn all_together(app: &TestApp) -> BTreeMap<String, (i64, i64)> {
    let overview = app.overview(1).await;
    let days = overview["forecast"].as_array().unwrap();
    assert_eq!(days.len(), 61);
    let day = |d: &Value| {
        let sums = (d["amount"].as_i64().unwrap(), d["charges"].as_i64().unwrap());
        (d["date"].as_str().unwrap().to_owned(), sums)
    };
    days.iter().map(day).filter(|(_, sums)| *sums != (0, 0)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_forecast_of_all_is_the_sum_of_the_forecasts_of_each() {
    let app = TestApp::start().await;
    let good = app.register(APPROVED).await;
    let never = app.register(ALWAYS_SHORT).await;
    let soon = app.today() + Days::new(45);
    for more in [
        json!({}),
        json!({"cycleDay": 31}),
        json!({"chargeNow": true}),
        json!({"chargeNow": true, "cycleDay": 31, "firstPeriod": "full"}),
        json!({"interval": "week", "cycleDay": 3, "amount": 1100}),
        json!({"interval": "week", "intervalCount": 3, "chargeNow": true}),
        json!({"intervalCount": 2, "cycleDay": 29}),
        json!({"interval": "year", "amount": 99_000}),
        json!({"endDate": soon}),
        json!({"totalCycles": 1}),
        json!({"trialDays": 14}),
        json!({"phases": [{"cycles": 1, "amount": 9900}, {"amount": 4900}]}),
        json!({"startDate": soon}),
    ] {
        app.plan(&good, more).await;
    }
    app.plan(&never, json!({"amount": 3300})).await;
    let lower = app.plan(&good, json!({"chargeNow": true})).await["id"].clone();
    app.change(&lower, &json!({"amount": 5000})).await.data(200);
    let day = app.plan(&good, json!({"chargeNow": true})).await["id"].clone();
    app.change(&day, &json!({"cycleDay": 20})).await.data(200);
    let credit = app.plan(&good, json!({"chargeNow": true})).await["id"].clone();
    let paused = app.plan(&good, json!({"chargeNow": true})).await["id"].clone();
    let until = app.today() + Days::new(10);
    let path = format!("/billing/subscription/{}/pause", paused.as_str().unwrap());
    app.post(&path, &json!({"until": until})).await.data(200);
    let ending = app.plan(&good, json!({"chargeNow": true})).await["id"].clone();
    let end = json!({"subscriptionId": ending, "atPeriodEnd": true});
    app.post("/billing/cancel", &end).await.data(200);
    for days in [0, 1, 3, 30, 31] {
        if days > 0 {
            app.advance_days(days).await;
        }
        if days == 3 {
            app.change(&credit, &json!({"amount": 3000, "when": "now"})).await.data(200);
        }
        let expected = one_by_one(&app).await;
        assert!(expected.len() > 10, "{expected:?}");
        assert_eq!(all_together(&app).await, expected, "after {days} days");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn days_are_covered_and_worth_what_their_segments_say() {
    let app = TestApp::start().await;
    let good = app.register(APPROVED).await;
    let month = app.plan(&good, json!({"chargeNow": true})).await;
    app.plan(&good, json!({"chargeNow": true, "amount": 120_000, "interval": "year"})).await;
    app.plan(&good, json!({"trialDays": 7})).await;
    let last = |overview: &Value| overview["members"].as_array().unwrap().last().unwrap().clone();
    let made = last(&app.overview(30).await);
    let told = |day: &Value| ["covered", "monthlyAmount", "new", "ended"].map(|n| day[n].clone());
    // A year's price is 10,000 a month; the trial is worth nothing yet.
    assert_eq!(told(&made), [3, 19_900, 3, 0].map(|n| json!(n)));
    let cancel = json!({"subscriptionId": month["id"], "atPeriodEnd": false});
    app.post("/billing/cancel", &cancel).await.data(200);
    app.advance_days(1).await;
    let overview = app.overview(30).await;
    let days = overview["members"].as_array().unwrap();
    // It ended on its first day, which is no whole day of service.
    assert_eq!(told(&days[28]), [2, 10_000, 3, 1].map(|n| json!(n)));
    assert_eq!(told(&days[29]), [2, 10_000, 0, 0].map(|n| json!(n)));
    assert_eq!(overview["subscriptions"]["active"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_a_person_is_counted_and_each_line_leads_to_it() {
    let app = TestApp::with(&[("KAKAOPAY_ENABLED", "true")]).await;
    let overview = app.overview(30).await;
    for (what, waiting) in overview["attention"].as_object().unwrap() {
        assert_eq!((&waiting["count"], &waiting["amount"]), (&json!(0), &json!(0)), "{what}");
    }
    let mut visitor = Visitor::new(&app);
    assert!(visitor.page("/console").await.contains("지금은 없습니다."));
    let lost = app.register(ANSWER_LOST).await;
    assert_eq!(app.post("/billing/pay", &one_off(&lost)).await.status, 202);
    let never = app.register(ALWAYS_SHORT).await;
    app.plan(&never, json!({"amount": 3300})).await;
    prepare(&app, "LATE").await;
    prepare(&app, "TWICE").await;
    app.advance_days(2).await;
    for (order, transaction, amount) in
        [("LATE", "T1", 9900), ("TWICE", "T2", 9900), ("TWICE", "T3", 9900), ("NOBODY", "T4", 500)]
    {
        let told = paid(order, transaction, amount);
        app.get(&format!("/webhook/kiwoom?{told}")).await;
    }
    let attention = app.overview(30).await["attention"].clone();
    for (what, count, amount, link) in [
        ("unknownPayments", 1, 9900, "/console/payments?status=unknown"),
        ("unexpectedPayments", 1, 9900, "/console/payments?source=unexpected"),
        ("lateOrders", 2, 19_800, "late=true"),
        ("notifications", 2, 0, "/console/notifications?state=review"),
        ("pastDue", 1, 3300, "/console/subscriptions?status=past_due"),
        ("endingCards", 1, 0, "/console/cards?expiresBefore="),
    ] {
        let waiting = &attention[what];
        let told = (&waiting["count"], &waiting["amount"]);
        assert_eq!(told, (&json!(count), &json!(amount)), "{what}: {attention}");
        assert!(waiting["oldest"].is_string(), "{what}: {waiting}");
        let page = visitor.page("/console").await;
        let targets = page.split("href=\"").map(|rest| rest.split('"').next().unwrap());
        let targets = targets.map(|target| target.replace("&#38;", "&").replace("&amp;", "&"));
        let targets: Vec<_> = targets.filter(|target| target.contains(link)).collect();
        assert_eq!(targets.len(), 1, "{what}: {page}");
        let shown = visitor.page(&targets[0]).await;
        let rows = shown.split("<tbody>").nth(1).unwrap_or_else(|| panic!("{what}: {shown}"));
        assert_eq!(rows.matches("<tr>").count(), count, "{what}: {shown}");
    }
}
