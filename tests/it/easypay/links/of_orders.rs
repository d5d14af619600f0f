//! A link to an order by itself.

use serde_json::{Value, json};

use super::link_now;
use crate::support::app::TestApp;
use crate::support::payment_page::{open_window, page, press};
use crate::support::window::{ALL_ON, in_window, status};

fn order(order_id: &str) -> Value {
    json!({
        "amount": 9900, "productName": "<b>상품</b>", "customerName": "홍길동", "customerId": "user123",
        "customerEmail": "hong@example.com", "orderId": order_id,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_paid_at_its_link_and_the_page_says_so() {
    let app = TestApp::with(&[ALL_ON, &[("SHOP_NAME", "길동상회")]].concat()).await;
    let link = app.post("/easypay/links", &order("O-1")).await.data(201);
    assert_eq!((&link["status"], &link["kind"]), (&json!("open"), &json!("order")));
    assert_eq!(link["methods"], json!(["KAKAOPAY", "NAVERPAY", "SAMSUNGPAY", "PAYCO"]));
    let shown = page(&link).await;
    assert_eq!(shown.status, 200);
    for told in ["길동상회", "9,900원", "&#60;b&#62;상품", "카카오페이", "까지 결제할 수 있습니다"]
    {
        assert!(shown.text.contains(told), "{told}: {}", shown.text);
    }
    for hidden in ["홍길동", "user123", "hong@example.com"] {
        assert!(!shown.text.contains(hidden), "{hidden}");
    }
    let window = open_window(&link, "NAVERPAY").await;
    assert_eq!(window["sdkData"]["PAYMETHOD"], "NAVERPAY");
    assert_eq!(link_now(&app, &link).await["status"], "opened");
    let window = open_window(&link, "KAKAOPAY").await;
    let back = in_window(&app, &window, "pay").await;
    assert_eq!(back, format!("{}?result=paid", link["url"].as_str().unwrap()));
    let paid = link_now(&app, &link).await;
    assert_eq!((&paid["status"], &paid["url"]), (&json!("paid"), &Value::Null));
    assert_eq!(status(&app, "O-1").await["status"], "paid");
    let shown = page(&link).await;
    assert!(shown.text.contains("결제가 완료되었습니다") && !shown.text.contains("<button"));
    let refused = press(link["url"].as_str().unwrap(), &shown, "KAKAOPAY").await;
    assert_eq!(refused.status, 409);
    let path = format!("/easypay/links/{}", link["id"].as_str().unwrap());
    app.delete(&path).await.fails(409, "already_charged");
    assert_eq!(app.ledger().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_lives_until_its_time_and_can_be_cancelled() {
    let app = TestApp::with(ALL_ON).await;
    let tomorrow = app.today().succ_opt().unwrap();
    let mut body = order("O-1");
    body["until"] = json!(tomorrow);
    body["methods"] = json!(["PAYCO"]);
    let link = app.post("/easypay/links", &body).await.data(201);
    let end = tomorrow.succ_opt().unwrap();
    assert_eq!(link["until"], format!("{end}T00:00:00.000+09:00"));
    assert_eq!(link["methods"], json!(["PAYCO"]));
    let other = app.post("/easypay/links", &order("O-2")).await.data(201);
    let path = format!("/easypay/links/{}", other["id"].as_str().unwrap());
    for _ in 0..2 {
        assert_eq!(app.delete(&path).await.data(200)["status"], "canceled");
    }
    assert_eq!(status(&app, "O-2").await["status"], "canceled");
    app.advance_to(&format!("{end}T00:00:00+09:00")).await;
    assert_eq!(link_now(&app, &link).await["status"], "expired");
    assert_eq!(status(&app, "O-1").await["status"], "expired");
    let shown = page(&link).await;
    assert!(shown.text.contains("결제 기한이 지났습니다") && !shown.text.contains("<button"));
    assert!(page(&other).await.text.contains("취소된 링크입니다"));
    let listed = app.get("/easypay/links?customerId=user123&status=expired").await.data(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    app.post("/easypay/links", &order("O-1")).await.fails(409, "order_exists");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_closed_by_its_own_route_ends_its_link() {
    let app = TestApp::with(ALL_ON).await;
    let link = app.post("/easypay/links", &order("O-1")).await.data(201);
    app.post("/easypay/cancel", &json!({"orderId": "O-1"})).await.data(200);
    assert_eq!(link_now(&app, &link).await["status"], "canceled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_in_a_window_that_outlived_the_link_still_counts() {
    let app = TestApp::with(ALL_ON).await;
    let link = app.post("/easypay/links", &order("O-1")).await.data(201);
    let window = open_window(&link, "KAKAOPAY").await;
    app.advance_days(8).await;
    assert_eq!(link_now(&app, &link).await["status"], "expired");
    in_window(&app, &window, "pay").await;
    assert_eq!(link_now(&app, &link).await["status"], "paid");
    assert_eq!(status(&app, "O-1").await["late"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_link_is_named_and_nothing_is_made() {
    let app = TestApp::with(ALL_ON).await;
    let wrong = |field: &str, value: Value| {
        let mut body = order("O-1");
        body[field] = value;
        body
    };
    for (body, field) in [
        (json!({}), "amount"),
        (wrong("until", json!("2020-01-01")), "until"),
        (wrong("until", json!("2099-01-01")), "until"),
        (wrong("methods", json!([])), "methods"),
        (wrong("methods", json!(["PAYCO", "PAYCO"])), "methods"),
        (wrong("methods", json!(["CARD"])), "methods"),
        (wrong("subscriptionId", json!("sub_x")), "amount"),
        (wrong("amount", json!(0)), "amount"),
    ] {
        let error = app.post("/easypay/links", &body).await.error(400);
        assert_eq!(error["details"][0]["field"], field, "{error}");
    }
    let of = json!({"subscriptionId": "sub_x"});
    app.post("/easypay/links", &of).await.fails(404, "subscription_not_found");
    app.get("/easypay/links/link_x").await.fails(404, "payment_link_not_found");
    app.delete("/easypay/links/link_x").await.fails(404, "payment_link_not_found");
    assert_eq!(app.get("/easypay/links").await.data(200)["items"], json!([]));
}
