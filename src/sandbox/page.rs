//! `GET /`: what a developer wants to see at a glance. Works without scripts and without network.

use std::fmt::Write;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::cards::TEST_CARDS;
use super::html::{self, escape, won};
use super::ledger::Transaction;
use super::{Sandbox, lock, wire};
use crate::clock::kst;

/// How many transactions the page shows.
const SHOWN_TRANSACTIONS: usize = 50;

/// The page.
pub async fn show(State(sandbox): State<Arc<Sandbox>>) -> Response {
    let faults = faults(&lock(&sandbox.faults).shown());
    let (total, transactions) = {
        let ledger = lock(&sandbox.ledger);
        let all = ledger.transactions();
        (all.len(), transactions(all))
    };
    let page = format!(
        include_str!("page.html"),
        cpid = escape(&sandbox.options.cpid),
        now = shown_time(sandbox.now()),
        cards = cards(),
        faults = faults,
        total = total,
        transactions = transactions,
    );
    html::page(StatusCode::OK, page)
}

/// The style of all sandbox pages.
pub async fn style() -> Response {
    let style = include_bytes!("sandbox.css").to_vec();
    wire::bytes(StatusCode::OK, "text/css; charset=utf-8", style)
}

/// The script of the page.
pub async fn script() -> Response {
    let script = include_bytes!("sandbox.js").to_vec();
    wire::bytes(StatusCode::OK, "text/javascript; charset=utf-8", script)
}

fn shown_time(instant: DateTime<Utc>) -> String {
    kst(instant).format("%Y-%m-%d %H:%M:%S").to_string()
}

fn cards() -> String {
    let mut rows = String::new();
    for card in TEST_CARDS {
        let _ = writeln!(rows, "<tr><td>{}</td><td>{}</td></tr>", card.number, escape(card.about));
    }
    rows
}

fn faults(pending: &[Value]) -> String {
    if pending.is_empty() {
        return "<p>없습니다.</p>".to_owned();
    }
    let mut items = String::new();
    for fault in pending {
        let _ = writeln!(items, "<li><code>{}</code></li>", escape(&fault.to_string()));
    }
    format!("<ul>{items}</ul>")
}

fn transactions(all: &[Transaction]) -> String {
    if all.is_empty() {
        return "<p>아직 없습니다.</p>".to_owned();
    }
    let mut rows = String::new();
    for one in all.iter().rev().take(SHOWN_TRANSACTIONS) {
        let _ = writeln!(
            rows,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td>\
             <td class=\"number\">{}</td><td class=\"number\">{}</td><td>{}</td></tr>",
            shown_time(one.approved_at),
            escape(&one.order_no),
            escape(&one.pay_method),
            escape(&one.product_name),
            won(one.amount),
            won(one.canceled_amount),
            escape(&one.id),
        );
    }
    format!(
        "<div class=\"scroll\"><table><thead><tr><th>승인 시각</th><th>주문번호</th>\
         <th>결제수단</th><th>상품</th><th>금액</th><th>취소</th><th>거래번호</th></tr></thead>\
         <tbody>{rows}</tbody></table></div>"
    )
}
