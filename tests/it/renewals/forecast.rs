//! What is foretold is what is charged, to the won and the day.

use chrono::{Days, Months, NaiveDate};
use serde_json::json;

use crate::support::app::TestApp;
use crate::support::long_run::{LongRun, charged, charges, forecast};
use crate::support::refusals::invalid;
use crate::support::subscriptions::{ALWAYS_SHORT, APPROVED, SHORT_AT_FIRST, renewed_with};

#[tokio::test(flavor = "multi_thread")]
async fn two_years_of_every_anchor_are_charged_as_foretold() {
    let app = LongRun::start().await;
    let key = app.register(APPROVED).await;
    for day in [1, 15, 28, 29, 30, 31] {
        app.subscribe(&key, day).await;
    }
    let canceled = app.subscribe(&key, 7).await;
    app.post("/billing/cancel", &json!({"subscriptionId": canceled["id"]})).await.data(200);
    let paused = app.subscribe(&key, 8).await;
    app.turn(&paused["id"], "pause").await.data(200);
    let ending = app.subscribe(&key, 9).await;
    let at_end = json!({"subscriptionId": ending["id"], "atPeriodEnd": true});
    app.post("/billing/cancel", &at_end).await.data(200);

    let until = app.today() + Months::new(24);
    let foretold = forecast(&app, until).await;
    assert_eq!(foretold.len(), 6, "those that are canceled, paused or were to end are not billed");
    let total: i64 = foretold.iter().map(|item| item["total"].as_i64().unwrap()).sum();
    app.advance_to(&format!("{until}T23:59:59+09:00")).await;
    let charged = charged(&app).await;
    assert_eq!(app.told().await, charged);
    assert_eq!(charges(&foretold), charged);
    assert_eq!(total, charged.iter().map(|c| c.1).sum::<i64>());
    assert!(charged.len() >= 6 * 23, "{}", charged.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_is_foretold_with_the_amount_of_the_first_attempt() {
    let app = TestApp::start().await;
    let (id, _) = renewed_with(&app, SHORT_AT_FIRST).await;
    let late = app.subscription(&id).await;
    app.change(&id, &json!({"amount": 20_000})).await.data(200);
    let retry_day = &late["retry"]["nextAt"].as_str().unwrap()[..10];
    app.advance_to(&format!("{retry_day}T00:00:00+09:00")).await;
    app.consent(&id, 20_000).await.data(201);
    let next: NaiveDate = late["nextBillingDate"].as_str().unwrap().parse().unwrap();
    let path = format!("/billing/forecast?until={next}&subscriptionId={}", id.as_str().unwrap());
    let foretold = app.get(&path).await.data(200)["items"].as_array().unwrap().clone();
    let retry = &foretold[0]["charges"][0];
    assert_eq!((&retry["at"], &retry["isRetry"]), (&late["retry"]["nextAt"], &json!(true)));
    assert_eq!(retry["period"], late["currentPeriod"]);
    assert_eq!(foretold[0]["charges"][1]["isRetry"], false);
    assert_eq!((&retry["amount"], &foretold[0]["total"]), (&json!(9900), &json!(29_900)));

    app.advance_days(1).await;
    assert_eq!(app.status(&id).await, "active");
    let day = late["retry"]["nextAt"].as_str().unwrap()[..10].to_owned();
    assert_eq!(charged(&app).await, [(day, 9900)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_years_of_retries_are_charged_and_told_of_as_foretold() {
    let app = LongRun::start().await;
    let (id, first) = renewed_with(&app, SHORT_AT_FIRST).await;
    let mut foretold = Vec::new();
    while app.today() < first + Months::new(24) {
        let retry_day = app.today() + Days::new(1);
        foretold.extend(charges(&forecast(&app, retry_day).await));
        app.advance_days(1).await;
        assert_eq!(app.status(&id).await, "active");
        let next = app.subscription(&id).await["nextBillingDate"].clone();
        app.advance_to_charge(&next).await;
        assert_eq!(app.status(&id).await, "past_due");
    }
    let charged = charged(&app).await;
    assert_eq!(app.told().await, charged);
    assert_eq!(foretold, charged);
    assert_eq!(charged.len(), 24);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_years_of_a_card_that_is_always_short_charge_nothing_as_foretold() {
    let app = LongRun::start().await;
    let (id, day) = renewed_with(&app, ALWAYS_SHORT).await;
    app.advance_days(7).await;
    assert_eq!(app.status(&id).await, "unpaid");
    assert_eq!(charges(&forecast(&app, day + Months::new(24)).await), []);
    app.advance_to(&format!("{}T23:59:59+09:00", day + Months::new(24))).await;
    assert_eq!((app.told().await, charged(&app).await), (vec![], vec![]));
    assert_eq!(app.calls("CARD-BATCH").await, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_pages_is_narrowed_and_refuses_a_date_that_is_wrong() {
    let app = TestApp::start().await;
    let key = app.register(ALWAYS_SHORT).await;
    for _ in 0..3 {
        app.subscribe(&key, 15).await;
    }
    let until = app.today() + Months::new(2);
    let path = format!("/billing/forecast?until={until}");
    let first = app.get(&format!("{path}&limit=2")).await.data(200);
    assert_eq!(first["items"].as_array().unwrap().len(), 2);
    let cursor = first["nextCursor"].as_str().unwrap();
    let second = app.get(&format!("{path}&limit=2&cursor={cursor}")).await.data(200);
    assert_eq!(second["items"].as_array().unwrap().len(), 1);
    let nobody = app.get(&format!("{path}&customerId=nobody")).await.data(200);
    assert_eq!(nobody, json!({"items": [], "nextCursor": null}));

    app.get("/billing/forecast").await.fails(400, "invalid_request");
    let (today, last) = (app.today(), app.today() + Months::new(36));
    let range = &*format!("오늘({today})부터 3년 안({last}까지)의 날짜여야 합니다.");
    for wrong in ["2020-01-01", "2999-01-01"] {
        let reply = app.get(&format!("/billing/forecast?until={wrong}")).await;
        assert_eq!(reply.error(400), invalid(&[("until", range)]));
    }
}
