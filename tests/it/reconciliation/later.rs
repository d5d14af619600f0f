//! What a list settled, and what is told of it afterwards.

use kiwoom_sandbox::{CONTRACTS, CPID};
use serde_json::{Value, json};

use super::differences::{charged, start, unknown};
use super::of_kind;
use crate::support::app::{TestApp, one_off};
use crate::support::sandbox::lose;
use crate::support::subscriptions::APPROVED;
use crate::support::window::{answered, paid, status, tell};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_later_is_the_same_money() {
    let app = start().await;
    let key = app.register(APPROVED).await;
    let payment = charged(&app, &key).await;
    app.cancel_unheard(&payment["transactionId"], 1000).await;
    let transaction = app.pay_unheard("LATER", None).await;
    let by_hand = app.pay_unheard("BY-HAND", None).await;
    app.advance_days(1).await;
    let list = app.listed().await.join("\n");
    let done = app.reconcile("?settle=true", list).await.data(200);
    assert_eq!(done["remaining"], json!({}), "{done}");
    // The window offered four methods, and the list does not say which was chosen.
    let order = status(&app, "LATER").await;
    assert_eq!((&order["status"], &order["method"]), (&json!("paid"), &Value::Null));
    let found = json!({"transactionId": "cMP1", "reason": "확인", "method": "KAKAOPAY"});
    app.post("/easypay/order/LATER/resolve", &found).await.fails(409, "not_unknown");
    answered(&tell(&app, &paid("LATER", &transaction, 9900)).await, 200);
    let order = status(&app, "LATER").await;
    assert_eq!((&order["status"], &order["method"]), (&json!("paid"), &json!("KAKAOPAY")));
    let found = json!({"transactionId": by_hand, "reason": "확인", "method": "KAKAOPAY"});
    app.post("/easypay/cancel", &json!({"orderId": "BY-HAND"})).await.error(409);
    let order = app.post("/easypay/order/BY-HAND/resolve", &found).await.data(200);
    assert_eq!((&order["status"], &order["method"]), (&json!("paid"), &json!("KAKAOPAY")));
    app.post("/easypay/order/BY-HAND/resolve", &found).await.fails(409, "not_unknown");
    for order in ["LATER", "BY-HAND"] {
        app.post("/easypay/cancel", &json!({"orderId": order})).await.data(200);
    }

    let cancellation = format!(
        "PAYMETHOD=CARD_CANCEL&CPID={}&DAOUTRX={}&AMOUNT=1000&CANCELDATE=20301231000000",
        kiwoom_sandbox::CPID,
        payment["transactionId"].as_str().unwrap()
    );
    answered(&tell(&app, &cancellation).await, 200);
    let id = payment["id"].as_str().unwrap();
    let payment = app.get(&format!("/billing/payment/{id}")).await.data(200);
    assert_eq!(payment["refundableAmount"], 8900);
}

#[tokio::test(flavor = "multi_thread")]
async fn transaction_ids_of_another_column_settle_nothing() {
    let app = start().await;
    let key = app.register(APPROVED).await;
    let payment = charged(&app, &key).await;
    let order = unknown(&app, &key, "drop_after").await;
    let list = format!(
        "transactionId,orderNo,amount,at\nA40091184,{},9900,20261201\nA40091185,{order},9900,20261201\n",
        payment["orderId"].as_str().unwrap()
    );
    let dry = app.reconcile("", list.clone()).await.data(200);
    assert_eq!(of_kind(&dry, "other_transaction").len(), 1);
    let books = app.books().await;
    let refused = app.reconcile("?settle=true", list).await.error(400);
    assert_eq!(refused["details"][0]["field"], "columns", "{refused}");
    assert_eq!(app.books().await, books);
    // An answer that is lost is not declined because a list lacks it.
    assert_eq!(app.post("/billing/pay", &one_off(&key)).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_one_contract_settles_nothing_of_another() {
    let [own, cards, window, _] = &CONTRACTS;
    let settings = [
        ("KIWOOM_BILLING_CPID", cards.cpid),
        ("KIWOOM_BILLING_AUTH_KEY", cards.auth_key),
        ("KIWOOM_BILL_TYPE", "18"),
        ("KIWOOM_WINDOW_CPID", window.cpid),
        ("KIWOOM_WINDOW_AUTH_KEY", window.auth_key),
    ];
    let app = TestApp::with(&settings).await;
    let transaction = app.pay_unheard("O-1", Some("KAKAOPAY")).await;
    let list = |cpid: &str| {
        let line = format!("{transaction},O-1,9900,20261129101500,{cpid}");
        format!("transactionId,orderNo,amount,at,cpid\n{line}\n")
    };
    let books = app.books().await;
    let other = app.reconcile("?settle=true", list(cards.cpid)).await.data(200);
    assert_eq!(other["remaining"], json!({"contradiction": 1}), "{other}");
    let foreign = app.reconcile("?settle=true", list(own.cpid)).await.data(200);
    assert_eq!(foreign["ignored"]["otherMerchants"], 1, "{foreign}");
    assert_eq!(app.books().await, books);
    let done = app.reconcile("?settle=true", list(window.cpid)).await.data(200);
    assert_eq!(done["remaining"], json!({}), "{done}");
    assert_eq!(status(&app, "O-1").await["status"], "paid");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_without_a_date_that_waited_for_a_day_is_no_other_one_in_the_list() {
    let app = start().await;
    let key = app.register(APPROVED).await;
    lose(&app, "CARD-BATCH", "drop_after").await;
    let payment = app.pay(&key).await.data(202);
    let transaction = app.ledger().await[0]["transactionId"].clone();
    // Once in the merchant pages, and told of without CANCELDATE.
    app.cancel_unheard(&transaction, 1000).await;
    let told = format!(
        "PAYMETHOD=CARD_CANCEL&CPID={CPID}&DAOUTRX={}&ORDERNO={}&AMOUNT=1000",
        transaction.as_str().unwrap(),
        payment["orderId"].as_str().unwrap(),
    );
    answered(&tell(&app, &told).await, 200);
    app.advance_days(1).await;
    let list = app.listed().await.join("\n");
    let done = app.reconcile("?settle=true", list).await.data(200);
    assert_eq!(done["remaining"], json!({}), "{done}");
    let path = format!("/billing/payment/{}", payment["id"].as_str().unwrap());
    assert_eq!(app.ledger().await[0]["canceledAmount"], 1000);
    assert_eq!(app.get(&path).await.data(200)["refundableAmount"], 8900);
}
