//! `GET /`: what a developer wants to see at a glance. Works without scripts and without network.

use std::fmt::Write;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::cards::TEST_CARDS;
use crate::html::{self, escape, won};
use crate::ledger::Transaction;
use crate::mishap::Mishaps;
use crate::{CONTRACTS, Sandbox, lock, wire};
use kiwoom_clock::kst;

/// How many transactions the page shows.
const SHOWN_TRANSACTIONS: usize = 50;
/// How many notifications the page shows.
const SHOWN_DELIVERIES: usize = 20;

/// The page.
pub async fn show(State(sandbox): State<Arc<Sandbox>>) -> Response {
    let faults = faults(&lock(&sandbox.faults).shown());
    let (total, waiting, transactions) = {
        let ledger = lock(&sandbox.ledger);
        let all = ledger.transactions();
        (all.len(), ledger.outbox().waiting().count(), transactions(all))
    };
    let deliveries = deliveries(&lock(&sandbox.mishaps));
    let page = format!(
        include_str!("page.html"),
        cpids = CONTRACTS.map(|contract| contract.cpid).join(", "),
        now = shown_time(sandbox.now()),
        cards = cards(),
        faults = faults,
        total = total,
        transactions = transactions,
        waiting = waiting,
        deliveries = deliveries,
    );
    html::page(StatusCode::OK, page)
}

/// The style of all sandbox pages: the look of every page, and what these have beside it.
pub async fn style() -> Response {
    let style = [kiwoom_look::CSS, include_str!("sandbox.css")].concat();
    wire::bytes(StatusCode::OK, "text/css; charset=utf-8", style.into_bytes())
}

/// The script of the page.
pub async fn script() -> Response {
    javascript(include_bytes!("sandbox.js"))
}

/// The script of the window's pages.
pub async fn window_script() -> Response {
    javascript(include_bytes!("window.js"))
}

/// The merchant's side of the window: `KiwoomPaySDK`.
pub async fn sdk() -> Response {
    javascript(include_bytes!("sdk.js"))
}

fn javascript(script: &[u8]) -> Response {
    wire::bytes(StatusCode::OK, "text/javascript; charset=utf-8", script.to_vec())
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
        "<div class=\"scroll\"><table class=\"records\"><thead><tr><th>승인 시각</th><th>주문번호</th>\
         <th>결제수단</th><th>상품</th><th class=\"number\">금액</th><th class=\"number\">취소</th>\
         <th>거래번호</th></tr></thead>\
         <tbody>{rows}</tbody></table></div>"
    )
}

fn deliveries(mishaps: &Mishaps) -> String {
    let mut rows = String::new();
    for one in mishaps.deliveries().rev().take(SHOWN_DELIVERIES) {
        let _ = writeln!(
            rows,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td class=\"number\">{}</td><td>{}번째</td>\
             <td>{}</td></tr>",
            shown_time(one.at),
            escape(&one.order_no),
            escape(&one.pay_method),
            one.amount.parse().map_or_else(|_| escape(&one.amount), won),
            one.attempt,
            if one.delivered { "전달됨" } else { "실패" },
        );
    }
    if rows.is_empty() {
        return "<p>아직 없습니다.</p>".to_owned();
    }
    format!(
        "<div class=\"scroll\"><table class=\"records\"><thead><tr><th>시각</th><th>주문번호</th>\
         <th>종류</th><th class=\"number\">금액</th><th>시도</th><th>결과</th></tr></thead>\
         <tbody>{rows}</tbody></table></div>"
    )
}
