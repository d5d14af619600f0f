//! Scripted faults: what the caller sees, and whether the money moved.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::tests::TestSandbox;
use crate::tests::api::{batch, cancel, to_cp949};
use crate::{AUTH_KEY, CPID};

const APPROVED: &str = "4111111111111111";

#[tokio::test]
async fn faults_strike_a_charge_as_documented() {
    let at = TestSandbox::start().await;
    let auto_key = at.gateway().register(APPROVED).await;
    // What the caller sees begins with this; whether the charge is in the ledger afterwards.
    let cases = [
        ("drop_before", "no answer", 0),
        ("drop_after", "no answer", 1),
        ("status_before", "status 500", 0),
        ("status", "status 500", 1),
        ("html", "not JSON: <html>", 1),
        ("garbage", "not JSON", 1),
        ("truncate", "not JSON: {\"RESULTCODE\":\"0000\"", 1),
        ("half_close", "cut off", 1),
        ("redirect", "status 307", 0),
    ];
    for (kind, seen, charged) in cases {
        at.fault(json!({ "on": "CARD-BATCH", "kind": kind })).await;
        let answer = at.gateway().charge(&auto_key, kind).await;
        let error = answer.expect_err(kind);
        assert!(error.starts_with(seen), "{kind}: {error}");
        let ledger = at.get(&format!("/ledger?orderNo={kind}")).await;
        assert_eq!(ledger["transactions"].as_array().map(Vec::len), Some(charged), "{kind}");
    }
    assert_eq!(at.get("/faults").await, json!({ "faults": [] }));
}

#[tokio::test]
async fn answers_with_a_wrong_value_are_complete_answers() {
    let at = TestSandbox::start().await;
    let auto_key = at.gateway().register(APPROVED).await;
    let cases = [
        ("wrong_token", "TOKEN", json!("0".repeat(32))),
        ("wrong_amount", "AMOUNT", json!("99000")),
        ("wrong_order", "ORDERNO", json!("oX")),
        ("no_result_code", "RESULTCODE", json!(null)),
        ("decline", "RESULTCODE", json!("2003")),
    ];
    for (kind, field, value) in cases {
        at.fault(json!({ "on": "CARD-BATCH", "kind": kind, "code": "2003" })).await;
        let answer = at.gateway().charge(&auto_key, "o").await.expect("an answer");
        assert_eq!(answer[field], value, "{kind}");
    }
    let done = at.transactions().await;
    assert_eq!((done.len(), &done[0]["calls"]), (4, &json!(5)));

    at.fault(json!({ "on": "CANCEL", "kind": "wrong_order" })).await;
    let body = cancel("CARD-BATCH", &done[0]["transactionId"], "100");
    let answer = at.gateway().exchange(&body).await.expect("an answer");
    assert_ne!(answer["TRXID"], done[0]["transactionId"]);
}

#[tokio::test]
async fn an_answer_in_another_charset_is_done_and_whole() {
    let at = TestSandbox::start().await;
    let gateway = at.gateway();
    let auto_key = gateway.register(APPROVED).await;
    let (euc_kr, utf8) = (encoding_rs::EUC_KR, encoding_rs::UTF_8);
    let cases = [
        ("utf8", "application/json;charset=UTF-8", utf8),
        ("utf8_unnamed", "application/json", utf8),
        ("euc_kr_unnamed", "application/json", euc_kr),
    ];
    for (kind, content_type, encoding) in cases {
        let ready = json!({ "CPID": CPID, "PAYMETHOD": "CARD-BATCH" });
        let (url, token) = gateway.ready(ready).await.expect("a token");
        at.fault(json!({ "on": "CARD-BATCH", "kind": kind })).await;
        let request = at.http.post(url).header("Authorization", AUTH_KEY).header("TOKEN", token);
        let request = request.header("Content-Type", "application/json;charset=EUC-KR");
        let body = to_cp949(&batch(&auto_key, kind, "100"));
        let answer = request.body(body).send().await.expect("an answer");
        assert_eq!(answer.headers()["content-type"], content_type);
        let bytes = answer.bytes().await.expect("bytes");
        let text = encoding.decode_without_bom_handling_and_without_replacement(&bytes);
        let text = text.unwrap_or_else(|| panic!("{kind}"));
        assert!(text.contains("정상 처리"), "{kind}: {text}");
    }
    assert_eq!(at.transactions().await.len(), 3);
}

#[tokio::test]
async fn any_refusal_can_be_scripted_for_one_order_alone() {
    let at = TestSandbox::start().await;
    let auto_key = at.gateway().register(APPROVED).await;
    let fault = json!({ "on": "CARD-BATCH", "kind": "decline", "orderNo": "SUB2", "code": "9999",
        "message": "", "authNo": "40091184" });
    at.fault(fault.clone()).await;
    assert_eq!(at.get("/faults").await["faults"][0]["orderNo"], "SUB2");
    let other = at.gateway().charge(&auto_key, "SUB1-1").await.expect("an answer");
    assert_eq!(other["RESULTCODE"], "0000");
    let refused = at.gateway().charge(&auto_key, "SUB2-1").await.expect("an answer");
    let told = ["RESULTCODE", "ERRORMESSAGE", "AUTHNO"].map(|name| refused[name].clone());
    assert_eq!(told, [json!("9999"), json!(""), json!("40091184")]);
    assert_eq!(at.get("/faults").await, json!({ "faults": [] }));
}

#[tokio::test]
async fn slow_and_late_answers_do_not_keep_the_charge_from_happening() {
    let mut at = TestSandbox::start().await;
    let auto_key = at.gateway().register(APPROVED).await;
    let short = reqwest::Client::builder().no_proxy().timeout(Duration::from_millis(200));
    at.http = short.build().expect("a client");
    for kind in ["delay_before", "delay_after", "slow"] {
        at.fault(json!({ "on": "CARD-BATCH", "kind": kind, "delayMs": 400 })).await;
        at.gateway().charge(&auto_key, kind).await.expect_err(kind);
    }
    // The delayed one goes through although its caller has left.
    let mut waited = 0;
    while at.transactions().await.len() < 3 && waited < 100 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        waited += 1;
    }
    assert_eq!(at.transactions().await.len(), 3);
}

#[tokio::test]
async fn a_huge_answer_is_ten_megabytes() {
    let at = TestSandbox::start().await;
    let auto_key = at.gateway().register(APPROVED).await;
    at.fault(json!({ "on": "CARD-BATCH", "kind": "huge" })).await;
    let ready = json!({ "CPID": CPID, "PAYMETHOD": "CARD-BATCH" });
    let (url, token) = at.gateway().ready(ready).await.expect("a token");
    let request = at.http.post(url).header("Authorization", AUTH_KEY).header("TOKEN", token);
    let request = request.header("Content-Type", "application/json;charset=EUC-KR");
    let answer =
        request.body(to_cp949(&batch(&auto_key, "o", "100"))).send().await.expect("an answer");
    assert_eq!(answer.bytes().await.expect("bytes").len(), 10 * 1024 * 1024);
}

#[tokio::test]
async fn a_dropped_connection_carries_not_a_single_byte() {
    let at = TestSandbox::start().await;
    at.fault(json!({ "on": "READY", "kind": "drop_before" })).await;
    let mut stream = tokio::net::TcpStream::connect(at.address).await.expect("a connection");
    let request = "POST /sandbox/pay/ready HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}";
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    // A reset is as good as an end here.
    let _ = stream.read_to_end(&mut answer).await;
    assert_eq!(answer, b"");
}

#[tokio::test]
async fn faults_wait_in_line_each_for_its_own_request() {
    let at = TestSandbox::start().await;
    let gateway = at.gateway();
    at.fault(json!({ "faults": [
        { "on": "READY", "kind": "decline", "code": "FAIL", "times": 2, "message": "점검 중" },
        { "on": "READY", "kind": "bad_return_url", "url": "https://evil.example/x" },
        { "on": "CANCEL", "kind": "drop_after" },
        { "kind": "no_result_code" },
    ] }))
    .await;
    let ready = json!({ "CPID": CPID, "PAYMETHOD": "CARD-BATCH" });
    for _ in 0..2 {
        let refused = gateway.ready(ready.clone()).await.expect_err("a refusal");
        assert_eq!(refused, json!({ "RESULTCODE": "FAIL", "ERRORMESSAGE": "점검 중" }));
    }
    let (url, _) = gateway.ready(ready.clone()).await.expect("a token");
    assert_eq!(url, "https://evil.example/x");
    gateway.ready(ready).await.expect("a good answer without a RESULTCODE");
    let left = json!({ "faults": [{ "on": "CANCEL", "kind": "drop_after", "times": 1 }] });
    assert_eq!(at.get("/faults").await, left);
    let cleared = at.http.delete(format!("{}/faults", at.base)).send().await.expect("an answer");
    assert_eq!(cleared.text().await.expect("text"), r#"{"faults":[]}"#);
}

#[tokio::test]
async fn a_fault_nobody_could_mean_is_refused() {
    let at = TestSandbox::start().await;
    for wrong in [
        json!([]),
        json!({}),
        json!({ "kind": "explode" }),
        json!({ "on": "PAY", "kind": "html" }),
        json!({ "kind": "html", "times": 0 }),
        json!({ "kind": "status", "status": 99 }),
        json!({ "kind": "delay_after", "delayMs": -1 }),
        json!({ "kind": "bad_return_url" }),
        json!({ "faults": {} }),
        json!({ "faults": [{ "kind": "html" }, { "kind": 1 }] }),
    ] {
        let (status, answer) = at.post("/faults", wrong.clone()).await;
        assert_eq!((status, &answer["error"]["code"]), (400, &json!("invalid_request")), "{wrong}");
    }
    assert_eq!(at.get("/faults").await, json!({ "faults": [] }));
}
