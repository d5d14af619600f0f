//! Answers that come before the request has ended, and requests that are none: over real sockets.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::support::app::TestApp;
use crate::support::process::World;

const KEY: &str = "a-key-of-the-tests-0123456789";
const PATIENCE: Duration = Duration::from_secs(20);
/// More than both sides' kernels hold.
const LARGE: usize = 24 * 1024 * 1024;

fn head(method: &str, path: &str, rest: &str) -> Vec<u8> {
    format!("{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n{rest}\r\n")
        .into_bytes()
}

/// A client that sends all it has before it reads, as many do: the answer.
async fn told(base: &str, parts: &[&[u8]]) -> String {
    let address = base.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    let exchange = async {
        for part in parts {
            stream.write_all(part).await.expect("nobody resets the connection");
            sleep(Duration::from_millis(200)).await;
        }
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("nor now");
        String::from_utf8(answer).unwrap()
    };
    timeout(PATIENCE, exchange).await.expect("an end")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_reaches_a_client_that_is_still_sending() {
    let app = TestApp::with(&[("API_KEYS", KEY)]).await;
    let (large, small) = (vec![b'x'; LARGE], vec![b'x'; 2000]);
    let key = format!("Authorization: Bearer {KEY}\r\n");
    let sized = |body: &[u8]| format!("Content-Length: {}\r\n", body.len());
    for (body, path, more, code) in [
        (&large, "/billing/pay", &*key, "payload_too_large"),
        (&large, "/billing/pay", "", "unauthorized"),
        (&large, "/nowhere", &key, "not_found"),
        (&small, "/billing/pay", "Connection: close\r\n", "unauthorized"),
    ] {
        let head = head("POST", path, &format!("{more}{}", sized(body)));
        // At once, and after the answer has been sent.
        for parts in [vec![&*[&*head, body].concat()], vec![&*head, body]] {
            let answer = told(&app.base, &parts).await;
            assert!(answer.contains(code), "{path}: {answer}");
            assert!(answer.to_lowercase().contains("connection: close"), "{path}: {answer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_client_that_never_ends_is_waited_for_no_longer_than_seconds() {
    let app = TestApp::with(&[("API_KEYS", KEY)]).await;
    let address = app.base.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&head("POST", "/billing/pay", "Content-Length: 90000\r\n")).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let since = Instant::now();
    let sending = async {
        while stream.write_all(b"x").await.is_ok() {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(PATIENCE, sending).await.expect("an end");
    assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
    app.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_http_is_answered_counted_and_told_of_without_its_bytes() {
    let world = World::start().await;
    let service = world.service("service", &[]).await;
    // EUC-KR of 홍길동, as it stands.
    let name = [0xc8, 0xab, 0xb1, 0xe6, 0xb5, 0xbf];
    let request =
        [b"GET /webhook/kiwoom?USERNAME=".as_slice(), &name, b"HIDDEN HTTP/1.1\r\nHost: a\r\n\r\n"];
    let more = [request.concat(), vec![b'x'; LARGE / 4]].concat();
    for request in [&*request.concat(), b"GET / HTTP/9.9\r\nHost: a\r\n\r\n", &more] {
        let answer = told(&service.base, &[request]).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    }
    let metrics = service.get("/metrics").await.text;
    assert!(metrics.contains("\nkiwoom_billing_malformed_requests_total 3\n"), "{metrics}");
    let output = service.output();
    assert_eq!(output.matches("not HTTP").count(), 1, "one line in ten seconds: {output}");
    assert!(output.contains("127.0.0.1:") && output.contains("invalid URI"), "{output}");
    assert!(!output.contains("HIDDEN"), "{output}");
}
