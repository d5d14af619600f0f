//! A gateway that answers what a test wants, byte for byte: for what the sandbox never says. And a
//! listener that nobody may come to.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

/// The merchant's key at this gateway.
const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// See the module. It ends with the test's runtime.
#[derive(Clone)]
pub struct Gateway {
    pub address: SocketAddr,
    said: Arc<Said>,
}

#[derive(Default)]
struct Said {
    answers: Mutex<HashMap<String, Answer>>,
    sent: AtomicUsize,
}

/// An answer in place of the good one.
#[derive(Clone)]
pub struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Answer {
    /// 200 with this body.
    pub fn body(body: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, headers: Vec::new(), body: body.into() }
    }

    /// Sends the client elsewhere, every way there is.
    pub fn redirect(status: u16, location: &str) -> Self {
        let refresh = format!("0; url={location}");
        let headers = vec![("location", location.to_owned()), ("refresh", refresh)];
        Self { status, headers, body: Vec::new() }
    }
}

impl Gateway {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let gateway = Self { address, said: Arc::default() };
        let router = Router::new().route("/pay/{step}", post(answer)).with_state(gateway.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        gateway
    }

    /// What a service needs to call it.
    pub fn settings(&self) -> [(&'static str, String); 3] {
        [
            ("KIWOOM_BASE_URL", format!("http://{}", self.address)),
            ("KIWOOM_CPID", "CTTEST1".to_owned()),
            ("KIWOOM_TEST_AUTH_KEY", KEY.to_owned()),
        ]
    }

    /// From now on `ready`, `hash` or `process` (step 2) answers so; `None`: as it should.
    pub fn says(&self, step: &str, answer: Option<Answer>) {
        let mut answers = self.said.answers.lock().unwrap();
        match answer {
            Some(answer) => drop(answers.insert(step.to_owned(), answer)),
            None => drop(answers.remove(step)),
        }
    }

    /// The good answer of step 1 but for its RETURNURL.
    pub fn returns_to(&self, return_url: &str) {
        let body = json!({"RESULTCODE": "0000", "RETURNURL": return_url, "TOKEN": "token"});
        self.says("ready", Some(Answer::body(body.to_string())));
    }

    /// How many requests of step 2 there were.
    pub fn sent(&self) -> usize {
        self.said.sent.load(Ordering::SeqCst)
    }

    fn good(&self, step: &str, body: &[u8]) -> Value {
        let (body, _, _) = encoding_rs::EUC_KR.decode(body);
        let asked: Map<String, Value> = serde_json::from_str(&body).unwrap();
        match step {
            "ready" => {
                let url = format!("http://{}/pay/process", self.address);
                json!({"RESULTCODE": "0000", "RETURNURL": url, "TOKEN": "token"})
            }
            "hash" => json!({"RESULTCODE": "0000", "KIWOOM_ENC": "hash"}),
            _ => {
                let id = format!("T{}", self.sent());
                let mut good = json!({"RESULTCODE": "0000", "TOKEN": "token", "AUTOKEY": "A1",
                    "CARDCODE": "CCLG", "DAOUTRX": id, "AUTHNO": "1"});
                for name in ["AMOUNT", "ORDERNO", "TRXID"] {
                    if let Some(value) = asked.get(name) {
                        good[name] = value.clone();
                    }
                }
                good
            }
        }
    }
}

async fn answer(State(gateway): State<Gateway>, Path(step): Path<String>, body: Bytes) -> Response {
    if step == "process" {
        gateway.said.sent.fetch_add(1, Ordering::SeqCst);
    }
    let scripted = gateway.said.answers.lock().unwrap().get(&step).cloned();
    let scripted = scripted.unwrap_or_else(|| Answer::body(gateway.good(&step, &body).to_string()));
    let mut response =
        (StatusCode::from_u16(scripted.status).unwrap(), scripted.body).into_response();
    for (name, value) in scripted.headers {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}

/// Counts who comes, on both of this machine's addresses.
pub struct Nobody {
    pub port: u16,
    came: Arc<AtomicUsize>,
}

impl Nobody {
    pub async fn comes() -> Self {
        let four = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = four.local_addr().unwrap().port();
        let came = Arc::new(AtomicUsize::new(0));
        // Not every machine has IPv6.
        let six = TcpListener::bind(("::1", port)).await;
        for listener in [Some(four), six.ok()].into_iter().flatten() {
            let came = came.clone();
            tokio::spawn(async move {
                while listener.accept().await.is_ok() {
                    came.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        Self { port, came }
    }

    /// How many came.
    pub fn came(&self) -> usize {
        self.came.load(Ordering::SeqCst)
    }
}
