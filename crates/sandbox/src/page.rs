//! `GET /`: what a developer wants to see at a glance. Works without scripts and without network.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use chrono::{DateTime, Utc};
use url::form_urlencoded;

use crate::cards::TEST_CARDS;
use crate::html::{self, escape, table, won};
use crate::ledger::Transaction;
use crate::mishap::Mishaps;
use crate::{Sandbox, Service, connection, fault_form, lock, wire};
use kiwoom_clock::kst;

/// How many transactions the page shows.
const SHOWN_TRANSACTIONS: usize = 50;
/// How many notifications the page shows.
const SHOWN_DELIVERIES: usize = 20;

/// The page.
pub async fn show(State(sandbox): State<Arc<Sandbox>>, headers: HeaderMap) -> Response {
    let waiting_faults = fault_form::waiting(&lock(&sandbox.faults).shown());
    let (total, waiting, transactions) = {
        let ledger = lock(&sandbox.ledger);
        let all = ledger.transactions();
        (all.len(), ledger.outbox().waiting().count(), transactions(all))
    };
    let deliveries = deliveries(&lock(&sandbox.mishaps));
    let page = format!(
        include_str!("page.html"),
        connection = connection::shown(&sandbox, &headers),
        now = shown_time(sandbox.now()),
        cards = cards(),
        calls = fault_form::calls(),
        kinds = fault_form::kind_options(),
        waiting_faults = waiting_faults,
        service = sandbox.options.service.map(service).unwrap_or_default(),
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

/// The script of the page's part about the service.
pub async fn service_script() -> Response {
    javascript(include_bytes!("service.js"))
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
    let rows = TEST_CARDS.map(|card| [card.number.to_owned(), escape(card.about)]);
    table([("카드번호", "when"), ("동작", "")], &rows)
}

/// The part that the page's second script fills.
fn service(service: Service) -> String {
    let all = |name: &str| {
        if !service.has_console {
            return String::new();
        }
        format!("<p><a href=\"/console/{name}\">콘솔에서 모두 보기</a></p>\n")
    };
    format!(
        include_str!("service.html"),
        console = if service.has_console { "/console" } else { "" },
        all_subscriptions = all("subscriptions"),
        all_events = all("events"),
    )
}

fn transactions(all: &[Transaction]) -> String {
    let newest = all.iter().rev().take(SHOWN_TRANSACTIONS);
    let rows: Vec<_> = newest
        .map(|one| {
            [
                shown_time(one.approved_at),
                format!("<a href=\"{}\"><code>{}</code></a>", receipt(one), escape(&one.id)),
                escape(&one.order_no),
                escape(&one.pay_method),
                escape(&one.product_name),
                won(one.amount),
                won(one.canceled_amount),
            ]
        })
        .collect();
    let columns = [
        ("승인 시각", ""),
        ("거래번호", "when"),
        ("주문번호", "any"),
        ("결제수단", ""),
        ("상품", "any"),
        ("금액", "number"),
        ("취소", "number"),
    ];
    table(columns, &rows)
}

/// The address of its receipt, as HTML.
fn receipt(paid: &Transaction) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("CPID", &paid.cpid).append_pair("DAOUTRX", &paid.id);
    escape(&format!("/sandbox/common/PayInfoPrint.jsp?{}", query.finish()))
}

fn deliveries(mishaps: &Mishaps) -> String {
    let newest = mishaps.deliveries().rev().take(SHOWN_DELIVERIES);
    let rows: Vec<_> = newest
        .map(|one| {
            [
                shown_time(one.at),
                escape(&one.order_no),
                escape(&one.pay_method),
                one.amount.parse().map_or_else(|_| escape(&one.amount), won),
                format!("{}번째", one.attempt),
                if one.delivered { "전달됨" } else { "실패" }.to_owned(),
            ]
        })
        .collect();
    let columns = [
        ("시각", ""),
        ("주문번호", "any"),
        ("종류", ""),
        ("금액", "number"),
        ("시도", ""),
        ("결과", ""),
    ];
    table(columns, &rows)
}
