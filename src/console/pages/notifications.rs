//! 통지: what KiwoomPay told, and what became of it.

use askama::Template;
use axum::Router;
use axum::extract::Query;
use axum::routing::get;
use serde::Deserialize;

use crate::console::Shared;
use crate::console::api::path_with;
use crate::console::failed::FieldProblem;
use crate::console::frame::{Console, Page};
use crate::console::pages::answers::{List, Notification};
use crate::console::pages::payments::or_problems;
use crate::console::pages::words;

pub fn routes() -> Router<Shared> {
    Router::new().route("/notifications", get(list))
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Search {
    order_id: String,
    transaction_id: String,
    state: String,
    cursor: String,
}

impl Search {
    fn path(&self, path: &str, cursor: &str) -> String {
        let pairs = [
            ("orderId", self.order_id.trim()),
            ("transactionId", self.transaction_id.trim()),
            ("state", self.state.as_str()),
            ("cursor", cursor),
        ];
        path_with(path, pairs)
    }
}

#[derive(Template)]
#[template(path = "payments/notifications.html")]
struct ListPage<'a> {
    c: &'a Console,
    search: &'a Search,
    found: List<Notification>,
    problems: Vec<FieldProblem>,
    next: Option<String>,
}

async fn list(c: Console, Query(search): Query<Search>) -> Page {
    let asked = c.get(&search.path("/notifications", &search.cursor)).await;
    let (found, problems): (List<Notification>, _) = or_problems(asked)?;
    let next = found.next_cursor.as_deref();
    let next = next.map(|cursor| search.path("/console/notifications", cursor));
    c.page(&ListPage { c: &c, search: &search, found, problems, next })
}
