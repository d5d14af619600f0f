//! Which notifications say that money was taken, and from whom an order takes it.

use kiwoom_sandbox::CPID;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use crate::support::app::TestApp;
use crate::support::window::{ALL_ON, answered, in_window, original, paid, prepare, status, tell};

const MONEY: [&str; 13] = [
    "CARD",
    "CARDK",
    "FOREIGNCARD",
    "KAKAOPAY",
    "NAVERPAY",
    "SAMSUNGPAY",
    "PAYCO",
    "APPLEPAY",
    "BANK",
    "MOBILE",
    "VACCOUNT",
    "CARD-BATCH",
    "CARD-SUGI",
];

/// Kind, verdict and copies of every notification that came, in order.
async fn told(app: &TestApp) -> Vec<(String, String, i32)> {
    sqlx::query_as("select kind, verdict, copies from notifications order by id")
        .fetch_all(&app.service.ctx.pool)
        .await
        .unwrap()
}

/// An order from before orders stored what they offered.
async fn old_order(app: &TestApp, order_id: &str) {
    prepare(app, order_id).await;
    let sql = format!("update payments set methods = null where order_no = '{order_id}'");
    sqlx::query(AssertSqlSafe(sql)).execute(&mut app.owner().await).await.unwrap();
}

async fn prepared_with(app: &TestApp, method: &str) -> Value {
    let mut body = original();
    body["orderId"] = json!("O-1");
    body["method"] = json!(method);
    app.post("/easypay/prepare", &body).await.data(200)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kind_that_does_not_mean_money_pays_nothing() {
    let app = TestApp::start().await;
    prepare(&app, "O-1").await;
    let ready = status(&app, "O-1").await;
    let issued = format!(
        "CPID={CPID}&DAOUTRX=t1&ORDERNO=O-1&BANKCODE=20&ACCOUNTNO=11012345678901\
         &DEPOSITENDDATE=20261130235959"
    );
    for message in [
        format!("PAYMETHOD=VACCOUNTISSUE&{issued}"),
        format!("PAYMETHOD=VACCOUNTISSUE&{issued}&AMOUNT=9900"),
        format!("PAYMETHOD=VACCOUNT&{issued}&AMOUNT=9900"),
        paid("O-1", "t1", 9900).replace("KAKAOPAY", "TOSSPAY"),
        paid("O-1", "t1", 9900).replace("KAKAOPAY", "kakaopay"),
    ] {
        answered(&tell(&app, &message).await, 400);
        assert_eq!(status(&app, "O-1").await, ready, "{message}");
    }
    for (kind, verdict, copies) in told(&app).await {
        assert_eq!((kind.as_str(), verdict.as_str(), copies), ("other", "unknown_kind", 1));
    }
    assert_eq!(told(&app).await.len(), 5, "each is kept");
    let health = app.webhook_health().await;
    assert_eq!((&health["status"], &health["rejected24h"]), (&json!("degraded"), &json!(5)));
    // The account that was given out is taken back: no money ever came.
    let canceled =
        format!("PAYMETHOD=VACCOUNTCANCEL&CPID={CPID}&DAOUTRX=t1&ORDERNO=O-1&AMOUNT=9900");
    answered(&tell(&app, &canceled).await, 200);
    assert_eq!(status(&app, "O-1").await, ready);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_that_means_money_pays_an_order_from_before() {
    let app = TestApp::start().await;
    for (n, kind) in MONEY.into_iter().enumerate() {
        let order = format!("O-{n}");
        old_order(&app, &order).await;
        let message = paid(&order, &format!("t{n}"), 9900).replace("KAKAOPAY", kind);
        answered(&tell(&app, &message).await, 200);
        let order = status(&app, &order).await;
        assert_eq!((&order["status"], &order["method"]), (&json!("paid"), &json!(kind)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_paid_by_the_methods_that_it_offered() {
    let app = TestApp::with(ALL_ON).await;
    prepared_with(&app, "PAYCO").await;
    for (n, kind) in ["BANK", "VACCOUNT", "CARD", "KAKAOPAY"].into_iter().enumerate() {
        let message = paid("O-1", &format!("t{n}"), 9900).replace("KAKAOPAY", kind);
        answered(&tell(&app, &message).await, 200);
        let order = status(&app, "O-1").await;
        assert_eq!(order["status"], "ready", "{kind}");
        let money = &order["unexpectedPayments"][n];
        assert_eq!(
            (&money["unexpected"], &money["method"]),
            (&json!("method_not_offered"), &json!(kind))
        );
    }
    // Opened again with another method, an earlier window may still be open.
    prepared_with(&app, "NAVERPAY").await;
    answered(&tell(&app, &paid("O-1", "t9", 9900).replace("KAKAOPAY", "PAYCO")).await, 200);
    assert_eq!(status(&app, "O-1").await["status"], "paid");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_no_method_switched_on_the_sandbox_offers_all_four_and_kiwoompay_cards() {
    let app = TestApp::start().await;
    let codes = |reply: &Value| -> Vec<String> {
        let methods = reply["methods"].as_array().unwrap().iter();
        methods.map(|m| m["code"].as_str().unwrap().to_owned()).collect()
    };
    let four = ["KAKAOPAY", "NAVERPAY", "SAMSUNGPAY", "PAYCO"];
    assert_eq!(codes(&app.get("/easypay/methods").await.data(200)), four);
    let prepared = app.post("/easypay/prepare", &original()).await.data(200);
    assert_eq!(prepared["sdkData"]["SVCCDIN"], four.join(","));
    in_window(&app, &prepared, "pay").await;
    assert_eq!(status(&app, "ORDER-20260205-001").await["status"], "paid");

    let key = "ab".repeat(32);
    let app = TestApp::with(&[("KIWOOM_CPID", "CT0000001"), ("KIWOOM_TEST_AUTH_KEY", &key)]).await;
    let methods = app.get("/easypay/methods").await.data(200);
    let card = json!({"code": "CARD", "name": "신용카드", "enabled": true});
    assert_eq!(methods, json!({"methods": [card]}));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sandbox_can_tell_of_an_account_in_place_of_a_payment() {
    let app = TestApp::start().await;
    let mishap = json!({"kind": "other_kind", "payMethod": "VACCOUNTISSUE"});
    assert_eq!(app.post("/sandbox/notifications", &mishap).await.status, 200);
    let prepared = prepare(&app, "O-1").await;
    in_window(&app, &prepared, "pay").await;
    assert_eq!(status(&app, "O-1").await["status"], "ready");
    app.advance_days(1).await;
    let row = ("other".to_owned(), "unknown_kind".to_owned(), 11);
    assert_eq!(told(&app).await, [row], "once and ten times more");
}
