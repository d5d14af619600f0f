//! 이벤트: what happened, how it was delivered, and delivering it again.

use askama::Template;
use axum::Router;
use axum::extract::{Path, Query};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::console::Shared;
use crate::console::api::{path_with, segment};
use crate::console::form::Form;
use crate::console::frame::{Console, Page};

/// The routes.
pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/events", get(list))
        .route("/events/redeliver", post(redeliver_since))
        .route("/events/{id}", get(show))
        .route("/events/{id}/redeliver", post(redeliver))
}

/// What the list is narrowed to, as the page's address has it.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Search {
    r#type: String,
    delivery: String,
    object_id: String,
    cursor: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    id: String,
    r#type: String,
    timestamp: String,
    object: String,
    subscription_id: Option<String>,
    data: Option<Value>,
}

impl Event {
    /// The id of the object that it is of.
    fn object_id(&self) -> &str {
        let data = self.data.as_ref().unwrap_or(&Value::Null);
        ["id", "billingKey", "orderId"]
            .iter()
            .find_map(|name| data[*name].as_str())
            .unwrap_or_default()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    items: Vec<Event>,
    next_cursor: Option<String>,
}

#[derive(Template)]
#[template(path = "events/list.html")]
struct ListPage<'a> {
    c: &'a Console,
    search: &'a Search,
    found: Found,
    next: Option<String>,
    endpoints: Vec<Endpoint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Endpoint {
    id: String,
    url: String,
    enabled: bool,
    health: Health,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Health {
    last_success_at: Option<String>,
    last_failure_at: Option<String>,
    last_failure: Option<String>,
    waiting: i64,
    given_up: i64,
}

#[derive(Deserialize)]
struct Endpoints {
    items: Vec<Endpoint>,
}

impl Endpoint {
    /// Without a query, which may hold what it is reached by.
    fn address(&self) -> &str {
        self.url.split_once('?').map_or(&self.url, |(address, _)| address)
    }
}

/// How deliveries stand.
const DELIVERIES: [&str; 3] = ["waiting", "delivered", "given_up"];

async fn list(c: Console, Query(search): Query<Search>) -> Page {
    let narrowed = |path: &str, order: &str, cursor: &str| {
        path_with(
            path,
            [
                ("order", order),
                ("type", search.r#type.trim()),
                ("delivery", search.delivery.trim()),
                ("objectId", search.object_id.trim()),
                ("cursor", cursor),
            ],
        )
    };
    let found: Found = c.get(&narrowed("/events", "newest", &search.cursor)).await?;
    let next = found.next_cursor.as_deref().map(|cursor| narrowed("/console/events", "", cursor));
    let endpoints = if c.can("admin") {
        c.get::<Endpoints>("/webhook-endpoints").await?.items
    } else {
        Vec::new()
    };
    c.page(&ListPage { c: &c, search: &search, found, next, endpoints })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    #[serde(flatten)]
    event: Event,
    deliveries: Vec<Delivery>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delivery {
    endpoint_id: String,
    state: String,
    next_at: Option<String>,
    refused: bool,
    attempts: Vec<Attempt>,
}

#[derive(Deserialize)]
struct Attempt {
    at: String,
    millis: i64,
    status: Option<i64>,
    failure: Option<String>,
}

#[derive(Template)]
#[template(path = "events/show.html")]
struct ShowPage<'a> {
    c: &'a Console,
    event: &'a Event,
    deliveries: &'a [Delivery],
    data: String,
}

async fn show(c: Console, Path(id): Path<String>) -> Page {
    let detail: Detail = c.get(&format!("/events/{}", segment(&id))).await?;
    let data = detail.event.data.as_ref().map(|data| format!("{data:#}")).unwrap_or_default();
    let deliveries = &detail.deliveries;
    c.page(&ShowPage { c: &c, event: &detail.event, deliveries, data })
}

async fn redeliver(c: Console, Path(id): Path<String>, form: Form) -> Page {
    let id = segment(&id);
    let _: Value = c.post(&format!("/events/{id}/redeliver"), &json!({}), &form).await?;
    let ko = "이벤트를 다시 보냅니다.";
    c.done(&format!("/console/events/{id}"), ko, "The event is delivered again.")
}

#[derive(Deserialize)]
struct Redelivered {
    events: i64,
}

async fn redeliver_since(c: Console, form: Form) -> Page {
    // The field of a browser has neither seconds nor a zone: the page's times are Korea's.
    let since = form.text("since");
    let is_minute = since.len() == "2026-12-15T10:00".len();
    let since = if is_minute { format!("{since}:00+09:00") } else { since.to_owned() };
    let body = json!({"since": since, "undeliveredOnly": form.has("undeliveredOnly")});
    let done: Redelivered = c.post("/events/redeliver", &body, &form).await?;
    let number = c.number(done.events);
    let ko = format!("이벤트 {number}건을 다시 보냅니다.");
    c.done("/console/events", &ko, &format!("{number} events are delivered again."))
}
