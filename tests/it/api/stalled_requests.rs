//! Requests that never end, or end in the wrong place: each is over within the documented ten
//! seconds, and nothing has changed.

use std::time::Duration;

use futures::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt, split};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::support::app::{TestApp, card};

/// Ten seconds, and what a busy machine adds.
const PATIENCE: Duration = Duration::from_secs(14);

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A client: what it sends at once, what it then sends each half a second, and what the answer has
/// to contain; nothing: the connection is closed without one.
struct Client {
    name: String,
    first: Vec<u8>,
    then: &'static [u8],
    answer: &'static str,
}

impl Client {
    fn new(
        name: &str,
        first: impl Into<Vec<u8>>,
        then: &'static [u8],
        answer: &'static str,
    ) -> Self {
        Self { name: name.to_owned(), first: first.into(), then, answer }
    }

    /// What came back until the other side closed it or had answered, and when that was.
    async fn goes(self, app: &TestApp) -> (Self, String, Duration) {
        let address = app.base.trim_start_matches("http://");
        let (mut from, mut to) = split(TcpStream::connect(address).await.unwrap());
        let started = Instant::now();
        let sending = async {
            // A service that has had enough resets the connection.
            let mut going = to.write_all(&self.first).await;
            while going.is_ok() {
                sleep(Duration::from_millis(500)).await;
                if !self.then.is_empty() {
                    going = to.write_all(self.then).await;
                }
            }
            std::future::pending::<()>().await;
        };
        let mut seen = Vec::new();
        let reading = async {
            let mut part = [0; 4096];
            while let Ok(count @ 1..) = from.read(&mut part).await {
                seen.extend_from_slice(&part[..count]);
                let text = String::from_utf8_lossy(&seen);
                if !self.answer.is_empty() && text.contains(self.answer) {
                    break;
                }
            }
        };
        let ended = async {
            tokio::select! {
                () = sending => {}
                () = reading => {}
            }
        };
        assert!(timeout(PATIENCE, ended).await.is_ok(), "{} is still there", self.name);
        (self, String::from_utf8_lossy(&seen).into_owned(), started.elapsed())
    }
}

fn head(method: &str, path: &str, rest: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n{rest}\r\n")
}

/// Heads that never end, and none at all.
fn heads() -> Vec<Client> {
    let begun = head("POST", "/billing/register", "").trim_end().to_owned();
    vec![
        Client::new("silence", "", b"", ""),
        Client::new("one byte at a time", "GET /", b"a", ""),
        Client::new("a head that stops", begun.as_str(), b"", ""),
        Client::new("a head that goes on", format!("{begun}\r\n"), b"X-A: b\r\n", ""),
        Client::new("empty lines", "", b"\r\n", ""),
        Client::new("the preface of HTTP/2 and no more", PREFACE, b"", ""),
        Client::new("half a preface", &PREFACE[..10], b"", ""),
        Client::new("an HTTP/2 connection without a request", settled(), PING, ""),
        Client::new("an HTTP/2 head that stops", [settled(), half_head()].concat(), b"", ""),
        Client::new("an HTTP/2 head that goes on", [settled(), half_head()].concat(), MORE, ""),
    ]
}

/// Bodies that never end, by each method and on each kind of route that reads one.
fn bodies() -> Vec<Client> {
    let routes = [
        ("POST", "/billing/register"),
        ("POST", "/billing/pay"),
        ("POST", "/billing/subscribe"),
        ("POST", "/billing/refund"),
        ("POST", "/billing/cancel"),
        ("PATCH", "/billing/subscription/x"),
        ("DELETE", "/billing/key/x"),
        ("POST", "/easypay/prepare"),
        ("POST", "/easypay/cancel"),
        ("POST", "/events/x/redeliver"),
    ];
    let mut clients = Vec::new();
    for (method, path) in routes {
        let sized = head(method, path, "Content-Length: 500\r\n") + "{";
        let chunked = head(method, path, "Transfer-Encoding: chunked\r\n") + "1\r\n{\r\n";
        clients.extend([
            Client::new(
                &format!("a byte at a time: {path}"),
                sized.as_str(),
                b" ",
                "request_timeout",
            ),
            Client::new(&format!("a body that stops: {path}"), sized, b"", "request_timeout"),
            Client::new(
                &format!("chunks: {path}"),
                chunked.as_str(),
                b"1\r\n \r\n",
                "request_timeout",
            ),
            Client::new(&format!("one chunk: {path}"), chunked, b"", "request_timeout"),
        ]);
    }
    for path in ["/webhook/kiwoom", "/webhook/noti"] {
        let sized = head("POST", path, "Content-Length: 500\r\n");
        clients.push(Client::new(&format!("slow: {path}"), sized, b"A", "FAIL"));
    }
    let expects = head("POST", "/billing/pay", "Expect: 100-continue\r\nContent-Length: 9\r\n");
    clients.push(Client::new("a body that was announced", expects, b"", "request_timeout"));
    let two = [settled(), whole_head(), data(b"{")].concat();
    clients.push(Client::new("an HTTP/2 body that goes on", two.clone(), BYTE, "request_timeout"));
    clients.push(Client::new("an HTTP/2 body that stops", two, b"", "request_timeout"));
    clients
}

/// Bodies that are larger or longer than they may be or than they said.
fn wrong() -> Vec<Client> {
    let whole = card("4111111111111111").to_string();
    let large = "x".repeat(70_000);
    let post = |rest: &str| head("POST", "/billing/register", rest);
    let chunk = format!("{:x}\r\n{large}\r\n", large.len());
    let sized = |length: usize| post(&format!("Content-Length: {length}\r\n"));
    let chunked = post("Transfer-Encoding: chunked\r\n");
    let smuggled = format!("0\r\n\r\n{}", head("DELETE", "/billing/key/x", ""));
    let both = |first: &str, second: &str| post(&format!("{first}\r\n{second}\r\n"));
    let (length, te) = ("Content-Length: 5", "Transfer-Encoding: chunked");
    vec![
        Client::new("70 KB", sized(large.len()) + &large, b"", "payload_too_large"),
        Client::new("70 KB in a chunk", chunked.clone() + &chunk, b"", "payload_too_large"),
        Client::new(
            "chunks without end",
            chunked.clone() + &chunk,
            b"1\r\n \r\n",
            "payload_too_large",
        ),
        Client::new("a length of 1 TB", sized(1 << 40) + &large, b"", "payload_too_large"),
        Client::new("more than was said", sized(1) + &whole, b"", "invalid_json"),
        Client::new("a chunk of no length", chunked.clone() + "zz\r\n{}\r\n", b"", "invalid_json"),
        Client::new("a chunk too long", chunked + "1\r\n{}}}\r\n0\r\n\r\n", b"", "invalid_json"),
        Client::new("a negative length", post("Content-Length: -1\r\n"), b"", "400"),
        Client::new("a length that is none", post("Content-Length: 0x10\r\n"), b"", "400"),
        Client::new("two lengths", both(length, "Content-Length: 6"), b"", "400"),
        Client::new("a list of lengths", post("Content-Length: 5, 6\r\n"), b"", "400"),
        Client::new("both, with another request inside", both(length, te) + &smuggled, b"", "400"),
        Client::new("both the other way", both(te, length) + &smuggled, b"", "400"),
        Client::new("an unknown coding", post("Transfer-Encoding: xchunked\r\n"), b"", "400"),
        Client::new("a folded head", post("Transfer-Encoding:\r\n chunked\r\n"), b"", "400"),
        Client::new("a space before the colon", post("Content-Length : 5\r\n"), b"", "400"),
        Client::new("a bare carriage return", post("X-A: b\rContent-Length: 5\r\n"), b"", "400"),
        Client::new("a version that is none", "GET / HTTP/9.9\r\nHost: a\r\n\r\n", b"", "400"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_never_ends_is_over_in_ten_seconds_and_changes_nothing() {
    let app = TestApp::start().await;
    let before = app.everything().await;
    let clients: Vec<Client> = [heads(), bodies(), wrong()].into_iter().flatten().collect();
    assert_eq!(clients.len(), 10 + 45 + 18);
    let ends = join_all(clients.into_iter().map(|client| client.goes(&app))).await;
    for (client, seen, _) in &ends {
        let Client { name, answer, .. } = client;
        assert!(seen.contains(answer), "{name}: {seen:?}");
        // Closed without a word: HTTP/2's own frames are no answer.
        assert!(!answer.is_empty() || !seen.contains("success"), "{name}: {seen:?}");
        // The rest of the body would be in the way of the next request.
        if ["payload_too_large", "request_timeout"].contains(answer) && !name.contains("HTTP/2") {
            assert!(seen.contains("\r\nconnection: close\r\n"), "{name}: {seen:?}");
        }
        assert!(!seen.contains(" 200 OK") && !seen.contains("201 Created"), "{name}: {seen:?}");
    }
    assert_eq!(app.everything().await, before);
    app.register("4111111111111111").await;
}

// HTTP/2 by hand: only so can a client break off in the middle of a frame.

const PING: &[u8] = &[0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
/// One more header, in a CONTINUATION that does not end the head.
const MORE: &[u8] = &[0, 0, 5, 9, 0, 0, 0, 0, 1, 0, 1, b'a', 1, b'b'];
/// DATA of one byte.
const BYTE: &[u8] = &[0, 0, 1, 0, 0, 0, 0, 0, 1, b' '];

fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let [.., high, low] = payload.len().to_be_bytes();
    [&[0, high, low, kind, flags, 0, 0, 0, stream], payload].concat()
}

/// The preface and empty SETTINGS.
fn settled() -> Vec<u8> {
    [PREFACE, &frame(4, 0, 0, &[])].concat()
}

/// Header fields as HPACK writes literals that are not indexed.
fn fields(fields: &[(&str, &str)]) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    fields.iter().flat_map(|(name, value)| [vec![0], text(name), text(value)].concat()).collect()
}

fn post() -> Vec<u8> {
    fields(&[
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/billing/register"),
        (":authority", "a"),
        ("content-type", "application/json"),
    ])
}

fn half_head() -> Vec<u8> {
    frame(1, 0, 1, &post())
}

fn whole_head() -> Vec<u8> {
    frame(1, 4, 1, &post())
}

fn data(bytes: &[u8]) -> Vec<u8> {
    frame(0, 0, 1, bytes)
}
