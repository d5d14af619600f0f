//! What published programs of merchants send, byte for byte where it matters: they run against the
//! sandbox as they are, unless it is told to be strict.

use encoding_rs::EUC_KR;
use serde_json::{Value, json};

use crate::tests::TestSandbox;
use crate::tests::merchant::Merchant;
use crate::{AUTH_KEY, CONTRACTS, CPID};

const PLAIN: &str = "application/json";
const UTF_8: &str = "application/json; charset=utf-8";
const EUC_KR_NAMED: &str = "application/json;charset=EUC-KR";

/// An answer as its caller reads it: in the charset that it names.
struct Told {
    content_type: String,
    json: Value,
}

impl TestSandbox {
    async fn told(&self, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Told {
        let url = if path.starts_with("http") {
            path.to_owned()
        } else {
            format!("http://{}{path}", self.address)
        };
        let request =
            headers.iter().fold(self.http.post(url).body(body), |request, (name, value)| {
                request.header(*name, *value)
            });
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), 200);
        let content_type = response.headers()["content-type"].to_str().expect("ASCII").to_owned();
        let bytes = response.bytes().await.expect("bytes");
        let text = if content_type.ends_with("UTF-8") {
            String::from_utf8(bytes.to_vec()).expect("UTF-8")
        } else {
            EUC_KR.decode(&bytes).0.into_owned()
        };
        Told { content_type, json: serde_json::from_str(&text).expect("JSON") }
    }

    /// Both steps with these headers: the answer of the second.
    async fn steps(&self, content_type: &str, ready: &Value, body: Vec<u8>) -> Told {
        let headers = [("Authorization", AUTH_KEY), ("Content-Type", content_type)];
        let first = self.told("/pay/ready", &headers, ready.to_string().into_bytes()).await.json;
        let (url, token) = (first["RETURNURL"].as_str(), first["TOKEN"].as_str());
        let (url, token) = url.zip(token).unwrap_or_else(|| panic!("{first}"));
        self.told(url, &[&headers[..], &[("TOKEN", token)]].concat(), body).await
    }

    async fn shown_name(&self) -> Value {
        self.transactions().await.last().expect("a transaction")["productName"].clone()
    }
}

/// Node with axios: plain `application/json` in UTF-8 in both steps, a charset in a header of its own,
/// an amount that is a number, a PRODUCTCODE of 17 characters; it reads UTF-8.
#[tokio::test]
async fn a_node_program_registers_and_charges_a_card_in_plain_json() {
    let at = TestSandbox::lenient(None).await;
    let keygen = json!({
        "CPID": CPID, "PAYMETHOD": "CARD-KEYGEN", "ORDERNO": "key-gen-u1-1", "PRODUCTTYPE": "1",
        "BILLTYPE": "14", "AMOUNT": "0", "PRODUCTNAME": "CARD-KEYGEN-ISSUED", "IPADDRESS": "0.0.0.0",
        "USERID": "u1", "PRODUCTCODE": "card-keygen-issue", "CARDNO": "4111111111111111",
        "EXPIREDT": "203012", "CARDAUTH": "900101", "CARDPASSWORD": "12", "QUOTA": "00",
        "TAXFREECD": "00", "DIRECT_YN": "N",
    });
    let ready = json!({ "CPID": CPID, "PAYMETHOD": "CARD-KEYGEN" });
    let issued = at.steps(PLAIN, &ready, keygen.to_string().into_bytes()).await;
    assert_eq!(issued.content_type, "application/json;charset=UTF-8");
    assert_eq!(issued.json["ERRORMESSAGE"], "정상 처리 되었습니다.");
    let batch = json!({
        "CPID": CPID, "PAYMETHOD": "CARD-BATCH", "ORDERNO": "order-u1-1", "PRODUCTTYPE": "1",
        "BILLTYPE": "14", "AMOUNT": 9900, "PRODUCTNAME": "월간 구독", "IPADDRESS": "0.0.0.0",
        "USERID": "u1", "PRODUCTCODE": "merchant_1669852800000", "QUOTA": "00", "TAXFREECD": "00",
        "AUTOKEY": issued.json["AUTOKEY"],
    });
    let ready = json!({ "CPID": CPID, "PAYMETHOD": "CARD-BATCH" });
    let paid = at.steps(PLAIN, &ready, batch.to_string().into_bytes()).await.json;
    assert_eq!((&paid["RESULTCODE"], &paid["AMOUNT"]), (&json!("0000"), &json!("9900")));
    assert_eq!(at.shown_name().await, "월간 구독");
    // A refusal is legible too.
    let refused = at.steps(PLAIN, &ready, b"{\"CPID\":\"CTSANDBOX\"}".to_vec()).await;
    assert_eq!(refused.json["ERRORMESSAGE"], "필수 항목이 없습니다: ORDERNO");
}

/// Python, Node and Kotlin: the hash in UTF-8, without a key, with fields that it does not bind.
#[tokio::test]
async fn a_hash_is_asked_for_in_utf_8_without_a_key() {
    let at = TestSandbox::lenient(None).await;
    for (content_type, key) in
        [(PLAIN, Some(AUTH_KEY)), (UTF_8, None), ("application/json;charset=UTF-8", None)]
    {
        let body = json!({
            "PAYMETHOD": "CARD", "TYPE": "W", "CPID": CPID, "ORDERNO": "o-1", "AMOUNT": "9900",
            "PRODUCTTYPE": "2", "PRODUCTNAME": "비대면 진료비", "PRODUCTCODE": "MC001",
            "USERID": "user", "TAXFREECD": "01",
        });
        let key = key.map(|key| ("Authorization", key));
        let headers: Vec<_> = [("Content-Type", content_type)].into_iter().chain(key).collect();
        let hash = at.told("/pay/hash", &headers, body.to_string().into_bytes()).await;
        assert_eq!(hash.json["RESULTCODE"], "0000", "{content_type}");
        assert!(hash.json["KIWOOM_ENC"].as_str().is_some_and(|hash| !hash.is_empty()));
    }
}

/// Python and PHP: cancellations in EUC-KR, whose second step has no PAYMETHOD and no CANCELREQ. Node:
/// the whole of it in both steps. Java: UTF-8 under the name of EUC-KR, read as EUC-KR.
#[tokio::test]
async fn cancellations_go_through_as_programs_of_four_languages_send_them() {
    let merchant = Merchant::lenient().await;
    let at = &merchant.at;
    let first = json!({ "CPID": CPID, "PAYMETHOD": "CARD", "CANCELREQ": "Y" });
    for (n, language) in ["Python", "Node", "Java"].into_iter().enumerate() {
        let id = merchant.pay(&format!("o-{n}"), "9900", "CARD").await;
        let short =
            json!({ "CPID": CPID, "TRXID": id, "AMOUNT": "9900", "CANCELREASON": "구매주문환불" });
        let whole = json!({
            "CPID": CPID, "PAYMETHOD": "CARD", "AMOUNT": "9900", "CANCELREQ": "Y", "TRXID": id,
            "CANCELREASON": "고객 요청", "TAXFREEAMT": "0",
        });
        let in_euc_kr = |body: &Value| EUC_KR.encode(&body.to_string()).0.into_owned();
        let done = match language {
            "Python" => at.steps(EUC_KR_NAMED, &first, in_euc_kr(&short)).await,
            "Node" => at.steps(EUC_KR_NAMED, &whole, in_euc_kr(&whole)).await,
            _ => at.steps(EUC_KR_NAMED, &first, short.to_string().into_bytes()).await,
        };
        assert_eq!(done.content_type, "application/json;charset=EUC-KR");
        assert_eq!(done.json["ERRORMESSAGE"], "정상 처리 되었습니다.", "{language}");
    }
    for paid in at.transactions().await {
        assert_eq!(paid["canceledAmount"], 9900, "{paid}");
    }
}

/// What no charset makes of it is said so; a charset that is not the text's garbles it.
#[tokio::test]
async fn a_charset_that_is_not_the_text_s_shows() {
    let at = TestSandbox::lenient(None).await;
    let auto_key = at.gateway().register("4111111111111111").await;
    let ready = json!({ "CPID": CPID, "PAYMETHOD": "CARD-BATCH" });
    let body = crate::tests::api::batch(&auto_key, "o-1", "9900");
    let in_utf_8 = body.to_string().into_bytes();
    let garbled = at.steps(EUC_KR_NAMED, &ready, in_utf_8).await;
    assert_eq!(garbled.json["RESULTCODE"], "0000");
    let name = at.shown_name().await;
    assert!(!name.as_str().expect("a name").contains("월간"), "{name}");
    let in_cp949 = crate::tests::api::to_cp949(&body);
    let unnamed = at.steps(PLAIN, &ready, in_cp949.clone()).await;
    assert_eq!(unnamed.json["RESULTCODE"], "0000");
    assert_eq!(at.shown_name().await, "월간 구독 똠방");
    let refused = at.steps(UTF_8, &ready, in_cp949).await;
    assert_eq!(refused.json["RESULTCODE"], "9002");
    assert!(refused.json["ERRORMESSAGE"].as_str().expect("text").contains("charset"));
}

#[tokio::test]
async fn the_strict_sandbox_takes_none_of_it() {
    let at = TestSandbox::start().await;
    let body = json!({ "CPID": CPID, "PAYMETHOD": "CARD-BATCH" }).to_string().into_bytes();
    for content_type in [PLAIN, UTF_8] {
        let headers = [("Authorization", AUTH_KEY), ("Content-Type", content_type)];
        let refused = at.told("/pay/ready", &headers, body.clone()).await;
        assert_eq!(refused.json["RESULTCODE"], "9001");
        assert_eq!(refused.content_type, "application/json;charset=EUC-KR");
    }
}

/// The page says where everything is.
#[tokio::test]
async fn the_page_names_addresses_keys_and_where_notifications_go() {
    let merchant = Merchant::lenient().await;
    let page = merchant.at.get("").await;
    let page = page.as_str().expect("a page");
    for contract in CONTRACTS {
        assert!(page.contains(contract.cpid) && page.contains(contract.auth_key));
    }
    for path in ["/pay/ready", "/pay/hash", "/pay/linkEnc", "/common/PayInfoPrint.jsp"] {
        assert!(page.contains(&format!("{}{path}", merchant.at.base)), "{path}");
    }
    assert!(page.contains("/hook?shop=1") && page.contains("요청 검사"), "{page}");
}

/// Digits that are hidden come as zeros, as in a notification that was captured.
#[tokio::test]
async fn a_notification_hides_digits_of_the_card_as_zeros() {
    let merchant = Merchant::lenient().await;
    merchant.pay("o-1", "9900", "CARD").await;
    let notices = merchant.notices.lock().expect("not poisoned");
    assert_eq!(notices[0]["CARDNO"], "9410120000001234");
}
