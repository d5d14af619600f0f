//! The timeline: every day by segment, with what paid for it and by which rule.

use chrono::{Datelike, Days, NaiveDate};
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::refusals::invalid;
use crate::support::subscriptions::{ALWAYS_SHORT, APPROVED, monthly};

fn date(value: &Value) -> NaiveDate {
    value.as_str().unwrap().parse().unwrap()
}

impl TestApp {
    async fn timeline(&self, id: &Value, query: &str) -> Value {
        let path = format!("/billing/subscription/{}/timeline{query}", id.as_str().unwrap());
        self.get(&path).await.data(200)
    }

    /// A year in which `10 March` is still to come, at noon of that day.
    async fn on_10_march(&self) -> i32 {
        let year = self.today().year() + 1;
        self.advance_to(&format!("{year}-03-10T12:00:00+09:00")).await;
        year
    }

    /// A subscription that was charged on 15 March, on 25 March; the year.
    async fn charged_on_15_march(&self, card: &str) -> (Value, i32) {
        let year = self.on_10_march().await;
        let made = self.post("/billing/subscribe", &monthly(&self.register(card).await)).await;
        self.advance_to(&format!("{year}-03-15T10:00:00+09:00")).await;
        (made.data(201)["id"].clone(), year)
    }
}

/// Start, end, kind, reason and amount of each segment, without the year.
fn told_of(timeline: &Value) -> Vec<(String, String, String, String, i64)> {
    let segments = timeline["segments"].as_array().unwrap();
    let of = |s: &Value| {
        let text = |name: &str, from: usize| s[name].as_str().unwrap()[from..].to_owned();
        let amount = s["amount"].as_i64().unwrap();
        (text("start", 5), text("end", 5), text("kind", 0), text("reason", 0), amount)
    };
    segments.iter().map(of).collect()
}

fn row(
    start: &str,
    end: &str,
    kind: &str,
    reason: &str,
    amount: i64,
) -> (String, String, String, String, i64) {
    (start.to_owned(), end.to_owned(), kind.to_owned(), reason.to_owned(), amount)
}

/// Each segment begins where the one before it ends, from the first day to the last.
fn assert_gapless(timeline: &Value) {
    let mut day = date(&timeline["from"]);
    for segment in timeline["segments"].as_array().unwrap() {
        assert_eq!(date(&segment["start"]), day, "{timeline}");
        day = date(&segment["end"]);
        assert_eq!(segment["days"], (day - date(&segment["start"])).num_days(), "{segment}");
        assert_eq!(segment["rule"]["code"], segment["reason"], "{segment}");
        assert!(!segment["rule"]["message"].as_str().unwrap().is_empty(), "{segment}");
    }
    assert_eq!(date(&timeline["to"]), day, "{timeline}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_day_is_in_one_segment_with_its_payment_and_its_rule() {
    let app = TestApp::start().await;
    let (id, year) = app.charged_on_15_march(APPROVED).await;
    app.advance_to(&format!("{year}-03-25T12:00:00+09:00")).await;
    let timeline = app.timeline(&id, "").await;
    assert_gapless(&timeline);
    let day = |rest: &str| format!("{year}-{rest}");
    assert_eq!((&timeline["from"], &timeline["subscriptionId"]), (&json!(day("03-10")), &id));
    assert_eq!(timeline["to"], format!("{}-03-25", year + 1));
    let paid = app.get("/billing/payments").await.data(200)["items"][0].clone();
    let outside = json!({
        "start": day("03-10"), "end": day("03-15"), "days": 5, "kind": "none",
        "reason": "outside", "amount": 0, "payments": [], "planned": false,
        "rule": {"code": "outside", "message": "서비스 시작 전이거나 종료 후입니다."},
    });
    let whole = json!({"code": "whole", "message": "결제일에 시작하는 회차 전체입니다."});
    let first = json!({
        "start": day("03-15"), "end": day("04-15"), "days": 31, "kind": "paid",
        "reason": "whole", "amount": 9900, "rule": whole, "planned": false,
        "charge": {"number": 1, "amount": 9900, "credit": 0, "carried": 0},
        "payments": [{
            "paymentId": paid["id"], "orderId": paid["orderId"], "status": "approved",
            "amount": 9900, "date": day("03-15"),
        }],
    });
    let next = json!({
        "start": day("04-15"), "end": day("05-15"), "days": 30, "kind": "paid",
        "reason": "whole", "amount": 9900, "rule": whole, "payments": [], "planned": true,
    });
    assert_eq!(timeline["segments"].as_array().unwrap()[..3], [outside, first, next]);
    let month = app.timeline(&id, &format!("?from={year}-04-01&to={year}-05-01")).await;
    let expected = [
        row("04-01", "04-15", "paid", "whole", 9900),
        row("04-15", "05-01", "paid", "whole", 9900),
    ];
    assert_eq!(told_of(&month), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_is_shown_and_the_days_that_it_kept_follow_it() {
    let app = TestApp::start().await;
    let (id, year) = app.charged_on_15_march(APPROVED).await;
    app.advance_to(&format!("{year}-03-25T12:00:00+09:00")).await;
    app.turn(&id, "pause").await.data(200);
    let window = format!("?from={year}-03-15&to={year}-06-01");
    let paused = app.timeline(&id, &window).await;
    assert_gapless(&paused);
    let used = row("03-15", "03-25", "paid", "whole", 3193);
    assert_eq!(told_of(&paused), [used.clone(), row("03-25", "06-01", "none", "paused", 0)]);
    app.advance_to(&format!("{year}-04-01T12:00:00+09:00")).await;
    app.turn(&id, "resume").await.data(200);
    let resumed = app.timeline(&id, &window).await;
    assert_gapless(&resumed);
    let expected = [
        used,
        row("03-25", "04-01", "none", "paused", 0),
        row("04-01", "04-22", "paid", "whole", 6707),
        // 23 of the 30 days of 15 April to 15 May.
        row("04-22", "05-15", "paid", "stub", 7590),
        row("05-15", "06-01", "paid", "whole", 9900),
    ];
    assert_eq!(told_of(&resumed), expected);
    let segments = resumed["segments"].as_array().unwrap();
    assert_eq!(segments[0]["payments"], segments[2]["payments"]);
    let planned: Vec<_> = segments.iter().map(|s| s["planned"].as_bool().unwrap()).collect();
    assert_eq!(planned, [false, false, false, true, true]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_period_is_shown_with_its_attempts_and_what_is_not_paid_for_is_none() {
    let app = TestApp::start().await;
    let (id, year) = app.charged_on_15_march(ALWAYS_SHORT).await;
    let window = format!("?from={year}-03-15&to={year}-04-20");
    let open = app.timeline(&id, &window).await;
    assert_eq!(told_of(&open)[0], row("03-15", "04-15", "open", "whole", 9900));
    assert_eq!(open["segments"][0]["payments"][0]["status"], "declined");
    app.advance_days(7).await;
    assert_eq!(app.status(&id).await, "unpaid");
    let unpaid = app.timeline(&id, &window).await;
    assert_gapless(&unpaid);
    let expected =
        [row("03-15", "03-22", "open", "declined", 0), row("03-22", "04-20", "none", "unpaid", 0)];
    assert_eq!(told_of(&unpaid), expected);
    assert_eq!(unpaid["segments"][0]["payments"].as_array().unwrap().len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_pays_after_unpaid_gets_days_that_were_given_back_before_anything_is_charged() {
    let app = TestApp::start().await;
    let (id, year) = app.charged_on_15_march(ALWAYS_SHORT).await;
    app.advance_days(7).await;
    let path = format!("/billing/subscription/{}/extend", id.as_str().unwrap());
    app.post(&path, &json!({"days": 3, "reason": "장애 보상"})).await.data(200);
    assert_eq!(app.status(&id).await, "unpaid");
    app.advance_to(&format!("{year}-03-25T12:00:00+09:00")).await;
    let calls = app.calls("CARD-BATCH").await;
    let back = app.pay_period(&id).await.data(200);
    assert_eq!(back["payment"], Value::Null);
    let told = ["status", "coverage", "paidThrough"].map(|name| &back["subscription"][name]);
    assert_eq!(told, [&json!("active"), &json!("free"), &json!(format!("{year}-03-28"))]);
    assert_eq!(app.calls("CARD-BATCH").await, calls);
    let window = format!("?from={year}-03-15&to={year}-03-28");
    let timeline = app.timeline(&id, &window).await;
    let expected = [
        row("03-15", "03-22", "open", "declined", 0),
        row("03-22", "03-25", "none", "unpaid", 0),
        row("03-25", "03-28", "free", "extension", 0),
    ];
    assert_eq!(told_of(&timeline), expected);
    app.pay_period(&id).await.fails(409, "already_charged");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_at_once_divides_the_period_and_shows_what_each_part_was_paid_with() {
    let app = TestApp::start().await;
    let (id, year) = app.charged_on_15_march(APPROVED).await;
    app.advance_to(&format!("{year}-03-25T12:00:00+09:00")).await;
    let upgrade = json!({"amount": 19_800, "when": "now", "consent": {"method": "checkbox"}});
    app.change(&id, &upgrade).await.data(200);
    let window = format!("?from={year}-03-15&to={year}-05-15");
    let timeline = app.timeline(&id, &window).await;
    assert_gapless(&timeline);
    let expected = [
        row("03-15", "03-25", "paid", "whole", 3193),
        row("03-25", "04-15", "paid", "changed", 13_412),
        row("04-15", "05-15", "paid", "whole", 19_800),
    ];
    assert_eq!(told_of(&timeline), expected);
    let charges: Vec<_> =
        timeline["segments"].as_array().unwrap().iter().map(|s| &s["charge"]).collect();
    let first = json!({"number": 1, "amount": 9900, "credit": 0, "carried": 0, "credited": 6707});
    let second = json!({"number": 2, "amount": 6705, "credit": 6707, "carried": 0});
    assert_eq!(charges, [&first, &second, &Value::Null]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_is_wrong_is_refused() {
    let app = TestApp::start().await;
    let made = app.subscribe(&app.register(APPROVED).await, 15).await;
    let path = format!("/billing/subscription/{}/timeline", made["id"].as_str().unwrap());
    let today = app.today();
    let far = today + Days::new(5 * 366);
    let range = "from보다 뒤이고 from부터 5년 안의 날짜여야 합니다.";
    for (query, field, reason) in [
        (format!("from={today}&to={today}"), "to", range),
        (format!("from={today}&to={far}"), "to", range),
        ("from=1900-01-01".to_owned(), "to", range),
        ("to=2026-02-30".to_owned(), "to", "YYYY-MM-DD 형식의 날짜여야 합니다."),
    ] {
        let reply = app.get(&format!("{path}?{query}")).await;
        assert_eq!(reply.error(400), invalid(&[(field, reason)]), "{query}");
    }
    let nobody = app.get("/billing/subscription/sub_nothing/timeline").await;
    nobody.fails(404, "subscription_not_found");
}
