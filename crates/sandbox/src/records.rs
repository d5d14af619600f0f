//! `/ledger` and `/calls`: what the gateway side knows and what reached it, for tests to read.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::json;

use crate::calls::as_kst;
use crate::ledger::{Ledger, Transaction};
use crate::{Sandbox, lock, reply};

/// A transaction as the ledger shows it: everything but the billing key.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'a> {
    cpid: &'a str,
    order_no: &'a str,
    transaction_id: &'a str,
    pay_method: &'a str,
    amount: u64,
    tax_free_amount: u64,
    canceled_amount: u64,
    canceled_tax_free: u64,
    #[serde(serialize_with = "as_kst")]
    approved_at: DateTime<Utc>,
    auth_no: &'a str,
    product_name: &'a str,
    user_id: &'a str,
    /// How many charges of this order reached the issuer, declined ones included.
    calls: u32,
}

#[derive(Serialize)]
struct Transactions<'a> {
    transactions: Vec<Shown<'a>>,
}

/// `GET /ledger`: all transactions, oldest first; `?orderNo=` for those of one order.
pub async fn ledger(
    State(sandbox): State<Arc<Sandbox>>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let ledger = lock(&sandbox.ledger);
    let transactions = match query.get("orderNo") {
        Some(order_no) => ledger.of_order(order_no).map(|one| shown(&ledger, one)).collect(),
        None => ledger.transactions().iter().map(|one| shown(&ledger, one)).collect(),
    };
    match serde_json::to_vec(&Transactions { transactions }) {
        Ok(body) => reply::json_bytes(StatusCode::OK, body),
        Err(error) => reply::error(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal_error",
            &format!("원장을 출력하지 못했습니다: {error}"),
        ),
    }
}

/// `GET /calls`: counters, and the last step-2 requests with secrets masked, oldest first.
/// `?orderNo=` keeps those of one order.
pub async fn calls(
    State(sandbox): State<Arc<Sandbox>>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let (approved, declined) = {
        let ledger = lock(&sandbox.ledger);
        (ledger.transactions().len(), ledger.declined())
    };
    let calls = lock(&sandbox.calls);
    let wanted = |order_no: &str| query.get("orderNo").is_none_or(|wanted| wanted == order_no);
    let kept: Vec<_> = calls.kept().filter(|call| wanted(&call.order_no)).collect();
    reply::json(&json!({
        "counters": calls.counters(),
        "approved": approved,
        "declined": declined,
        "calls": kept,
    }))
}

fn shown<'a>(ledger: &Ledger, transaction: &'a Transaction) -> Shown<'a> {
    Shown {
        cpid: &transaction.cpid,
        order_no: &transaction.order_no,
        transaction_id: &transaction.id,
        pay_method: &transaction.pay_method,
        amount: transaction.amount,
        tax_free_amount: transaction.tax_free_amount,
        canceled_amount: transaction.canceled_amount,
        canceled_tax_free: transaction.canceled_tax_free,
        approved_at: transaction.approved_at,
        auth_no: &transaction.auth_no,
        product_name: &transaction.product_name,
        user_id: &transaction.user_id,
        calls: ledger.calls_for(&transaction.order_no),
    }
}
