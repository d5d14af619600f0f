//! No card, birth date or key is left anywhere: not in a log at its most talkative, not in an
//! answer, not in the database, not in a file.

use serde_json::{Value, json};

use crate::process::{Process, World};
use crate::searcher::Searcher;

const CARD: &str = "5314928706173582";
const CORPORATE_CARD: &str = "4972053188462795";
const BIRTH_DATE: &str = "770707";
const BUSINESS_NUMBER: &str = "6048213375";
const API_KEY: &str = "live_key_q7Zt3VbN9xLw2RkPd8";
const MARK: &str = "ORDER-PLANTED-MARKER";
/// As loud as it gets, also for parts of libraries that print what they send.
const LOUD: &str = "trace,hyper=trace,hyper::proto=trace,hyper_util::client=trace,reqwest=trace,\
    reqwest::connect=trace,sqlx=trace,sqlx::query=trace,sqlx_core=trace,\
    sqlx_postgres::connection=trace,rustls::client=trace,h2::codec=trace";

/// A caller with the key, who keeps every answer.
struct Caller {
    service: Process,
    answers: Vec<String>,
}

impl Caller {
    async fn post(&mut self, path: &str, body: &Value) -> Value {
        let once = uuid::Uuid::now_v7().to_string();
        let key = format!("Bearer {API_KEY}");
        let headers = [("Authorization", key.as_str()), ("Idempotency-Key", once.as_str())];
        let reply = self.service.try_post(path, &headers, body).await.unwrap();
        self.answers.push(format!("{:?}\n{}", reply.headers, reply.text));
        reply.json()
    }

    async fn get(&mut self, path: &str) {
        let key = format!("Bearer {API_KEY}");
        let url = format!("{}{path}", self.service.base);
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = client.get(url).header("Authorization", key).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        self.answers.push(answer.text().await.unwrap());
    }
}

fn card() -> Value {
    json!({
        "cardNumber": "5314-9287-0617-3582", "expireDate": "2711", "cardPassword": "97",
        "birthDate": BIRTH_DATE, "customerName": "홍길동", "customerId": "user123",
    })
}

fn corporate_card() -> Value {
    let mut body = card();
    body["cardNumber"] = json!(CORPORATE_CARD);
    body["birthDate"] = json!(BUSINESS_NUMBER);
    body
}

/// Good, refused, lost and garbled registrations. Returns the billing key.
async fn register(world: &World, caller: &mut Caller) -> String {
    let made = caller.post("/billing/register", &card()).await;
    caller.post("/billing/register", &corporate_card()).await;
    for kind in ["decline", "drop_after", "truncate", "garbage", "html", "no_result_code"] {
        world.fault(json!({"on": "CARD-KEYGEN", "kind": kind, "code": "9101"})).await;
        let failed = caller.post("/billing/register", &card()).await;
        assert_eq!(failed["success"], false, "{kind}");
    }
    made["data"]["billingKey"].as_str().unwrap().to_owned()
}

/// Card data where it does not belong, and requests that cannot be read.
async fn blunder(caller: &mut Caller) {
    for (field, value) in [
        ("expireDate", json!(CARD)),
        ("cardPassword", json!(CARD)),
        ("birthDate", json!(CARD)),
        ("cardNumber", json!(CARD.parse::<u64>().unwrap())),
        ("cardNumber", json!(format!("{CARD}1"))),
        ("customerEmail", json!(CARD)),
        ("cvc", json!(CARD)),
        (CARD, json!("")),
        ("cardPassword", json!({"cardNumber": CARD})),
    ] {
        let mut body = card();
        body[field] = value;
        let failed = caller.post("/billing/register", &body).await;
        assert_eq!(failed["error"]["code"], "invalid_request", "{field}");
    }
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let half = format!("{{\"cardNumber\":\"{CARD}\",\"birthDate\":\"{BIRTH_DATE}\"");
    for content_type in ["application/json", "text/plain"] {
        let url = format!("{}/billing/register?cardNumber={CARD}", caller.service.base);
        let request = client.post(url).header("Content-Type", content_type);
        let answer = request.header("X-API-Key", API_KEY).body(half.clone()).send().await.unwrap();
        assert!(answer.status().is_client_error());
        caller.answers.push(answer.text().await.unwrap());
    }
}

/// Everything that is done with a key, well and badly.
async fn trade(world: &World, caller: &mut Caller, key: &str) {
    let pay = |order: &str| {
        json!({
            "billingKey": key, "customerId": "user123", "amount": 9900,
            "productName": "단건 결제", "orderId": order,
        })
    };
    let paid = caller.post("/billing/pay", &pay(MARK)).await;
    assert_eq!(paid["data"]["status"], "approved", "{paid}");
    for kind in ["decline", "drop_after", "truncate", "wrong_token"] {
        world.fault(json!({"on": "CARD-BATCH", "kind": kind, "code": "9115"})).await;
        caller.post("/billing/pay", &pay(&format!("ORDER-{kind}"))).await;
    }
    let part = json!({"orderId": MARK, "amount": 1000});
    caller.post("/billing/refund", &part).await;
    world.fault(json!({"on": "CANCEL", "kind": "drop_after"})).await;
    caller.post("/billing/refund", &part).await;
    for charge_now in [true, false] {
        let body = json!({
            "billingKey": key, "customerId": "user123", "planId": format!("plan-{charge_now}"),
            "amount": 9900, "productName": "월간 구독", "cycleDay": 15, "chargeNow": charge_now,
        });
        let made = caller.post("/billing/subscribe", &body).await;
        assert_eq!(made["data"]["status"], "active", "{made}");
    }
    let charged = world.ledger().await.len();
    world.advance_days(31).await;
    world.until_charged(charged + 2).await;
    for path in ["keys", "payments", "refunds", "subscriptions"] {
        caller.get(&format!("/billing/{path}?limit=100")).await;
    }
    for path in ["/metrics", "/health/ready", "/webhook/health", "/openapi.json"] {
        caller.get(path).await;
    }
}

/// The billing keys that the gateway gave out, from its own books.
fn autokeys(world: &World) -> Vec<String> {
    let folder = std::fs::read_dir(world.dir.join("sandbox")).unwrap();
    let files = folder.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap());
    let lines: Vec<String> =
        files.flat_map(|t| t.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    let events = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let registered = events.filter(|event| event["event"] == "registered");
    registered.map(|event| event["autoKey"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_left_in_logs_answers_tables_or_files() {
    let world = World::start().await;
    let settings = [
        ("API_KEYS", API_KEY),
        ("RUST_LOG", LOUD),
        ("LOG_FORMAT", "json"),
        ("SCHEDULER_INTERVAL_SECS", "1"),
    ];
    let service = world.service("service", &settings).await;
    let mut caller = Caller { service, answers: Vec::new() };
    let key = register(&world, &mut caller).await;
    blunder(&mut caller).await;
    trade(&world, &mut caller, &key).await;
    let unauthorized = caller.service.post("/billing/register", &card()).await;
    unauthorized.fails(401, "unauthorized");
    let ended = tokio::task::spawn_blocking(|| caller.service.terminate()).await.unwrap();
    assert!(ended.success());

    let log = std::fs::read_to_string(world.dir.join("service.log")).unwrap();
    assert!(log.contains("log started"), "our own lines of a low level are there");
    let library = |line: &&str| ["hyper", "reqwest", "sqlx"].iter().any(|l| line.contains(l));
    let low = |line: &&str| line.contains("\"TRACE\"") || line.contains("\"DEBUG\"");
    assert_eq!(log.lines().filter(low).find(library), None, "libraries are held back");

    let mut searcher = Searcher::default();
    searcher.add("answers", caller.answers.join("\n"));
    searcher.add_files(&world.dir, &|name| !name.starts_with("sandbox"));
    searcher.add_database(&world.database_url).await;
    // It finds what is there: in an answer, in the log, in columns, and in the bytes of a column.
    let planted = searcher.find(MARK);
    for origin in ["answers", "service.log", "table payments", "table idempotency_keys"] {
        assert!(planted.iter().any(|found| found.ends_with(origin)), "{origin}: {planted:?}");
    }
    let autokeys = autokeys(&world);
    assert!(autokeys.len() > 2, "{autokeys:?}");
    let secret = std::fs::read_to_string(world.dir.join("billing_key_secret")).unwrap();
    assert_eq!(searcher.find(secret.trim()).len(), 1, "only in its own file");
    let fixed = [CARD, CORPORATE_CARD, BIRTH_DATE, BUSINESS_NUMBER, API_KEY];
    let names =
        [r#"cardPassword":"97"#, r#"cardPassword\":\"97"#, "CARDPASSWORD\"", "CARDPASSWORD\\"];
    let gateway_key = kiwoom_billing::sandbox::AUTH_KEY;
    let secrets = fixed.iter().chain(&names).copied().chain([gateway_key]);
    for secret in secrets.chain(autokeys.iter().map(String::as_str)) {
        assert!(searcher.find(secret).is_empty(), "{secret} in {:?}", searcher.find(secret));
    }
}
