//! 감사: who did what, and what it changed.

use std::collections::BTreeMap;

use askama::Template;
use axum::Router;
use axum::extract::Query;
use axum::routing::get;
use serde::Deserialize;
use serde_json::Value;

use crate::console::Shared;
use crate::console::api::path_with;
use crate::console::frame::{Console, Page};

/// The routes.
pub fn routes() -> Router<Shared> {
    Router::new().route("/audit", get(list))
}

/// What the trail is narrowed to.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Search {
    actor: String,
    object_id: String,
    cursor: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    at: String,
    actor: String,
    request_id: Option<String>,
    action: String,
    object_id: String,
    reason: Option<String>,
    changes: BTreeMap<String, Change>,
}

#[derive(Deserialize)]
struct Change {
    before: Option<Value>,
    after: Option<Value>,
}

impl Change {
    fn was(&self) -> String {
        text(self.before.as_ref())
    }

    fn is(&self) -> String {
        text(self.after.as_ref())
    }
}

fn text(value: Option<&Value>) -> String {
    match value {
        None => "–".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    items: Vec<Entry>,
    next_cursor: Option<String>,
}

#[derive(Template)]
#[template(path = "audit/list.html")]
struct ListPage<'a> {
    c: &'a Console,
    search: &'a Search,
    found: Found,
    next: Option<String>,
}

async fn list(c: Console, Query(search): Query<Search>) -> Page {
    let narrowed = |path: &str, cursor: &str| {
        let (actor, object_id) = (search.actor.trim(), search.object_id.trim());
        path_with(path, [("actor", actor), ("objectId", object_id), ("cursor", cursor)])
    };
    let found: Found = c.get(&narrowed("/audit", &search.cursor)).await?;
    let next = found.next_cursor.as_deref().map(|cursor| narrowed("/console/audit", cursor));
    c.page(&ListPage { c: &c, search: &search, found, next })
}
