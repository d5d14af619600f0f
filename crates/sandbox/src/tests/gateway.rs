//! The two steps: registrations, charges, cancellations, and all that is refused.

use serde_json::{Value, json};

use crate::tests::TestSandbox;
use crate::tests::api::{batch, cancel, keygen, with};
use crate::{AUTH_KEY, CPID, codes};

const APPROVED: &str = "4111111111111111";

#[tokio::test]
async fn a_card_is_registered_charged_and_cancelled_in_parts() {
    let at = TestSandbox::start().await;
    let gateway = at.gateway();
    let registered = gateway.exchange(&keygen(APPROVED)).await.expect("an answer");
    let names: Vec<&String> = registered.as_object().expect("an object").keys().collect();
    let expected =
        ["RESULTCODE", "ERRORMESSAGE", "PAYMETHOD", "AUTOKEY", "CARDCODE", "GENDATE", "TOKEN"];
    assert_eq!(names, expected);
    assert_eq!(registered["CARDCODE"], "CVSF");
    let auto_key = registered["AUTOKEY"].as_str().expect("a key");

    let charged = gateway.charge(auto_key, "order-1").await.expect("an answer");
    assert_eq!(charged["RESULTCODE"], "0000");
    assert_eq!(charged["ERRORMESSAGE"], "정상 처리 되었습니다.");
    assert_eq!((&charged["AMOUNT"], &charged["ORDERNO"]), (&json!("9900"), &json!("order-1")));
    let id = charged["DAOUTRX"].as_str().expect("an id");
    assert!(id.starts_with("cMP") && id.len() == 20, "{id}");
    assert_eq!(charged["AUTHNO"].as_str().map(str::len), Some(8));
    assert_eq!(charged["AUTHDATE"].as_str().map(str::len), Some(14));
    assert!(charged.as_object().expect("an object").values().all(Value::is_string));

    for (amount, code) in [("900", "0000"), ("9001", "9201"), ("9000", "0000"), ("1", "9201")] {
        let answer = gateway.exchange(&cancel("CARD-BATCH", &charged["DAOUTRX"], amount)).await;
        let answer = answer.expect("an answer");
        assert_eq!(answer["RESULTCODE"], code, "{amount}");
        if code == "0000" {
            assert_eq!((&answer["AMOUNT"], &answer["TRXID"]), (&json!(amount), &json!(id)));
            assert_eq!(answer["CANCELDATE"].as_str().map(str::len), Some(14));
        }
    }
    let ledger = at.transactions().await;
    assert_eq!(ledger.len(), 1);
    assert_eq!(ledger[0]["canceledAmount"], 9900);
    assert_eq!(ledger[0]["productName"], "월간 구독 똠방");
    assert!(!ledger[0].to_string().contains(auto_key));
}

#[tokio::test]
async fn a_repeated_order_is_charged_again_and_shows() {
    let at = TestSandbox::start().await;
    let auto_key = at.gateway().register(APPROVED).await;
    for _ in 0..2 {
        at.gateway().charge(&auto_key, "twice").await.expect("an answer");
    }
    at.gateway().charge(&auto_key, "once").await.expect("an answer");
    let twice = at.get("/ledger?orderNo=twice").await;
    assert_eq!(twice["transactions"].as_array().map(Vec::len), Some(2));
    assert_eq!(twice["transactions"][0]["calls"], 2);
    assert_eq!(at.transactions().await.len(), 3);
}

#[tokio::test]
async fn every_test_card_does_what_it_says() {
    let at = TestSandbox::start().await;
    let gateway = at.gateway();
    let refused = gateway.exchange(&keygen("4000000000000002")).await.expect("an answer");
    assert_eq!(refused["RESULTCODE"], "2011");
    let cases = [
        ("4000000000009995", ["2003", "0000", "2003", "0000"]),
        ("4000000000000341", ["2003", "2003", "2003", "2003"]),
        ("4000000000009979", ["1071", "1071", "1071", "1071"]),
    ];
    for (number, codes) in cases {
        let auto_key = gateway.register(number).await;
        for code in codes {
            let answer = gateway.charge(&auto_key, "o").await.expect("an answer");
            assert_eq!(answer["RESULTCODE"], code, "{number}");
            assert!(!answer["ERRORMESSAGE"].as_str().expect("text").is_empty());
        }
    }
    assert_eq!(at.transactions().await.len(), 2);
    let auto_key = gateway.register("4000000000000119").await;
    let lost = gateway.charge(&auto_key, "lost").await;
    assert!(lost.as_ref().is_err_and(|error| error.starts_with("no answer")), "{lost:?}");
    assert_eq!(at.transactions().await.len(), 3);
}

#[tokio::test]
async fn keys_ids_and_tokens_must_be_right() {
    let at = TestSandbox::start().await;
    let mut gateway = at.gateway();
    let code = |answer: Result<_, Value>| answer.expect_err("a refusal")["RESULTCODE"].clone();
    let ready = json!({ "CPID": CPID, "PAYMETHOD": "CARD-BATCH" });
    for (wrong, expected) in [
        (json!({ "CPID": "CTOTHER" }), codes::UNKNOWN_CPID),
        (json!({ "PAYMETHOD": "CARDX" }), codes::FAIL),
    ] {
        assert_eq!(code(gateway.ready(with(ready.clone(), wrong)).await), expected);
    }
    gateway.key = AUTH_KEY.replace('5', "6");
    assert_eq!(code(gateway.ready(ready.clone()).await), "FAIL");
    gateway.key = AUTH_KEY.to_owned();

    let auto_key = gateway.register(APPROVED).await;
    let (url, token) = gateway.ready(ready.clone()).await.expect("a token");
    assert_eq!(url, format!("{}/pay/process", at.base));
    let body = batch(&auto_key, "o", "100");
    let answer = gateway.send(&url, &token, &body).await.expect("an answer");
    assert_eq!((&answer["RESULTCODE"], &answer["TOKEN"]), (&json!("0000"), &json!(token)));
    let again = gateway.send(&url, &token, &body).await.expect("an answer");
    assert_eq!((&again["RESULTCODE"], &again["TOKEN"]), (&json!("9302"), &json!(token)));
    let unknown = gateway.send(&url, "nonsense", &body).await.expect("an answer");
    assert_eq!(unknown["RESULTCODE"], "9301");
    let (_, token) = gateway.ready(ready).await.expect("a token");
    let other = gateway.send(&url, &token, &keygen(APPROVED)).await.expect("an answer");
    assert_eq!(other["RESULTCODE"], codes::WRONG_FORM);
    assert_eq!(at.transactions().await.len(), 1);
}

/// What step 2 does is what its token is for, whatever PAYMETHOD and CANCELREQ its body has.
#[tokio::test]
async fn step_2_is_steered_by_its_token() {
    let at = TestSandbox::start().await;
    let gateway = at.gateway();
    let auto_key = gateway.register(APPROVED).await;
    let ready = json!({ "CPID": CPID, "PAYMETHOD": "CARD-BATCH" });
    let (url, token) = gateway.ready(ready.clone()).await.expect("a token");
    let odd = with(batch(&auto_key, "o", "100"), json!({ "PAYMETHOD": "CARD-KEYGEN" }));
    let paid = gateway.send(&url, &token, &odd).await.expect("an answer");
    assert_eq!(paid["RESULTCODE"], "0000");

    let ready = with(ready, json!({ "CANCELREQ": "Y" }));
    let (url, token) = gateway.ready(ready).await.expect("a token");
    let bare = json!({ "PAYMETHOD": null, "CANCELREQ": null, "TAXFREEAMT": "" });
    let bare = with(cancel("CARD-BATCH", &paid["DAOUTRX"], "100"), bare);
    let canceled = gateway.send(&url, &token, &bare).await.expect("an answer");
    assert_eq!(canceled["RESULTCODE"], "0000");
    assert_eq!(at.transactions().await[0]["canceledAmount"], 100);
}

#[tokio::test]
async fn wrong_fields_are_refused_with_their_code() {
    let at = TestSandbox::start().await;
    let gateway = at.gateway();
    let auto_key = gateway.register(APPROVED).await;
    let charge = batch(&auto_key, "o", "100");
    let cases = [
        (charge.clone(), json!({ "PRODUCTNAME": "가|나" }), codes::FORBIDDEN_CHARACTER),
        (charge.clone(), json!({ "PRODUCTNAME": "가".repeat(26) }), codes::TOO_LONG),
        (charge.clone(), json!({ "PRODUCTNAME": "커피 &#9749;" }), codes::WRONG_FORM),
        (charge.clone(), json!({ "ORDERNO": null }), codes::MISSING_FIELD),
        (charge.clone(), json!({ "AMOUNT": 100 }), codes::NOT_A_STRING),
        (charge.clone(), json!({ "AMOUNT": "12345678901" }), codes::TOO_LONG),
        (charge.clone(), json!({ "TAXFREEAMT": "40" }), codes::WRONG_FORM),
        (charge.clone(), json!({ "TAXFREECD": "02" }), codes::WRONG_FORM),
        (charge.clone(), json!({ "TAXFREECD": "02", "PRODUCTCODE": "" }), codes::WRONG_FORM),
        (charge.clone(), json!({ "TAXFREECD": "02", "PRODUCTCODE": "101" }), codes::WRONG_FORM),
        (charge.clone(), json!({ "TAXFREECD": "02", "PRODUCTCODE": "40" }), codes::SUCCESS),
        (charge.clone(), json!({ "TAXFREECD": "01" }), codes::SUCCESS),
        (charge.clone(), json!({ "AUTOKEY": "C2026NOTHING" }), codes::UNKNOWN_AUTOKEY),
        (keygen("4111111111111112"), json!({}), codes::WRONG_NUMBER),
        (keygen(APPROVED), json!({ "EXPIREDT": "3012" }), codes::WRONG_EXPIRY),
        (keygen(APPROVED), json!({ "CARDAUTH": null }), codes::OTHER_HOLDER),
        (keygen(APPROVED), json!({ "CARDPASSWORD": "" }), codes::WRONG_PIN),
        (keygen(APPROVED), json!({ "AMOUNT": "100" }), codes::WRONG_FORM),
        (cancel("CARD-BATCH", &json!("cMP0"), "1"), json!({}), codes::NO_TRANSACTION),
        (charge, json!({ "PRODUCTNAME": "가".repeat(25) }), codes::SUCCESS),
    ];
    for (body, change, code) in cases {
        let body = with(body, change.clone());
        let answer = gateway.exchange(&body).await.expect("an answer");
        assert_eq!(answer["RESULTCODE"], code, "{change} {answer}");
    }
    let charged = gateway.charge(&auto_key, "o").await.expect("an answer");
    let other = cancel("KAKAOPAY", &charged["DAOUTRX"], "100");
    let answer = gateway.exchange(&other).await.expect("an answer");
    assert_eq!(answer["RESULTCODE"], codes::OTHER_METHOD);
}

#[tokio::test]
async fn only_cp949_json_is_read() {
    let at = TestSandbox::start().await;
    let auto_key = at.gateway().register(APPROVED).await;
    let euc_kr = "application/json;charset=EUC-KR";
    let utf8 = batch(&auto_key, "o", "100").to_string().into_bytes();
    let broken = [br#"{"PAYMETHOD":"CARD-BATCH","X":""#.as_slice(), b"\xFF\xFF\"}"].concat();
    let cases = [
        (euc_kr, utf8.clone(), "9002"),
        (euc_kr, broken, "9002"),
        (euc_kr, b"<xml/>".to_vec(), "9001"),
        ("application/json", b"{}".to_vec(), "9001"),
        ("application/json; charset=utf-8", utf8, "9001"),
        ("application/json; charset=\"euc-kr\"", b"{}".to_vec(), "9301"),
    ];
    for (content_type, body, code) in cases {
        let request = at.http.post(format!("{}/pay/process", at.base)).body(body);
        let request =
            request.header("Authorization", AUTH_KEY).header("Content-Type", content_type);
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], euc_kr);
        let text = response.bytes().await.expect("bytes");
        let (text, _, _) = encoding_rs::EUC_KR.decode(&text);
        let answer: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(answer["RESULTCODE"], code, "{content_type} {text}");
    }
    let calls = at.get("/calls?orderNo=key-1").await;
    let body = hex::decode(calls["calls"][0]["bodyHex"].as_str().expect("hex")).expect("hex");
    let (text, _, broken) = encoding_rs::EUC_KR.decode(&body);
    assert!(!broken && text.contains("정기결제 카드 등록"));
    assert!(!text.contains(APPROVED) && !text.contains("900101"), "{text}");
}
