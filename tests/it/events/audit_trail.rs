//! The audit trail: who, what, why, before and after; added to, never altered.

use serde_json::{Value, json};

use crate::support::app::{TestApp, card};
use crate::support::subscriptions::{APPROVED, monthly};

const KEY: &str = "kb_0123456789abcdefghijklmn";

async fn audit(app: &TestApp, filter: &str) -> Vec<Value> {
    app.until_published().await;
    let call = app.request(reqwest::Method::GET, &format!("/audit?{filter}")).bearer_auth(KEY);
    app.send(call).await.data(200)["items"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_change_names_the_key_the_request_the_reason_and_both_sides() {
    let app = TestApp::with(&[("API_KEYS", KEY)]).await;
    let call = |method: reqwest::Method, path: &str, body: &Value| {
        let call = app.request(method, path).bearer_auth(KEY).json(body);
        app.send(call.header("X-Request-Id", "order-77"))
    };
    let post = reqwest::Method::POST;
    let card = call(post.clone(), "/billing/register", &card(APPROVED)).await;
    let key = card.data(201)["billingKey"].as_str().unwrap().to_owned();
    let made = call(post.clone(), "/billing/subscribe", &monthly(&key)).await.data(201);
    let id = made["id"].as_str().unwrap();
    let change = json!({"amount": 9000});
    call(reqwest::Method::PATCH, &format!("/billing/subscription/{id}"), &change).await.data(200);
    let cancel = json!({"subscriptionId": id, "reason": "고객 요청"});
    call(post, "/billing/cancel", &cancel).await.data(200);

    let trail = audit(&app, &format!("objectId={id}")).await;
    let actions: Vec<_> = trail.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    let expected = ["subscription.canceled", "subscription.updated", "subscription.created"];
    let without_notice: Vec<_> =
        actions.iter().filter(|action| !action.ends_with("upcoming")).copied().collect();
    assert_eq!(without_notice, expected);
    let updated = trail.iter().find(|e| e["action"] == "subscription.updated").unwrap();
    assert_eq!(updated["changes"], json!({"amount": {"before": 9900, "after": 9000}}));
    assert_eq!(updated["requestId"], "order-77");
    let actor = updated["actor"].as_str().unwrap();
    assert!(actor.len() == 12 && !KEY.contains(actor), "{actor}");
    let canceled = &trail[0];
    assert_eq!(canceled["reason"], "고객 요청");
    assert_eq!(canceled["changes"]["status"], json!({"before": "active", "after": "canceled"}));
    let by_key = audit(&app, &format!("actor={actor}&limit=100")).await;
    assert_eq!(by_key.len(), 4, "the card, and the subscription's three");
    let text = Value::from(audit(&app, "limit=100").await).to_string();
    assert!(!text.contains("autokey") && !text.contains("4111111111111111"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schedule_and_the_gateway_have_names_of_their_own() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    let made = app.subscribe(&key, 15).await;
    app.advance_to_charge(&made["nextBillingDate"]).await;
    app.until_published().await;
    let all = app.get("/audit?limit=100").await.data(200)["items"].clone();
    let by = |action: &str| {
        let found = all.as_array().unwrap().iter().find(|entry| entry["action"] == action);
        found.unwrap()["actor"].clone()
    };
    assert_eq!(by("subscription.created"), "open");
    assert_eq!(by("payment.approved"), "scheduler");
    assert_eq!(by("subscription.renewed"), "scheduler");

    let path = "/audit?limit=2";
    let first = app.get(path).await.data(200);
    let next = format!("{path}&cursor={}", first["nextCursor"].as_str().unwrap());
    let second = app.get(&next).await.data(200);
    let items = |page: &Value| page["items"].as_array().unwrap().clone();
    let both = [items(&first), items(&second)];
    assert_eq!(json!(both.concat()), json!(all.as_array().unwrap()[..4]));
}

/// How the work is shared out, and what follows from the paid time: nothing else of a subscription changes
/// without an event.
#[tokio::test(flavor = "multi_thread")]
async fn the_trail_is_asked_about_every_column_of_a_subscription_but_these() {
    let app = TestApp::start().await;
    let unasked: Vec<String> = sqlx::query_scalar(
        "select attname::text from pg_attribute
            join pg_trigger on tgrelid = attrelid and tgname = 'subscriptions_changed'
         where attrelid = 'subscriptions'::regclass and attnum > 0 and not attisdropped
            and pg_get_triggerdef(pg_trigger.oid) !~ ('new\\.' || attname || '\\M')
         order by attname",
    )
    .fetch_all(&mut app.owner().await)
    .await
    .unwrap();
    let expected = [
        "begins",
        "canceled_on",
        "carried",
        "carried_tax_free",
        "consent_from",
        "consent_id",
        "credit",
        "credit_tax_free",
        "first_period",
        "kept",
        "leased_by",
        "leased_until",
        "legacy_end",
        "legacy_pause",
        "next_attempt_at",
        "next_charge",
        "next_charge_amount",
        "next_charge_date",
        "next_charge_end",
        "next_charge_reason",
        "next_charge_start",
        "next_segment",
        "paid_through",
        "period_kind",
        "period_reason",
        "renewal_noticed",
        "revision",
        "rise_amount",
        "rise_on",
        "starts_on",
        "trial_days",
        "undo",
        "undo_labels",
    ];
    assert_eq!(unasked, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_itself_refuses_to_alter_the_trail() {
    let app = TestApp::start().await;
    app.register(APPROVED).await;
    let before = app.events().await;
    assert_eq!(before.len(), 1);
    for sql in [
        "update events set actor = 'nobody'",
        "update events set position = 77",
        "update events set data = '{}'",
        "delete from events",
        "truncate events cascade",
        "update event_data set data = '{}'",
        "delete from event_data",
        "truncate event_data",
    ] {
        let refused = sqlx::query(sql).execute(&mut app.owner().await).await.unwrap_err();
        assert!(refused.to_string().contains("append-only"), "{sql}: {refused}");
    }
    assert_eq!(app.events().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_earlier_versions_wrote_in_full_is_shown_alike() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    let made = app.subscribe(&key, 15).await;
    let change = json!({"amount": 8000, "metadata": {"a": "b"}});
    let path = format!("/billing/subscription/{}", made["id"].as_str().unwrap());
    app.patch(&path, &change).await.data(200);
    app.pay(&key).await.data(200);
    let shown = app.get("/audit?limit=100").await.data(200);
    let in_full = "alter table events disable trigger user;
        update events set before = after || before where before is not null and after is not null;
        alter table events enable trigger user";
    sqlx::raw_sql(in_full).execute(&mut app.owner().await).await.unwrap();
    assert_eq!(app.get("/audit?limit=100").await.data(200), shown);
}
