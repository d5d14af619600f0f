//! Text that would be code if anything took it for code: kept and given back as it is.

use serde_json::{Value, json};

use crate::support::app::{TestApp, card};
use crate::support::window::{ALL_ON, post_form};

const SQL: &str = "Robert'); DROP TABLE payments;--";
const HTML: &str = "<script>alert(\"1\")</script>&amp;";
const OTHERS: [&str; 6] = [
    "' OR '1'='1",
    "%_\\%' ESCAPE '\\",
    "${jndi:ldap://x/y} {{7*7}}",
    "../../etc/passwd",
    "$1 ?1 :id {} {0} %s %n",
    "<img src=x onerror='alert(1)'>",
];

fn texts() -> impl Iterator<Item = &'static str> {
    [SQL, HTML].into_iter().chain(OTHERS)
}

async fn tables(app: &TestApp) -> Vec<String> {
    let query = sqlx::query_scalar(
        "select tablename::text from pg_tables where schemaname = 'public' order by 1",
    );
    query.fetch_all(&app.service.ctx.pool).await.unwrap()
}

/// The answer to a list with one filter, as the filter's text goes on the wire.
async fn listed(app: &TestApp, list: &str, filter: &str, text: &str) -> Value {
    let query =
        url::form_urlencoded::Serializer::new(String::new()).append_pair(filter, text).finish();
    app.get(&format!("/billing/{list}?{query}")).await.data(200)["items"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_may_be_called_anything_that_the_gateway_can_write() {
    let app = TestApp::start().await;
    let before = tables(&app).await;
    for text in texts() {
        let mut body = card("4111111111111111");
        body["customerName"] = json!(text);
        body["customerId"] = json!(text);
        body["customerEmail"] = json!("o'brien--/*<b>@example.com");
        let key = app.post("/billing/register", &body).await.data(201);
        assert_eq!((&key["customerName"], &key["customerId"]), (&json!(text), &json!(text)));
        assert_eq!(listed(&app, "keys", "customerId", text).await, json!([key]));
    }
    let email: Vec<String> = sqlx::query_scalar("select distinct customer_email from billing_keys")
        .fetch_all(&app.service.ctx.pool)
        .await
        .unwrap();
    assert_eq!(email, ["o'brien--/*<b>@example.com"]);
    assert_eq!(tables(&app).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn plans_products_reasons_and_metadata_come_back_exactly_as_sent() {
    let app = TestApp::start().await;
    let before = tables(&app).await;
    for text in texts() {
        let mut register = card("4111111111111111");
        register["customerId"] = json!(text);
        let key = app.post("/billing/register", &register).await.data(201)["billingKey"].clone();
        let metadata = json!({
            text: text, "z": 1, "a": {"nested": [text, null, true, 1.5]}, "🎉": "이모지 🎉",
            "literal": "\\u0000 \\n", "quote": "\"\\\"", "__proto__": {}, "": "",
        });
        let body = json!({
            "billingKey": key, "customerId": text, "planId": format!("{text} 🎉"), "amount": 9900,
            "productName": text, "cycleDay": 15, "metadata": metadata,
        });
        let made = app.post("/billing/subscribe", &body).await.data(201);
        for field in ["customerId", "planId", "productName", "metadata"] {
            assert_eq!(made[field], body[field], "{field}");
        }
        let path = format!("/billing/subscription/{}", made["id"].as_str().unwrap());
        assert_eq!(app.get(&path).await.data(200), made);
        let plan = made["planId"].as_str().unwrap();
        assert_eq!(listed(&app, "subscriptions", "planId", plan).await, json!([made]));
        let reason = format!("{text} 🎉");
        let cancel = json!({"subscriptionId": made["id"], "reason": reason});
        let canceled = app.post("/billing/cancel", &cancel).await.data(200);
        assert_eq!(canceled["cancelReason"], json!(reason));
    }
    assert_eq!(tables(&app).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn payments_and_refunds_keep_their_texts_and_the_gateway_gets_the_same() {
    let app = TestApp::start().await;
    let before = tables(&app).await;
    let key = app.register("4111111111111111").await;
    for (n, text) in texts().enumerate() {
        let order = format!("A-_.:=@+{n}");
        let body = json!({
            "billingKey": key, "customerId": "user123", "amount": 9900, "productName": text,
            "orderId": order,
        });
        let paid = app.post("/billing/pay", &body).await.data(200);
        assert_eq!((&paid["productName"], &paid["orderId"]), (&json!(text), &json!(order)));
        let kept = app.ledger().await.pop().unwrap();
        assert_eq!((&kept["productName"], &kept["orderNo"]), (&json!(text), &json!(order)));
        let refund = json!({"orderId": order, "reason": text});
        let refunded = app.post("/billing/refund", &refund).await.data(200);
        assert_eq!(refunded["refund"]["reason"], text);
        let shown = app.get(&format!("/billing/payment/{order}")).await.data(200);
        assert_eq!(shown, refunded["payment"]);
    }
    assert_eq!(tables(&app).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_gives_its_reason_in_any_characters() {
    let app = TestApp::start().await;
    let key = app.register("4111111111111111").await;
    for reason in ["고객 변심 🎉", "a|b", "日本語 Ω ﷽", &"긴 사유 ".repeat(40)] {
        let paid = app.pay(&key).await.data(200);
        let refund = json!({"paymentId": paid["id"], "reason": reason});
        let refunded = app.post("/billing/refund", &refund).await.data(200);
        assert_eq!(refunded["refund"]["reason"], reason);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_references_find_nothing_and_break_nothing() {
    let app = TestApp::start().await;
    let key = app.register("4111111111111111").await;
    app.pay(&key).await.data(200);
    let before = app.everything().await;
    for text in texts() {
        let refund = json!({"transactionId": text});
        app.post("/billing/refund", &refund).await.fails(404, "payment_not_found");
        let refund = json!({"paymentId": text});
        app.post("/billing/refund", &refund).await.fails(404, "payment_not_found");
        let pay = json!({"subscriptionId": text});
        app.post("/billing/pay", &pay).await.fails(404, "subscription_not_found");
        for (list, filter) in [
            ("payments", "customerId"),
            ("payments", "subscriptionId"),
            ("subscriptions", "customerId"),
            ("subscriptions", "planId"),
            ("keys", "customerId"),
            ("refunds", "paymentId"),
        ] {
            assert_eq!(listed(&app, list, filter, text).await, json!([]), "{list} {filter} {text}");
        }
    }
    assert_eq!(app.everything().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_show_hostile_texts_as_text() {
    let app = TestApp::with(ALL_ON).await;
    let key = app.register("4111111111111111").await;
    for (n, text) in texts().enumerate() {
        let body = json!({
            "billingKey": key, "customerId": "user123", "amount": 9900, "productName": text,
        });
        app.post("/billing/pay", &body).await.data(200);
        let order = json!({
            "orderId": format!("O-{n}"), "amount": 9900, "productName": text,
            "customerName": text,
        });
        let prepared = app.post("/easypay/prepare", &order).await.data(200);
        let fields = &prepared["sdkData"];
        assert_eq!((&fields["PRODUCTNAME"], &fields["USERNAME"]), (&json!(text), &json!(text)));
        let action = prepared["formAction"].as_str().unwrap();
        let window = post_form(action, fields).await.text().await.unwrap();
        let books = app.get("/sandbox").await.text;
        for page in [&window, &books] {
            assert!(!page.contains("<script>alert"), "{page}");
            assert!(!page.contains("<img src=x"), "{page}");
        }
        if text == HTML {
            assert!(window.contains("&lt;script&gt;alert"), "{window}");
        }
    }
}
