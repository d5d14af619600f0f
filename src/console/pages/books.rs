//! 장부: what came and went by day or month, and each movement.

use askama::Template;
use axum::Router;
use axum::extract::{Query, State};
use axum::routing::get;
use chrono::{Datelike, Days, NaiveDate};
use serde::Deserialize;

use crate::console::Shared;
use crate::console::api::path_with;
use crate::console::failed::FieldProblem;
use crate::console::frame::{Console, Page};
use crate::console::pages::answers::List;
use crate::console::pages::payments::or_problems;
use crate::console::pages::words;

pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/books", get(summary))
        .route("/books/movements", get(movements))
        .route("/books/movements.csv", get(csv))
        .route("/books/movements.xlsx", get(xlsx))
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Range {
    from: String,
    to: String,
    by: String,
}

#[derive(Default, Deserialize)]
pub struct Figures {
    pub gross: i64,
    pub refunds: i64,
    pub net: i64,
    pub taxable: i64,
    #[serde(rename = "taxFree")]
    pub tax_free: i64,
    pub vat: i64,
    pub count: i64,
}

#[derive(Deserialize)]
pub struct OfMethod {
    pub method: String,
    #[serde(flatten)]
    pub figures: Figures,
}

#[derive(Deserialize)]
pub struct OfPeriod {
    pub start: NaiveDate,
    #[serde(flatten)]
    pub figures: Figures,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    pub closed_through: Option<NaiveDate>,
    pub total: Figures,
    pub methods: Vec<OfMethod>,
    pub periods: Vec<OfPeriod>,
}

#[derive(Template)]
#[template(path = "books/summary.html")]
struct SummaryPage<'a> {
    c: &'a Console,
    range: &'a Range,
    found: Summary,
    problems: Vec<FieldProblem>,
}

/// Of what is asked for; left out, the present month by day.
async fn summary(State(shared): State<Shared>, c: Console, Query(asked): Query<Range>) -> Page {
    let today = shared.ctx.clock.today();
    let or = |text: &str, day: NaiveDate| {
        if text.trim().is_empty() { day.to_string() } else { text.trim().to_owned() }
    };
    let range = Range {
        from: or(&asked.from, today.with_day(1).unwrap_or(today)),
        to: or(&asked.to, today + Days::new(1)),
        by: asked.by,
    };
    let pairs =
        [("from", range.from.as_str()), ("to", range.to.as_str()), ("by", range.by.as_str())];
    let (found, problems) = or_problems(c.get(&path_with("/billing/summary", pairs)).await)?;
    c.page(&SummaryPage { c: &c, range: &range, found, problems })
}

impl Range {
    /// The movements of a day or month of it.
    fn movements_of(&self, start: NaiveDate) -> String {
        let end = if self.by == "month" {
            start.with_day(1).map_or(start, |first| first + chrono::Months::new(1))
        } else {
            start + Days::new(1)
        };
        let (start, end) = (start.to_string(), end.to_string());
        // Dates of this form are in order as texts are.
        let (from, to) = ((&start).max(&self.from), (&end).min(&self.to));
        path_with("/console/books/movements", [("from", from.as_str()), ("to", to.as_str())])
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Search {
    from: String,
    to: String,
    date: String,
    kind: String,
    method: String,
    customer_id: String,
    cursor: String,
}

impl Search {
    fn path(&self, path: &str, cursor: &str) -> String {
        let pairs = [
            ("from", self.from.trim()),
            ("to", self.to.trim()),
            ("date", self.date.trim()),
            ("kind", self.kind.trim()),
            ("method", self.method.trim()),
            ("customerId", self.customer_id.trim()),
            ("cursor", cursor),
        ];
        path_with(path, pairs)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Movement {
    pub kind: String,
    pub amount: i64,
    pub tax_free_amount: i64,
    pub vat: i64,
    pub method: String,
    pub card_company: Option<String>,
    pub order_id: String,
    pub transaction_id: Option<String>,
    pub payment_id: String,
    pub customer_id: Option<String>,
    pub moved_at: String,
    pub booked_on: NaiveDate,
}

#[derive(Template)]
#[template(path = "books/movements.html")]
struct MovementsPage<'a> {
    c: &'a Console,
    search: &'a Search,
    found: List<Movement>,
    problems: Vec<FieldProblem>,
    next: Option<String>,
}

const KINDS: [&str; 6] =
    ["charge", "window_payment", "refund", "cancellation", "unexpected", "unexpected_return"];

async fn movements(c: Console, Query(search): Query<Search>) -> Page {
    let asked = c.get(&search.path("/billing/movements", &search.cursor)).await;
    let (found, problems): (List<Movement>, _) = or_problems(asked)?;
    let next = found.next_cursor.as_deref();
    let next = next.map(|cursor| search.path("/console/books/movements", cursor));
    c.page(&MovementsPage { c: &c, search: &search, found, problems, next })
}

async fn csv(c: Console, Query(search): Query<Search>) -> Page {
    c.api.download(&search.path("/billing/movements.csv", "")).await
}

async fn xlsx(c: Console, Query(search): Query<Search>) -> Page {
    c.api.download(&search.path("/billing/movements.xlsx", "")).await
}
