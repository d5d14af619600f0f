//! Each method is cancelled by the name it has then; what cannot be sent is said; and cancellations
//! that only a notice tells of.

use kiwoom_sandbox::CPID;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::sandbox::fields;
use crate::support::window::{answered, paid, post_form, prepare, status, tell};

/// An order of the window that is paid by `method`, as KiwoomPay's own window, which offers cards and
/// transfers too, has them.
async fn paid_by(app: &TestApp, order_id: &str, offered: &str, method: &str) -> Value {
    let mut prepared = prepare(app, order_id).await;
    let offers = sqlx::query("update payments set methods = array[$2] where order_no = $1");
    offers.bind(order_id).bind(offered).execute(&mut app.owner().await).await.unwrap();
    prepared["sdkData"]["SVCCDIN"] = json!(method);
    let form_action = prepared["formAction"].as_str().unwrap();
    let page = post_form(form_action, &prepared["sdkData"]).await.text().await.unwrap();
    let (_, rest) = page.split_once("action=\"").unwrap_or_else(|| panic!("{page}"));
    let path = rest.split('"').next().unwrap();
    let clicked = json!({"action": "pay", "METHOD": method});
    assert_eq!(post_form(&format!("{}{path}", app.base), &clicked).await.status(), 303);
    let order = status(app, order_id).await;
    assert_eq!(order["status"], "paid", "{method}");
    order
}

/// The message of a 409 in Korean and in English.
async fn refused(app: &TestApp, body: &Value) -> [String; 2] {
    let mut texts = [String::new(), String::new()];
    for (language, text) in ["ko", "en"].into_iter().zip(&mut texts) {
        let request = app.request(Method::POST, "/easypay/cancel").json(body);
        let error = app.send(request.header("Accept-Language", language)).await.error(409);
        assert_eq!(error["code"], "refund_not_allowed");
        error["message"].as_str().unwrap().clone_into(text);
    }
    texts
}

#[tokio::test(flavor = "multi_thread")]
async fn cards_of_other_contracts_and_countries_are_cancelled_by_their_own_names() {
    let app = TestApp::start().await;
    for (order_id, offered, method, told_as) in [
        ("O-1", "CARD", "CARD", "CARD"),
        ("O-2", "CARDK", "CARDK", "CARD"),
        ("O-3", "CARD", "FOREIGNCARD", "FOREIGNCARD"),
    ] {
        let order = paid_by(&app, order_id, offered, method).await;
        assert_eq!(order["method"], told_as);
        app.post("/easypay/cancel", &json!({"orderId": order_id, "amount": 900})).await.data(200);
        let body = json!({"transactionId": order["transactionId"], "amount": 100});
        assert_eq!(app.post("/sandbox/admin/cancel", &body).await.status, 200);
        assert_eq!(status(&app, order_id).await["canceledAmount"], 1000);
        let sent = app.requests("CANCEL").await;
        assert_eq!(fields(sent.last().unwrap())["PAYMETHOD"], method);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_cancelled_by_a_call_is_said_and_booked_from_the_notice() {
    let app = TestApp::start().await;
    let bank = paid_by(&app, "O-1", "BANK", "BANK").await;
    let [korean, english] = refused(&app, &json!({"orderId": "O-1"})).await;
    assert!(korean.contains("계좌번호") && english.contains("account number"), "{english}");
    paid_by(&app, "O-2", "MOBILE", "MOBILE").await;
    let [korean, english] = refused(&app, &json!({"orderId": "O-2", "amount": 1000})).await;
    assert!(korean.contains("부분 취소") && english.contains("in part"), "{english}");
    assert_eq!(app.calls("CANCEL").await, 0);
    let body = json!({"transactionId": bank["transactionId"]});
    assert_eq!(app.post("/sandbox/admin/cancel", &body).await.status, 200);
    assert_eq!(status(&app, "O-1").await["status"], "canceled");
    app.post("/easypay/cancel", &json!({"orderId": "O-2"})).await.data(200);
    assert_eq!(status(&app, "O-2").await["status"], "canceled");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_s_commands_are_never_in_a_reason_which_is_kept_as_it_came() {
    let app = TestApp::start().await;
    paid_by(&app, "O-1", "KAKAOPAY", "KAKAOPAY").await;
    let reason = "[STOPREQ] 변심 ^[1] a|b";
    let body = json!({"orderId": "O-1", "reason": reason});
    let canceled = app.post("/easypay/cancel", &body).await.data(200);
    assert_eq!(canceled["refund"]["reason"], reason);
    let sent = fields(&app.requests("CANCEL").await[0])["CANCELREASON"].clone();
    assert_eq!(sent, "(STOPREQ) 변심 /(1) a/");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_that_waits_for_a_deposit_says_so_and_its_one_notice_is_booked() {
    let app = TestApp::start().await;
    let order = paid_by(&app, "O-1", "CARD", "CARD").await;
    let fault = json!({"on": "CANCEL", "kind": "decline", "code": "9029", "message": "잔액 부족",
        "times": 2});
    app.fault(fault).await;
    let body = json!({"orderId": "O-1", "amount": 4000});
    let [korean, english] = refused(&app, &body).await;
    assert!(korean.contains("입금후취소") && korean.contains("23:59:59"), "{korean}");
    assert!(english.contains("입금후취소") && english.contains("deposit"), "{english}");
    assert_eq!(status(&app, "O-1").await["canceledAmount"], 0);
    // The deposit makes it final: KiwoomPay tells of it once.
    let deposited = json!({"transactionId": order["transactionId"], "amount": 4000});
    assert_eq!(app.post("/sandbox/admin/cancel", &deposited).await.status, 200);
    let told = app.get("/sandbox/notifications").await.json()["sent"].clone();
    let last = told.as_array().unwrap().last().unwrap();
    assert_eq!((&last["payMethod"], &last["delivered"]), (&json!("CARD_CANCEL"), &json!(true)));
    assert_eq!(status(&app, "O-1").await["canceledAmount"], 4000);
    let rest = app.post("/easypay/cancel", &json!({"orderId": "O-1"})).await.data(200);
    assert_eq!(rest["refund"]["amount"], 5900);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_of_a_phone_s_pay_is_found_by_its_transaction_whatever_it_is_called() {
    let app = TestApp::start().await;
    for (n, (method, kind)) in [
        ("SAMSUNGPAY", "CARD_CANCEL"),
        ("SAMSUNGPAY", "SAMSUNGPAY_CANCEL"),
        ("APPLEPAY", "CARD_CANCEL"),
        ("APPLEPAY", "APPLEPAY_CANCEL"),
    ]
    .into_iter()
    .enumerate()
    {
        let (order_id, transaction) = (format!("O-{n}"), format!("t{n}"));
        prepare(&app, &order_id).await;
        let offers = sqlx::query("update payments set methods = array[$2] where order_no = $1");
        let offers = offers.bind(&order_id).bind(method);
        offers.execute(&mut app.owner().await).await.unwrap();
        let notice = paid(&order_id, &transaction, 9900).replace("KAKAOPAY", method);
        answered(&tell(&app, &notice).await, 200);
        // No ORDERNO, and a negative amount.
        let notice = format!(
            "PAYMETHOD={kind}&CPID={CPID}&DAOUTRX={transaction}&AMOUNT=-1900&CANCELDATE=20261125101011"
        );
        for _ in 0..2 {
            answered(&tell(&app, &notice).await, 200);
            assert_eq!(status(&app, &order_id).await["canceledAmount"], 1900, "{kind}");
        }
    }
}
