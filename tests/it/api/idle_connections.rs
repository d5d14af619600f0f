//! Clients that open connections and do not go on: they keep nobody out.

use std::time::Duration;

use futures::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::app::{card, one_off};
use crate::support::process::{Process, World};

const HALF_A_HEAD: &[u8] = b"POST /billing/pay HTTP/1.1\r\nHost: localhost\r\nContent-Ty";
const WHOLE: &[u8] = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n";
/// What a client of the service waits at most: far longer than any answer takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// Connects and sends `bytes`.
async fn connected(service: &Process, bytes: &[u8]) -> TcpStream {
    let address = service.base.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream
}

async fn many(service: &Process, count: usize) -> Vec<TcpStream> {
    let mut streams = Vec::new();
    for _ in 0..count {
        streams.push(connected(service, HALF_A_HEAD).await);
    }
    streams
}

/// Waits until the other side has closed it.
async fn closed(mut stream: TcpStream) {
    let mut rest = Vec::new();
    // A reset is an end, too.
    drop(timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("still open"));
    assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
}

/// Asks for `/health/live` on a connection that is kept open.
async fn asked(stream: &mut TcpStream) {
    stream.write_all(WHOLE).await.unwrap();
    let mut answer = [0; 12];
    timeout(PATIENCE, stream.read_exact(&mut answer)).await.expect("an answer").unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    // The rest of an answer that ends in `}}`.
    let mut last = [0; 2];
    while last != *b"}}" {
        last = [last[1], timeout(PATIENCE, stream.read_u8()).await.expect("all of it").unwrap()];
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn half_sent_requests_are_closed_and_nobody_is_kept_out_meanwhile() {
    rlimit::increase_nofile_limit(u64::MAX).unwrap();
    let world = World::start().await;
    let service = world.service("service", &[]).await;
    let mut kept_open = connected(&service, b"").await;
    asked(&mut kept_open).await;
    let silent = connected(&service, b"").await;
    let half_open = many(&service, 1500).await;
    let key = service.post("/billing/register", &card("4111111111111111")).await.data(201);
    let key = key["billingKey"].as_str().unwrap();
    service.post("/billing/pay", &one_off(key)).await.data(200);
    service.ready().await;
    join_all(half_open.into_iter().map(closed)).await;
    closed(silent).await;
    // Longer idle than any of those, on a connection that has served a request.
    asked(&mut kept_open).await;
}

/// The limit of open files leaves places for 150 connections.
#[tokio::test(flavor = "multi_thread")]
async fn when_all_places_are_taken_those_who_sent_no_request_make_room() {
    let world = World::start().await;
    let service = world.service("service", &[("OPEN_FILES", "300")]).await;
    let mut kept_open = connected(&service, b"").await;
    asked(&mut kept_open).await;
    let mut half_open = many(&service, 400).await;
    for _ in 0..20 {
        let mut new = connected(&service, b"").await;
        asked(&mut new).await;
        half_open.push(connected(&service, HALF_A_HEAD).await);
    }
    asked(&mut kept_open).await;
    // The oldest went for the newest, which still has its place.
    let newest = half_open.pop().unwrap();
    join_all(half_open.drain(..200).map(closed)).await;
    let rest = b"pe: application/json\r\nContent-Length: 2\r\n\r\n{}";
    let mut newest = newest;
    newest.write_all(rest).await.unwrap();
    let mut answer = [0; 12];
    timeout(PATIENCE, newest.read_exact(&mut answer)).await.expect("an answer").unwrap();
    assert_eq!(&answer, b"HTTP/1.1 400");
    let log = service.output();
    assert!(log.contains("few open files are allowed"), "{log}");
    assert!(!log.contains("connection not accepted"), "{log}");
}
