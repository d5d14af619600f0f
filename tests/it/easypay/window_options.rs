//! What an order may ask of the window beside its amount, and the methods that it shows.

use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::refusals::invalid;
use crate::support::window::{answered, original, paid, pay_by, prepare, status, tell};

const CARD_AND_BANK: &[(&str, &str)] =
    &[("KAKAOPAY_ENABLED", "true"), ("CARD_ENABLED", "true"), ("BANK_ENABLED", "true")];
const APP_REQUIRED: &str = "앱 웹뷰(device W)에서 카드나 계좌이체를 제공하려면 필요합니다.";
const NO_SCHEME: &str = "앱의 스킴(예: myapp 또는 myapp://)이나 https 주소여야 합니다.";
const ONE_RECEIPT: &str =
    "결제창에 KAKAOPAY와 BANK 중 하나만 표시할 때 보낼 수 있습니다. method를 보내 주세요.";
const FROM_50_000: &str = "할부는 50,000원부터 사용할 수 있습니다.";
const MONTHS: &str = "0(일시불) 또는 2~12(개월)로 이루어진 목록이어야 합니다. 예: [0,2,3]";

fn order(more: &Value) -> Value {
    let mut body = original();
    body["amount"] = json!(50_000);
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

async fn data(app: &TestApp, more: &Value) -> Value {
    app.post("/easypay/prepare", &order(more)).await.data(200)["sdkData"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_window_is_always_told_which_methods_to_show() {
    let app = TestApp::start().await;
    let all = "KAKAOPAY,NAVERPAY,SAMSUNGPAY,PAYCO";
    for (method, shown) in [(Value::Null, all), (json!("PAYCO"), "PAYCO")] {
        let data = data(&app, &json!({"method": method})).await;
        assert_eq!(data["SVCCDIN"], shown);
        for name in ["APPURL", "CASHRECEIPTFLAG", "CPQUOTA", "TELNO2", "FREEAMT"] {
            assert_eq!(data.get(name), None, "{name}");
        }
    }
    let app = TestApp::with(&[("KIWOOM_METHODS_FIELD", "svcCdIn")]).await;
    let data = data(&app, &json!({})).await;
    assert_eq!((&data["svcCdIn"], data.get("SVCCDIN")), (&json!(all), None));
}

#[tokio::test(flavor = "multi_thread")]
async fn cards_and_bank_transfers_are_offered_beside_the_easy_payments() {
    let app = TestApp::with(CARD_AND_BANK).await;
    let expected = json!({"methods": [
        {"code": "KAKAOPAY", "name": "카카오페이", "enabled": true},
        {"code": "CARD", "name": "신용카드", "enabled": true},
        {"code": "BANK", "name": "계좌이체", "enabled": true},
    ]});
    assert_eq!(app.get("/easypay/methods").await.data(200), expected);
    for (method, page) in [
        ("CARD", "PayInfoPrintDirectCard.jsp?DAOUTRX="),
        ("BANK", "PayInfoPrintBank.jsp?DAOUTRX="),
        ("KAKAOPAY", "PayInfoPrintKakaoPay.jsp?DAOUTRX="),
    ] {
        let prepared = prepare(&app, method).await;
        assert_eq!(prepared["sdkData"]["SVCCDIN"], "KAKAOPAY,CARD,BANK");
        pay_by(&app, &prepared, method).await;
        let order = status(&app, method).await;
        assert_eq!((&order["status"], &order["method"]), (&json!("paid"), &json!(method)));
        let receipt = order["receiptUrl"].as_str().unwrap();
        assert!(receipt.contains(page), "{receipt}");
        let path = receipt.strip_prefix(&app.service.ctx.public_url).unwrap();
        assert_eq!(app.get(path).await.status, 200, "{receipt}");
        assert_eq!(order.get("cashReceiptUrl"), None, "in production only");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_web_view_of_an_app_needs_the_way_back_for_cards_and_transfers() {
    let app = TestApp::with(CARD_AND_BANK).await;
    for method in [json!("CARD"), json!("BANK"), Value::Null] {
        let without = order(&json!({"device": "W", "method": method}));
        let reply = app.post("/easypay/prepare", &without).await;
        assert_eq!(reply.error(400), invalid(&[("appScheme", APP_REQUIRED)]));
    }
    for bad in ["my app", "javascript://x", "http://shop.example", "myapp://a\"b", "앱"] {
        let body = order(&json!({"device": "W", "appScheme": bad}));
        let reply = app.post("/easypay/prepare", &body).await;
        assert_eq!(reply.error(400), invalid(&[("appScheme", NO_SCHEME)]), "{bad}");
    }
    let calls = app.get("/sandbox/calls").await.json();
    assert!(calls["counters"].as_object().unwrap().is_empty(), "{calls}");
    for (more, sent) in [
        (json!({"device": "W", "appScheme": "myapp://"}), Some("myapp://")),
        (json!({"device": "W", "method": "KAKAOPAY", "appScheme": "myapp"}), Some("myapp")),
        (json!({"device": "W", "method": "KAKAOPAY"}), None),
        (json!({"device": "M", "appScheme": "myapp"}), None),
        (json!({"device": "P"}), None),
    ] {
        let data = data(&app, &more).await;
        assert_eq!(data.get("APPURL").and_then(Value::as_str), sent, "{more}");
    }
    let body = order(&json!({"device": "W", "appScheme": "myapp://pay"}));
    let prepared = app.post("/easypay/prepare", &body).await.data(200);
    pay_by(&app, &prepared, "CARD").await;
    assert_eq!(status(&app, "ORDER-20260205-001").await["status"], "paid");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cash_receipt_is_offered_in_the_words_of_the_one_method_that_has_it() {
    let app = TestApp::with(CARD_AND_BANK).await;
    for (method, wanted, flag) in [
        ("KAKAOPAY", true, "Y"),
        ("KAKAOPAY", false, "N"),
        ("BANK", true, "1"),
        ("BANK", false, "0"),
    ] {
        let data = data(&app, &json!({"method": method, "cashReceipt": wanted})).await;
        assert_eq!(data["CASHRECEIPTFLAG"], flag, "{method}");
    }
    for method in [json!("CARD"), Value::Null] {
        let body = order(&json!({"method": method, "cashReceipt": true}));
        let reply = app.post("/easypay/prepare", &body).await;
        assert_eq!(reply.error(400), invalid(&[("cashReceipt", ONE_RECEIPT)]), "{method}");
    }
    let easy = TestApp::start().await;
    let data = data(&easy, &json!({"cashReceipt": true})).await;
    assert_eq!(data["CASHRECEIPTFLAG"], "Y", "of the four KakaoPay alone has one");
}

#[tokio::test(flavor = "multi_thread")]
async fn instalments_begin_at_50_000_won() {
    let app = TestApp::with(CARD_AND_BANK).await;
    for (list, sent) in [(json!([0, 3, 2, 12]), "0:2:3:12"), (json!([0]), "0"), (json!([2]), "2")] {
        let data = data(&app, &json!({"installments": list})).await;
        assert_eq!(data["CPQUOTA"], sent);
    }
    let cheap = order(&json!({"amount": 49_999, "installments": [0, 2]}));
    let reply = app.post("/easypay/prepare", &cheap).await;
    assert_eq!(reply.error(400), invalid(&[("installments", FROM_50_000)]));
    data(&app, &json!({"orderId": "O-2", "amount": 100, "installments": [0]})).await;
    for bad in [json!([]), json!([1]), json!([13]), json!(["2"]), json!("0:2"), json!(3)] {
        let body = order(&json!({"installments": bad}));
        let reply = app.post("/easypay/prepare", &body).await;
        assert_eq!(reply.error(400), invalid(&[("installments", MONTHS)]), "{body}");
    }
    let all = order(&json!({
        "amount": 9900, "device": "W", "cashReceipt": true, "installments": [2],
    }));
    let reply = app.post("/easypay/prepare", &all).await;
    let expected =
        [("appScheme", APP_REQUIRED), ("cashReceipt", ONE_RECEIPT), ("installments", FROM_50_000)];
    assert_eq!(reply.error(400), invalid(&expected), "all at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_money_has_its_own_receipt() {
    let app = TestApp::with(CARD_AND_BANK).await;
    for (n, (kind, page)) in [
        ("CARD", "PayInfoPrintDirectCard.jsp?DAOUTRX=t0&STATUS=A"),
        ("CARDK", "PayInfoPrintCreditCard.jsp?DAOUTRX=t1&STATUS=A"),
        ("BANK", "PayInfoPrintBank.jsp?DAOUTRX=t2&STATUS=A"),
        ("KAKAOPAY", "PayInfoPrintKakaoPay.jsp?DAOUTRX=t3"),
        ("NAVERPAY", "PayInfoPrintNaverPay.jsp?DAOUTRX=t4&STATUS=A"),
        ("VACCOUNT", "PayInfoPrintVaccount.jsp?DAOUTRX=t5"),
        ("MOBILE", "PayInfoPrint.jsp?CPID=CTSANDBOX&DAOUTRX=t6"),
    ]
    .into_iter()
    .enumerate()
    {
        let order_id = format!("O-{n}");
        prepare(&app, &order_id).await;
        let message = paid(&order_id, &format!("t{n}"), 9900).replace("KAKAOPAY", kind);
        answered(&tell(&app, &message).await, 200);
        let order = status(&app, &order_id).await;
        let money = match &order["unexpectedPayments"] {
            Value::Null => &order,
            other => &other[0],
        };
        let receipt = money["receiptUrl"].as_str().unwrap();
        assert!(receipt.ends_with(&format!("/common/{page}")), "{kind}: {receipt}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_of_card_contract_k_is_opened_and_has_its_receipt_by_that_name() {
    let app = TestApp::with(&[("CARD_ENABLED", "true"), ("KIWOOM_CARD_METHOD", "CARDK")]).await;
    let mut body = order(&json!({"method": "CARD", "taxFreeAmount": 3000}));
    let prepared = app.post("/easypay/prepare", &body).await.data(200);
    let data = &prepared["sdkData"];
    assert_eq!((&data["PAYMETHOD"], &data["SVCCDIN"]), (&json!("CARDK"), &json!("CARDK")));
    assert_eq!((&data["TELNO2"], data.get("FREEAMT")), (&json!("3000"), None));
    body["device"] = json!("W");
    let reply = app.post("/easypay/prepare", &body).await;
    assert_eq!(reply.error(400), invalid(&[("appScheme", APP_REQUIRED)]));
    pay_by(&app, &prepared, "CARDK").await;
    let order = status(&app, "ORDER-20260205-001").await;
    assert_eq!((&order["status"], &order["method"]), (&json!("paid"), &json!("CARD")));
    let receipt = order["receiptUrl"].as_str().unwrap();
    assert!(receipt.contains("PayInfoPrintCreditCard.jsp?DAOUTRX="), "{receipt}");
    let path = receipt.strip_prefix(&app.service.ctx.public_url).unwrap();
    assert_eq!(app.get(path).await.status, 200, "{receipt}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_to_return_to_is_short() {
    let app = TestApp::start().await;
    let url = |length: usize| format!("https://shop.example/{}", "a".repeat(length - 21));
    let long = "255자를 넘을 수 없습니다.";
    for name in ["returnUrl", "failUrl", "closeUrl"] {
        let reply = app.post("/easypay/prepare", &order(&json!({name: url(256)}))).await;
        assert_eq!(reply.error(400), invalid(&[(name, long)]));
    }
    let data = data(&app, &json!({"returnUrl": url(255)})).await;
    assert_eq!(data["HOMEURL"], url(255));
}
