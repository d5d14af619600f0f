//! An order of the payment window: what became of it, giving back, settling by hand.

use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::console::Shared;
use crate::console::api::{path_with, segment};
use crate::console::form::Form;
use crate::console::frame::{Console, Page};
use crate::console::pages::answers::{Event, Failure, List, Notification, Payment};
use crate::console::pages::words;

pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/orders/{id}", get(show))
        .route("/orders/{id}/cancel", post(cancel))
        .route("/orders/{id}/resolve", post(resolve))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Order {
    order_id: String,
    status: String,
    amount: i64,
    #[serde(default)]
    tax_free_amount: i64,
    paid_amount: i64,
    canceled_amount: i64,
    method: Option<String>,
    transaction_id: Option<String>,
    receipt_url: Option<String>,
    paid_at: Option<String>,
    canceled_at: Option<String>,
    created_at: String,
    #[serde(default)]
    late: bool,
    #[serde(default)]
    unexpected_payments: Vec<Payment>,
    failure: Option<Failure>,
}

impl Order {
    fn left(&self) -> i64 {
        self.paid_amount - self.canceled_amount
    }

    /// Whether a person may say that it was paid.
    fn is_open(&self) -> bool {
        self.paid_amount == 0
    }
}

#[derive(Template)]
#[template(path = "payments/order.html")]
struct OrderPage<'a> {
    c: &'a Console,
    order: Order,
    payment: Option<Payment>,
    events: Vec<Event>,
    notifications: Vec<Notification>,
}

async fn show(c: Console, Path(id): Path<String>) -> Page {
    let order: Order = c.get(&format!("/easypay/status/{}", segment(&id))).await?;
    let name = order.order_id.as_str();
    let payment = path_with("/billing/payments", [("source", "window"), ("orderId", name)]);
    let payment: List<Payment> = c.get(&payment).await?;
    let payment = payment.items.into_iter().next();
    let told = path_with("/notifications", [("orderId", name), ("limit", "100")]);
    let notifications = c.get::<List<Notification>>(&told).await?.items;
    let events = match &payment {
        Some(payment) => {
            let path = path_with("/events", [("objectId", payment.id.as_str()), ("limit", "100")]);
            c.get::<List<Event>>(&path).await?.items
        }
        None => Vec::new(),
    };
    c.page(&OrderPage { c: &c, order, payment, events, notifications })
}

#[derive(Deserialize)]
struct Canceled {
    status: Option<String>,
    refund: Option<Value>,
}

async fn cancel(c: Console, Path(id): Path<String>, form: Form) -> Page {
    let mut body = form.json(&["reason"], &[]);
    if form.text("how") == "amount" {
        body = form.json(&["reason"], &["amount", "taxFreeAmount"]);
        if body["amount"].is_null() {
            body["amount"] = json!("");
        }
    }
    match form.optional("transactionId") {
        Some(transaction) => body["transactionId"] = json!(transaction),
        None => body["orderId"] = json!(id),
    }
    let done: Canceled = c.post("/easypay/cancel", &body, &form).await?;
    let to = format!("/console/orders/{}", segment(&id));
    match (done.refund, done.status) {
        (None, _) => c.done(&to, "결제되지 않은 주문을 닫았습니다.", "The order, which was not paid, is closed."),
        (Some(_), None) => c.done(&to, "환불되었습니다.", "Refunded."),
        (Some(_), Some(_)) => c.done(
            &to,
            "키움페이의 응답을 받지 못해 결과를 알 수 없습니다. 다시 환불하지 말고 가맹점 관리자에서 확인해 주세요.",
            "The gateway's answer was lost: the outcome is unknown. Do not refund again; look it up in the merchant pages.",
        ),
    }
}

async fn resolve(c: Console, Path(id): Path<String>, form: Form) -> Page {
    let path = format!("/easypay/order/{}/resolve", segment(&id));
    let body = form.json(&["transactionId", "method", "reason"], &[]);
    let _: Value = c.post(&path, &body, &form).await?;
    let to = format!("/console/orders/{}", segment(&id));
    c.done(&to, "결제된 주문으로 확정했습니다.", "The order is settled as paid.")
}
