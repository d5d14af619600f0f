//! Card data and keys are found nowhere: not in the log at its loudest, not in an answer, not in
//! the database, not in a file.

use std::path::Path;

use kiwoom_billing::sandbox::AUTH_KEY;
use serde_json::{Value, json};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection};

use crate::app::{Reply, card};
use crate::process::{Process, World};
use crate::search::{Needle, decoded, files, find};

/// Valid by Luhn's check, and unlike any number that comes about by itself.
const CARD: &str = "4929718365027462";
/// Its digits that are searched for: a mistyped last one does not hide it.
const TRACE: &str = "492971836502746";
/// The same of one whose every charge is declined, of one whose answers are lost, of one that
/// cannot be registered.
const MORE_CARDS: [&str; 3] = ["4000000000000341", "4000000000000119", "4000000000000002"];
const BIRTH_DATE: &str = "770707";
const API_KEY: &str = "key-for-the-secrecy-test-1f0c";
const BILLING_KEY_SECRET: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9";
/// As loud as a log can be made, also for the libraries that see what goes over the wire.
const LOUDEST: &str = "trace,hyper=trace,hyper_util=trace,reqwest=trace,sqlx=trace,rustls=trace,\
    sqlx::query=trace,hyper::proto=trace,hyper_util::client=trace,reqwest::connect=trace,\
    tower_http=trace,axum=trace,h2=trace";

const OURS: &[(&str, &str)] = &[("Authorization", "Bearer key-for-the-secrecy-test-1f0c")];
const ONCE: &[(&str, &str)] =
    &[("X-API-Key", "key-for-the-secrecy-test-1f0c"), ("Idempotency-Key", "once")];

/// A service with everything turned up, and every answer that it gave.
struct Witness {
    world: World,
    service: Process,
    answers: Vec<u8>,
}

impl Witness {
    async fn start(filter: &str) -> Self {
        let world = World::start().await;
        let data_dir = world.dir.join("service").display().to_string();
        let settings = [
            ("RUST_LOG", filter),
            ("LOG_FORMAT", "json"),
            ("API_KEYS", API_KEY),
            ("BILLING_KEY_SECRET", BILLING_KEY_SECRET),
            ("DATA_DIR", &data_dir),
            ("SCHEDULER_INTERVAL_SECS", "1"),
        ];
        let service = world.service("service", &settings).await;
        Self { world, service, answers: Vec::new() }
    }

    async fn post(&mut self, path: &str, headers: &[(&str, &str)], body: &Value) -> Reply {
        let reply = self.service.try_post(path, headers, body).await.unwrap();
        self.answers.extend_from_slice(format!("{:?}", reply.headers).as_bytes());
        self.answers.extend_from_slice(reply.text.as_bytes());
        reply
    }

    async fn register(&mut self, number: &str) -> Reply {
        self.post("/billing/register", OURS, &marked(number)).await
    }
}

fn marked(number: &str) -> Value {
    let mut body = card(number);
    body["birthDate"] = json!(BIRTH_DATE);
    body["cardPassword"] = json!("97");
    body
}

fn of(key: &str, more: Value) -> Value {
    let mut body = json!({
        "billingKey": key, "customerId": "user123", "amount": 9900, "productName": "월간 구독",
    });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// The card number where it does not belong.
fn misplaced() -> Vec<Value> {
    let good = marked(CARD);
    let mut bodies = Vec::new();
    for field in ["expireDate", "cardPassword", "birthDate", "customerEmail"] {
        let mut body = good.clone();
        body[field] = json!(CARD);
        bodies.push(body);
    }
    for number in [json!(4_929_718_365_027_462_i64), json!("4929 7183 6502 7461"), json!([CARD])] {
        let mut body = good.clone();
        body["cardNumber"] = number;
        bodies.push(body);
    }
    let mut name = good.clone();
    name[CARD] = json!("");
    let mut other = good;
    other["card_number"] = json!("4929-7183-6502-7462");
    bodies.extend([name, other, json!(CARD), json!([CARD])]);
    bodies
}

/// Everything that touches a card: good, declined, lost, misplaced; charges, refunds, renewals.
async fn live_through_everything(witness: &mut Witness) {
    let key = witness.register(CARD).await.data(201)["billingKey"].as_str().unwrap().to_owned();
    let spaced = "4929-7183 6502-7462";
    witness.post("/billing/register", ONCE, &marked(spaced)).await.data(201);
    witness.post("/billing/register", ONCE, &marked(spaced)).await.data(201);
    witness
        .post("/billing/register", ONCE, &marked(CARD))
        .await
        .fails(422, "idempotency_key_reused");
    for body in misplaced() {
        let keyed = [OURS[0], ("Idempotency-Key", &*uuid::Uuid::now_v7().to_string())];
        assert_eq!(witness.post("/billing/register", &keyed, &body).await.status, 400, "{body}");
    }
    for fault in ["drop_after", "garbage", "truncate", "status", "wrong_token"] {
        witness.world.fault(json!({"on": "CARD-KEYGEN", "kind": fault})).await;
        witness.register(CARD).await.fails(502, "gateway_unavailable");
    }
    witness.register(MORE_CARDS[2]).await.fails(402, "card_refused");
    for (number, status) in [(MORE_CARDS[0], 402), (MORE_CARDS[1], 202)] {
        let other = witness.register(number).await.data(201)["billingKey"].clone();
        let body = of(other.as_str().unwrap(), json!({}));
        assert_eq!(witness.post("/billing/pay", OURS, &body).await.status, status);
    }

    let subscribe = of(&key, json!({"planId": "monthly", "cycleDay": 15, "chargeNow": true}));
    witness.post("/billing/subscribe", OURS, &subscribe).await.data(201);
    let paid = witness.post("/billing/pay", ONCE, &of(&key, json!({}))).await.data(200);
    for kind in ["drop_after", "garbage", "wrong_amount"] {
        witness.world.fault(json!({"on": "CARD-BATCH", "kind": kind})).await;
        witness.post("/billing/pay", OURS, &of(&key, json!({}))).await.data(202);
    }
    let part = json!({"paymentId": paid["id"], "amount": 1000});
    witness.post("/billing/refund", OURS, &part).await.data(200);
    witness.world.fault(json!({"on": "CANCEL", "kind": "drop_after"})).await;
    witness.post("/billing/refund", OURS, &part).await.data(202);
    let wrong = [("Authorization", "Bearer key-for-the-secrecy-test-1f0d")];
    witness.post("/billing/register", &wrong, &marked(CARD)).await.fails(401, "unauthorized");

    let before = witness.world.ledger().await.len();
    witness.world.sandbox.post("/sandbox/clock", &json!({"advanceDays": 40})).await;
    // The service has a folder of its own here, so the clock's file is brought to it.
    let clock = |owner: &Path| owner.join("sandbox/clock");
    let service_dir = witness.world.dir.join("service");
    std::fs::create_dir_all(service_dir.join("sandbox")).unwrap();
    std::fs::copy(clock(&witness.world.dir), clock(&service_dir)).unwrap();
    let ledger = || witness.world.sandbox.get("/sandbox/ledger");
    let renewed = |reply: &Reply| reply.json()["transactions"].as_array().unwrap().len() > before;
    witness.world.sandbox.until(ledger, renewed).await;
}

/// What may be found nowhere. The gateway's own keys are read from its ledger.
fn needles(sandbox_files: &[u8]) -> Vec<Needle> {
    let mut needles: Vec<Needle> =
        [TRACE].iter().chain(&MORE_CARDS).map(|c| Needle::digits(c)).collect();
    needles.push(Needle::word(BIRTH_DATE));
    needles.extend(
        [
            "\"cardPassword\":\"97\"",
            "CARDPASSWORD",
            "CARDAUTH",
            AUTH_KEY,
            API_KEY,
            BILLING_KEY_SECRET,
        ]
        .map(Needle::text),
    );
    let ledger = String::from_utf8_lossy(sandbox_files);
    let autokeys = ledger.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let autokeys: Vec<Needle> =
        autokeys.filter_map(|event| event["autoKey"].as_str().map(Needle::text)).collect();
    assert!(autokeys.len() > 3, "{ledger}");
    needles.extend(autokeys);
    needles
}

/// Every row of every table as text, and once more with its bytes read as text.
async fn dump(database_url: &str) -> Vec<u8> {
    let mut db = PgConnection::connect(database_url).await.unwrap();
    let tables: Vec<String> = sqlx::query_scalar(
        "select tablename::text from pg_tables where schemaname = 'public' order by 1",
    )
    .fetch_all(&mut db)
    .await
    .unwrap();
    let mut dump = Vec::new();
    for table in tables {
        let sql = format!("select t::text from {table} t");
        let rows: Vec<String> =
            sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&mut db).await.unwrap();
        rows.iter().for_each(|row| dump.extend_from_slice(row.as_bytes()));
    }
    let bytes = decoded(&dump);
    dump.extend_from_slice(&bytes);
    dump
}

async fn nothing_leaks(filter: &str) {
    let mut witness = Witness::start(filter).await;
    live_through_everything(&mut witness).await;
    let Witness { world, service, answers } = witness;
    let service_dir = world.dir.join("service");
    let log = service.log.clone();
    assert!(service.terminate_quietly());
    let log = std::fs::read(log).unwrap();
    assert!(find(&log, &Needle::text("charge approved")).is_some(), "the log was written");
    let gateway = files(&world.dir.join("sandbox"));
    let needles = needles(&gateway);
    let dump = dump(&world.database_url).await;
    assert!(find(&dump, &Needle::text("\"billingKey\"")).is_some(), "bytes are read as text");

    let places =
        [("log", log), ("answers", answers), ("database", dump), ("files", files(&service_dir))];
    for (place, content) in &places {
        for needle in &needles {
            assert_eq!(find(content, needle), None, "{place}: {needle:?}");
        }
        searched_well(content, &needles);
    }
    // The gateway's side keeps its billing keys, but nothing of a card either.
    for needle in needles.iter().take(MORE_CARDS.len() + 2) {
        assert_eq!(find(&gateway, needle), None, "the sandbox's files: {needle:?}");
    }
}

/// Whatever is planted in `content` is found, in every shape that a leak can have.
fn searched_well(content: &[u8], needles: &[Needle]) {
    let (before, after) = content.split_at(content.len() / 2);
    for needle in needles {
        for planted in needle.shapes() {
            let with = [before, b" ", planted.as_bytes(), b"\",", after].concat();
            assert!(find(&with, needle).is_some(), "{planted} is not found");
        }
    }
    let hidden = format!("(1,\"\\\\x{}\")", hex::encode(format!("{{\"n\":\"{CARD}\"}}")));
    assert!(find(&decoded(hidden.as_bytes()), &Needle::digits(CARD)).is_some(), "bytea");
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_level_trace_no_secret_is_in_a_log_an_answer_a_row_or_a_file() {
    nothing_leaks("trace").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn asking_for_the_libraries_own_traces_brings_no_secret_into_the_log() {
    nothing_leaks(LOUDEST).await;
}

#[test]
fn files_are_read_wherever_they_lie() {
    let dir = std::env::temp_dir().join(format!("kb-{}", uuid::Uuid::now_v7().simple()));
    std::fs::create_dir_all(dir.join("a/b")).unwrap();
    std::fs::write(dir.join("a/b/c"), CARD).unwrap();
    assert!(find(&files(&dir), &Needle::digits(CARD)).is_some());
    assert!(files(Path::new("/nowhere")).is_empty());
}
