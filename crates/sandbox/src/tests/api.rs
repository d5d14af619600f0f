//! What the tests use: a served sandbox, and a plain client of the wire protocol.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use encoding_rs::EUC_KR;
use serde_json::{Map, Value, json};

use super::super::{AUTH_KEY, CPID, Options, Sandbox, gateway, jump, open, router};
use kiwoom_clock::Clock;

pub struct TestSandbox {
    pub sandbox: Arc<Sandbox>,
    pub address: std::net::SocketAddr,
    pub base: String,
    pub http: reqwest::Client,
}

/// The two steps, with whatever a test wants to be wrong in them.
pub struct Gateway<'a> {
    pub at: &'a TestSandbox,
    pub key: String,
}

impl TestSandbox {
    pub async fn start() -> Self {
        Self::serve(None, None).await
    }

    /// As merchants' programs find it.
    pub async fn lenient(notify_url: Option<String>) -> Self {
        Self::with(None, notify_url, false).await
    }

    pub async fn serve(data_dir: Option<&Path>, notify_url: Option<String>) -> Self {
        Self::with(data_dir, notify_url, true).await
    }

    async fn with(data_dir: Option<&Path>, notify_url: Option<String>, strict: bool) -> Self {
        let clock = Clock::system();
        let sandbox = open(Options {
            data_dir: data_dir.map(Path::to_owned),
            clock: clock.clone(),
            notify_url,
            strict,
            advance_clock: jump(clock),
            service: None,
        })
        .expect("the sandbox opens");
        let app = gateway(sandbox.clone()).nest("/sandbox", router(sandbox.clone()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, app).await });
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(Duration::from_secs(5))
            .build()
            .expect("a client");
        Self { sandbox, address, base: format!("http://{address}/sandbox"), http }
    }

    pub fn gateway(&self) -> Gateway<'_> {
        Gateway { at: self, key: AUTH_KEY.to_owned() }
    }

    pub async fn get(&self, path: &str) -> Value {
        let response = self.http.get(format!("{}{path}", self.base)).send().await;
        let text = response.expect("an answer").text().await.expect("text");
        serde_json::from_str(&text).unwrap_or(Value::String(text))
    }

    /// POSTs JSON to a control route: status and body.
    pub async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        let request = self.http.post(format!("{}{path}", self.base)).body(body.to_string());
        let response = request.send().await.expect("an answer");
        let status = response.status().as_u16();
        let text = response.text().await.expect("text");
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    pub async fn fault(&self, fault: Value) {
        let (status, answer) = self.post("/faults", fault).await;
        assert_eq!(status, 200, "{answer}");
    }

    pub async fn transactions(&self) -> Vec<Value> {
        let ledger = self.get("/ledger").await;
        ledger["transactions"].as_array().expect("a list").clone()
    }
}

impl Gateway<'_> {
    /// One POST as a merchant makes it: the answer's JSON.
    pub async fn send(&self, url: &str, token: &str, body: &Value) -> Result<Value, String> {
        let response = self
            .at
            .http
            .post(url)
            .header("Authorization", &self.key)
            .header("TOKEN", token)
            .header("Content-Type", "application/json;charset=EUC-KR")
            .body(to_cp949(body))
            .send()
            .await
            .map_err(|error| format!("no answer: {error}"))?;
        let status = response.status();
        let bytes = response.bytes().await.map_err(|error| format!("cut off: {error}"))?;
        if status != 200 {
            return Err(format!("status {status}"));
        }
        let text = EUC_KR.decode_without_bom_handling_and_without_replacement(&bytes);
        let text = text.ok_or("not CP949")?;
        serde_json::from_str(text.trim()).map_err(|_| format!("not JSON: {text}"))
    }

    pub async fn ready(&self, body: Value) -> Result<(String, String), Value> {
        let answer = self.send(&format!("{}/pay/ready", self.at.base), "", &body).await;
        let answer = answer.map_err(Value::String)?;
        match (answer["RETURNURL"].as_str(), answer["TOKEN"].as_str()) {
            (Some(url), Some(token)) => Ok((url.to_owned(), token.to_owned())),
            _ => Err(answer),
        }
    }

    /// Both steps: the answer of step 2.
    pub async fn exchange(&self, body: &Value) -> Result<Value, String> {
        let mut first = json!({ "CPID": body["CPID"], "PAYMETHOD": body["PAYMETHOD"] });
        if body["CANCELREQ"] == "Y" {
            first["CANCELREQ"] = json!("Y");
        }
        let ready = self.ready(first).await.map_err(|answer| answer.to_string())?;
        self.send(&ready.0, &ready.1, body).await
    }

    pub async fn register(&self, number: &str) -> String {
        let answer = self.exchange(&keygen(number)).await.expect("an answer");
        assert_eq!(answer["RESULTCODE"], "0000", "{answer}");
        answer["AUTOKEY"].as_str().expect("a key").to_owned()
    }

    pub async fn charge(&self, auto_key: &str, order_no: &str) -> Result<Value, String> {
        self.exchange(&batch(auto_key, order_no, "9900")).await
    }
}

/// The body as a merchant has to send it.
pub fn to_cp949(body: &Value) -> Vec<u8> {
    let text = body.to_string();
    let (bytes, _, unmappable) = EUC_KR.encode(&text);
    assert!(!unmappable, "the test's own text has to fit CP949");
    bytes.into_owned()
}

/// `body` with some values replaced; null removes one.
pub fn with(mut body: Value, changes: Value) -> Value {
    let fields = body.as_object_mut().expect("an object");
    let Value::Object(changes) = changes else { panic!("changes are an object") };
    for (name, value) in changes {
        match value {
            Value::Null => drop(fields.remove(&name)),
            value => drop(fields.insert(name, value)),
        }
    }
    body
}

pub fn keygen(number: &str) -> Value {
    let body: Map<String, Value> = [
        ("CPID", CPID),
        ("PAYMETHOD", "CARD-KEYGEN"),
        ("ORDERNO", "key-1"),
        ("PRODUCTTYPE", "1"),
        ("BILLTYPE", "14"),
        ("AMOUNT", "0"),
        ("PRODUCTNAME", "정기결제 카드 등록"),
        ("IPADDRESS", "127.0.0.1"),
        ("USERID", "customer-1"),
        ("PRODUCTCODE", ""),
        ("CARDNO", number),
        ("EXPIREDT", "203012"),
        ("CARDAUTH", "900101"),
        ("CARDPASSWORD", "12"),
        ("QUOTA", "00"),
        ("TAXFREECD", "00"),
        ("DIRECT_YN", "N"),
    ]
    .map(|(name, value)| (name.to_owned(), json!(value)))
    .into_iter()
    .collect();
    Value::Object(body)
}

pub fn batch(auto_key: &str, order_no: &str, amount: &str) -> Value {
    json!({
        "CPID": CPID, "PAYMETHOD": "CARD-BATCH", "ORDERNO": order_no, "PRODUCTTYPE": "1",
        "BILLTYPE": "14", "AMOUNT": amount, "PRODUCTNAME": "월간 구독 똠방", "IPADDRESS": "::1",
        "USERID": "customer-1", "PRODUCTCODE": "P1", "QUOTA": "00", "TAXFREECD": "00",
        "AUTOKEY": auto_key,
    })
}

pub fn cancel(method: &str, transaction_id: &Value, amount: &str) -> Value {
    json!({
        "CPID": CPID, "PAYMETHOD": method, "TRXID": transaction_id, "AMOUNT": amount,
        "CANCELREASON": "고객 요청", "CANCELREQ": "Y",
    })
}
