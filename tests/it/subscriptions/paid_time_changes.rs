//! Changes at once, comebacks, phases and what `null` clears: what each of them charges.

use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::long_run::charged;
use crate::support::refusals::invalid;
use crate::support::subscriptions::{ALWAYS_SHORT, APPROVED, STOLEN, monthly};

const SUBSCRIBE: &str = "/billing/subscribe";

/// A subscription that paid 9,900 won for the days from 2027-03-15 to 2027-04-15, at noon of 25 March.
async fn paid_in_march(app: &TestApp) -> Value {
    app.advance_to("2027-03-10T12:00:00+09:00").await;
    let key = app.register(APPROVED).await;
    let made = app.post(SUBSCRIBE, &monthly(&key)).await.data(201);
    noon(app, "2027-03-25").await;
    app.subscription(&made["id"]).await
}

async fn noon(app: &TestApp, day: &str) {
    app.advance_to(&format!("{day}T12:00:00+09:00")).await;
}

fn charges_of(days: &[(&str, i64)]) -> Vec<(String, i64)> {
    days.iter().map(|(day, won)| ((*day).to_owned(), *won)).collect()
}

fn next(date: &str, amount: i64, end: &str, reason: &str) -> Value {
    json!({
        "date": date, "amount": amount, "periodStart": date, "periodEnd": end, "reason": reason,
    })
}

/// The answer without what only an answer to a change has.
fn without_payment(mut answer: Value) -> Value {
    answer.as_object_mut().unwrap().remove("payment");
    answer
}

fn upgrade() -> Value {
    json!({"amount": 19_800, "planId": "premium", "when": "now", "consent": {"method": "checkbox"}})
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_at_once_is_charged_less_the_days_that_are_left() {
    let app = TestApp::start().await;
    let before = paid_in_march(&app).await;
    let id = &before["id"];
    let path = format!("/billing/subscription/{}?preview=true", id.as_str().unwrap());
    let shown = app.patch(&path, &upgrade()).await.data(200);
    let lines = json!({
        "credit": 6707, "creditTaxFree": 0, "charge": 13_412, "total": 6705,
        "nextCharges": [
            next("2027-04-15", 19_800, "2027-05-15", "whole"),
            next("2027-05-15", 19_800, "2027-06-15", "whole"),
            next("2027-06-15", 19_800, "2027-07-15", "whole"),
        ],
    });
    assert_eq!(shown["preview"], lines);
    assert_eq!(app.subscription(id).await, before);

    let changed = app.change(id, &upgrade()).await.data(200);
    assert_eq!(
        (&changed["payment"]["amount"], &changed["payment"]["status"]),
        (&json!(6705), &json!("approved"))
    );
    assert_eq!((&changed["amount"], &changed["planId"]), (&json!(19_800), &json!("premium")));
    assert_eq!(
        (&changed["creditBalance"], &changed["paidThrough"]),
        (&json!(0), &json!("2027-04-15"))
    );
    assert_eq!(changed["nextCharge"], next("2027-04-15", 19_800, "2027-05-15", "whole"));
    assert_eq!(app.subscription(id).await, without_payment(changed));
    let consent = &app.consents(id).await[0];
    assert_eq!((&consent["oldAmount"], &consent["newAmount"]), (&json!(9900), &json!(19_800)));
    assert_eq!(consent["effectiveDate"], "2027-03-25");
    app.advance_to("2027-05-15T10:00:00+09:00").await;
    let expected = [
        ("2027-03-15", 9900),
        ("2027-03-25", 6705),
        ("2027-04-15", 19_800),
        ("2027-05-15", 19_800),
    ];
    assert_eq!(charged(&app).await, charges_of(&expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_downgrade_at_once_leaves_credit_for_the_next_charges() {
    let app = TestApp::start().await;
    let before = paid_in_march(&app).await;
    let id = &before["id"];
    let down = json!({"amount": 4900, "when": "now"});
    let changed = app.change(id, &down).await.data(200);
    assert_eq!((&changed["creditBalance"], changed.get("payment")), (&json!(3388), None));
    assert_eq!(changed["nextCharge"], next("2027-04-15", 1512, "2027-05-15", "whole"));
    app.advance_to("2027-05-15T10:00:00+09:00").await;
    let expected = [("2027-03-15", 9900), ("2027-04-15", 1512), ("2027-05-15", 4900)];
    assert_eq!(charged(&app).await, charges_of(&expected));
    assert_eq!(app.subscription(id).await["creditBalance"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_interval_at_once_begins_today() {
    let app = TestApp::start().await;
    let before = paid_in_march(&app).await;
    let year = json!({"amount": 99_000, "interval": "year", "when": "now"});
    let changed = app.change(&before["id"], &year).await.data(200);
    assert_eq!(changed["payment"]["amount"], 99_000 - 6707);
    assert_eq!((&changed["cycleDay"], &changed["interval"]), (&json!(25), &json!("year")));
    assert_eq!(changed["nextCharge"], next("2028-03-25", 99_000, "2029-03-25", "whole"));
    let other = app.change(&before["id"], &json!({"cycleDay": 7, "when": "now"})).await;
    let reason = "지금부터 바꾸려면 오늘(2027-03-25)에 해당하는 25이어야 합니다.";
    assert_eq!(other.error(400), invalid(&[("cycleDay", reason)]));
    // To weeks from a day that weeks do not have.
    let weeks = app.change(&before["id"], &json!({"interval": "week"})).await;
    let reason = "주 단위 구독에서는 1(월요일) 이상 7(일요일) 이하의 정수여야 합니다.";
    assert_eq!(weeks.error(400), invalid(&[("cycleDay", reason)]));
    let often = app.change(&before["id"], &json!({"intervalCount": 6})).await;
    let reason = "1 이상 5 이하의 정수여야 합니다.";
    assert_eq!(often.error(400), invalid(&[("intervalCount", reason)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_interval_from_the_next_period_and_back_is_nothing() {
    let app = TestApp::start().await;
    let before = paid_in_march(&app).await;
    let id = &before["id"];
    let year = json!({"amount": 99_000, "interval": "year"});
    let pending = app.change(id, &year).await.data(200);
    let expected = json!({
        "amount": 99_000, "interval": "year", "intervalCount": 1, "cycleDay": 15,
        "from": "2027-04-15",
    });
    assert_eq!(pending["pending"], expected);
    assert_eq!(pending["nextCharge"], next("2027-04-15", 99_000, "2028-04-15", "whole"));
    let back = app.change(id, &json!({"amount": 9900, "interval": "month"})).await.data(200);
    assert_eq!(back, before);
    app.change(id, &year).await.data(200);
    app.advance_to("2027-12-31T10:00:00+09:00").await;
    let expected = [("2027-03-15", 9900), ("2027-04-15", 99_000)];
    assert_eq!(charged(&app).await, charges_of(&expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_at_once_that_is_declined_was_never_made() {
    let app = TestApp::start().await;
    let before = paid_in_march(&app).await;
    let id = &before["id"];
    let short = app.register(ALWAYS_SHORT).await;
    let mut body = upgrade();
    body["billingKey"] = json!(short);
    body["metadata"] = json!({"grade": "gold"});
    let declined = app.change(id, &body).await;
    assert_eq!(declined.error(402)["code"], "payment_declined");
    assert_eq!(app.subscription(id).await, before);
    app.advance_to("2027-04-15T10:00:00+09:00").await;
    let expected = [("2027-03-15", 9900), ("2027-04-15", 9900)];
    assert_eq!(charged(&app).await, charges_of(&expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_at_once_of_unknown_outcome_stands_until_it_is_known() {
    for approved in [true, false] {
        let app = TestApp::start().await;
        let before = paid_in_march(&app).await;
        let id = &before["id"];
        let kind = if approved { "drop_after" } else { "drop_before" };
        app.fault(json!({"on": "CARD-BATCH", "kind": kind})).await;
        let unknown = app.change(id, &upgrade()).await.data(202);
        assert_eq!(unknown["payment"]["status"], "unknown");
        let payment = unknown["payment"]["id"].as_str().unwrap();
        assert_eq!((&unknown["amount"], &unknown["coverage"]), (&json!(19_800), &json!("open")));
        let open = app
            .change(id, &json!({"amount": 29_000, "when": "now", "consent": {"method": "phone"}}))
            .await;
        let error = open.error(409);
        assert_eq!(error["code"], "outcome_unknown");
        assert_eq!(error["details"], json!([{"field": "paymentId", "reason": payment}]));
        let mut found = json!({"outcome": "declined", "reason": "승인 내역 없음"});
        if approved {
            let ledger = app.ledger().await;
            found = json!({"outcome": "approved", "reason": "확인",
                "transactionId": ledger.last().unwrap()["transactionId"]});
        }
        app.post(&format!("/billing/payment/{payment}/resolve"), &found).await.data(200);
        let now = app.subscription(id).await;
        if approved {
            assert_eq!((&now["amount"], &now["coverage"]), (&json!(19_800), &json!("paid")));
        } else {
            assert_eq!(now, before);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_changed_at_once_is_refused_and_says_why() {
    let app = TestApp::start().await;
    app.advance_to("2027-03-10T12:00:00+09:00").await;
    let key = app.register(APPROVED).await;
    let made = app.post(SUBSCRIBE, &monthly(&key)).await.data(201);
    let error = app.change(&made["id"], &json!({"amount": 8000, "when": "now"})).await.error(409);
    assert_eq!(error["code"], "nothing_paid");
    assert_eq!(error["message"], "2027-03-10에는 결제된 기간이 없습니다.");
    noon(&app, "2027-03-25").await;
    let before = app.everything().await;
    let rise = app.change(&made["id"], &json!({"amount": 19_800, "when": "now"})).await;
    let reason = "하루 가격이 325원에서 650원으로 오르므로 필수 값입니다.";
    assert_eq!(rise.error(400), invalid(&[("consent", reason)]));
    let weekly = json!({"interval": "week", "when": "now"});
    app.change(&made["id"], &weekly).await.fails(400, "invalid_request");
    let lower = json!({"amount": 8000, "when": "now", "consent": {"method": "phone"}});
    let only = "예정된 가격 인상이나 유료 전환이 있을 때만 사용할 수 있습니다.";
    assert_eq!(app.change(&made["id"], &lower).await.error(400), invalid(&[("consent", only)]));
    let both = json!({"amount": 8000, "when": "now", "endDate": "2027-05-01"});
    let reason = "when: now와(과) 함께 사용할 수 없습니다.";
    assert_eq!(app.change(&made["id"], &both).await.error(400), invalid(&[("endDate", reason)]));
    let part = json!({"taxFreeAmount": 9901, "when": "now"});
    let reason = "amount를 넘을 수 없습니다.";
    assert_eq!(
        app.change(&made["id"], &part).await.error(400),
        invalid(&[("taxFreeAmount", reason)])
    );
    assert_eq!(app.everything().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_pays_from_that_day() {
    let app = TestApp::start().await;
    app.advance_to("2027-03-10T12:00:00+09:00").await;
    let stolen = app.register(STOLEN).await;
    let made = app.post(SUBSCRIBE, &monthly(&stolen)).await.data(201);
    noon(&app, "2027-06-14").await;
    let unpaid = app.subscription(&made["id"]).await;
    assert_eq!((&unpaid["status"], &unpaid["coverage"]), (&json!("unpaid"), &json!("none")));
    let good = app.register(APPROVED).await;
    let back = app.change(&made["id"], &json!({"billingKey": good})).await.data(200);
    assert_eq!((&back["status"], &back["paidThrough"]), (&json!("active"), &json!("2027-06-15")));
    app.advance_to("2027-07-15T10:00:00+09:00").await;
    let expected = [("2027-06-14", 319), ("2027-06-15", 9900), ("2027-07-15", 9900)];
    assert_eq!(charged(&app).await, charges_of(&expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lower_price_with_a_new_card_charges_what_the_answer_has_shown() {
    let app = TestApp::start().await;
    app.advance_to("2027-03-10T12:00:00+09:00").await;
    let short = app.register(ALWAYS_SHORT).await;
    let made = app.post(SUBSCRIBE, &monthly(&short)).await.data(201);
    app.advance_to("2027-03-15T12:00:00+09:00").await;
    let owed = app.subscription(&made["id"]).await;
    let open = json!({"amount": 9900, "periodStart": "2027-03-15", "periodEnd": "2027-04-15"});
    assert_eq!((&owed["status"], &owed["openCharge"]), (&json!("past_due"), &open));
    assert_eq!(owed["coverage"], "open");
    let good = app.register(APPROVED).await;
    let change = json!({"billingKey": good, "amount": 5000});
    let paid = app.change(&made["id"], &change).await.data(200);
    assert_eq!(paid["nextCharge"], next("2027-04-15", 5000, "2027-05-15", "whole"));
    app.advance_to("2027-04-15T10:00:00+09:00").await;
    assert_eq!(charged(&app).await, charges_of(&[("2027-03-15", 9900), ("2027-04-15", 5000)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn null_clears_or_is_refused() {
    let app = TestApp::start().await;
    app.advance_to("2027-03-10T12:00:00+09:00").await;
    let mut body = monthly(&app.register(APPROVED).await);
    body["endDate"] = json!("2027-12-31");
    body["retryDays"] = json!([2]);
    body["metadata"] = json!({"a": 1, "b": {"c": 2}});
    let made = app.post(SUBSCRIBE, &body).await.data(201);
    let id = &made["id"];
    let merged = json!({"metadata": {"a": null, "b": {"d": 3}, "e": [null]}});
    let merged = app.change(id, &merged).await.data(200);
    assert_eq!(merged["metadata"], json!({"b": {"d": 3}, "e": [null]}));
    let cleared = app.change(id, &json!({"endDate": null})).await.data(200);
    assert_eq!(cleared.get("endDate"), None);
    app.change(id, &json!({"totalCycles": 2})).await.data(200);
    let cleared = app.change(id, &json!({"totalCycles": null})).await.data(200);
    assert_eq!(cleared.get("cyclesLeft"), None);
    let cleared = app.change(id, &json!({"retryDays": null, "metadata": null})).await.data(200);
    assert_eq!((&cleared["retryDays"], &cleared["metadata"]), (&json!([1, 3, 5, 7]), &json!({})));
    let before = app.everything().await;
    let reason = "null로 지울 수 없습니다.";
    for field in [
        "amount",
        "planId",
        "productName",
        "cycleDay",
        "interval",
        "intervalCount",
        "proration",
        "billingKey",
        "cancelAtPeriodEnd",
        "taxFreeAmount",
        "when",
        "consent",
    ] {
        let refused = app.change(id, &json!({ field: null })).await.error(400);
        assert_eq!(refused, invalid(&[(field, reason)]), "{field}");
    }
    let much = json!({"metadata": {"x": "x".repeat(2000)}});
    app.change(id, &much).await.data(200);
    let more = json!({"metadata": {"y": "y".repeat(3000)}});
    let reason = "4096바이트를 넘을 수 없습니다.";
    assert_eq!(app.change(id, &more).await.error(400), invalid(&[("metadata", reason)]));
    app.change(id, &json!({"metadata": {"x": null}})).await.data(200);
    assert_eq!(app.everything().await["ledger"], before["ledger"]);
}
