//! `DELETE /customers/:customerId`: nothing tells who the customer was, and the money is all there.

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgConnection};

use crate::support::app::{TestApp, card};
use crate::support::subscriptions::{ANSWER_LOST, APPROVED, monthly};
use crate::support::window::{in_window, original};

const CUSTOMER: &str = "hong.gildong@shop.kr";
const PATH: &str = "/customers/hong.gildong%40shop.kr";
/// Of what tells who it was.
const TRACES: [&str; 6] =
    [CUSTOMER, "홍길동", "hong@example.com", "411111******1111", "어머니 생신", "hong.gildong"];

/// A card, payments, refunds, a subscription and an order of the customer; the billing key.
async fn live(app: &TestApp) -> String {
    let mut body = card(APPROVED);
    body["customerId"] = json!(CUSTOMER);
    body["customerEmail"] = json!("hong@example.com");
    let register = app.request(Method::POST, "/billing/register").json(&body);
    let made = app.send(register.header("Idempotency-Key", "register")).await.data(201);
    let key = made["billingKey"].as_str().unwrap().to_owned();
    let pay =
        json!({"billingKey": key, "customerId": CUSTOMER, "amount": 9900, "productName": "꽃"});
    let pay = app.request(Method::POST, "/billing/pay").json(&pay);
    let paid = app.send(pay.header("Idempotency-Key", "pay")).await.data(200);
    let refund = json!({"paymentId": paid["id"], "amount": 1000});
    app.post("/billing/refund", &refund).await.data(200);
    let mut plan = monthly(&key);
    plan["customerId"] = json!(CUSTOMER);
    plan["chargeNow"] = json!(true);
    plan["metadata"] = json!({"메모": "어머니 생신", "n": 1});
    let subscription = app.post("/billing/subscribe", &plan).await.data(201);
    app.advance_days(40).await;
    let cancel = json!({"subscriptionId": subscription["id"]});
    app.post("/billing/cancel", &cancel).await.data(200);
    let mut order = original();
    order["customerId"] = json!(CUSTOMER);
    order["customerEmail"] = json!("hong@example.com");
    let prepared = app.post("/easypay/prepare", &order).await.data(200);
    in_window(app, &prepared, "pay").await;
    key
}

async fn whole_database(db: &mut PgConnection) -> String {
    let tables = "select tablename::text from pg_tables where schemaname = 'public'";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut *db).await.unwrap();
    let mut all = String::new();
    for table in tables {
        let rows = format!("select string_agg(t::text, E'\\n') from {table} t");
        let rows: Option<String> =
            sqlx::query_scalar(AssertSqlSafe(rows)).fetch_one(&mut *db).await.unwrap();
        all += &rows.unwrap_or_default();
    }
    let answers = "select string_agg(convert_from(body, 'UTF8'), ' ') from idempotency_keys";
    let answers: Option<String> = sqlx::query_scalar(answers).fetch_one(db).await.unwrap();
    all + &answers.unwrap_or_default()
}

async fn books(app: &TestApp) -> Value {
    let year = app.today().format("%Y");
    let path = format!("/billing/summary?from={year}-01-01&to={year}-12-31&by=month");
    app.get(&path).await.data(200)
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_erased_customer_the_money_is_left_and_nothing_else() {
    let app = TestApp::with(&[("KAKAOPAY_ENABLED", "true")]).await;
    live(&app).await;
    let other = app.register(APPROVED).await;
    app.pay(&other).await.data(200);
    app.until_published().await;
    let mut owner = app.owner().await;
    let before = whole_database(&mut owner).await;
    for trace in TRACES {
        assert!(before.contains(trace), "{trace}");
    }
    let money = books(&app).await;
    let payments = app.get("/billing/payments").await.data(200);

    let erase = app.request(Method::DELETE, PATH).header("Idempotency-Key", "erase");
    let erased = app.send(erase).await.data(200);
    let pseudonym = erased["customerId"].as_str().unwrap();
    let expected =
        json!({"customerId": pseudonym, "billingKeys": 1, "subscriptions": 1, "payments": 4});
    assert_eq!(erased, expected);
    app.until_published().await;
    let mut after = whole_database(&mut owner).await;
    for path in ["/events?limit=100", "/audit?limit=100", "/billing/payments"] {
        after += &app.get(path).await.text;
    }
    // Another customer of that name and card is still there.
    let others = ["홍길동", "411111******1111"];
    for trace in TRACES.iter().filter(|trace| !others.contains(trace)) {
        let found = after.find(trace).map(|at| &after[at.saturating_sub(300)..at]);
        assert_eq!(found, None, "{trace}");
    }
    for other in others {
        let rows = format!(
            "select count(*) from events where after::text like '%{other}%' and after->>'customer_id' <> 'user123'"
        );
        let rows: i64 =
            sqlx::query_scalar(AssertSqlSafe(rows)).fetch_one(&mut owner).await.unwrap();
        assert_eq!(rows, 0, "{other}");
    }
    assert_eq!(books(&app).await, money);
    let now = app.get("/billing/payments").await.data(200);
    let amounts = |list: &Value| -> Vec<Value> {
        let items = list["items"].as_array().unwrap();
        items
            .iter()
            .map(|p| json!([p["id"], p["amount"], p["transactionId"], p["status"]]))
            .collect()
    };
    assert_eq!(amounts(&now), amounts(&payments));

    let told = app.events_of("&type=customer.erased").await;
    assert_eq!((told.len(), &told[0]["data"]), (1, &expected));
    app.get(&format!("{PATH}/export")).await.fails(404, "customer_not_found");
    let left = app.get(&format!("/customers/{pseudonym}/export")).await;
    assert_eq!(left.headers["content-disposition"], "attachment; filename=\"customer.json\"");
    let left = left.data(200);
    assert_eq!((&left["names"], &left["emails"]), (&json!([]), &json!([])));
    assert_eq!(left["payments"].as_array().unwrap().len(), 4);

    // Once more, and what was asked before is not done again.
    let again = app.request(Method::DELETE, PATH).header("Idempotency-Key", "erase");
    assert_eq!(app.send(again).await.data(200), expected);
    assert_eq!(app.delete(PATH).await.data(200), expected);
    let again =
        json!({"billingKey": "bk_x", "customerId": CUSTOMER, "amount": 9900, "productName": "꽃"});
    let again = app.request(Method::POST, "/billing/pay").json(&again);
    let again = app.send(again.header("Idempotency-Key", "pay")).await;
    assert_eq!(again.status, 422, "another body: {}", again.text);
    // What is refunded later is.
    app.post("/easypay/cancel", &json!({"orderId": original()["orderId"], "amount": 100}))
        .await
        .data(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_something_open_is_not_erased_and_the_answer_names_it() {
    let app = TestApp::with(&[("KAKAOPAY_ENABLED", "true")]).await;
    app.delete("/customers/nobody").await.fails(404, "customer_not_found");
    let key = app.register(APPROVED).await;
    let subscription = app.subscribe(&key, 15).await["id"].as_str().unwrap().to_owned();
    let refused = app.delete("/customers/user123").await.error(409);
    assert_eq!(refused["code"], "subscription_exists");
    assert!(refused["details"].to_string().contains(&subscription), "{refused}");
    app.post("/billing/cancel", &json!({"subscriptionId": subscription})).await.data(200);

    let mut order = original();
    order["customerId"] = json!("user123");
    app.post("/easypay/prepare", &order).await.data(200);
    let refused = app.delete("/customers/user123").await.error(409);
    assert_eq!(refused["code"], "charge_in_progress");
    assert!(refused["details"].to_string().contains("ORDER-20260205-001"), "{refused}");
    app.advance_days(2).await;

    let lost = app.register(ANSWER_LOST).await;
    let unknown = app.pay(&lost).await.data(202);
    let order_no = unknown["orderId"].as_str().unwrap();
    let refused = app.delete("/customers/user123").await.error(409);
    assert_eq!(refused["code"], "outcome_unknown");
    assert!(refused["details"].to_string().contains(order_no), "{refused}");
    // Nothing was changed.
    let kept = app.get("/billing/customer/user123").await.data(200);
    assert_eq!((&kept["names"], kept["cards"].as_array().unwrap().len()), (&json!(["홍길동"]), 2));
    assert_eq!(kept["cards"][1]["status"], "active");
}
