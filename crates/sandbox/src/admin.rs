//! The merchant's admin page: cancellations made there, and the script of notifications.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use crate::arguments::{self, number, object, text};
use crate::{Sandbox, cancel, exchange, lock, reply};
use kiwoom_clock::rfc3339_kst;

/// `POST /admin/cancel` `{transactionId, amount?}`: cancelled without the API, all that is left
/// unless an amount is given. The merchant learns of it by a notification only.
pub async fn cancel(State(sandbox): State<Arc<Sandbox>>, body: Bytes) -> Response {
    let answer = match arguments::parse(&body).and_then(|asked| asked_for(&asked)) {
        Ok((transaction_id, amount)) => cancel_there(&sandbox, &transaction_id, amount),
        Err(message) => reply::invalid(&message),
    };
    if answer.status() == StatusCode::OK {
        sandbox.run_due().await;
    }
    answer
}

/// `GET /notifications`: mishaps scripted, notifications waiting, and those sent (latest last).
pub async fn notifications(State(sandbox): State<Arc<Sandbox>>) -> Response {
    let waiting: Vec<Value> = {
        let ledger = lock(&sandbox.ledger);
        let shown = ledger.outbox().waiting().map(|notice| {
            json!({
                "transactionId": notice.transaction_id,
                "cancellation": notice.cancellation,
                "due": rfc3339_kst(notice.due),
                "attempts": notice.attempts,
            })
        });
        shown.collect()
    };
    let (scripted, sent) = lock(&sandbox.mishaps).shown();
    reply::json(&json!({ "scripted": scripted, "pending": waiting, "sent": sent }))
}

/// `POST /notifications` `{kind, times?}`: what happens to the next ones.
pub async fn script(State(sandbox): State<Arc<Sandbox>>, body: Bytes) -> Response {
    let scripted = arguments::parse(&body).and_then(|asked| lock(&sandbox.mishaps).script(&asked));
    match scripted {
        Ok(()) => notifications(State(sandbox)).await,
        Err(message) => reply::invalid(&message),
    }
}

/// `DELETE /notifications`: forgets the script, not the notifications.
pub async fn forget(State(sandbox): State<Arc<Sandbox>>) -> Response {
    lock(&sandbox.mishaps).clear();
    notifications(State(sandbox)).await
}

fn asked_for(asked: &Value) -> Result<(String, Option<u64>), String> {
    let fields = object(asked)?;
    let transaction_id = text(fields, "transactionId", "")?;
    let amount = match fields.get("amount") {
        None | Some(Value::Null) => None,
        Some(_) => Some(number(fields, "amount", 0, 1..=9_999_999_999)?),
    };
    Ok((transaction_id, amount))
}

fn cancel_there(sandbox: &Sandbox, transaction_id: &str, amount: Option<u64>) -> Response {
    let mut ledger = lock(&sandbox.ledger);
    let Some(transaction) = ledger.transaction(transaction_id) else {
        return reply::error(StatusCode::NOT_FOUND, "not_found", "원거래를 찾을 수 없습니다.");
    };
    let left = transaction.amount.saturating_sub(transaction.canceled_amount);
    let amount = amount.unwrap_or(left);
    if amount == 0 {
        return reply::invalid("취소할 금액이 남아 있지 않습니다.");
    }
    if let Err(refusal) = cancel::check_amount(transaction, amount) {
        return reply::invalid(&refusal.message);
    }
    let canceled = transaction.canceled_amount + amount;
    let events = cancel::events(sandbox, &ledger, transaction, (amount, 0));
    if let Err(refusal) = exchange::keep(&mut ledger, events) {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        return reply::error(status, "internal_error", &refusal.message);
    }
    let id = transaction_id;
    reply::json(&json!({ "transactionId": id, "amount": amount, "canceledAmount": canceled }))
}
