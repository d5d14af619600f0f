//! 구독: search, one subscription with its timeline, and its actions.

mod actions;
mod timeline;

use askama::Template;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::routing::{get, post};
use chrono::{Datelike, Months, NaiveDate};
use serde::Deserialize;

use crate::console::Shared;
use crate::console::api::{path_with, segment};
use crate::console::failed::Failed;
use crate::console::failed::FieldProblem;
use crate::console::frame::{Console, Page};
use crate::console::pages::answers::{BillingKey, Event, List, Payment, Subscription};
use crate::console::pages::payments::or_problems;
use crate::console::pages::words;
use timeline::{Drawn, Timeline};

pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/subscriptions", get(list))
        .route("/subscriptions/{id}", get(show))
        .route("/subscriptions/{id}/preview", post(actions::preview))
        .route("/subscriptions/{id}/change", post(actions::change))
        .route("/subscriptions/{id}/pause", post(actions::pause))
        .route("/subscriptions/{id}/resume", post(actions::resume))
        .route("/subscriptions/{id}/extend", post(actions::extend))
        .route("/subscriptions/{id}/cancel", post(actions::cancel))
        .route("/subscriptions/{id}/keep", post(actions::keep))
        .route("/subscriptions/{id}/charge", post(actions::charge))
        .route("/subscriptions/{id}/consent", post(actions::consent))
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Search {
    id: String,
    customer_id: String,
    plan_id: String,
    status: String,
    min_amount: String,
    max_amount: String,
    cursor: String,
}

impl Search {
    fn path(&self, path: &str, cursor: &str) -> String {
        let pairs = [
            ("customerId", self.customer_id.trim()),
            ("planId", self.plan_id.trim()),
            ("status", self.status.trim()),
            ("minAmount", self.min_amount.trim()),
            ("maxAmount", self.max_amount.trim()),
            ("cursor", cursor),
        ];
        path_with(path, pairs)
    }
}

#[derive(Template)]
#[template(path = "subscriptions/list.html")]
struct ListPage<'a> {
    c: &'a Console,
    search: &'a Search,
    found: List<Subscription>,
    problems: Vec<FieldProblem>,
    next: Option<String>,
}

const STATUSES: [&str; 5] = ["active", "past_due", "paused", "unpaid", "canceled"];

async fn list(c: Console, Query(search): Query<Search>) -> Page {
    let (found, problems) = if search.id.trim().is_empty() {
        or_problems(c.get(&search.path("/billing/subscriptions", &search.cursor)).await)?
    } else {
        let path = format!("/billing/subscription/{}", segment(search.id.trim()));
        (named(c.get(&path).await)?, Vec::new())
    };
    let next = found.next_cursor.as_deref();
    let next = next.map(|cursor| search.path("/console/subscriptions", cursor));
    c.page(&ListPage { c: &c, search: &search, found, problems, next })
}

/// The one that was named, or nothing.
fn named(asked: Result<Subscription, Failed>) -> Result<List<Subscription>, Failed> {
    match asked {
        Ok(subscription) => Ok(List { items: vec![subscription], next_cursor: None }),
        Err(failed) if failed.status == 404 => Ok(List::default()),
        Err(failed) => Err(failed),
    }
}

/// How far back the timeline is drawn: `all`, as far as the API shows.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Shown {
    all: String,
}

#[derive(Template)]
#[template(path = "subscriptions/one.html")]
struct OnePage<'a> {
    c: &'a Console,
    s: Subscription,
    timeline: Timeline,
    drawn: Drawn,
    is_cut: bool,
    payments: List<Payment>,
    events: Vec<Event>,
    keys: Vec<BillingKey>,
}

/// Most pages of events that are read for the marks of changes.
const EVENT_PAGES: usize = 10;

async fn show(
    State(shared): State<Shared>,
    c: Console,
    Path(id): Path<String>,
    Query(shown): Query<Shown>,
) -> Page {
    let s: Subscription = c.get(&format!("/billing/subscription/{}", segment(&id))).await?;
    let today = shared.ctx.clock.today();
    let made = s.created_at.get(..10).and_then(|day| day.parse().ok()).unwrap_or(today);
    let (from, is_cut) = first_day(today, made, !shown.all.is_empty());
    let (from, to) = (from.to_string(), (today + Months::new(12)).to_string());
    let line = format!("/billing/subscription/{}/timeline", s.id);
    let line = path_with(&line, [("from", from.as_str()), ("to", to.as_str())]);
    let payments =
        path_with("/billing/payments", [("subscriptionId", s.id.as_str()), ("limit", "20")]);
    let keys = [("customerId", s.customer_id.as_str()), ("limit", "100")];
    let keys = path_with("/billing/keys", keys);
    let (timeline, payments, keys, events) = tokio::join!(
        c.get::<Timeline>(&line),
        c.get::<List<Payment>>(&payments),
        c.get::<List<BillingKey>>(&keys),
        changes(&c, &s.id),
    );
    let (timeline, payments, keys, events) = (timeline?, payments?, keys?.items, events?);
    let drawn = Drawn::new(&c, &timeline, &events, today);
    c.page(&OnePage { c: &c, s, timeline, drawn, is_cut, payments, events, keys })
}

/// Where the timeline begins, and whether more is left out: without `all` with last year, with it four
/// years ago.
fn first_day(today: NaiveDate, made: NaiveDate, all: bool) -> (NaiveDate, bool) {
    let last_year = NaiveDate::from_ymd_opt(today.year() - 1, 1, 1).unwrap_or(today);
    let earliest = if all { today - Months::new(47) } else { last_year };
    (made.max(earliest), made < earliest && !all)
}

/// What happened to the subscription itself, oldest first.
async fn changes(c: &Console, id: &str) -> Result<Vec<Event>, Failed> {
    let mut events = Vec::new();
    let mut cursor = String::new();
    for _ in 0..EVENT_PAGES {
        let pairs = [("objectId", id), ("limit", "100"), ("cursor", cursor.as_str())];
        let page: List<Event> = c.get(&path_with("/events", pairs)).await?;
        let is_last = page.items.len() < 100;
        events.extend(page.items);
        match page.next_cursor.filter(|_| !is_last) {
            Some(next) => cursor = next,
            None => break,
        }
    }
    Ok(events)
}

impl Subscription {
    /// Won that a consent is for.
    pub fn amount_to_come(&self) -> i64 {
        self.pending_amount.unwrap_or(self.amount)
    }

    /// How often it is charged.
    pub fn every(&self, c: &Console) -> String {
        let interval = self.interval.as_deref().unwrap_or("month");
        let count = self.interval_count.unwrap_or(1);
        let unit = words::kind(c, interval);
        match (c.t("ko", "en"), interval) {
            ("ko", "week") => format!("{count}주마다 {}요일", day_of_week(c, self.cycle_day)),
            ("ko", _) => format!("{count}{unit}마다 {}일", self.cycle_day),
            (_, "week") => {
                format!("every {count} {unit}(s), on {}", day_of_week(c, self.cycle_day))
            }
            _ => format!("every {count} {unit}(s), on day {}", self.cycle_day),
        }
    }
}

fn day_of_week(c: &Console, day: i64) -> &'static str {
    let (ko, en) = match day {
        1 => ("월", "Monday"),
        2 => ("화", "Tuesday"),
        3 => ("수", "Wednesday"),
        4 => ("목", "Thursday"),
        5 => ("금", "Friday"),
        6 => ("토", "Saturday"),
        _ => ("일", "Sunday"),
    };
    c.t(ko, en)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeline_begins_with_last_year_and_says_when_there_is_more() {
        let date = |text: &str| -> NaiveDate { text.parse().unwrap() };
        let today = date("2027-03-10");
        for (made, all, first, is_cut) in [
            ("2027-03-01", false, "2027-03-01", false),
            ("2025-12-31", false, "2026-01-01", true),
            ("2025-12-31", true, "2025-12-31", false),
            ("2020-01-01", true, "2023-04-10", false),
        ] {
            assert_eq!(first_day(today, date(made), all), (date(first), is_cut), "{made} {all}");
        }
    }
}
