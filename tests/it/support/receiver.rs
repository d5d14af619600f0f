//! The merchant's backend, as far as events go: takes deliveries, checks their signatures, and
//! fails, hangs and restarts on demand.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::CONNECTION;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::routing::post;
use serde_json::Value;
use standardwebhooks::Webhook;
use tokio::task::JoinHandle;

use crate::support::app::TestApp;

pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// What the receiver does with a delivery, in place of taking it.
#[derive(Clone, Copy, Debug)]
pub enum Mood {
    Fails,
    /// Answers 422.
    Refuses,
    Redirects,
    Hangs,
    /// Takes it, and its answer is lost.
    TakesAndFails,
}

type Rule = Box<dyn Fn(&Value) -> Option<Mood> + Send>;

#[derive(Default)]
struct Books {
    taken: Vec<Value>,
    calls: usize,
    moods: VecDeque<Option<Mood>>,
    rule: Option<Rule>,
    last: Option<(HeaderMap, Bytes)>,
    secret: Option<String>,
}

pub struct Receiver {
    address: SocketAddr,
    books: Arc<Mutex<Books>>,
    server: Arc<Mutex<JoinHandle<()>>>,
}

impl Receiver {
    pub async fn start() -> Self {
        let books = Arc::default();
        let (address, server) = serve("127.0.0.1:0".parse().unwrap(), Arc::clone(&books)).await;
        Self { address, books, server: Arc::new(Mutex::new(server)) }
    }

    /// The settings of a service that delivers to it.
    pub fn settings(&self) -> [(&'static str, String); 2] {
        [("MERCHANT_WEBHOOK_URL", self.url()), ("MERCHANT_WEBHOOK_SECRET", SECRET.to_owned())]
    }

    /// Where deliveries go.
    pub fn url(&self) -> String {
        format!("http://{}/events", self.address)
    }

    /// With which secret deliveries are signed from now on, in place of [`SECRET`].
    pub fn expect(&self, secret: &str) {
        self.books.lock().unwrap().secret = Some(secret.to_owned());
    }

    /// A service that delivers to it.
    pub async fn app(&self) -> TestApp {
        self.app_with(&[]).await
    }

    /// With these settings besides.
    pub async fn app_with(&self, settings: &[(&str, &str)]) -> TestApp {
        let [(url, at), (secret, value)] = self.settings();
        TestApp::with(&[settings, &[(url, &at), (secret, &value)]].concat()).await
    }

    /// How the next deliveries fare; `None` is taken as it should be.
    pub fn moods(&self, moods: impl IntoIterator<Item = Option<Mood>>) {
        self.books.lock().unwrap().moods.extend(moods);
    }

    /// How a delivery fares whose turn has no mood of its own, by its event.
    pub fn rule(&self, rule: impl Fn(&Value) -> Option<Mood> + Send + 'static) {
        self.books.lock().unwrap().rule = Some(Box::new(rule));
    }

    /// Header and body of the last delivery.
    pub fn last(&self) -> (HeaderMap, Bytes) {
        self.books.lock().unwrap().last.clone().expect("a delivery")
    }

    /// Waits until it has taken so many events, without hurrying any.
    pub async fn until_taken(&self, events: usize, within: Duration) {
        let since = Instant::now();
        while self.taken().len() < events {
            let taken = self.taken().len();
            assert!(since.elapsed() < within, "{taken} of {events} were taken");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What was taken, in order of arrival, once for each id.
    pub fn taken(&self) -> Vec<Value> {
        let mut seen = std::collections::HashSet::new();
        let taken = self.books.lock().unwrap().taken.clone();
        taken.into_iter().filter(|event| seen.insert(event["id"].to_string())).collect()
    }

    /// How often it was called.
    pub fn calls(&self) -> usize {
        self.books.lock().unwrap().calls
    }

    /// Once called so often it is gone for a while, and back at the same address.
    pub fn restarts_after(&self, calls: usize) -> JoinHandle<()> {
        let (address, books, server) = (self.address, self.books.clone(), self.server.clone());
        tokio::spawn(async move {
            while books.lock().unwrap().calls < calls {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            server.lock().unwrap().abort();
            tokio::time::sleep(Duration::from_secs(1)).await;
            let back = serve(address, books).await.1;
            *server.lock().unwrap() = back;
        })
    }

    /// Waits until everything is delivered. Tries that are planned for later are made now. An error
    /// when nothing gets less for a minute.
    pub async fn until_delivered(&self, app: &TestApp) {
        let (mut least, mut since) = (i64::MAX, Instant::now());
        loop {
            let rows: i64 = sqlx::query_scalar(
                "with hurried as (
                    update event_deliveries set next_at = now() where state = 'waiting' returning 1)
                 select (select count(*) from hurried)
                    + (select count(*) from events
                        where position > (select coalesce(max(position), 0) from event_data)
                        or position > (select min(position) from webhook_endpoints
                            where enabled and deleted_at is null))",
            )
            .fetch_one(&app.service.ctx.pool)
            .await
            .unwrap();
            if rows == 0 {
                return;
            }
            if rows < least {
                (least, since) = (rows, Instant::now());
            }
            assert!(since.elapsed() < Duration::from_mins(1), "{rows} left");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

async fn serve(at: SocketAddr, books: Arc<Mutex<Books>>) -> (SocketAddr, JoinHandle<()>) {
    let listener = tokio::net::TcpListener::bind(at).await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route("/events", post(take)).with_state(books);
    let server = async move { axum::serve(listener, router).await.unwrap() };
    (address, tokio::spawn(server))
}

async fn take(
    State(books): State<Arc<Mutex<Books>>>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, HeaderMap) {
    let (mood, event) = {
        let mut books = books.lock().unwrap();
        books.calls += 1;
        let secret = books.secret.as_deref().unwrap_or(SECRET);
        Webhook::new(secret).unwrap().verify(&body, &headers).expect("a good signature");
        let event: Value = serde_json::from_slice(&body).unwrap();
        let by_rule = books.rule.as_ref().and_then(|rule| rule(&event));
        let mood = books.moods.pop_front().unwrap_or(by_rule);
        books.last = Some((headers.clone(), body));
        assert_eq!(event["id"], headers["webhook-id"].to_str().unwrap());
        (mood, event)
    };
    // A connection that was kept would outlive a restart.
    let mut answer = HeaderMap::from_iter([(CONNECTION, HeaderValue::from_static("close"))]);
    let status = match mood {
        Some(Mood::Fails | Mood::TakesAndFails) => StatusCode::INTERNAL_SERVER_ERROR,
        Some(Mood::Refuses) => StatusCode::UNPROCESSABLE_ENTITY,
        Some(Mood::Redirects) => {
            answer.insert("location", "/events".parse().unwrap());
            StatusCode::TEMPORARY_REDIRECT
        }
        Some(Mood::Hangs) => {
            tokio::time::sleep(Duration::from_secs(12)).await;
            StatusCode::OK
        }
        None => StatusCode::NO_CONTENT,
    };
    if matches!(mood, None | Some(Mood::TakesAndFails)) {
        books.lock().unwrap().taken.push(event);
    }
    (status, answer)
}
