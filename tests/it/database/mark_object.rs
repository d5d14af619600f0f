//! The newest event and the pause in an object of an S3-compatible store: machines come and go, and
//! their disks with them.

use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::{AUTHORIZATION, ETAG, LAST_MODIFIED};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use kiwoom_billing::storage::database::private::{DATABASE, PrivateServer};
use tokio::net::TcpListener;

use crate::database::rolled_back_database::{Volume, resume};
use crate::support::process::{Folder, Process, free_port, run};

const OBJECT: &str = "/shop/kiwoom/mark";

type Held = Arc<Mutex<Option<Bytes>>>;

/// As much of an object store as one object needs.
struct Store {
    port: u16,
    held: Held,
}

impl Store {
    async fn start_on(port: u16) -> Self {
        let held = Held::default();
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let router = Router::new().fallback(serve).with_state(held.clone());
        tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
        Self { port, held }
    }

    fn text(&self) -> String {
        let held = self.held.lock().unwrap().clone().unwrap_or_default();
        String::from_utf8(held.into()).unwrap()
    }
}

async fn serve(
    State(held): State<Held>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let signed = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    if uri.path() != OBJECT || !signed.is_some_and(|text| text.starts_with("AWS4-HMAC-SHA256 ")) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let mut held = held.lock().unwrap();
    if method == Method::PUT {
        *held = Some(body);
        return [(ETAG, "\"1\"")].into_response();
    }
    let described = [(ETAG, "\"1\""), (LAST_MODIFIED, "Sun, 29 Nov 2026 00:00:00 GMT")];
    held.clone()
        .map_or_else(|| StatusCode::NOT_FOUND.into_response(), |b| (described, b).into_response())
}

/// What every machine is given.
fn settings(database: &str, port: u16) -> Vec<(&'static str, String)> {
    vec![
        ("DATABASE_URL", database.to_owned()),
        ("BILLING_KEY_SECRET", "5a".repeat(32)),
        ("HIGH_WATER_MARK_URL", "s3://shop/kiwoom/mark".to_owned()),
        ("AWS_ENDPOINT", format!("http://127.0.0.1:{port}")),
        ("AWS_ALLOW_HTTP", "true".to_owned()),
        ("AWS_ACCESS_KEY_ID", "shop".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "shop-secret".to_owned()),
    ]
}

fn borrowed<'a>(all: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    all.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

/// A machine with an empty disk.
async fn machine(server: &PrivateServer, port: u16) -> (Folder, Process) {
    let dir = Folder::new();
    let all = settings(&server.url(DATABASE), port);
    let process = Process::service(&dir, "service", &borrowed(&all)).await;
    (dir, process)
}

async fn charging(process: &Process) -> String {
    let ready = process.ready().await;
    let because = ready["pausedBecause"].as_str().map(|why| format!(": {why}"));
    format!("{}{}", ready["scheduledCharging"].as_str().unwrap(), because.unwrap_or_default())
}

fn pause(server_url: &str, port: u16, data_dir: &Path) -> Result<String, String> {
    let mut all = settings(server_url, port);
    all.push(("DATA_DIR", data_dir.display().to_string()));
    run(&["pause-charging", "--reason", "restore"], &borrowed(&all))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_roll_back_while_no_machine_was_left_is_noticed_by_the_object() {
    let store = Store::start_on(free_port()).await;
    let (volume, server) = Volume::start().await;
    let (_dir, first) = machine(&server, store.port).await;
    assert_eq!(charging(&first).await, "on");
    first.terminate();
    let server = volume.snapshot(server).await;
    let (_dir, second) = machine(&server, store.port).await;
    second.register().await;
    // The newest event is kept at a stop, and that is what no machine has any more.
    second.terminate();
    assert!(store.text().contains(r#""mark":{"seq":"#), "{}", store.text());
    let server = volume.roll_back(server).await;

    let (_dir, third) = machine(&server, store.port).await;
    assert_eq!(charging(&third).await, "paused: paused");
    assert!(third.output().contains("the database went back in time"), "{}", third.output());
    resume(&server);
    assert_eq!(charging(&third).await, "on");
    third.register().await;
    third.terminate();
    let (_dir, fourth) = machine(&server, store.port).await;
    assert_eq!(charging(&fourth).await, "on");
    fourth.terminate();
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_is_kept_in_the_object_and_nothing_is_charged_before_that_was_read() {
    let (volume, server) = Volume::start().await;
    let port = free_port();
    let (_dir, early) = machine(&server, port).await;
    assert_eq!(charging(&early).await, "paused: unread");
    let refused = run(&["resume-charging"], &borrowed(&settings(&server.url(DATABASE), port)));
    assert!(refused.is_err(), "{refused:?}");
    let store = Store::start_on(port).await;
    let ask = || early.get("/health/ready");
    early.until(ask, |reply| reply.text.contains(r#""scheduledCharging":"on""#)).await;
    early.terminate();

    // Said from a desk, while the database is away.
    let url = server.url(DATABASE);
    server.stop().await;
    let told = pause(&url, port, &Folder::new()).unwrap_err();
    assert!(
        told.contains("kept in HIGH_WATER_MARK_URL") && told.contains("cannot be reached"),
        "{told}"
    );
    assert!(store.text().contains(r#""reason":"restore""#), "{}", store.text());
    let server = volume.start_again().await;
    let (_dir, late) = machine(&server, port).await;
    assert_eq!(charging(&late).await, "paused: paused");
    assert!(late.output().contains("(scheduled charging is paused): restore"), "{}", late.output());
    resume(&server);
    assert_eq!(charging(&late).await, "on");
    late.terminate();
    server.stop().await;
}
