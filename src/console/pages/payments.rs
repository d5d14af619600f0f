//! 결제: search, one payment, refund, settle.

use askama::Template;
use axum::Router;
use axum::extract::{Path, Query};
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use chrono::NaiveDate;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::console::Shared;
use crate::console::api::{path_with, segment};
use crate::console::failed::Failed;
use crate::console::failed::FieldProblem;
use crate::console::form::Form;
use crate::console::frame::{Console, Page};
use crate::console::pages::answers::{Event, List, Notification, Payment, Refund};
use crate::console::pages::words;

pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/payments", get(list))
        .route("/payments/{id}", get(show))
        .route("/payments/{id}/refund", post(refund))
        .route("/payments/{id}/resolve", post(resolve))
}

/// What is searched for, as the form sends it.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Search {
    order_id: String,
    transaction_id: String,
    customer_id: String,
    card: String,
    status: String,
    source: String,
    late: String,
    min_amount: String,
    max_amount: String,
    from: String,
    to: String,
    cursor: String,
}

impl Search {
    /// The query of the API, or of this page; `cursor` goes on from a page.
    fn path(&self, path: &str, cursor: &str) -> String {
        let source = if self.source.is_empty() { "all" } else { self.source.trim() };
        let pairs = [
            ("orderId", self.order_id.trim()),
            ("transactionId", self.transaction_id.trim()),
            ("customerId", self.customer_id.trim()),
            ("card", self.card.trim()),
            ("status", self.status.trim()),
            ("source", source),
            ("late", self.late.trim()),
            ("minAmount", self.min_amount.trim()),
            ("maxAmount", self.max_amount.trim()),
            ("from", self.from.trim()),
            ("to", self.to.trim()),
            ("cursor", cursor),
        ];
        path_with(path, pairs)
    }
}

#[derive(Template)]
#[template(path = "payments/list.html")]
struct ListPage<'a> {
    c: &'a Console,
    search: &'a Search,
    found: List<Payment>,
    problems: Vec<FieldProblem>,
    next: Option<String>,
}

const STATUSES: [&str; 7] =
    ["pending", "approved", "declined", "refused", "unknown", "partially_refunded", "refunded"];

async fn list(c: Console, Query(search): Query<Search>) -> Page {
    let asked = c.get::<List<Payment>>(&search.path("/billing/payments", &search.cursor)).await;
    let (found, problems) = or_problems(asked)?;
    let next = found.next_cursor.as_deref().map(|cursor| search.path("/console/payments", cursor));
    c.page(&ListPage { c: &c, search: &search, found, problems, next })
}

/// A search that the API refused shows what is wrong with which field.
pub fn or_problems<T: Default>(asked: Result<T, Failed>) -> Result<(T, Vec<FieldProblem>), Failed> {
    match asked {
        Ok(found) => Ok((found, Vec::new())),
        Err(failed) if failed.status == 400 && !failed.details.is_empty() => {
            Ok((T::default(), failed.details.clone()))
        }
        Err(failed) => Err(failed),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    code: String,
    message: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attempt {
    allowed_by: Rule,
    initiated_by: String,
    settled_at: Option<String>,
    payment: Payment,
}

#[derive(Deserialize)]
struct Next {
    allowed: bool,
    rule: Rule,
}

#[derive(Deserialize)]
struct Proof {
    attempts: Vec<Attempt>,
    next: Next,
}

/// What a refund of the unused part would give back.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Quote {
    quote: i64,
    total: i64,
    unused: i64,
    as_of: Option<NaiveDate>,
    quote_tax_free_amount: Option<i64>,
}

#[derive(Template)]
#[template(path = "payments/one.html")]
struct OnePage<'a> {
    c: &'a Console,
    payment: Payment,
    proof: Proof,
    refunds: Vec<Refund>,
    quote: Option<Quote>,
    quoted: Quoted,
    problems: Vec<FieldProblem>,
    events: Vec<Event>,
    notifications: Vec<Notification>,
}

/// The last day that counts as used in the quote of a refund; empty: today.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Quoted {
    as_of: String,
}

async fn show(c: Console, Path(id): Path<String>, Query(quoted): Query<Quoted>) -> Page {
    let payment = match c.get::<Payment>(&format!("/billing/payment/{}", segment(&id))).await {
        Ok(payment) => payment,
        Err(failed) if failed.status == 404 => return to_order(&c, &id, failed).await,
        Err(failed) => return Err(failed),
    };
    let id = payment.id.as_str();
    let refunds = path_with("/billing/refunds", [("paymentId", id), ("limit", "100")]);
    let events = path_with("/events", [("objectId", id), ("limit", "100")]);
    let told = [("orderId", payment.order_id.as_str()), ("limit", "100")];
    let told = path_with("/notifications", told);
    let proof = format!("/billing/payment/{id}/proof");
    let quote = quote(&c, &payment, &quoted);
    let (proof, refunds, events, told, quote) = tokio::join!(
        c.get::<Proof>(&proof),
        c.get::<List<Refund>>(&refunds),
        c.get::<List<Event>>(&events),
        c.get::<List<Notification>>(&told),
        quote,
    );
    let (refunds, events, notifications) = (refunds?.items, events?.items, told?.items);
    let (quote, problems) = or_problems(quote)?;
    let proof = proof?;
    c.page(&OnePage {
        c: &c,
        proof,
        refunds,
        quote,
        quoted,
        problems,
        events,
        notifications,
        payment,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Order {
    order_id: String,
}

/// An order of the payment window that was named by its id has its own page.
async fn to_order(c: &Console, id: &str, failed: Failed) -> Page {
    let order: Result<Order, _> = c.get(&format!("/easypay/status/{}", segment(id))).await;
    let order = order.map_err(|_| failed)?;
    let there = format!("/console/orders/{}", segment(&order.order_id));
    Ok(Redirect::to(&there).into_response())
}

/// None for what has no days, and while nothing can be refunded.
async fn quote(c: &Console, payment: &Payment, quoted: &Quoted) -> Result<Option<Quote>, Failed> {
    if payment.period.is_none() || payment.refundable_amount == 0 {
        return Ok(None);
    }
    let asked = [("paymentId", payment.id.as_str()), ("asOf", quoted.as_of.trim())];
    match c.get(&path_with("/billing/refund-quote", asked)).await {
        Ok(quote) => Ok(Some(quote)),
        Err(failed) if failed.status == 409 => Ok(None),
        Err(failed) => Err(failed),
    }
}

/// How much: what is left, what is unused, or the amount that was typed.
fn wanted(form: &Form) -> Value {
    match form.text("how") {
        "all" => form.json(&["reason"], &[]),
        "unused" => {
            let mut body = form.json(&["reason"], &[]);
            let as_of = form.optional("asOf");
            body["proRata"] = as_of.map_or(json!(true), |day| json!({ "asOf": day }));
            body
        }
        // Nothing typed is no wish for all of it.
        _ => {
            let mut body = form.json(&["reason"], &["amount", "taxFreeAmount"]);
            if body["amount"].is_null() {
                body["amount"] = json!("");
            }
            body
        }
    }
}

#[derive(Deserialize)]
struct Refunded {
    status: Option<String>,
    refund: Option<Refund>,
}

async fn refund(c: Console, Path(id): Path<String>, form: Form) -> Page {
    let mut body = wanted(&form);
    body["paymentId"] = json!(id);
    let done: Refunded = c.post("/billing/refund", &body, &form).await?;
    told(&c, &format!("/console/payments/{}", segment(&id)), &done)
}

/// On to `to`, with what became of the refund.
fn told(c: &Console, to: &str, done: &Refunded) -> Page {
    match (&done.refund, &done.status) {
        (None, _) => c.done(to, "돌려줄 금액이 없어 환불하지 않았습니다.", "All was used: nothing was refunded."),
        (Some(_), None) => c.done(to, "환불되었습니다.", "Refunded."),
        (Some(_), Some(_)) => c.done(
            to,
            "키움페이의 응답을 받지 못해 결과를 알 수 없습니다. 다시 환불하지 말고 가맹점 관리자에서 확인해 주세요.",
            "The gateway's answer was lost: the outcome is unknown. Do not refund again; look it up in the merchant pages.",
        ),
    }
}

async fn resolve(c: Console, Path(id): Path<String>, form: Form) -> Page {
    let path = format!("/billing/payment/{}/resolve", segment(&id));
    let body = form.json(&["outcome", "transactionId", "reason"], &[]);
    let _: Payment = c.post(&path, &body, &form).await?;
    let to = format!("/console/payments/{}", segment(&id));
    c.done(&to, "결과를 확정했습니다.", "The outcome is settled.")
}
