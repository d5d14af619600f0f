//! Refunds: those whose outcome is unknown, and settling them.

use askama::Template;
use axum::Router;
use axum::extract::{Path, Query};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::Value;

use crate::console::Shared;
use crate::console::api::{path_with, segment};
use crate::console::form::Form;
use crate::console::frame::{Console, Page};
use crate::console::pages::answers::{List, Refund};

pub fn routes() -> Router<Shared> {
    Router::new().route("/refunds", get(list)).route("/refunds/{id}/resolve", post(resolve))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Search {
    status: String,
    cursor: String,
}

impl Search {
    fn path(&self, path: &str, cursor: &str) -> String {
        path_with(path, [("status", self.status.as_str()), ("cursor", cursor)])
    }
}

#[derive(Template)]
#[template(path = "payments/refunds.html")]
struct ListPage<'a> {
    c: &'a Console,
    search: &'a Search,
    found: List<Refund>,
    next: Option<String>,
}

const STATUSES: [&str; 4] = ["pending", "refunded", "declined", "unknown"];

async fn list(c: Console, Query(search): Query<Search>) -> Page {
    let found: List<Refund> = c.get(&search.path("/billing/refunds", &search.cursor)).await?;
    let next = found.next_cursor.as_deref().map(|cursor| search.path("/console/refunds", cursor));
    c.page(&ListPage { c: &c, search: &search, found, next })
}

async fn resolve(c: Console, Path(id): Path<String>, form: Form) -> Page {
    let path = format!("/billing/refund/{}/resolve", segment(&id));
    let _: Value = c.post(&path, &form.json(&["outcome", "reason"], &[]), &form).await?;
    let to = match form.optional("paymentId") {
        Some(payment) => format!("/console/payments/{}", segment(payment)),
        None => "/console/refunds?status=unknown".to_owned(),
    };
    c.done(&to, "환불 결과를 확정했습니다.", "The outcome of the refund is settled.")
}
