//! What the gateway sees: CP949 on the wire, strings only, and texts as CP949 can say them.

use serde_json::json;

use crate::support::app::{TestApp, one_off};
use crate::support::sandbox::fields;
use crate::support::subscriptions::ALWAYS_SHORT;
use crate::support::window::prepare;

const CARD: &str = "4111111111111111";
/// The charsets of answers besides EUC-KR that is named.
const CHARSETS: [&str; 3] = ["utf8", "utf8_unnamed", "euc_kr_unnamed"];
/// 월간 구독 in CP949.
const PRODUCT_HEX: &str = "bff9b0a320b1b8b5b6";

#[tokio::test(flavor = "multi_thread")]
async fn korean_goes_out_as_cp949_and_every_value_as_a_string() {
    let app = TestApp::start().await;
    let key = app.register(CARD).await;
    let mut body = one_off(&key);
    body["productName"] = json!("월간 구독");
    let paid = app.post("/billing/pay", &body).await.data(200);
    assert_eq!(paid["productName"], "월간 구독");

    let sent = app.requests("CARD-BATCH").await.remove(0);
    assert!(sent["bodyHex"].as_str().unwrap().contains(PRODUCT_HEX), "{sent}");
    let fields = fields(&sent);
    assert_eq!(fields["PRODUCTNAME"], "월간 구독");
    assert_eq!(fields["AMOUNT"], "9900");
    assert_eq!(fields["ORDERNO"], paid["orderId"]);
    assert_eq!(app.ledger().await[0]["productName"], "월간 구독");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_goes_out_with_its_month_as_the_gateway_writes_it() {
    let app = TestApp::start().await;
    app.register(CARD).await;
    let fields = fields(&app.requests("CARD-KEYGEN").await[0]);
    assert_eq!(fields["EXPIREDT"], "202512");
    assert_eq!(fields["AMOUNT"], "0");
    assert_eq!(fields["CARDNO"], "*".repeat(16), "as long as it came; the sandbox masks it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_goes_out_with_its_reason_cut_to_what_fits() {
    let app = TestApp::start().await;
    let key = app.register(CARD).await;
    let paid = app.pay(&key).await.data(200);
    let reason = format!("고객 변심 🎉 {}", "가".repeat(30));
    let body = json!({"paymentId": paid["id"], "amount": 1000, "reason": reason});
    let refunded = app.post("/billing/refund", &body).await.data(200);
    assert_eq!(refunded["refund"]["reason"], reason, "whole in our own books");
    let fields = fields(&app.requests("CANCEL").await[0]);
    assert_eq!(fields["CANCELREASON"], format!("고객 변심  {}", "가".repeat(13)));
    assert_eq!(fields["AMOUNT"], "1000");
    assert_eq!(fields["TRXID"], paid["transactionId"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_in_any_charset_are_read_with_their_korean() {
    let app = TestApp::start().await;
    let short = app.register(ALWAYS_SHORT).await;
    let declined = app.pay(&short).await.error(402)["gateway"].clone();
    assert!(declined.to_string().contains("잔액부족"), "{declined}");
    for charset in CHARSETS {
        // Steps 1 and 2 of four calls, and a hash.
        app.fault(json!({"kind": charset, "times": 9})).await;
        let paid = app.pay(&app.register(CARD).await).await.data(200);
        let body = json!({"paymentId": paid["id"], "amount": 1000, "reason": "변심"});
        app.post("/billing/refund", &body).await.data(200);
        prepare(&app, &format!("O-{charset}")).await;
        assert_eq!(app.pay(&short).await.error(402)["gateway"], declined, "{charset}");
        assert_eq!(app.get("/sandbox/faults").await.json(), json!({"faults": []}), "{charset}");
    }
}
