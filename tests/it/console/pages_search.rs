//! Payments are found by whatever is known of them; what a customer asks to see is all there.

use std::time::Duration;

use kiwoom_billing::api::statuses::LEFT_TO_A_PERSON;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::Visitor;
use crate::support::app::{TestApp, card, one_off};
use crate::support::refusals::invalid;
use crate::support::subscriptions::APPROVED;
use crate::support::window::{in_window, paid, prepare};

const OTHER: &str = "5555555555554444";

#[tokio::test(flavor = "multi_thread")]
async fn payments_and_window_orders_are_found_by_order_transaction_card_amount_and_customer() {
    let app = TestApp::with(&[("KAKAOPAY_ENABLED", "true")]).await;
    let first = app.pay(&app.register(APPROVED).await).await.data(200);
    let other = app.register(OTHER).await;
    let mut body = one_off(&other);
    (body["amount"], body["orderId"]) = (json!(5000), json!("ORDER-CARD"));
    let second = app.post("/billing/pay", &body).await.data(200);
    let order = prepare(&app, "ORDER-WINDOW").await;
    in_window(&app, &order, "pay").await;
    let window = app.get("/easypay/status/ORDER-WINDOW").await.data(200);
    app.get(&format!("/webhook/kiwoom?{}", paid("ORDER-WINDOW", "T9", 9900))).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let (one, two, three) = (text(&first["orderId"]), "ORDER-CARD", "ORDER-WINDOW");
    let transaction = |payment: &Value| text(&payment["transactionId"]);
    for (query, expected) in [
        (String::new(), vec![three, two, &one]),
        ("source=all".to_owned(), vec![three, three, two, &one]),
        ("source=window".to_owned(), vec![three]),
        ("source=unexpected".to_owned(), vec![three]),
        (format!("orderId={one}"), vec![&one]),
        ("orderId=ORDER-WINDOW".to_owned(), vec![three]),
        ("orderId=ORDER-WINDOW&source=all".to_owned(), vec![three, three]),
        ("orderId=ORDER-NONE&source=all".to_owned(), vec![]),
        (format!("transactionId={}", transaction(&second)), vec![two]),
        (format!("transactionId={}&source=all", transaction(&window)), vec![three]),
        ("card=4444".to_owned(), vec![two]),
        ("card=411111******1111".to_owned(), vec![&one]),
        ("card=555555******1111".to_owned(), vec![]),
        ("card=4444&minAmount=5001".to_owned(), vec![]),
        ("source=all&customerId=user123".to_owned(), vec![two, &one]),
        ("source=window&status=approved".to_owned(), vec![three]),
        ("source=window&status=pending".to_owned(), vec![]),
    ] {
        let found = app.get(&format!("/billing/payments?{query}")).await.data(200);
        let found: Vec<_> =
            found["items"].as_array().unwrap().iter().map(|p| text(&p["orderId"])).collect();
        assert_eq!(found, expected, "{query}");
    }
    let found = app.get("/billing/payments?source=window").await.data(200)["items"][0].clone();
    assert_eq!((&found["source"], &found["status"]), (&json!("window"), &json!("approved")));
    let card = "카드번호 끝 4자리, 또는 411111******1111 형식이어야 합니다.";
    for wrong in [APPROVED, "111", "4111111111", "*1111", "%1111"] {
        let reply = app.get(&format!("/billing/payments?card={}", wrong.replace('%', "%25"))).await;
        assert_eq!(reply.error(400), invalid(&[("card", card)]), "{wrong}");
    }

    // A page has them all, and links to each; an order that is named by its id leads to its page.
    let mut visitor = Visitor::new(&app);
    let page = visitor.page("/console/payments?orderId=ORDER-WINDOW").await;
    assert!(page.contains("href=\"/console/orders/ORDER"), "{page}");
    let id = text(&found["id"]);
    let reply = visitor.get(&format!("/console/payments/{id}")).await;
    assert_eq!(super::location(&reply), "/console/orders/ORDER-WINDOW");
    let page = visitor.page("/console/payments?card=12&minAmount=x").await;
    assert!(
        page.contains("<code>card</code>") && page.contains("<code>minAmount</code>"),
        "{page}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_a_list_are_gone_through_by_their_cursor() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    for _ in 0..25 {
        app.pay(&key).await.data(200);
    }
    let mut visitor = Visitor::new(&app);
    let (mut path, mut seen) = ("/console/payments?customerId=user123".to_owned(), 0);
    loop {
        let page = visitor.page(&path).await;
        seen += page.matches("href=\"/console/payments/pay_").count();
        let Some(next) = page.split("rel=\"next\"").next().filter(|p| p.len() < page.len()) else {
            break;
        };
        let href = next.rsplit("href=\"").next().unwrap().split('"').next().unwrap();
        path = href.replace("&#38;", "&").replace("&amp;", "&");
    }
    assert_eq!(seen, 25);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customers_file_has_all_that_is_kept_of_them_and_of_nobody_else() {
    let app = TestApp::with(&[("KAKAOPAY_ENABLED", "true")]).await;
    let mut body = card(APPROVED);
    body["customerEmail"] = json!("hong@example.com");
    let key = app.post("/billing/register", &body).await.data(201)["billingKey"].clone();
    let key = key.as_str().unwrap();
    let payment = app.pay(key).await.data(200);
    let made = app.subscribe(key, 15).await;
    let refund = json!({"paymentId": payment["id"], "amount": 100, "reason": "고객 요청"});
    app.post("/billing/refund", &refund).await.data(200);
    // The gateway tells of the refund.
    let told = "select exists (select from notifications)";
    while !sqlx::query_scalar::<_, bool>(told).fetch_one(&app.service.ctx.pool).await.unwrap() {
        sleep(Duration::from_millis(20)).await;
    }
    let mut order = json!({"orderId": "ORDER-1", "amount": 9900, "productName": "상품",
        "customerName": "김철수", "customerId": "user123"});
    app.post("/easypay/prepare", &order).await.data(200);
    (order["orderId"], order["customerId"]) = (json!("ORDER-2"), json!("other/고객"));
    app.post("/easypay/prepare", &order).await.data(200);
    app.get(&format!("/webhook/kiwoom?{}", paid("ORDER-1", "T1", 9900))).await;
    let all = app.get("/billing/customer/user123").await.data(200);
    assert_eq!(
        (&all["names"], &all["emails"]),
        (&json!(["김철수", "홍길동"]), &json!(["hong@example.com"]))
    );
    let counts = ["cards", "subscriptions", "payments", "refunds", "notifications"];
    assert_eq!(counts.map(|name| all[name].as_array().unwrap().len()), [1, 1, 2, 1, 2], "{all}");
    assert_eq!(all["subscriptions"][0]["id"], made["id"]);
    assert!(all["notifications"][0]["text"].as_str().unwrap().contains("ORDER-1"));
    let other = app.get("/billing/customer/other%2F%EA%B3%A0%EA%B0%9D").await.data(200);
    assert_eq!(other["payments"][0]["orderId"], "ORDER-2");
    assert_eq!(other["cards"], json!([]));
    app.get("/billing/customer/nobody").await.fails(404, "customer_not_found");

    let mut visitor = Visitor::new(&app);
    let file = visitor.get("/console/customers/user123/file").await;
    assert_eq!(file.headers["content-disposition"], "attachment; filename=\"customer.json\"");
    assert_eq!(file.json()["data"], app.get("/billing/customer/user123").await.data(200));
    let page = visitor.page("/console/customers/user123").await;
    for shown in ["411111******1111", "월간 구독", "ORDER-1", "단건 결제"] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    let search = visitor.get("/console/customers?customerId=other%2F%EA%B3%A0%EA%B0%9D").await;
    let page = visitor.page(super::location(&search)).await;
    assert!(page.contains("ORDER-2") && !page.contains("ORDER-1"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn notifications_are_found_and_the_words_of_a_buyer_are_not_shown() {
    let app = TestApp::with(&[("KAKAOPAY_ENABLED", "true")]).await;
    prepare(&app, "ORDER-1").await;
    for (order, transaction) in [("ORDER-1", "T1"), ("ORDER-1", "T1"), ("NOBODY", "T2")] {
        app.get(&format!("/webhook/kiwoom?{}", paid(order, transaction, 9900))).await;
    }
    for (query, expected) in [
        ("", vec![("T2", "unknown_order", 1), ("T1", "applied", 2)]),
        ("orderId=ORDER-1", vec![("T1", "applied", 2)]),
        ("transactionId=T2", vec![("T2", "unknown_order", 1)]),
        ("state=review", vec![("T2", "unknown_order", 1)]),
        ("state=applied", vec![("T1", "applied", 2)]),
        ("state=waiting", vec![]),
        ("state=refused", vec![]),
    ] {
        let found = app.get(&format!("/notifications?{query}")).await;
        assert!(!found.text.contains("PRODUCTNAME"), "{}", found.text);
        let found = found.data(200);
        let row = |n: &Value| {
            let text = |name: &str| n[name].as_str().unwrap().to_owned();
            (text("transactionId"), text("verdict"), n["copies"].as_i64().unwrap())
        };
        let found: Vec<_> = found["items"].as_array().unwrap().iter().map(row).collect();
        let expected: Vec<_> =
            expected.into_iter().map(|(t, v, n)| (t.to_owned(), v.to_owned(), n)).collect();
        assert_eq!(found, expected, "{query}");
    }
    let page = Visitor::new(&app).page("/console/orders/ORDER-1").await;
    assert!(page.contains("장부에 반영") && page.contains("T1"), "{page}");
}

/// What the overview counts and the list shows has an index of its own: both name the same verdicts.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_to_a_person_is_found_by_an_index() {
    let app = TestApp::start().await;
    let mut tx = app.service.ctx.pool.begin().await.unwrap();
    sqlx::query("set local enable_seqscan = off").execute(&mut *tx).await.unwrap();
    let sql = format!(
        "explain select count(*) from notifications where {LEFT_TO_A_PERSON} and last_at >= now()"
    );
    let plan: Vec<String> =
        sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_all(&mut *tx).await.unwrap();
    let plan = plan.join("\n");
    assert!(plan.contains("notifications_for_review"), "{plan}");
}
