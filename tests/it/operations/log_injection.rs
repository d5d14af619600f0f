//! What callers, the gateway and browsers write does not end a line of the log, forge one or
//! command a terminal: one event, one line, in both formats.

use std::path::Path;

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::app::{card, one_off};
use crate::support::gateway::{Answer, Gateway};
use crate::support::postgres;
use crate::support::process::{Folder, Process};
use crate::support::window::post_form;

/// Each would show up as a line, a colour or an order of letters of its own. `forged` marks them.
const TEXTS: [&[u8]; 26] = [
    b"a\r\n2026-01-01T00:00:00.000000Z ERROR forged",
    b"a\n{\"timestamp\":\"2026-01-01T00:00:00Z\",\"level\":\"ERROR\",\"message\":\"forged\"}",
    b"a\rforged",
    b"a\x0bforged\x0c",
    b"a\x1b[2J\x1b[1;31mforged\x1b[0m",
    b"a\x1b]0;forged\x07",
    b"a\x1b[1A\x1b[2Kforged",
    b"a\x08\x08\x08forged",
    b"a\x00forged",
    b"a\x7fforged",
    b"a\tforged",
    "a\u{85}forged".as_bytes(),
    "a\u{9b}31mforged".as_bytes(),
    "a\u{2028}forged".as_bytes(),
    "a\u{2029}forged".as_bytes(),
    "a\u{202e}forged".as_bytes(),
    "a\u{feff}\u{200b}forged".as_bytes(),
    b"a\",\"level\":\"ERROR\",\"message\":\"forged",
    b"a\\\",\"message\":\"forged\\",
    b"a\\u000aforged\\n",
    b"a%0d%0aforged",
    b"a} request{id=\"forged\"}: forged",
    b"${jndi:ldap://forged} {} %s %n",
    // Half of a character of CP949, in front of what it could swallow.
    b"a\xb0\"forged",
    b"a\xc1\nforged\xfe",
    b"a\xff\xfe\x81forged",
];

/// Headers that are looked at.
const HEADERS: [&str; 8] = [
    "x-request-id",
    "x-forwarded-for",
    "user-agent",
    "authorization",
    "x-api-key",
    "idempotency-key",
    "accept-language",
    "content-type",
];

/// A service to talk to in bytes, and how many requests it took.
struct Talk {
    service: Process,
    taken: usize,
}

impl Talk {
    /// Sends a head and a body as they are. A head that HTTP does not allow is no request.
    async fn raw(&mut self, request: Vec<u8>) {
        let address = self.service.base.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(&request).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer).to_lowercase();
        self.taken += answer.matches("\r\nx-request-id:").count();
    }

    async fn post(&mut self, path: &str, body: &Value) -> u16 {
        self.taken += 1;
        self.service.post(path, body).await.status
    }

    /// In the path, the query and each header.
    async fn in_heads(&mut self, text: &[u8]) {
        let escaped = percent_encode(text, NON_ALPHANUMERIC).to_string();
        for place in ["/", "/billing/payment/", "/easypay/status/", "/webhook/noti?ORDERNO="] {
            for text in [text, escaped.as_bytes()] {
                let rest = b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
                self.raw([b"GET ", place.as_bytes(), text, rest].concat()).await;
            }
        }
        for header in HEADERS {
            let head = format!("POST /billing/pay HTTP/1.1\r\nHost: a\r\n{header}: ");
            let rest = b"\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
            self.raw([head.as_bytes(), text, rest].concat()).await;
        }
    }

    /// In the values and the names of JSON.
    async fn in_bodies(&mut self, text: &str) {
        let order = json!({"orderId": text, "amount": 100, "productName": text,
            "customerName": text, text: text});
        self.post("/easypay/prepare", &order).await;
        let mut body = card("4111111111111111");
        body["customerName"] = json!(text);
        self.post("/billing/register", &body).await;
        let refund = json!({"orderId": text, "reason": text});
        self.post("/billing/refund", &refund).await;
        let told = json!({"PAYMETHOD": text, "ORDERNO": text, "CPID": text, "AMOUNT": "100",
            "DAOUTRX": "T1", "RESULTCODE": text, "ERRORMESSAGE": text});
        self.post("/webhook/kiwoom", &told).await;
    }

    /// In what the gateway says: to step 1, to a charge, and for an approval.
    async fn in_answers(&mut self, gateway: &Gateway, key: &str, text: &[u8]) {
        let quoted = |text: &[u8]| match std::str::from_utf8(text) {
            Ok(text) => json!(text).to_string().into_bytes(),
            Err(_) => [b"\"", text, b"\""].concat(),
        };
        let code = |code: &[u8]| {
            let rest = b",\"TOKEN\":\"token\",\"AUTHNO\":";
            let text = quoted(text);
            let parts: [&[u8]; 8] = [
                b"{\"RESULTCODE\":",
                code,
                b",\"ERRORMESSAGE\":",
                &text,
                rest,
                &text,
                b",\"AMOUNT\":\"9900\",\"DAOUTRX\":\"T77\"",
                b"}",
            ];
            Some(Answer::body(parts.concat()))
        };
        for (step, code) in [
            ("ready", code(&quoted(text))),
            ("process", code(&quoted(text))),
            ("process", code(b"\"2003\"")),
        ] {
            gateway.says(step, code);
            let status = self.post("/billing/pay", &one_off(key)).await;
            assert!(matches!(status, 202 | 402 | 502), "{status}");
            gateway.says(step, None);
        }
    }

    /// In forms and bodies of the sandbox, whose log is the same.
    async fn in_the_sandbox(&mut self, text: &str) {
        let base = &self.service.base;
        let fields = json!({"ORDERNO": text, "PRODUCTNAME": text, "CPID": text, "PAYMETHOD": text});
        post_form(&format!("{base}/sandbox/pay/linkEnc"), &fields).await;
        self.service.post("/sandbox/pay/process", &fields).await;
        self.service.post("/sandbox/pay/ready", &fields).await;
    }
}

async fn service(dir: &Path, format: &str, settings: &[(&str, &str)]) -> Talk {
    let (database, data_dir) = (postgres::new_database().await, dir.display().to_string());
    let own = [
        ("LOG_FORMAT", format),
        ("RUST_LOG", "trace"),
        ("DATABASE_URL", database.as_str()),
        ("DATA_DIR", data_dir.as_str()),
        ("TRUSTED_PROXIES", "127.0.0.1"),
    ];
    let name = format!("{format}-{}", settings.len());
    let service = Process::service(dir, &name, &[&own, settings].concat()).await;
    Talk { service, taken: 0 }
}

/// Lines of the greeting, which are no events.
fn greets(line: &str) -> bool {
    line.starts_with("kiwoom-billing ") || line.starts_with("  ")
}

/// Whether the line is of a request that a test sent, after checking that it is one event.
fn request(format: &str, line: &str) -> bool {
    let harmful = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{feff}')
    };
    assert!(!line.contains(harmful), "{line:?}");
    assert!(line.len() < 4096, "{line:?}");
    let (at, level, message) = if format == "json" {
        let event: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line:?}"));
        let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
        let path = text("path");
        (text("timestamp"), text("level"), format!("{} path=\"{path}\"", text("message")))
    } else {
        let mut words = line.split_whitespace();
        let mut word = || words.next().unwrap_or_default().to_owned();
        let (at, level) = (word(), word());
        let rest = line.split_once(&level).unwrap().1.trim_start();
        // The id of a request holds no brace.
        let event = rest.strip_prefix("request{id=").and_then(|r| r.split_once("}: "));
        (at, level, event.map_or(rest, |(_, event)| event).to_owned())
    };
    let at = chrono::DateTime::parse_from_rfc3339(&at);
    assert!(at.is_ok_and(|at| at.to_string().as_str() > "2026-01-02"), "{line:?}");
    assert!(["TRACE", "DEBUG", "INFO", "WARN", "ERROR"].contains(&&*level), "{line:?}");
    assert!(!message.starts_with("forged"), "{line:?}");
    message.starts_with("request ")
        && !message.contains("path=\"/health/ready\"")
        && !message.contains("path=\"/sandbox")
}

/// Everything that was logged: one line for each request, and texts that did get there.
fn one_event_one_line(format: &str, talk: &Talk, least_marked: usize) {
    let log = String::from_utf8(std::fs::read(&talk.service.log).unwrap()).expect("UTF-8");
    assert!(log.ends_with('\n'));
    let lines: Vec<&str> = log.trim_end_matches('\n').split('\n').filter(|l| !greets(l)).collect();
    let requests = lines.iter().filter(|line| request(format, line)).count();
    assert_eq!(requests, talk.taken, "{format}");
    let marked = lines.iter().filter(|line| line.contains("forged")).count();
    assert!(marked >= least_marked, "{format}: {marked} lines hold what was sent");
    println!("{format}: {} lines, {requests} requests, {marked} marked", lines.len());
}

async fn all_of_it(format: &str) {
    let dir = Folder::new();
    let gateway = Gateway::start().await;
    let settings = gateway.settings();
    let settings: Vec<_> = settings.iter().map(|(k, v)| (*k, v.as_str())).collect();
    let mut talk = service(&dir, format, &settings).await;
    let key = talk.service.post("/billing/register", &card("4111111111111111")).await.data(201);
    let key = key["billingKey"].as_str().unwrap();
    talk.taken += 1;
    let long = vec![b'x'; 60_000];
    for text in TEXTS.into_iter().chain([long.as_slice()]) {
        talk.in_heads(text).await;
        let short = &text[..text.len().min(10_000)];
        talk.in_bodies(&String::from_utf8_lossy(short)).await;
        talk.in_answers(&gateway, key, text).await;
    }
    one_event_one_line(format, &talk, 4 * TEXTS.len());
    let mut sandbox = service(&dir, format, &[]).await;
    for text in TEXTS {
        sandbox.in_the_sandbox(&String::from_utf8_lossy(text)).await;
    }
    one_event_one_line(format, &sandbox, TEXTS.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_event_is_one_line_of_json() {
    all_of_it("json").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_event_is_one_line_of_text() {
    all_of_it("pretty").await;
}
