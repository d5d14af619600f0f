//! Registering a card: each field that is missing or wrong, and a card that the gateway refuses.

use reqwest::Method;
use serde_json::json;

use crate::support::app::{TestApp, card};
use crate::support::refusals::{
    CONTROL, EMPTY, PIPE, STRING, UNKNOWN_FIELD, wire_id_cases, wire_text_cases,
};

const REGISTER: &str = "/billing/register";

#[tokio::test(flavor = "multi_thread")]
async fn a_card_is_refused_for_each_field_that_is_missing_or_wrong() {
    const NUMBER: &str = "카드번호는 숫자 13~19자리여야 합니다.";
    const LUHN: &str = "카드번호가 올바르지 않습니다. 숫자 하나를 잘못 입력했거나 이웃한 두 숫자의 순서가 \
        바뀌었을 수 있습니다.";
    const SHORT: &str = "카드번호가 올바르지 않습니다. 숫자가 빠졌을 수 있습니다. 이 카드는 16자리인데 \
        15자리를 입력했습니다.";
    const MASKED: &str = "카드번호가 올바르지 않습니다. 가운데 숫자가 0으로 가려진 번호입니다. 카드의 전체 \
        번호를 입력해 주세요.";
    const EXPIRY: &str = "유효기간은 YYMM 형식이어야 하며 월은 01~12입니다.";
    const PASSWORD: &str = "카드 비밀번호 앞 두 자리 숫자여야 합니다.";
    const BIRTH: &str = "생년월일 YYMMDD 또는 사업자등록번호 숫자 10자리여야 합니다.";
    let app = TestApp::start().await;
    let base = card("4111111111111111");
    let required =
        ["cardNumber", "expireDate", "cardPassword", "birthDate", "customerName", "customerId"];
    app.misses_each(REGISTER, &base, &required).await;
    let cases = [
        ("cardNumber", "4111111111111111", STRING),
        ("cardNumber", "\"\"", NUMBER),
        ("cardNumber", "\"411111111111\"", NUMBER),
        ("cardNumber", "\"41111111111111111111\"", NUMBER),
        ("cardNumber", "\"4111.1111.1111.1111\"", NUMBER),
        ("cardNumber", "\"４１１１１１１１１１１１１１１１\"", NUMBER),
        ("cardNumber", "\"4111111111111112\"", LUHN),
        ("cardNumber", "\"4111-1111-1111-1112\"", LUHN),
        ("cardNumber", "\"4111-1111-1111-112\"", SHORT),
        ("cardNumber", "\"9410120000001238\"", MASKED),
        ("expireDate", "2512", STRING),
        ("expireDate", "\"2513\"", EXPIRY),
        ("expireDate", "\"2500\"", EXPIRY),
        ("expireDate", "\"1225\"", EXPIRY),
        ("expireDate", "\"25-12\"", EXPIRY),
        ("expireDate", "\"202512\"", EXPIRY),
        ("expireDate", "\"+1+1\"", EXPIRY),
        ("cardPassword", "12", STRING),
        ("cardPassword", "\"1\"", PASSWORD),
        ("cardPassword", "\"1234\"", PASSWORD),
        ("cardPassword", "\"ab\"", PASSWORD),
        ("birthDate", "901231", STRING),
        ("birthDate", "\"901331\"", BIRTH),
        ("birthDate", "\"900230\"", BIRTH),
        ("birthDate", "\"19901231\"", BIRTH),
        ("birthDate", "\"123-45-67890\"", BIRTH),
    ];
    app.refuses_each((Method::POST, REGISTER), &base, &cases).await;
    app.refuses_each((Method::POST, REGISTER), &base, &wire_text_cases("customerName")).await;
    app.refuses_each((Method::POST, REGISTER), &base, &wire_id_cases("customerId")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_check_switched_off_kiwoompay_judges_the_number() {
    let app = TestApp::with(&[("CARD_NUMBER_LUHN", "false")]).await;
    let reply = app.post(REGISTER, &card("4111111111111112")).await;
    reply.fails(402, "card_refused");
    assert_eq!(app.requests("CARD-KEYGEN").await.len(), 1);
    let short = app.post(REGISTER, &card("411111111111")).await;
    short.fails(400, "invalid_request");
    app.register("4111111111111111").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_no_e_mail_and_a_field_nobody_knows_are_refused() {
    const EMAIL: &str = "이메일 주소여야 합니다.";
    let app = TestApp::start().await;
    let base = card("4111111111111111");
    let cases = [
        ("customerEmail", "1", STRING),
        ("customerEmail", "\"\"", EMPTY),
        ("customerEmail", "\"hong\"", EMAIL),
        ("customerEmail", "\"@example.com\"", EMAIL),
        ("customerEmail", "\"hong@example\"", EMAIL),
        ("customerEmail", "\"hong gil@example.com\"", EMAIL),
        ("customerEmail", "\"홍\\u00a0@example.com\"", EMAIL),
        ("customerEmail", "\"a@b.c\\r\\nBcc: x@y.z\"", CONTROL),
        ("customerEmail", "\"a|b@example.com\"", PIPE),
        ("cvc", "\"123\"", UNKNOWN_FIELD),
        ("cardnumber", "\"4111111111111111\"", UNKNOWN_FIELD),
        ("", "1", UNKNOWN_FIELD),
        ("__proto__", "{}", UNKNOWN_FIELD),
    ];
    app.refuses_each((Method::POST, REGISTER), &base, &cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_refused_by_the_gateway_is_402_with_its_words_and_leaves_no_key() {
    let app = TestApp::start().await;
    let reply = app.post(REGISTER, &card("4000000000000002")).await;
    let expected = json!({
        "code": "card_refused", "message": "카드를 등록할 수 없습니다.",
        "details": [{"field": "cardNumber", "reason": "카드사에 등록된 값과 다릅니다."}],
        "gateway": {
            "resultCode": "2011", "message": "카드 등록이 거절되었습니다: 카드사 승인 거절",
        },
    });
    assert_eq!(reply.error(402), expected);
    let keys = app.get("/billing/keys").await.data(200);
    assert_eq!(keys, json!({"items": [], "nextCursor": null}));
}
