//! A whole service for one test: its own database, its own sandbox, its own data folder.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use kiwoom_billing::config::Config;
use kiwoom_billing::service::Service;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use crate::support::postgres;

/// Longer than figures of health are kept.
pub const FIGURES_AGE: Duration = Duration::from_millis(1_100);

/// See the module.
pub struct TestApp {
    pub base: String,
    pub client: Client,
    pub service: Service,
    pub data_dir: PathBuf,
    settings: HashMap<String, String>,
}

/// An answer as the caller sees it.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Reply {
    /// No answer at all.
    pub fn none() -> Self {
        Self { status: 0, headers: reqwest::header::HeaderMap::new(), text: String::new() }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {}", self.text))
    }

    /// `data` of a success with this status.
    #[track_caller]
    pub fn data(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.json()["success"], true, "{}", self.text);
        self.json()["data"].clone()
    }

    /// The error body without the request id, after checking that it is the header's, and without the
    /// places of wrong characters, which `wire/names.rs` looks at.
    #[track_caller]
    pub fn error(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        let mut body = self.json();
        let id = body["error"].as_object_mut().unwrap().remove("requestId").unwrap();
        assert_eq!(id.as_str().unwrap(), self.headers["x-request-id"].to_str().unwrap());
        assert_eq!(body["success"], false);
        let details = body["error"].get_mut("details").and_then(Value::as_array_mut);
        for detail in details.into_iter().flatten() {
            let reason = detail["reason"].as_str().unwrap();
            let sentence =
                reason.split_once("번째 문자: ").and_then(|(text, _)| text.rsplit_once(' '));
            if let Some((sentence, _)) = sentence {
                detail["reason"] = json!(sentence);
            }
        }
        body["error"].clone()
    }

    /// Asserts the error's code.
    #[track_caller]
    pub fn fails(&self, status: u16, code: &str) {
        assert_eq!(self.error(status)["code"], code, "{}", self.text);
    }
}

impl TestApp {
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// With these settings besides.
    pub async fn with(settings: &[(&str, &str)]) -> Self {
        let (all, data_dir) = Self::settings(settings).await;
        Self::launch(all, data_dir).await
    }

    /// Behind a proxy that speaks no TLS, which production does not take for `PUBLIC_URL`.
    pub async fn behind(public_url: &str, settings: &[(&str, &str)]) -> Self {
        let (all, data_dir) = Self::settings(settings).await;
        let mut config = Config::from_lookup(|name| all.get(name).cloned()).expect("settings");
        config.public_url = Some(public_url.parse().unwrap());
        Self::run(config, all, data_dir).await
    }

    async fn settings(settings: &[(&str, &str)]) -> (HashMap<String, String>, PathBuf) {
        let data_dir = postgres::folder().join(uuid::Uuid::now_v7().simple().to_string());
        let mut all = HashMap::from([
            ("PORT".to_owned(), "0".to_owned()),
            ("DATABASE_URL".to_owned(), postgres::new_database().await),
            ("DATABASE_MAX_CONNECTIONS".to_owned(), "10".to_owned()),
            ("DATA_DIR".to_owned(), data_dir.display().to_string()),
            ("SANDBOX_STRICT".to_owned(), "true".to_owned()),
        ]);
        all.extend(settings.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
        (all, data_dir)
    }

    async fn launch(settings: HashMap<String, String>, data_dir: PathBuf) -> Self {
        let config = Config::from_lookup(|name| settings.get(name).cloned()).expect("settings");
        Self::run(config, settings, data_dir).await
    }

    async fn run(config: Config, settings: HashMap<String, String>, data_dir: PathBuf) -> Self {
        let service = Box::pin(Service::start(config)).await.expect("service");
        let base = format!("http://{}", service.address);
        let client = Client::builder().no_proxy().build().unwrap();
        Self { base, client, service, data_dir, settings }
    }

    /// Stops the service in order and starts it again on the same data.
    pub async fn restart(self) -> Self {
        self.service.stop().await;
        Self::launch(self.settings, self.data_dir).await
    }

    /// The same with other settings.
    pub async fn restart_with(mut self, settings: &[(&str, &str)]) -> Self {
        let settings = settings.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        self.settings.extend(settings);
        self.restart().await
    }

    /// A second service on the same database, with its own sandbox: for what replicas share.
    pub async fn replica(&self, settings: &[(&str, &str)]) -> Self {
        let mut all = self.settings.clone();
        let data_dir = self.data_dir.join("replica");
        // Replicas share the secret; in development it is made in the first one's folder.
        if let Ok(secret) = std::fs::read_to_string(self.data_dir.join("billing_key_secret")) {
            all.insert("BILLING_KEY_SECRET".to_owned(), secret);
        }
        all.insert("DATA_DIR".to_owned(), data_dir.display().to_string());
        all.extend(settings.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
        Self::launch(all, data_dir).await
    }

    /// Its database as the owner sees it.
    pub fn owner_url(&self) -> String {
        postgres::as_owner(self.setting("DATABASE_URL"))
    }

    /// A connection as the owner of the database, for what the service itself may not do.
    pub async fn owner(&self) -> PgConnection {
        PgConnection::connect(&self.owner_url()).await.unwrap()
    }

    /// The value of a setting, for a process of the same kind.
    pub fn setting(&self, name: &str) -> &str {
        &self.settings[name]
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }

    pub async fn send(&self, request: RequestBuilder) -> Reply {
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Reply { status, headers, text: response.text().await.unwrap() }
    }

    /// Repeats a request with an `Idempotency-Key` for as long as the answer is "not now".
    pub async fn send_until_answered(&self, request: RequestBuilder) -> Reply {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let reply = self.send(request.try_clone().unwrap()).await;
            let not_now = reply.status == 503
                || reply.status == 409 && reply.error(409)["code"] == "request_in_progress";
            if !not_now {
                return reply;
            }
            assert!(Instant::now() < deadline, "{}", reply.text);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(self.request(Method::GET, path)).await
    }

    /// `GET /health/ready` with figures of now: they may be a second old.
    pub async fn ready(&self) -> Value {
        tokio::time::sleep(FIGURES_AGE).await;
        self.get("/health/ready").await.data(200)
    }

    /// The same of `GET /webhook/health`.
    pub async fn webhook_health(&self) -> Value {
        tokio::time::sleep(FIGURES_AGE).await;
        self.get("/webhook/health").await.data(200)
    }

    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Reply {
        self.send(self.request(Method::PATCH, path).json(body)).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// Registers a card for `user123`; the billing key.
    pub async fn register(&self, card_number: &str) -> String {
        let reply = self.post("/billing/register", &card(card_number)).await;
        reply.data(201)["billingKey"].as_str().unwrap().to_owned()
    }

    /// Subscribes `user123` with the card to a plan of its own; the subscription.
    pub async fn subscribe(&self, billing_key: &str, cycle_day: u32) -> Value {
        let plan = uuid::Uuid::now_v7().to_string();
        let body = json!({
            "billingKey": billing_key, "customerId": "user123", "planId": plan, "amount": 9900,
            "productName": "월간 구독", "cycleDay": cycle_day,
        });
        self.post("/billing/subscribe", &body).await.data(201)
    }

    /// Pays 9,900 won once with the card; the answer.
    pub async fn pay(&self, billing_key: &str) -> Reply {
        self.post("/billing/pay", &one_off(billing_key)).await
    }

    pub async fn advance_days(&self, days: u32) {
        let reply = self.post("/sandbox/clock", &json!({"advanceDays": days})).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
    }

    /// Moves the clock to an instant, walking.
    pub async fn advance_to(&self, instant: &str) {
        let reply = self.post("/sandbox/clock", &json!({"now": instant})).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
    }

    /// Moves the clock by these seconds; what is due by then, notifications too, has happened.
    pub async fn advance_secs(&self, secs: i64) {
        let now = self.get("/sandbox/clock").await.json()["now"].as_str().unwrap().to_owned();
        let now = chrono::DateTime::parse_from_rfc3339(&now).unwrap();
        self.advance_to(&(now + chrono::Duration::seconds(secs)).to_rfc3339()).await;
    }

    /// Every transaction the gateway side holds, oldest first.
    pub async fn ledger(&self) -> Vec<Value> {
        let reply = self.get("/sandbox/ledger").await;
        reply.json()["transactions"].as_array().unwrap().clone()
    }

    /// Waits until the gateway side holds this many transactions, and no more.
    pub async fn until_ledger(&self, count: usize) -> Vec<Value> {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let ledger = self.ledger().await;
            assert!(ledger.len() <= count, "{ledger:?}");
            if ledger.len() == count {
                return ledger;
            }
            assert!(Instant::now() < deadline, "{ledger:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Scripts one answer of the gateway.
    pub async fn fault(&self, fault: Value) {
        let reply = self.post("/sandbox/faults", &fault).await;
        assert!(reply.status < 300, "{}", reply.text);
    }
}

/// The value with each instant as `at` and each id as its prefix, so that the rest can be compared
/// whole.
pub fn steady(mut value: Value) -> Value {
    match &mut value {
        Value::String(text) => {
            let instant = chrono::DateTime::parse_from_rfc3339(text).is_ok();
            if instant && text.ends_with("+09:00") {
                "at".clone_into(text);
            }
            for prefix in ["pay_", "ref_", "sub_", "bk_"] {
                let rest = text.strip_prefix(prefix);
                if rest.is_some_and(|rest| uuid::Uuid::try_parse(rest).is_ok()) {
                    prefix.clone_into(text);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|v| *v = steady(v.take())),
        Value::Object(fields) => fields.values_mut().for_each(|v| *v = steady(v.take())),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
    value
}

/// The register body of the original's README, with another card number.
pub fn card(card_number: &str) -> Value {
    json!({
        "cardNumber": card_number, "expireDate": "2512", "cardPassword": "12",
        "birthDate": "901231", "customerName": "홍길동", "customerId": "user123",
    })
}

/// A single charge of 9,900 won.
pub fn one_off(billing_key: &str) -> Value {
    json!({
        "billingKey": billing_key, "customerId": "user123", "amount": 9900,
        "productName": "단건 결제",
    })
}
