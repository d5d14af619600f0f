//! The records of consents: what they take, and that they are kept.

use chrono::Days;
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::refusals::invalid;
use crate::support::subscriptions::APPROVED;

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_is_checked_and_refused_where_nothing_rises() {
    let app = TestApp::start().await;
    let made = app.subscribe(&app.register(APPROVED).await, 15).await;
    let id = &made["id"];
    app.consent(id, 12_000).await.fails(409, "subscription_not_active");
    let lower = json!({"amount": 9000, "consent": {"method": "checkbox"}});
    let only = "예정된 가격 인상이나 유료 전환이 있을 때만 사용할 수 있습니다.";
    assert_eq!(app.change(id, &lower).await.error(400), invalid(&[("consent", only)]));
    assert_eq!(app.subscription(id).await, made, "nothing of it was done");

    let nested = json!({"amount": 12_000, "consent": {"evidence": 7, "how": "checkbox"}});
    let expected = invalid(&[
        ("consent.method", "필수 값입니다."),
        ("consent.evidence", "문자열이어야 합니다."),
        ("consent.how", "알 수 없는 필드입니다."),
    ]);
    assert_eq!(app.change(id, &nested).await.error(400), expected);
    let text = json!({"amount": 12_000, "consent": "checkbox"});
    let expected = invalid(&[("consent", "객체여야 합니다.")]);
    assert_eq!(app.change(id, &text).await.error(400), expected);

    app.raise(id, 12_000).await;
    let future = format!("{}T00:00:00+09:00", app.today() + Days::new(1));
    for (field, value, reason) in [
        ("amount", json!(12_001), "청구될 금액 12000원과 같아야 합니다."),
        ("amount", json!(9900), "청구될 금액 12000원과 같아야 합니다."),
        ("consentedAt", json!(future), "미래일 수 없습니다."),
        ("consentedAt", json!("어제"), "RFC 3339 시각이어야 합니다."),
        ("method", json!("가".repeat(51)), "50자를 넘을 수 없습니다."),
        ("method", Value::Null, "필수 값입니다."),
        ("evidence", json!("가".repeat(1001)), "1000자를 넘을 수 없습니다."),
    ] {
        let mut body = json!({"amount": 12_000, "method": "checkbox"});
        body[field] = value;
        let refused = app.consent_with(id, &body).await.error(400);
        assert_eq!(refused, invalid(&[(field, reason)]));
    }
    assert_eq!(app.consents(id).await, Vec::<Value>::new());
    for call in ["consent", "consents"] {
        let path = format!("/billing/subscription/sub_nothing/{call}");
        let reply = match call {
            "consent" => app.post(&path, &json!({"amount": 1, "method": "phone"})).await,
            _ => app.get(&path).await,
        };
        reply.fails(404, "subscription_not_found");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn consents_are_listed_newest_first_and_the_database_refuses_to_alter_them() {
    let app = TestApp::start().await;
    let made = app.subscribe(&app.register(APPROVED).await, 15).await;
    let id = &made["id"];
    app.raise(id, 12_000).await;
    let first = app.consent(id, 12_000).await.data(201);
    let second = app.consent(id, 12_000).await.data(201);
    assert_eq!(app.consents(id).await, [second, first]);
    for sql in [
        "update price_consents set consented_at = now()",
        "delete from price_consents",
        "truncate price_consents cascade",
    ] {
        let refused = sqlx::query(sql).execute(&mut app.owner().await).await.unwrap_err();
        assert!(refused.to_string().contains("append-only"), "{sql}: {refused}");
    }
    assert_eq!(app.consents(id).await.len(), 2);
}
