//! 오늘: what needs a person, and how it goes.

mod figures;
mod todo;

use askama::Template;
use axum::Router;
use axum::extract::{Query, State};
use axum::routing::get;
use serde::Deserialize;

use crate::console::Shared;
use crate::console::api::path_with;
use crate::console::frame::{Console, Page};
use figures::{Day, Overview, Revenue, days_of};
use todo::{Health, Todo};

pub fn routes() -> Router<Shared> {
    Router::new().route("/", get(show))
}

/// How far to look back.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Asked {
    days: String,
}

#[derive(Template)]
#[template(path = "today/page.html")]
struct Today<'a> {
    c: &'a Console,
    days: &'a str,
    todo: Vec<Todo>,
    overview: Overview,
    revenue: Vec<Day>,
}

/// What can be chosen.
const DAYS: [&str; 4] = ["7", "30", "90", "365"];

async fn show(State(shared): State<Shared>, c: Console, Query(asked): Query<Asked>) -> Page {
    let days = DAYS.into_iter().find(|days| *days == asked.days).unwrap_or("30");
    let overview: Overview = c.get(&path_with("/billing/overview", [("days", days)])).await?;
    let (from, to) = (overview.from.to_string(), overview.to.to_string());
    let revenue = [("from", from.as_str()), ("to", to.as_str()), ("by", "day")];
    let revenue = path_with("/billing/summary", revenue);
    let (revenue, health) =
        tokio::join!(c.get::<Revenue>(&revenue), c.get::<Health>("/health/ready"));
    let revenue = days_of(revenue?, overview.from, overview.to);
    let todo = todo::list(&c, &overview, health.ok(), shared.ctx.clock.now());
    c.page(&Today { c: &c, days, todo, overview, revenue })
}
