//! Each request to KiwoomPay as a whole: the fields of its protocol and no others.

use serde_json::{Map, Value, json};

use crate::support::app::{TestApp, card, one_off};
use crate::support::sandbox::fields;

/// 월간 구독 in CP949.
const MONTHLY: &str = "bff9b0a320b1b8b5b6";

/// Takes out a value that is new each time.
fn fresh(fields: &mut Map<String, Value>, name: &str) -> String {
    fields.shift_remove(name).unwrap().as_str().unwrap().to_owned()
}

async fn subscribe_now(app: &TestApp, key: &str, product: &str) -> Value {
    let plan = uuid::Uuid::now_v7().to_string();
    let body = json!({
        "billingKey": key, "customerId": "user123", "planId": plan, "amount": 9900,
        "productName": product, "cycleDay": 15, "chargeNow": true, "firstPeriod": "full",
    });
    app.post("/billing/subscribe", &body).await.data(201)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_sends_the_card_and_its_expiry_with_the_century() {
    let app = TestApp::start().await;
    app.post("/billing/register", &card("4111-1111-1111-1111")).await.data(201);
    let sent = app.requests("CARD-KEYGEN").await;
    assert_eq!(sent.len(), 1);
    let mut sent = fields(&sent[0]);
    assert!(fresh(&mut sent, "ORDERNO").starts_with("KEY"));
    // The sandbox keeps secrets masked, each at its own length.
    let expected = json!({
        "CPID": "CTSANDBOX", "PAYMETHOD": "CARD-KEYGEN", "PRODUCTTYPE": "1",
        "BILLTYPE": "14", "AMOUNT": "0",
        "PRODUCTNAME": "카드 등록", "IPADDRESS": "127.0.0.1", "USERID": "user123",
        "PRODUCTCODE": "", "CARDNO": "*".repeat(16), "EXPIREDT": "202512",
        "CARDAUTH": "******", "CARDPASSWORD": "**", "QUOTA": "00", "TAXFREECD": "00",
        "DIRECT_YN": "N",
    });
    assert_eq!(Value::from(sent), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_charge_sends_its_korean_texts_as_cp949_and_the_ledger_reads_them() {
    let app = TestApp::start().await;
    let key = app.register("4111111111111111").await;
    subscribe_now(&app, &key, "월간 구독").await;
    let sent = app.requests("CARD-BATCH").await;
    assert_eq!(sent.len(), 1);
    let body = sent[0]["bodyHex"].as_str().unwrap();
    assert!(body.contains(MONTHLY), "{body}");
    assert!(!body.contains(&hex::encode("월간 구독")), "UTF-8: {body}");
    let mut sent = fields(&sent[0]);
    assert!(fresh(&mut sent, "ORDERNO").starts_with("SUB"));
    let autokey = fresh(&mut sent, "AUTOKEY");
    assert!(!autokey.is_empty() && autokey.len() <= 20, "{autokey}");
    let expected = json!({
        "CPID": "CTSANDBOX", "PAYMETHOD": "CARD-BATCH", "PRODUCTTYPE": "1",
        "BILLTYPE": "14", "AMOUNT": "9900",
        "PRODUCTNAME": "월간 구독", "IPADDRESS": "127.0.0.1", "USERID": "user123",
        "PRODUCTCODE": "", "QUOTA": "00", "TAXFREECD": "00", "USERNAME": "홍길동",
    });
    assert_eq!(Value::from(sent), expected);
    assert_eq!(app.ledger().await[0]["productName"], "월간 구독");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_sends_the_transaction_the_amount_and_a_reason_that_fits() {
    let app = TestApp::start().await;
    let key = app.register("4111111111111111").await;
    let mut mixed = one_off(&key);
    mixed["taxFreeAmount"] = json!(2000);
    let payment = app.post("/billing/pay", &mixed).await.data(200);
    let refund = json!({
        "paymentId": payment["id"], "amount": 4000, "taxFreeAmount": 1000,
        "reason": "고객 변심 🎉",
    });
    app.post("/billing/refund", &refund).await.data(200);
    let sent = app.requests("CANCEL").await;
    assert_eq!(sent.len(), 1);
    let expected = json!({
        "CPID": "CTSANDBOX", "PAYMETHOD": "CARD-BATCH", "TRXID": payment["transactionId"],
        "AMOUNT": "4000", "CANCELREASON": "고객 변심 ", "CANCELREQ": "Y", "TAXFREEAMT": "1000",
    });
    assert_eq!(Value::from(fields(&sent[0])), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_that_only_cp949_or_json_escapes_can_carry_arrive_unchanged() {
    let app = TestApp::start().await;
    let key = app.register("4111111111111111").await;
    // 뷁 and 똠 are not in EUC-KR proper. Some trail bytes in CP949 are ASCII letters.
    for product in ["뷁똠방각하", "a\"b\\c/<d>&", "㈜한국 ①호", "갂갃갅갆갋"] {
        let mut body = one_off(&key);
        body["productName"] = json!(product);
        app.post("/billing/pay", &body).await.data(200);
        let ledger = app.ledger().await;
        assert_eq!(ledger.last().unwrap()["productName"], product);
        let sent = app.requests("CARD-BATCH").await;
        assert_eq!(fields(sent.last().unwrap())["PRODUCTNAME"], product);
    }
}
