//! The merchant's end: a web hook that records what it is told and answers what a test wants.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::routing::get;
use encoding_rs::EUC_KR;
use serde_json::json;

use crate::CPID;
use crate::tests::TestSandbox;
use crate::tests::api::with;

type Notices = Arc<Mutex<Vec<HashMap<String, String>>>>;

/// How often the web hook still says FAIL before it says SUCCESS.
type Failures = Arc<Mutex<u32>>;

pub struct Merchant {
    pub notices: Notices,
    pub failures: Failures,
    pub at: TestSandbox,
}

impl Merchant {
    /// A sandbox and the web hook it notifies.
    pub async fn open() -> Self {
        let (hook, notices, failures) = Self::hook().await;
        Self { notices, failures, at: TestSandbox::serve(None, Some(hook)).await }
    }

    /// The same with a sandbox that is not strict.
    pub async fn lenient() -> Self {
        let (hook, notices, failures) = Self::hook().await;
        Self { notices, failures, at: TestSandbox::lenient(Some(hook)).await }
    }

    async fn hook() -> (String, Notices, Failures) {
        let (notices, failures) = (Notices::default(), Failures::default());
        let state = (notices.clone(), failures.clone());
        let app = Router::new().route("/hook", get(hook)).with_state(state);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, app).await });
        (format!("http://{address}/hook?shop=1"), notices, failures)
    }

    /// Everything heard so far, as `PAYMETHOD AMOUNT`.
    pub fn heard(&self) -> Vec<String> {
        let notices = self.notices.lock().expect("not poisoned");
        notices
            .iter()
            .map(|notice| format!("{} {}", notice["PAYMETHOD"], notice["AMOUNT"]))
            .collect()
    }

    /// Fields that open the window, with a hash of their own.
    pub async fn fields(&self, order_no: &str, amount: &str) -> serde_json::Value {
        let bound = json!({
            "CPID": CPID, "PAYMETHOD": "TOTAL", "TYPE": "P", "ORDERNO": order_no, "AMOUNT": amount,
        });
        let url = format!("{}/pay/hash", self.at.base);
        let answer = self.at.gateway().send(&url, "", &bound).await.expect("an answer");
        assert_eq!(answer["RESULTCODE"], "0000", "{answer}");
        let fields = json!({
            "KIWOOM_ENC": answer["KIWOOM_ENC"], "PRODUCTTYPE": "1", "PRODUCTNAME": "도자기 <컵>",
            "USERID": "customer-1", "USERNAME": "홍길동", "TAXFREECD": "00",
            "HOMEURL": "http://shop.example/ok?a=1", "FAILURL": "http://shop.example/fail",
            "CLOSEURL": "http://shop.example/closed", "DIRECTRESULTFLAG": "Y",
            "RESERVEDSTRING": "되돌려 주세요", "SVCCDIN": "KAKAOPAY,BANK",
        });
        with(bound, fields)
    }

    /// Posts a form as a browser does under `accept-charset="EUC-KR"`.
    pub async fn post(&self, path: &str, fields: &serde_json::Value) -> reqwest::Response {
        let pairs = fields.as_object().expect("an object").iter().map(|(name, value)| {
            let text = value.as_str().expect("a text");
            let (bytes, _, _) = EUC_KR.encode(text);
            let value: String = url::form_urlencoded::byte_serialize(&bytes).collect();
            format!("{name}={value}")
        });
        let body = pairs.collect::<Vec<_>>().join("&");
        let request = self.at.http.post(format!("{}{path}", self.at.base)).body(body);
        let request = request.header("Content-Type", "application/x-www-form-urlencoded");
        request.send().await.expect("an answer")
    }

    /// Opens the window: where its buttons lead.
    pub async fn window(&self, fields: &serde_json::Value) -> String {
        let page = self.post("/pay/linkEnc", fields).await.text().await.expect("a page");
        let (_, action) = page.split_once("action=\"/sandbox").unwrap_or_else(|| panic!("{page}"));
        action.split('"').next().unwrap_or_default().to_owned()
    }

    /// The whole of a payment by `method`: DAOUTRX.
    pub async fn pay(&self, order_no: &str, amount: &str, method: &str) -> String {
        let shown = json!({ "SVCCDIN": method });
        let window = self.window(&with(self.fields(order_no, amount).await, shown)).await;
        let done = self.post(&window, &json!({ "action": "pay", "METHOD": method })).await;
        assert_eq!(done.status(), 303);
        let paid = self.at.get(&format!("/ledger?orderNo={order_no}")).await;
        paid["transactions"][0]["transactionId"].as_str().expect("an id").to_owned()
    }

    /// Moves the sandbox's clock and sends what is due by then.
    pub async fn later(&self, duration: chrono::Duration) {
        let clock = &self.at.sandbox.options.clock;
        clock.advance_to(clock.now() + duration);
        self.at.sandbox.run_due().await;
    }
}

async fn hook(
    State((notices, failures)): State<(Notices, Failures)>,
    RawQuery(query): RawQuery,
) -> (StatusCode, &'static str) {
    let query = query.expect("a query");
    let notice = query.split('&').map(|pair| {
        let (name, value) = pair.split_once('=').expect("a pair");
        let value = value.replace('+', " ");
        let bytes: Vec<u8> = percent_encoding::percent_decode_str(&value).collect();
        let value = EUC_KR.decode_without_bom_handling_and_without_replacement(&bytes);
        (name.to_owned(), value.expect("CP949").into_owned())
    });
    notices.lock().expect("not poisoned").push(notice.collect());
    let mut failures = failures.lock().expect("not poisoned");
    if *failures == 0 {
        return (StatusCode::OK, "<html><body><RESULT>SUCCESS</RESULT></body></html>");
    }
    *failures -= 1;
    (StatusCode::OK, "<html><body><RESULT>FAIL</RESULT></body></html>")
}
