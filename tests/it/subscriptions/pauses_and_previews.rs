//! Pausing until a date, taking a cancellation back, and seeing a change before it is made.

use chrono::{Days, Months, NaiveDate};
use serde_json::{Value, json};

use crate::support::app::{Reply, TestApp};
use crate::support::long_run::{LongRun, charged, charges, forecast};
use crate::support::refusals::invalid;
use crate::support::subscriptions::APPROVED;

fn date(value: &Value) -> NaiveDate {
    value.as_str().unwrap().parse().unwrap()
}

impl TestApp {
    async fn pause_until(&self, id: &Value, until: &Value) -> Reply {
        let path = format!("/billing/subscription/{}/pause", id.as_str().unwrap());
        self.post(&path, &json!({ "until": until })).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn paused_until_a_date_it_goes_on_by_itself_and_two_years_are_as_foretold() {
    let app = LongRun::start().await;
    let made = app.subscribe(&app.register(APPROVED).await, 31).await;
    app.advance_to_charge(&made["nextBillingDate"]).await;
    let first = date(&made["nextBillingDate"]);
    let until = first + Months::new(4) + Days::new(3);
    let paused = app.pause_until(&made["id"], &json!(until)).await.data(200);
    assert_eq!((&paused["status"], &paused["resumesOn"]), (&json!("paused"), &json!(until)));
    let end = app.today() + Months::new(24);
    let foretold = charges(&forecast(&app, end).await);
    app.advance_to(&format!("{}T23:59:59+09:00", until - Days::new(1))).await;
    assert_eq!(app.subscription(&made["id"]).await, paused);
    app.advance_to(&format!("{until}T00:00:00+09:00")).await;
    let resumed = app.subscription(&made["id"]).await;
    assert_eq!((&resumed["status"], resumed.get("resumesOn")), (&json!("active"), None));
    assert!(date(&resumed["nextBillingDate"]) >= until);
    app.advance_to(&format!("{end}T23:59:59+09:00")).await;
    let charged = charged(&app).await;
    assert_eq!(app.told().await, charged);
    assert_eq!(charged[1..], foretold);
    assert!(foretold.len() >= 18 && date(&json!(foretold[0].0)) >= until, "{foretold:?}");
    let told = app.events_of("&type=subscription.resumed").await;
    assert_eq!(told[0]["timestamp"].as_str().unwrap()[..10], until.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_date_of_a_pause_can_be_changed_taken_away_and_is_checked() {
    let app = TestApp::start().await;
    let made = app.subscribe(&app.register(APPROVED).await, 15).await;
    let wrong = invalid(&[("until", "내일부터 10년 안의 날짜여야 합니다.")]);
    for until in [json!(app.today()), json!("2020-01-01"), json!("2999-01-01")] {
        assert_eq!(app.pause_until(&made["id"], &until).await.error(400), wrong);
    }
    assert_eq!(app.status(&made["id"]).await, "active");
    let until = json!(app.today() + Days::new(40));
    let paused = app.pause_until(&made["id"], &until).await.data(200);
    assert_eq!(paused["resumesOn"], until);
    // No body at all: until it is resumed.
    let path = format!("/billing/subscription/{}/pause", made["id"].as_str().unwrap());
    let open = app.send(app.request(reqwest::Method::POST, &path)).await.data(200);
    assert_eq!(open.get("resumesOn"), None);
    app.advance_days(100).await;
    assert_eq!(app.subscription(&made["id"]).await, open);
    assert_eq!(app.ledger().await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_years_of_changes_are_charged_as_foretold_after_each() {
    let app = LongRun::start().await;
    let made = app.subscribe(&app.register(APPROVED).await, 31).await;
    let id = &made["id"];
    let other = app.register(APPROVED).await;
    // Each stands for so many months, and until three days after a charge; 0: for ten days.
    let changes = [
        (3, json!({"amount": 8000, "taxFreeAmount": 3000})),
        (3, json!({"cycleDay": 5, "planId": "moved"})),
        (4, json!({"amount": 12_000, "consent": {"method": "phone"}})),
        (3, json!({"billingKey": other})),
        (0, json!({"cancelAtPeriodEnd": true})),
        (3, json!({"cancelAtPeriodEnd": false, "totalCycles": 12})),
        (3, json!({"cycleDay": 29, "amount": 11_000, "retryDays": [2]})),
        (3, json!({"totalCycles": 2})),
    ];
    let mut foretold = Vec::new();
    for (months, change) in changes {
        let now = app.change(id, &change).await.data(200);
        let until = match months {
            0 => app.today() + Days::new(10),
            _ => date(&now["nextBillingDate"]) + Months::new(months) + Days::new(3),
        };
        foretold.extend(charges(&forecast(&app, until).await));
        app.advance_to(&format!("{until}T23:59:59+09:00")).await;
    }
    assert_eq!(app.status(id).await, "canceled");
    assert!(foretold.len() >= 24, "{foretold:?}");
    let charged = charged(&app).await;
    assert_eq!(app.told().await, charged);
    assert_eq!(foretold, charged);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_at_the_period_s_end_can_be_taken_back() {
    let app = TestApp::start().await;
    let made = app.subscribe(&app.register(APPROVED).await, 15).await;
    app.advance_to_charge(&made["nextBillingDate"]).await;
    let before = app.subscription(&made["id"]).await;
    let cancel = json!({"subscriptionId": made["id"], "atPeriodEnd": true, "reason": "고민 중"});
    app.post("/billing/cancel", &cancel).await.data(200);
    let back = app.change(&made["id"], &json!({"cancelAtPeriodEnd": false})).await.data(200);
    assert_eq!(back, before);
    app.advance_days(31).await;
    assert_eq!(app.ledger().await.len(), 2);
    let ends = app.change(&made["id"], &json!({"cancelAtPeriodEnd": true})).await.data(200);
    assert_eq!(
        (&ends["cancelAtPeriodEnd"], &ends["nextBillingDate"]),
        (&json!(true), &Value::Null)
    );
    app.advance_days(31).await;
    assert_eq!(app.status(&made["id"]).await, "canceled");
    app.change(&made["id"], &json!({"cancelAtPeriodEnd": false}))
        .await
        .fails(409, "subscription_not_active");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_shows_what_would_be_and_leaves_everything_as_it_was() {
    let app = TestApp::start().await;
    app.advance_to("2027-03-10T12:00:00+09:00").await;
    let made = app.subscribe(&app.register(APPROVED).await, 15).await;
    let id = made["id"].as_str().unwrap();
    let before = (app.subscription(&made["id"]).await, app.events().await);
    let consent = json!({"method": "checkbox"});
    let change = json!({"amount": 12_000, "cycleDay": 31, "planId": "yearly", "consent": consent});
    let path = format!("/billing/subscription/{id}");
    let mut shown = app.patch(&format!("{path}?preview=true"), &change).await.data(200);
    let lines = shown.as_object_mut().unwrap().remove("preview").unwrap();
    assert_eq!((&lines["total"], &lines["nextCharges"][0]), (&json!(0), &shown["nextCharge"]));
    assert_eq!((app.subscription(&made["id"]).await, app.events().await), before);
    assert_eq!(app.patch(&format!("{path}?preview=false"), &change).await.data(200), shown);
    assert_eq!((&shown["amount"], &shown["pendingAmount"]), (&json!(9900), &json!(12_000)));
    assert_eq!(shown["pendingFrom"], shown["nextBillingDate"]);
    let consents = app.get(&format!("{path}/consents")).await.data(200);
    assert_eq!(consents["items"].as_array().unwrap().len(), 1, "none of the preview");
    let wrong = app.patch(&format!("{path}?preview=maybe"), &change).await;
    assert_eq!(wrong.error(400), invalid(&[("preview", "true 또는 false여야 합니다.")]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotency_key_tells_a_preview_from_the_change_itself() {
    let app = TestApp::start().await;
    let made = app.subscribe(&app.register(APPROVED).await, 15).await;
    let path = format!("/billing/subscription/{}", made["id"].as_str().unwrap());
    for query in ["?preview=true", ""] {
        let call = app.request(reqwest::Method::PATCH, &format!("{path}{query}"));
        let call = call.header("Idempotency-Key", "change-1").json(&json!({"amount": 12_000}));
        assert_eq!(app.send(call).await.data(200)["pendingAmount"], 12_000);
    }
    assert_eq!(app.subscription(&made["id"]).await["pendingAmount"], 12_000);
}
