//! Where the key may be sent, and how long each step has.

use super::*;

fn exchange(base: &str) -> Exchange {
    let url = Url::parse(base).unwrap();
    Exchange::new(url, Duration::from_secs(1), None, Arc::new(Codes::default())).unwrap()
}

/// What the protocol allows of a gateway at `https://apitest.kiwoompay.co.kr`.
const KIWOOMPAYS: [&str; 8] = [
    "https://apitest.kiwoompay.co.kr/pay/x",
    "https://apitest.kiwoompay.co.kr:443/pay/x",
    "HTTPS://APITEST.kiwoompay.co.kr/pay/x",
    "https://apitest.kiwoompay.co.kr",
    "https://apitest.kiwoompay.co.kr?a=b",
    "https://card.kiwoompay.co.kr/x?a=b",
    "https://a.b.kiwoompay.co.kr/x#y@z",
    "https://card.kiwoompay.co.kr/a@b/c:d",
];

const NOT_KIWOOMPAYS: [&str; 76] = [
    // Not over TLS, or over something else.
    "http://apitest.kiwoompay.co.kr/pay/x",
    "http://apitest.kiwoompay.co.kr:443/pay/x",
    "ftp://apitest.kiwoompay.co.kr/x",
    "ws://apitest.kiwoompay.co.kr/x",
    "wss://apitest.kiwoompay.co.kr/x",
    "httpss://apitest.kiwoompay.co.kr/x",
    "file://apitest.kiwoompay.co.kr/x",
    "javascript://apitest.kiwoompay.co.kr/%0aalert(1)",
    "javascript:alert(1)",
    "data:application/json,{}",
    "blob:https://apitest.kiwoompay.co.kr/x",
    // Other ports.
    "https://apitest.kiwoompay.co.kr:8443/x",
    "https://apitest.kiwoompay.co.kr:80/x",
    "https://apitest.kiwoompay.co.kr:0/x",
    "https://apitest.kiwoompay.co.kr:65536/x",
    "https://apitest.kiwoompay.co.kr:443x/x",
    "https://card.kiwoompay.co.kr:444/x",
    // User-info.
    "https://user@apitest.kiwoompay.co.kr/x",
    "https://user:pass@apitest.kiwoompay.co.kr/x",
    "https://:pass@apitest.kiwoompay.co.kr/x",
    "https://@apitest.kiwoompay.co.kr/x",
    "https://:@apitest.kiwoompay.co.kr/x",
    "https://apitest.kiwoompay.co.kr@evil.example/x",
    "https://apitest.kiwoompay.co.kr:443@evil.example/x",
    "https://apitest.kiwoompay.co.kr%40evil.example/x",
    "https://evil.example%40apitest.kiwoompay.co.kr/x",
    "https://evil.example#@apitest.kiwoompay.co.kr/x",
    "https://evil.example?@apitest.kiwoompay.co.kr/x",
    "https://evil.example/@apitest.kiwoompay.co.kr/x",
    // Look-alikes.
    "https://kiwoompay.co.kr.evil.example/x",
    "https://apitest.kiwoompay.co.kr.evil.example/x",
    "https://evilkiwoompay.co.kr/x",
    "https://apitestkiwoompay.co.kr/x",
    "https://apitest-kiwoompay.co.kr/x",
    "https://kiwoompay.co.kr/x",
    "https://apitest.kiwoompay.co.kr./x",
    "https://apitest.kiwoompay.co.kr../x",
    "https://.kiwoompay.co.kr./x",
    "https://apitest.kiwoompay.co/x",
    "https://apitest.kiwoompay.kr/x",
    "https://apitest.kiwoompay.com/x",
    "https://apitest.kiwoompay.co.kr-evil.example/x",
    "https://apitest.kiwoompay.co.krr/x",
    "https://apitest.kiwo0mpay.co.kr/x",
    "https://apitest.kiwoompay_co.kr/x",
    "https://co.kr/x",
    // Other scripts, as they are and in ASCII.
    "https://apitest.kiwооmpay.co.kr/x",
    "https://apitest.xn--kiwmpay-1fga.co.kr/x",
    "https://аpitest.kiwoompay.co.kr/x",
    "https://apitest.kiwoompay.co.kr。evil.example/x",
    "https://apitest。kiwoompay。co。kr/x",
    "https://apitest.kiwoompay.co.ｋｒ/x",
    "https://evil.example／.kiwoompay.co.kr/x",
    // Escapes.
    "https://%61pitest.kiwoompay.co.kr/x",
    "https://apitest.kiwoompay.co.kr%2eevil.example/x",
    "https://evil.example%2f.kiwoompay.co.kr/x",
    "https://evil.example%5c.kiwoompay.co.kr/x",
    "https://evil.example%00.kiwoompay.co.kr/x",
    "https://evil.example%23.kiwoompay.co.kr/x",
    // Backslashes, slashes, white space.
    "https://evil.example\\.kiwoompay.co.kr/x",
    "https://evil.example\\@apitest.kiwoompay.co.kr/x",
    "https:\\\\apitest.kiwoompay.co.kr\\x",
    "https:apitest.kiwoompay.co.kr/x",
    "https:/apitest.kiwoompay.co.kr/x",
    "https:///apitest.kiwoompay.co.kr/x",
    "//card.kiwoompay.co.kr/x",
    "/pay/process",
    "https://apitest.kiwoompay.co.kr/\tx",
    "https://apitest.kiwoom\npay.co.kr/x",
    "https://apitest.kiwoompay.co.kr/x\r\nHost: evil.example",
    "https://apitest.kiwoompay.co.kr /x",
    // Addresses.
    "https://127.0.0.1/x",
    "https://2130706433/x",
    "https://[::1]/x",
    "https://[::ffff:7f00:1]:443/x",
    "",
];

#[test]
fn the_key_goes_to_kiwoompays_own_hosts_and_nowhere_else() {
    let real = exchange("https://apitest.kiwoompay.co.kr");
    for good in KIWOOMPAYS {
        assert!(real.pinned(good).is_some(), "{good}");
    }
    for bad in NOT_KIWOOMPAYS {
        assert!(real.pinned(bad).is_none(), "{bad}");
    }
    let path = "x".repeat(MAX_RETURN_URL_BYTES);
    assert!(real.pinned(&format!("https://apitest.kiwoompay.co.kr/{path}")).is_none());
}

#[test]
fn with_a_sandbox_it_stays_on_this_machine() {
    let sandbox = exchange("http://127.0.0.1:3000/sandbox");
    assert!(sandbox.pinned("http://127.0.0.1:3000/sandbox/pay/x").is_some());
    for bad in KIWOOMPAYS.into_iter().chain(NOT_KIWOOMPAYS) {
        assert!(sandbox.pinned(bad).is_none(), "{bad}");
    }
    for bad in [
        "http://127.0.0.1:3001/sandbox/pay/x",
        "http://127.0.0.1/sandbox/pay/x",
        "https://127.0.0.1:3000/sandbox/pay/x",
        "http://localhost:3000/sandbox/pay/x",
        "http://127.1:3000/sandbox/pay/x",
        "http://0x7f000001:3000/sandbox/pay/x",
        "http://a@127.0.0.1:3000/sandbox/pay/x",
    ] {
        assert!(sandbox.pinned(bad).is_none(), "{bad}");
    }
}

#[test]
fn a_result_code_that_is_none_decides_nothing() {
    let said = |code: &str| {
        let body = serde_json::json!({"RESULTCODE": code, "ERRORMESSAGE": "a\nb\0c", "TOKEN": "t"});
        let answer = Answer::parse(body.to_string().as_bytes(), None).unwrap();
        judge(answer, "t", true, &Codes::default())
    };
    assert!(said("0000").is_ok());
    for code in ["2003", "FAIL,FAIL"] {
        let Err(GatewayError::Refused { code: read, message, .. }) = said(code) else {
            panic!("{code}");
        };
        assert_eq!((&*read, &*message), (code, "a\u{fffd}b\u{fffd}c"));
    }
    for none in ["00\n00", "00\u{0}00", "2003\u{1b}[2J", "거절", "a b", &"9".repeat(33)] {
        assert!(matches!(said(none), Err(GatewayError::Unknown(_))), "{none:?}");
    }
}

#[test]
fn a_refusal_that_may_have_moved_money_is_unknown() {
    let said = |more: serde_json::Value, moves_money: bool| {
        let mut body =
            serde_json::json!({"RESULTCODE": "2003", "ERRORMESSAGE": "no", "TOKEN": "t"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = Answer::parse(body.to_string().as_bytes(), None).unwrap();
        judge(answer, "t", moves_money, &Codes::default()).unwrap_err()
    };
    let unknown = |error: &GatewayError| matches!(error, GatewayError::Unknown(_));
    for more in [
        serde_json::json!({"AUTHNO": "40091184"}),
        serde_json::json!({"DAOUTRX": "cMP1"}),
        serde_json::json!({"CANCELDATE": "20270310120000"}),
        serde_json::json!({"ERRORMESSAGE": " "}),
        serde_json::json!({"RESULTCODE": "9999"}),
    ] {
        assert!(unknown(&said(more.clone(), true)), "{more}");
    }
    assert!(!unknown(&said(serde_json::json!({"AUTHNO": ""}), true)));
    assert!(!unknown(&said(serde_json::json!({"ERRORMESSAGE": ""}), false)), "moves no money");
    assert!(unknown(&said(serde_json::json!({"RESULTCODE": "9999"}), false)));
    let listed = serde_json::json!({"RESULTCODE": "1071", "ERRORMESSAGE": ""});
    assert!(!unknown(&said(listed, true)), "known by itself");
}

#[test]
fn step_2_keeps_its_thirty_seconds_and_of_less_what_step_1_leaves() {
    let of = |millis: u64| {
        let url = Url::parse("https://apitest.kiwoompay.co.kr").unwrap();
        let timeout = Duration::from_millis(millis);
        let exchange = Exchange::new(url, timeout, None, Arc::new(Codes::default())).unwrap();
        u64::try_from(exchange.step_1().as_millis()).unwrap()
    };
    for (total, step_1) in [
        (35_000, 5000),
        (60_000, 30_000),
        (31_000, 1000),
        (30_000, 5000),
        (10_000, 5000),
        (4000, 2000),
        (1000, 500),
    ] {
        assert_eq!(of(total), step_1, "{total}");
    }
}
