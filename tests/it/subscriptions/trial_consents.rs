//! The first charge after a trial waits for the customer's consent (전자상거래법 제13조 제6항).

use chrono::{Datelike, Days, Months, NaiveDate, Weekday};
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::long_run::{LongRun, charged, charges, forecast};
use crate::support::refusals::invalid;
use crate::support::subscriptions::{APPROVED, monthly};

const SUBSCRIBE: &str = "/billing/subscribe";
const ENDING: &str = "&type=subscription.trial_ending";

fn date(value: &Value) -> NaiveDate {
    value.as_str().unwrap().parse().unwrap()
}

/// A subscription that is free for two weeks and then billed every four weeks, on a Wednesday.
fn trial(key: &str, more: &Value) -> Value {
    let mut body = monthly(key);
    body["interval"] = json!("week");
    body["intervalCount"] = json!(4);
    body["cycleDay"] = json!(3);
    body["trialDays"] = json!(14);
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

/// What is charged at the end of the trial: the days to the next Wednesday, of four weeks.
fn stub(trial_end: &Value, amount: i64) -> (String, i64) {
    let to_wednesday = (9 - date(trial_end).weekday().num_days_from_monday()) % 7;
    let days = if to_wednesday == 0 { 28 } else { to_wednesday };
    (trial_end.as_str().unwrap().to_owned(), amount * i64::from(days) / 28)
}

async fn subscribed(app: &TestApp, more: &Value) -> Value {
    let key = app.register(APPROVED).await;
    app.post(SUBSCRIBE, &trial(&key, more)).await.data(201)
}

async fn foretold(app: &TestApp) -> Vec<(String, i64)> {
    charges(&forecast(app, app.today() + Months::new(24)).await)
}

async fn two_years_on(app: &TestApp) {
    let until = app.today() + Months::new(24);
    app.advance_to(&format!("{until}T23:59:59+09:00")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn consented_to_when_it_began_it_is_charged_for_two_years_as_foretold() {
    let app = LongRun::start().await;
    let began = app.today();
    let consent = json!({"method": "checkbox", "evidence": "가입 화면 v3"});
    let made = subscribed(&app, &json!({ "consent": consent })).await;
    let kept = app.consents(&made["id"]).await;
    let expected = json!({
        "id": kept[0]["id"], "subscriptionId": made["id"], "oldAmount": 0, "newAmount": 9900,
        "interval": "week", "intervalCount": 4,
        "effectiveDate": made["trialEnd"], "consentedAt": kept[0]["consentedAt"],
        "method": "checkbox", "evidence": "가입 화면 v3", "createdAt": kept[0]["createdAt"],
    });
    assert_eq!(kept, [expected]);
    // Two looks at the clock, a moment apart.
    assert!(kept[0]["consentedAt"].as_str() <= kept[0]["createdAt"].as_str(), "{kept:?}");
    let foretold = foretold(&app).await;
    two_years_on(&app).await;
    let charged = charged(&app).await;
    assert_eq!(app.told().await, charged);
    assert_eq!(foretold, charged);
    assert_eq!(date(&made["trialEnd"]), began + Days::new(14), "it ends to the day");
    assert_eq!(charged[0], stub(&made["trialEnd"], 9900));
    assert!(charged[1..].iter().all(|charge| charge.1 == 9900));
    assert!(charged.len() >= 25, "{}", charged.len());
    assert_eq!(app.subscription(&made["id"]).await.get("trialEnd"), None);
    assert_eq!(app.events_of(ENDING).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_consent_it_stays_free_until_a_late_one_and_is_charged_from_then_on() {
    let app = LongRun::start().await;
    let made = subscribed(&app, &json!({"totalCycles": 60})).await;
    assert_eq!(foretold(&app).await, []);
    let half = app.today() + Months::new(12);
    app.advance_to(&format!("{half}T23:59:59+09:00")).await;
    assert_eq!(app.ledger().await, Vec::<Value>::new());
    let free = app.subscription(&made["id"]).await;
    assert_eq!((&free["status"], &free["cyclesLeft"]), (&json!("active"), &json!(60)));
    // Free to the next Wednesday, and asked again there.
    assert_eq!(date(&free["currentPeriod"]["end"]), date(&free["trialEnd"]));
    assert_eq!(free["trialEnd"], free["nextBillingDate"]);
    assert_eq!(date(&free["trialEnd"]).weekday(), Weekday::Wed);
    assert!(date(&free["trialEnd"]) <= half + Days::new(7));
    let asked = ((date(&free["trialEnd"]) - date(&made["trialEnd"])).num_days() + 6) / 7;
    let told = app.events_of(ENDING).await.len();
    assert!((asked..=asked + 1).contains(&i64::try_from(told).unwrap()), "{told} of {asked}");

    app.consent(&made["id"], 9900).await.data(201);
    let foretold = foretold(&app).await;
    app.advance_to(&format!("{}T23:59:59+09:00", half + Months::new(12))).await;
    let charged = charged(&app).await;
    assert_eq!(app.told().await, charged);
    assert_eq!(foretold[..charged.len()], charged);
    assert_eq!(charged[0].0, free["trialEnd"].as_str().unwrap());
    assert!(charged.len() >= 12, "{}", charged.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_consent_it_ends_with_its_free_time_where_that_is_the_fallback() {
    let app = LongRun::with(&[("PRICE_RISE_FALLBACK", "end")]).await;
    let made = subscribed(&app, &json!({})).await;
    let other = json!({"planId": "other", "amount": 12_000, "consent": {"method": "phone"}});
    let kept = subscribed(&app, &other).await;
    let foretold = foretold(&app).await;
    assert_eq!(foretold[0], stub(&kept["trialEnd"], 12_000));
    assert!(foretold[1..].iter().all(|charge| charge.1 == 12_000));
    two_years_on(&app).await;
    let charged = charged(&app).await;
    assert_eq!(app.told().await, charged);
    assert_eq!(foretold, charged);
    let ended = app.subscription(&made["id"]).await;
    assert_eq!(ended["status"], "canceled");
    assert_eq!(ended["cancelReason"], "유료 전환 미동의");
    let day = made["trialEnd"].as_str().unwrap();
    assert_eq!(ended["canceledAt"].as_str().unwrap()[..13], format!("{day}T10"));
    assert_eq!(app.status(&kept["id"]).await, "active");
    app.consent(&made["id"], 9900).await.fails(409, "subscription_not_active");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_more_than_thirty_days_before_is_refused_with_the_first_day_for_it() {
    let app = TestApp::start().await;
    // A trial that ends on the anchor: what follows is a whole period.
    let start = (app.today() + Days::new(90)).with_day(1).unwrap();
    let more = json!({
        "interval": "month", "intervalCount": 1, "cycleDay": 15, "startDate": start,
    });
    let made = subscribed(&app, &more).await;
    let end = date(&made["trialEnd"]);
    assert_eq!(end, start + Days::new(14));
    let first = end - Days::new(30);
    let reason = format!("인상일 전 30일 안의 동의여야 합니다. {first}부터 동의할 수 있습니다.");
    let foretold = |app| async move { charges(&forecast(app, end).await) };
    app.advance_to(&format!("{}T23:59:59+09:00", first - Days::new(1))).await;
    let early = app.consent(&made["id"], 9900).await;
    assert_eq!(early.error(400), invalid(&[("consentedAt", &reason)]));
    assert_eq!(foretold(&app).await, []);
    app.advance_to(&format!("{first}T00:00:00+09:00")).await;
    app.consent(&made["id"], 9900).await.data(201);
    assert_eq!(foretold(&app).await, [(end.to_string(), 9900)]);
    app.advance_to_charge(&json!(end)).await;
    assert_eq!(charged(&app).await, [(end.to_string(), 9900)]);
    assert_eq!(app.subscription(&made["id"]).await.get("trialEnd"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_is_to_its_amount_and_in_a_free_time_any_amount_holds_at_once() {
    let app = TestApp::start().await;
    let made = subscribed(&app, &json!({"consent": {"method": "checkbox"}})).await;
    let id = &made["id"];
    let raised = app.change(id, &json!({"amount": 12_000})).await.data(200);
    assert_eq!((&raised["amount"], raised.get("pendingAmount")), (&json!(12_000), None));
    assert_eq!(foretold(&app).await, []);
    app.change(id, &json!({"amount": 9000})).await.data(200);
    assert_eq!(foretold(&app).await, [], "a consent is to its amount");
    let again = json!({"amount": 15_000, "consent": {"method": "phone"}});
    app.change(id, &again).await.data(200);
    let kept = app.consents(id).await;
    assert_eq!((&kept[0]["oldAmount"], &kept[0]["newAmount"]), (&json!(0), &json!(15_000)));
    app.advance_to_charge(&made["trialEnd"]).await;
    assert_eq!(charged(&app).await, [stub(&made["trialEnd"], 15_000)]);
    let raised = app.change(id, &json!({"amount": 16_000})).await.data(200);
    assert_eq!(raised["pendingAmount"], 16_000, "after the free time a rise waits");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_pays_on_the_day_without_consent_charges_nothing() {
    let app = TestApp::with(&[("SCHEDULER_ENABLED", "false")]).await;
    let made = subscribed(&app, &json!({})).await;
    app.pay_period(&made["id"]).await.fails(409, "already_charged");
    app.advance_to_charge(&made["trialEnd"]).await;
    app.pay_period(&made["id"]).await.fails(409, "already_charged");
    assert_eq!(app.ledger().await, Vec::<Value>::new());
    let free = app.subscription(&made["id"]).await;
    // Free to the next Wednesday.
    let weekday = date(&made["trialEnd"]).weekday().num_days_from_monday();
    let more = u64::from((8 - weekday) % 7 + 1);
    assert_eq!(date(&free["trialEnd"]), date(&made["trialEnd"]) + Days::new(more));
    app.consent(&made["id"], 9900).await.data(201);
    app.advance_to_charge(&free["trialEnd"]).await;
    app.pay_period(&made["id"]).await.data(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_without_a_free_time_is_refused_and_nothing_is_made() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    let only = "예정된 가격 인상이나 유료 전환이 있을 때만 사용할 수 있습니다.";
    for charge_now in [false, true] {
        let mut body = monthly(&key);
        body["consent"] = json!({"method": "checkbox"});
        body["chargeNow"] = json!(charge_now);
        assert_eq!(app.post(SUBSCRIBE, &body).await.error(400), invalid(&[("consent", only)]));
    }
    let future = format!("{}T00:00:00+09:00", app.today() + Days::new(1));
    for (consent, field, reason) in [
        (json!({}), "consent.method", "필수 값입니다."),
        (
            json!({"method": "phone", "consentedAt": future}),
            "consent.consentedAt",
            "미래일 수 없습니다.",
        ),
    ] {
        let body = trial(&key, &json!({ "consent": consent }));
        assert_eq!(app.post(SUBSCRIBE, &body).await.error(400), invalid(&[(field, reason)]));
    }
    let nothing = json!({"items": [], "nextCursor": null});
    assert_eq!(app.get("/billing/subscriptions").await.data(200), nothing);
    let made = app.post(SUBSCRIBE, &trial(&key, &json!({}))).await.data(201);
    app.consent(&made["id"], 9901).await.fails(400, "invalid_request");
    assert_eq!(app.consents(&made["id"]).await, Vec::<Value>::new());
}
