//! 고객: everything of one customer, and their data as a file.

use askama::Template;
use axum::Router;
use axum::extract::{Path, Query, Request};
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::json;

use crate::access::api_keys::Scope;
use crate::console::Shared;
use crate::console::api::{path_with, segment};
use crate::console::failed::{Failed, FieldProblem};
use crate::console::form::Form;
use crate::console::frame::{Console, Page};
use crate::console::pages::answers::{BillingKey, List, Payment, PaymentLink, Subscription};
use crate::console::pages::payments::or_problems;
use crate::layers::auth::insufficient_scope;

pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/customers", get(search))
        .route("/customers/{id}", get(show))
        .route("/customers/{id}/file", get(file))
        .route("/cards", get(cards))
        .route("/cards/{billingKey}/activate", post(activate))
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Search {
    customer_id: String,
}

#[derive(Template)]
#[template(path = "customers/search.html")]
struct SearchPage<'a> {
    c: &'a Console,
}

async fn search(c: Console, Query(search): Query<Search>, request: Request) -> Page {
    let id = search.customer_id.trim();
    if id.is_empty() {
        // Nothing is asked of the API yet, which would refuse.
        if !c.can("read") {
            let refused = insufficient_scope(Scope::Read);
            return Err(Failed::of(refused, request.extensions(), c.language).await);
        }
        return c.page(&SearchPage { c: &c });
    }
    Ok(Redirect::to(&format!("/console/customers/{}", segment(id))).into_response())
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Paging {
    cursor: String,
}

#[derive(Template)]
#[template(path = "customers/one.html")]
struct OnePage<'a> {
    c: &'a Console,
    id: &'a str,
    keys: Vec<BillingKey>,
    subscriptions: List<Subscription>,
    links: Vec<PaymentLink>,
    payments: List<Payment>,
    next: Option<String>,
}

async fn show(c: Console, Path(id): Path<String>, Query(paging): Query<Paging>) -> Page {
    let list = |path: &str, more: (&'static str, &'static str)| {
        path_with(path, [("customerId", id.as_str()), ("limit", "100"), more])
    };
    let active = list("/billing/keys", ("status", "active"));
    let inactive = list("/billing/keys", ("status", "inactive"));
    let subscriptions = list("/billing/subscriptions", ("status", ""));
    let links = list("/easypay/links", ("status", ""));
    let payments =
        [("customerId", id.as_str()), ("source", "all"), ("cursor", paging.cursor.as_str())];
    let payments = path_with("/billing/payments", payments);
    let (active, inactive, subscriptions, links, payments) = tokio::join!(
        c.get::<List<BillingKey>>(&active),
        c.get::<List<BillingKey>>(&inactive),
        c.get::<List<Subscription>>(&subscriptions),
        c.get::<List<PaymentLink>>(&links),
        c.get::<List<Payment>>(&payments),
    );
    let (mut keys, payments) = (active?.items, payments?);
    keys.extend(inactive?.items);
    let here = format!("/console/customers/{}", segment(&id));
    let next = payments.next_cursor.as_deref();
    let next = next.map(|cursor| path_with(&here, [("cursor", cursor)]));
    let (subscriptions, links) = (subscriptions?, links?.items);
    c.page(&OnePage { c: &c, id: &id, keys, subscriptions, links, payments, next })
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Ending {
    expires_before: String,
    cursor: String,
}

#[derive(Template)]
#[template(path = "customers/cards.html")]
struct CardsPage<'a> {
    c: &'a Console,
    ending: &'a Ending,
    keys: Vec<BillingKey>,
    problems: Vec<FieldProblem>,
    next: Option<String>,
}

/// Cards in use that end before a day.
async fn cards(c: Console, Query(ending): Query<Ending>) -> Page {
    let path = |path: &str, cursor: &str| {
        path_with(path, [("expiresBefore", ending.expires_before.trim()), ("cursor", cursor)])
    };
    let asked = c.get(&path("/billing/keys", &ending.cursor)).await;
    let (found, problems): (List<BillingKey>, _) = or_problems(asked)?;
    let next = found.next_cursor.as_deref().map(|cursor| path("/console/cards", cursor));
    c.page(&CardsPage { c: &c, ending: &ending, keys: found.items, problems, next })
}

/// Takes back that a card was ended for good.
async fn activate(c: Console, Path(id): Path<String>, form: Form) -> Page {
    let path = format!("/billing/key/{}/activate", segment(&id));
    let key: BillingKey = c.post(&path, &json!({}), &form).await?;
    let customer = format!("/console/customers/{}", segment(&key.customer_id));
    c.done(&customer, "카드를 다시 사용합니다.", "The card is used again.")
}

/// All that is kept of the customer, as JSON.
async fn file(c: Console, Path(id): Path<String>) -> Page {
    let path = format!("/customers/{}/export", segment(&id));
    c.api.download(&path).await
}
