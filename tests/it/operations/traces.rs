//! Traces: `traceparent` in and out, and spans at a collector that takes OTLP over HTTP.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use prost::Message;
use serde_json::json;

use crate::support::app::{Reply, card};
use crate::support::process::{Process, World};
use crate::support::receiver::Receiver;
use crate::support::subscriptions::APPROVED;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// What a collector was given.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<(Span, String)>>>);

impl Collector {
    async fn start() -> (Self, String) {
        let collector = Self::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().route("/v1/traces", post(take)).with_state(collector.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        (collector, url)
    }

    /// The spans of the trace, once one of this name is there.
    async fn until(&self, trace: &str, name: &str) -> Vec<Span> {
        let since = Instant::now();
        loop {
            let all = self.0.lock().unwrap().clone();
            let ours = |(span, _): &&(Span, String)| hex::encode(&span.trace_id) == trace;
            let spans: Vec<Span> = all.iter().filter(ours).map(|(span, _)| span.clone()).collect();
            if spans.iter().any(|span| span.name == name) {
                return spans;
            }
            let names: Vec<_> = all.iter().map(|(span, _)| span.name.clone()).collect();
            assert!(since.elapsed() < Duration::from_secs(30), "{names:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

async fn take(State(collector): State<Collector>, headers: HeaderMap, body: Bytes) {
    assert_eq!(headers["content-type"], "application/x-protobuf");
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    for resource in request.resource_spans {
        let of = format!("{:?}", resource.resource);
        let spans = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
        collector.0.lock().unwrap().extend(spans.map(|span| (span, of.clone())));
    }
}

async fn register(service: &Process, headers: &[(&str, &str)]) -> Reply {
    let card = card(APPROVED);
    service.try_post("/billing/register", headers, &card).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callers_trace_goes_through_the_request_and_on_with_the_delivery() {
    let receiver = Receiver::start().await;
    let app = receiver.app().await;
    let card = card(APPROVED);
    let call = app.request(reqwest::Method::POST, "/billing/register").json(&card);
    let reply = app.send(call.header("traceparent", CALLER)).await;
    reply.data(201);
    let answered = reply.headers["traceresponse"].to_str().unwrap().to_owned();
    assert!(
        answered.starts_with(&format!("00-{TRACE}-")) && answered.ends_with("-01"),
        "{answered}"
    );
    receiver.until_taken(1, Duration::from_secs(30)).await;
    let told = receiver.last().0["traceparent"].to_str().unwrap().to_owned();
    assert!(told.starts_with(&format!("00-{TRACE}-")), "{told}");
    assert!(told != answered && told != CALLER, "each step has a span of its own");

    let plain = app.get("/health/live").await.headers["traceresponse"].clone();
    let other = app.get("/health/live").await.headers["traceresponse"].clone();
    assert_ne!(plain, other, "one is made where the caller has none");
    let call = app.request(reqwest::Method::GET, "/health/live");
    let wrong = app.send(call.header("traceparent", "00-4111111111111111")).await;
    assert!(!wrong.headers["traceresponse"].to_str().unwrap().contains("4111"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_is_given_the_spans_of_a_request_and_nothing_that_is_secret() {
    let (collector, url) = Collector::start().await;
    let receiver = Receiver::start().await;
    let world = World::start().await;
    let [(to, at), (secret, value)] = receiver.settings();
    let settings = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str()),
        ("OTEL_BSP_SCHEDULE_DELAY", "200"),
        // What the log shows is another matter.
        ("RUST_LOG", "warn"),
        (to, &at),
        (secret, &value),
    ];
    let service = world.service("service", &settings).await;
    let key = register(&service, &[]).await.data(201)["billingKey"].clone();
    let body = json!({
        "billingKey": key, "customerId": "user123", "amount": 9900, "productName": "구독",
    });
    let reply = service.try_post("/billing/pay?x=hidden-word", &[("traceparent", CALLER)], &body);
    let reply = reply.await.unwrap();
    reply.data(200);
    let spans = collector.until(TRACE, "delivery").await;
    let of = |name: &str| {
        let found = spans.iter().find(|span| span.name == name);
        found.unwrap_or_else(|| panic!("{name}: {spans:?}")).clone()
    };
    let request = of("POST /billing/pay");
    assert_eq!(hex::encode(&request.parent_span_id), "00f067aa0ba902b7");
    assert_eq!(request.kind, SpanKind::Server as i32);
    let response = reply.headers["traceresponse"].to_str().unwrap().to_owned();
    assert_eq!(response, format!("00-{TRACE}-{}-01", hex::encode(&request.span_id)));
    for (name, kind) in [
        ("gateway.ready", SpanKind::Client),
        ("intent.commit", SpanKind::Internal),
        ("gateway.send", SpanKind::Client),
        ("outcome.record", SpanKind::Internal),
    ] {
        let span = of(name);
        assert_eq!((&span.parent_span_id, span.kind), (&request.span_id, kind as i32), "{name}");
        assert!(span.end_time_unix_nano <= request.end_time_unix_nano);
    }
    assert_eq!(of("delivery").parent_span_id, request.span_id);
    let all = collector.0.lock().unwrap().clone();
    let text = format!("{all:?}");
    assert!(text.contains("kiwoom-billing"), "{text}");
    for secret in ["4111111111111111", "hidden-word", "901231", "홍길동", "user123", &value[6..]]
    {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    assert!(all.iter().all(|(span, _)| span.events.is_empty()), "lines of the log stay there");
    assert_eq!(service.terminate().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_dead_or_hangs_costs_no_request_anything() {
    // It takes connections and never answers.
    let hanging = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hanging = (format!("http://{}", hanging.local_addr().unwrap()), hanging);
    let world = World::start().await;
    let dead = ("http://127.0.0.1:9".to_owned(), "dead");
    for (url, name) in [(hanging.0.as_str(), "hanging"), (dead.0.as_str(), dead.1)] {
        let settings = [("OTEL_EXPORTER_OTLP_ENDPOINT", url), ("OTEL_BSP_SCHEDULE_DELAY", "100")];
        let service = world.service(name, &settings).await;
        let mut slowest = Duration::ZERO;
        for _ in 0..4_000 {
            let since = Instant::now();
            assert_eq!(service.get("/health/live").await.status, 200);
            slowest = slowest.max(since.elapsed());
        }
        register(&service, &[]).await.data(201);
        assert!(slowest < Duration::from_secs(10), "{name}: {slowest:?}");
        let dropped = |reply: &Reply| {
            let lines = reply.text.lines();
            let lines = lines.filter(|l| l.starts_with("kiwoom_billing_spans_dropped_total"));
            let counts = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
            counts.sum::<f64>() > 0.0
        };
        service.until(|| service.get("/metrics"), dropped).await;
        let since = Instant::now();
        assert_eq!(service.terminate().code(), Some(0));
        assert!(since.elapsed() < Duration::from_secs(15), "{name}: {:?}", since.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_names_the_trace() {
    let world = World::start().await;
    let service = world.service("service", &[("LOG_FORMAT", "json")]).await;
    register(&service, &[("traceparent", CALLER)]).await.data(201);
    let output = service.output();
    let line = output.lines().find(|line| line.contains("/billing/register")).unwrap();
    assert!(line.contains(TRACE), "{line}");
}
