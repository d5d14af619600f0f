//! A higher price waits for its day and for the customer's consent (전자상거래법 제13조 제6항).

use chrono::{Days, Months, NaiveDate};
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::long_run::{LongRun, charged, charges, forecast};
use crate::support::refusals::invalid;
use crate::support::subscriptions::{APPROVED, SHORT_AT_FIRST, renewed_with};

const UPCOMING: &str = "&type=subscription.price_rise_upcoming";

fn date(value: &Value) -> NaiveDate {
    value.as_str().unwrap().parse().unwrap()
}

/// A consent that would be too old on `day`: the first on which it can be given.
fn too_early(field: &str, day: NaiveDate) -> Value {
    let first = day - Days::new(30);
    let reason = format!("인상일 전 30일 안의 동의여야 합니다. {first}부터 동의할 수 있습니다.");
    invalid(&[(field, &reason)])
}

impl TestApp {
    /// A subscription in its first paid period, five days before the next, and that day.
    async fn soon_renewed(&self) -> (Value, NaiveDate) {
        let made = self.subscribe(&self.register(APPROVED).await, 15).await;
        self.advance_to_charge(&made["nextBillingDate"]).await;
        let next = date(&self.subscription(&made["id"]).await["nextBillingDate"]);
        self.advance_to(&format!("{}T12:00:00+09:00", next - Days::new(5))).await;
        (made["id"].clone(), next)
    }

    async fn two_years_on(&self) -> NaiveDate {
        let until = self.today() + Months::new(24);
        self.advance_to(&format!("{until}T23:59:59+09:00")).await;
        until
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_consent_two_years_are_charged_the_new_amount_from_its_day_as_foretold() {
    let app = LongRun::start().await;
    let made = app.subscribe(&app.register(APPROVED).await, 15).await;
    let id = &made["id"];
    app.advance_to_charge(&made["nextBillingDate"]).await;
    let before = app.subscription(id).await;
    let next = date(&before["nextBillingDate"]);
    let mut expected = before.clone();
    expected["pendingAmount"] = json!(12_000);
    expected["pendingFrom"] = json!(next);
    expected["pending"] = json!({
        "amount": 12_000, "interval": "month", "intervalCount": 1, "cycleDay": 15, "from": next,
    });
    expected["consentFrom"] = json!(next - Days::new(30));
    assert_eq!(app.raise(id, 12_000).await, expected);
    assert_eq!(app.subscription(id).await, expected);
    let until = app.today() + Months::new(24);
    assert!(charges(&forecast(&app, until).await).iter().all(|charge| charge.1 == 9900));

    app.advance_to(&format!("{}T12:00:00+09:00", next - Days::new(5))).await;
    let body = json!({"amount": 12_000, "method": "phone", "evidence": "통화 녹음 4711"});
    let consent = app.consent_with(id, &body).await.data(201);
    let expected = json!({
        "id": consent["id"], "subscriptionId": id, "oldAmount": 9900, "newAmount": 12_000,
        "effectiveDate": next, "consentedAt": consent["createdAt"], "method": "phone",
        "evidence": "통화 녹음 4711", "createdAt": consent["createdAt"],
    });
    assert_eq!(consent, expected);
    assert!(consent["id"].as_str().unwrap().starts_with("con_"));
    assert_eq!(app.consents(id).await, [consent]);
    let until = app.today() + Months::new(24);
    let foretold = charges(&forecast(&app, until).await);
    assert_eq!(foretold[0], (next.to_string(), 12_000));
    assert!(foretold.len() >= 24 && foretold.iter().all(|charge| charge.1 == 12_000));
    app.two_years_on().await;
    let charged = charged(&app).await;
    assert_eq!(app.told().await, charged);
    assert_eq!(charged[0].1, 9900);
    assert_eq!(charged[1..], foretold);
    let after = app.subscription(id).await;
    assert_eq!((&after["amount"], after.get("pendingAmount")), (&json!(12_000), None));
    assert_eq!(after.get("pendingFrom"), None);

    let told = app.events_of(UPCOMING).await;
    assert_eq!(told.len(), 1, "{told:?}");
    let day = next - Days::new(7);
    assert_eq!(told[0]["timestamp"].as_str().unwrap()[..13], format!("{day}T10"));
    assert_eq!(told[0]["data"]["pendingAmount"], 12_000);
    assert_eq!(told[0]["subscriptionId"], *id);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_consent_the_old_price_stays() {
    let app = LongRun::start().await;
    let (id, next) = app.soon_renewed().await;
    app.raise(&id, 12_000).await;
    let foretold = charges(&forecast(&app, app.today() + Months::new(24)).await);
    app.two_years_on().await;
    let charged = charged(&app).await;
    assert_eq!(app.told().await, charged);
    assert_eq!(charged[1..], foretold);
    assert!(charged.len() >= 24 && charged.iter().all(|charge| charge.1 == 9900));
    assert_eq!(foretold[0].0, next.to_string());
    let after = app.subscription(&id).await;
    assert_eq!((&after["amount"], after.get("pendingAmount")), (&json!(9900), None));
    app.consent(&id, 12_000).await.fails(409, "subscription_not_active");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_consent_it_ends_on_the_day_where_that_is_the_fallback() {
    let app = LongRun::with(&[("PRICE_RISE_FALLBACK", "end")]).await;
    let (id, next) = app.soon_renewed().await;
    app.raise(&id, 12_000).await;
    let until = app.today() + Months::new(24);
    assert_eq!(charges(&forecast(&app, until).await), []);
    app.two_years_on().await;
    let ended = app.subscription(&id).await;
    assert_eq!(
        (&ended["status"], &ended["cancelReason"]),
        (&json!("canceled"), &json!("가격 인상 미동의"))
    );
    assert_eq!(ended["canceledAt"].as_str().unwrap()[..13], format!("{next}T10"));
    assert_eq!((&ended["amount"], ended.get("pendingAmount")), (&json!(9900), None));
    assert_eq!(app.told().await, charged(&app).await);
    assert_eq!(app.ledger().await.len(), 1);
    let told = app.events_of("&type=subscription.canceled").await;
    assert_eq!(told.len(), 1);
    app.pay_period(&id).await.fails(409, "subscription_not_active");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_pays_on_the_day_without_consent_ends_it_too() {
    let off = [("PRICE_RISE_FALLBACK", "end"), ("SCHEDULER_ENABLED", "false")];
    let app = TestApp::with(&off).await;
    let made = app.subscribe(&app.register(APPROVED).await, 15).await;
    app.raise(&made["id"], 12_000).await;
    app.advance_to_charge(&made["nextBillingDate"]).await;
    app.pay_period(&made["id"]).await.fails(409, "subscription_not_active");
    assert_eq!(app.status(&made["id"]).await, "canceled");
    assert_eq!(app.ledger().await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_holds_for_thirty_days_and_one_more_is_refused_with_the_first_of_them() {
    let app = TestApp::start().await;
    for (days, time, amount) in [(31, "23:59:59", 9900), (30, "00:00:00", 12_000)] {
        let (id, next) = app.soon_renewed().await;
        app.raise(&id, 12_000).await;
        let at = format!("{}T{time}+09:00", next - Days::new(days));
        let body = json!({"amount": 12_000, "method": "phone", "consentedAt": at});
        let reply = app.consent_with(&id, &body).await;
        if amount == 12_000 {
            reply.data(201);
        } else {
            assert_eq!(reply.error(400), too_early("consentedAt", next));
            let consent = json!({"method": "phone", "consentedAt": at});
            let again = app.change(&id, &json!({"amount": 12_000, "consent": consent})).await;
            assert_eq!(again.error(400), too_early("consent.consentedAt", next));
            assert_eq!(app.consents(&id).await, Vec::<Value>::new());
        }
        let path = format!(
            "/billing/forecast?until={}&subscriptionId={}",
            app.today() + Months::new(24),
            id.as_str().unwrap()
        );
        let foretold = app.get(&path).await.data(200)["items"].as_array().unwrap().clone();
        let foretold = charges(&foretold);
        assert!(foretold.len() >= 24 && foretold.iter().all(|c| c.1 == amount), "{days}");
        app.advance_to_charge(&json!(next)).await;
        assert_eq!(app.subscription(&id).await["amount"], amount, "{days}");
        let last = app.ledger().await.pop().unwrap();
        assert_eq!(last["amount"], amount, "{days}");
        app.post("/billing/cancel", &json!({"subscriptionId": id})).await.data(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_rise_replaces_the_first_with_its_consent_and_a_lower_price_holds_at_once() {
    let app = TestApp::start().await;
    let (id, next) = app.soon_renewed().await;
    let given = json!({"amount": 12_000, "consent": {"method": "checkbox"}});
    app.change(&id, &given).await.data(200);
    let foretold = |app| async move { charges(&forecast(app, next).await) };
    assert_eq!(foretold(&app).await, [(next.to_string(), 12_000)]);
    app.raise(&id, 12_000).await;
    assert_eq!(foretold(&app).await, [(next.to_string(), 12_000)], "the same rise");
    for other in [15_000, 12_000] {
        assert_eq!(app.raise(&id, other).await["pendingAmount"], other);
        assert_eq!(foretold(&app).await, [(next.to_string(), 9900)], "{other}");
    }
    app.advance_to_charge(&json!(next)).await;
    assert_eq!(charged(&app).await[1], (next.to_string(), 9900));

    app.change(&id, &json!({"amount": 13_000})).await.data(200);
    let lower = app.raise(&id, 9000).await;
    assert_eq!((&lower["amount"], lower.get("pendingAmount")), (&json!(9000), None));
    let day = lower["nextBillingDate"].clone();
    app.advance_to_charge(&day).await;
    assert_eq!(charged(&app).await[2], (day.as_str().unwrap().to_owned(), 9000));
    assert_eq!(app.consents(&id).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_of_the_open_period_asks_for_the_old_amount_and_the_rise_waits_on() {
    let app = TestApp::start().await;
    let (id, day) = renewed_with(&app, SHORT_AT_FIRST).await;
    app.raise(&id, 12_000).await;
    app.advance_to(&format!("{}T09:00:00+09:00", day + Days::new(1))).await;
    app.consent(&id, 12_000).await.data(201);
    app.advance_to(&format!("{}T10:00:00+09:00", day + Days::new(1))).await;
    assert_eq!(charged(&app).await, [((day + Days::new(1)).to_string(), 9900)]);
    let now = app.subscription(&id).await;
    assert_eq!((&now["amount"], &now["pendingAmount"]), (&json!(9900), &json!(12_000)));
    app.advance_to_charge(&now["nextBillingDate"]).await;
    assert_eq!(app.subscription(&id).await["amount"], 12_000);
    // The card is short at each period's first attempt.
    app.advance_days(1).await;
    let paid_on = date(&now["nextBillingDate"]) + Days::new(1);
    assert_eq!(charged(&app).await[1], (paid_on.to_string(), 12_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rise_that_is_near_is_told_of_at_once_and_once() {
    let app = TestApp::start().await;
    let (id, next) = app.soon_renewed().await;
    app.raise(&id, 12_000).await;
    app.advance_secs(60).await;
    let told = app.events_of(UPCOMING).await;
    assert_eq!(told.len(), 1);
    let day = next - Days::new(5);
    assert_eq!(told[0]["timestamp"].as_str().unwrap()[..10], day.to_string());
    app.raise(&id, 12_000).await;
    app.advance_secs(3600).await;
    assert_eq!(app.events_of(UPCOMING).await, told);
    app.raise(&id, 13_000).await;
    app.advance_secs(60).await;
    let told = app.events_of(UPCOMING).await;
    assert_eq!((told.len(), &told[1]["data"]["pendingAmount"]), (2, &json!(13_000)));
    app.advance_days(40).await;
    assert_eq!(app.events_of(UPCOMING).await.len(), 2);
}
