//! What the pages of payments and subscriptions do, and what they show before and after.

use serde_json::{Value, json};

use super::{Visitor, location, value_of};
use crate::support::app::{TestApp, one_off};
use crate::support::subscriptions::{ALWAYS_SHORT, ANSWER_LOST, APPROVED, monthly};
use crate::support::window::{in_window, prepare};

/// Sends a form of the page with its own `Idempotency-Key`; where it leads.
async fn send(
    visitor: &mut Visitor<'_>,
    page: &str,
    action: &str,
    fields: &[(&str, &str)],
) -> String {
    let html = visitor.page(page).await;
    let form = format!("{page}/{action}\"");
    assert!(html.contains(&form), "{form}: {html}");
    let key = value_of(&html, "idempotencyKey").unwrap().to_owned() + action;
    let mut all = vec![("idempotencyKey", key.as_str())];
    all.extend(fields);
    let reply = visitor.act(&format!("{page}/{action}"), &all).await;
    assert_eq!(reply.status, 303, "{action}: {}", reply.text);
    location(&reply).to_owned()
}

async fn subscribed(app: &TestApp, card: &str) -> Value {
    let mut body = monthly(&app.register(card).await);
    body.as_object_mut().unwrap().remove("cycleDay");
    body["chargeNow"] = json!(true);
    app.post("/billing/subscribe", &body).await.data(201)["id"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_shows_its_quote_first_and_gives_back_what_it_says() {
    let app = TestApp::start().await;
    let id = subscribed(&app, APPROVED).await;
    app.advance_days(9).await;
    let path = format!("/billing/payments?subscriptionId={}", id.as_str().unwrap());
    let payment = app.get(&path).await.data(200)["items"][0]["id"].clone();
    let payment = payment.as_str().unwrap();
    let quote = app.get(&format!("/billing/refund-quote?paymentId={payment}")).await.data(200);
    let unused = quote["quote"].as_i64().unwrap();
    assert!(unused > 0 && unused < 9900, "{quote}");
    let mut visitor = Visitor::new(&app);
    let page = format!("/console/payments/{payment}");
    let html = visitor.page(&page).await;
    let shown = format!("<strong>{},{:03}원</strong>", unused / 1000, unused % 1000);
    assert!(html.contains(&shown), "{shown}: {html}");
    for part in ["PayInfoPrint", "이 주문번호나 회차의 첫 시도입니다.", "payment.approved"]
    {
        assert!(html.contains(part), "{part}: {html}");
    }
    // Which part was chosen decides, not what was typed beside it.
    let fields = [("how", "unused"), ("amount", "1"), ("reason", "해지")];
    assert_eq!(send(&mut visitor, &page, "refund", &fields).await, page);
    assert_eq!(app.ledger().await[0]["canceledAmount"], unused);
    let reply = visitor.act(&format!("{page}/refund"), &[("how", "amount"), ("reason", "x")]).await;
    assert_eq!(reply.status, 400, "an amount that was not typed is not all of it: {}", reply.text);
    assert_eq!(app.ledger().await[0]["canceledAmount"], unused);
    send(&mut visitor, &page, "refund", &[("how", "all"), ("reason", "해지")]).await;
    assert_eq!(app.ledger().await[0]["canceledAmount"], 9900);
    let html = visitor.page(&page).await;
    assert!(!html.contains(&format!("{page}/refund\"")), "nothing is left: {html}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_is_quoted_as_of_the_day_that_is_asked_for() {
    let app = TestApp::start().await;
    let id = subscribed(&app, APPROVED).await;
    let used = app.today().to_string();
    app.advance_days(9).await;
    let path = format!("/billing/payments?subscriptionId={}", id.as_str().unwrap());
    let payment = app.get(&path).await.data(200)["items"][0]["id"].clone();
    let page = format!("/console/payments/{}", payment.as_str().unwrap());
    let quote = format!("/billing/refund-quote?paymentId={}", payment.as_str().unwrap());
    let today = app.get(&quote).await.data(200)["quote"].as_i64().unwrap();
    let quote = app.get(&format!("{quote}&asOf={used}")).await.data(200)["quote"].as_i64().unwrap();
    assert!(quote > today, "{quote} {today}");
    let mut visitor = Visitor::new(&app);
    let html = visitor.page(&format!("{page}?asOf={used}")).await;
    let shown = format!("<strong>{},{:03}원</strong>", quote / 1000, quote % 1000);
    assert!(html.contains(&shown), "{shown}: {html}");
    assert_eq!(value_of(&html, "asOf"), Some(used.as_str()));
    let html = visitor.page(&format!("{page}?asOf=soon")).await;
    assert!(html.contains("<code>asOf</code>"), "{html}");
    let fields = [("how", "unused"), ("asOf", used.as_str()), ("reason", "해지")];
    send(&mut visitor, &page, "refund", &fields).await;
    assert_eq!(app.ledger().await[0]["canceledAmount"], quote);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_is_recorded_where_the_rise_is_shown() {
    let app = TestApp::start().await;
    let id = subscribed(&app, APPROVED).await;
    app.advance_days(9).await;
    let page = format!("/console/subscriptions/{}", id.as_str().unwrap());
    let mut visitor = Visitor::new(&app);
    let html = visitor.page(&page).await;
    assert!(!html.contains(&format!("{page}/consent\"")), "nothing to agree to: {html}");
    send(&mut visitor, &page, "change", &[("when", "next_period"), ("amount", "12,000")]).await;
    let fields = [("amount", "12,000"), ("method", "phone"), ("evidence", "통화 녹음 4711")];
    send(&mut visitor, &page, "consent", &fields).await;
    let path = format!("/billing/subscription/{}/consents", id.as_str().unwrap());
    let consents = app.get(&path).await.data(200);
    assert_eq!(consents["items"][0]["newAmount"], 12_000, "{consents}");
    assert_eq!(consents["items"][0]["evidence"], "통화 녹음 4711");
    let next = app.subscription(&id).await["nextCharge"].clone();
    assert_eq!(next["amount"], 12_000, "{next}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_card_says_why_and_is_used_again() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    let refusal =
        json!({"on": "CARD-BATCH", "kind": "decline", "code": "1072", "message": "정지 카드"});
    app.fault(refusal).await;
    app.pay(&key).await.fails(402, "payment_declined");
    let mut visitor = Visitor::new(&app);
    let customer = "/console/customers/user123";
    let html = visitor.page(customer).await;
    assert!(html.contains("<code>1072</code> 정지 카드"), "{html}");
    let reply = visitor.act(&format!("/console/cards/{key}/activate"), &[]).await;
    assert_eq!((reply.status, location(&reply)), (303, customer), "{}", reply.text);
    assert!(!visitor.page(customer).await.contains("1072"));
    app.pay(&key).await.data(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_charges_and_refunds_are_settled_where_they_are_shown() {
    let app = TestApp::start().await;
    let lost = app.register(ANSWER_LOST).await;
    let payment = app.post("/billing/pay", &one_off(&lost)).await.data(202);
    let page = format!("/console/payments/{}", payment["id"].as_str().unwrap());
    let mut visitor = Visitor::new(&app);
    let transaction = app.ledger().await[0]["transactionId"].clone();
    let fields = [
        ("outcome", "approved"),
        ("transactionId", transaction.as_str().unwrap()),
        ("reason", "가맹점 관리자에서 확인"),
    ];
    send(&mut visitor, &page, "resolve", &fields).await;
    let id = payment["id"].as_str().unwrap();
    assert_eq!(app.get(&format!("/billing/payment/{id}")).await.data(200)["status"], "approved");

    app.fault(json!({"on": "CANCEL", "kind": "drop_after"})).await;
    send(&mut visitor, &page, "refund", &[("how", "all"), ("reason", "해지")]).await;
    let html = visitor.page(&page).await;
    assert!(html.contains("결과를 알 수 없습니다"), "{html}");
    let refund = app.get("/billing/refunds?status=unknown").await.data(200)["items"][0].clone();
    let refund = format!("/console/refunds/{}", refund["id"].as_str().unwrap());
    let unknown = visitor.page("/console/refunds?status=unknown").await;
    assert!(unknown.contains(&format!("{refund}/resolve")), "{unknown}");
    let fields = [("outcome", "refunded"), ("reason", "확인"), ("paymentId", id)];
    let reply = visitor.act(&format!("{refund}/resolve"), &fields).await;
    assert_eq!(location(&reply), page, "{}", reply.text);
    assert_eq!(app.get(&format!("/billing/payment/{id}")).await.data(200)["status"], "refunded");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_of_the_window_is_given_back_closed_and_settled() {
    let app = TestApp::with(&[("KAKAOPAY_ENABLED", "true")]).await;
    let order = prepare(&app, "PAID").await;
    in_window(&app, &order, "pay").await;
    prepare(&app, "OPEN").await;
    prepare(&app, "LOST").await;
    let mut visitor = Visitor::new(&app);
    let fields = [("how", "amount"), ("amount", "900"), ("reason", "부분")];
    send(&mut visitor, "/console/orders/PAID", "cancel", &fields).await;
    send(&mut visitor, "/console/orders/OPEN", "cancel", &[("reason", "그만")]).await;
    let fields = [("transactionId", "T7"), ("method", "KAKAOPAY"), ("reason", "확인")];
    send(&mut visitor, "/console/orders/LOST", "resolve", &fields).await;
    for (order, status) in [("PAID", "partially_canceled"), ("OPEN", "canceled"), ("LOST", "paid")]
    {
        let found = app.get(&format!("/easypay/status/{order}")).await.data(200);
        assert_eq!(found["status"], status, "{found}");
    }
    assert_eq!(app.ledger().await[0]["canceledAmount"], 900);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_is_changed_with_a_preview_paused_resumed_extended_and_ended() {
    let app = TestApp::start().await;
    let id = subscribed(&app, APPROVED).await;
    app.advance_days(9).await;
    let page = format!("/console/subscriptions/{}", id.as_str().unwrap());
    let mut visitor = Visitor::new(&app);
    let before = app.subscription(&id).await;
    let fields = [("when", "now"), ("amount", "4,900")];
    let preview = visitor.act(&format!("{page}/preview"), &fields).await;
    assert_eq!(preview.status, 200, "{}", preview.text);
    let body = json!({"when": "now", "amount": 4900});
    let path = format!("/billing/subscription/{}?preview=true", id.as_str().unwrap());
    let lines = app.patch(&path, &body).await.data(200)["preview"].clone();
    let credit = lines["credit"].as_i64().unwrap();
    let shown = format!("{},{:03}원", credit / 1000, credit % 1000);
    assert!(preview.text.contains(&shown), "{shown}: {}", preview.text);
    assert!(!preview.text.contains("<html"), "a part of the page: {}", preview.text);
    assert_eq!(app.subscription(&id).await, before, "a preview changes nothing");
    let refused = visitor.act(&format!("{page}/preview"), &[("amount", "많이")]).await;
    assert_eq!(refused.status, 200);
    assert!(refused.text.contains("<code>amount</code>"), "{}", refused.text);

    send(&mut visitor, &page, "change", &fields).await;
    let changed = app.subscription(&id).await;
    assert_eq!(
        (&changed["amount"], changed["creditBalance"].as_i64() > Some(0)),
        (&json!(4900), true)
    );
    send(&mut visitor, &page, "extend", &[("days", "3"), ("reason", "장애 보상")]).await;
    send(&mut visitor, &page, "pause", &[("at", "now")]).await;
    assert_eq!(app.status(&id).await, "paused");
    send(&mut visitor, &page, "resume", &[]).await;
    assert_eq!(app.status(&id).await, "active");
    send(&mut visitor, &page, "cancel", &[("when", "period_end"), ("reason", "고객 요청")]).await;
    assert_eq!(app.subscription(&id).await["cancelAtPeriodEnd"], true);
    send(&mut visitor, &page, "keep", &[]).await;
    assert_eq!(app.subscription(&id).await["cancelAtPeriodEnd"], false);
    send(&mut visitor, &page, "cancel", &[("when", "now"), ("reason", "고객 요청")]).await;
    assert_eq!(app.status(&id).await, "canceled");
    let html = visitor.page(&page).await;
    assert!(!html.contains(&format!("{page}/change\"")), "{html}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_timeline_is_drawn_with_every_segment_its_rule_and_its_attempts() {
    let app = TestApp::start().await;
    let id = app.subscribe(&app.register(ALWAYS_SHORT).await, 15).await["id"].clone();
    let due = app.subscription(&id).await["nextBillingDate"].clone();
    app.advance_to_charge(&due).await;
    app.advance_days(2).await;
    let name = id.as_str().unwrap();
    let page = format!("/console/subscriptions/{name}");
    let mut visitor = Visitor::new(&app);
    let html = visitor.page(&page).await;
    let timeline = app.get(&format!("/billing/subscription/{name}/timeline")).await.data(200);
    let segments = timeline["segments"].as_array().unwrap();
    assert!(segments.len() > 10, "{timeline}");
    let table = html.split("표로 보기").nth(1).unwrap().split("</table>").next().unwrap();
    for segment in segments {
        let text = |name: &str| segment[name].as_str().unwrap();
        let tip = format!("{} ~ {}", text("start"), text("end"));
        let rule = segment["rule"]["message"].as_str().unwrap();
        // A bar for each year that it is in; each can have the focus, and says its rule.
        let bars = html.split("<rect").filter(|bar| bar.contains(&format!("data-tip=\"{tip}")));
        let bars: Vec<_> = bars.collect();
        assert!(!bars.is_empty(), "{tip}: {html}");
        for bar in bars {
            assert!(bar.contains("tabindex=\"0\"") && bar.contains(rule), "{bar}");
            assert!(bar.contains(text("kind")), "{bar}");
        }
        assert!(table.contains(text("start")) && table.contains(rule), "{tip}: {table}");
    }
    assert_eq!(html.matches("class=\"attempt failed\" x1").count() - 1, 2, "two attempts: {html}");
    assert!(html.contains("class=\"today\"") && !html.contains("style="), "{html}");
    let reply = visitor.act(&format!("{page}/charge"), &[]).await;
    assert_eq!(reply.status, 402, "the card is short: {}", reply.text);
    let html = visitor.page(&page).await;
    assert_eq!(
        html.matches("class=\"attempt failed\" x1").count() - 1,
        3,
        "three attempts: {html}"
    );
}
