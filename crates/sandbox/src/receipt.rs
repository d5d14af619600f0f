//! `GET /common/{page}`: the receipts (전표) that the gateway keeps for the buyer.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};

use crate::html::{self, escape, won};
use crate::ledger::Transaction;
use crate::{Sandbox, lock, window};
use kiwoom_clock::kst;

/// The pages, and the methods each knows; the last one knows all but asks for the CPID.
const PAGES: [(&str, &[&str]); 7] = [
    ("PayInfoPrintDirectCard.jsp", &["CARD", "CARD-BATCH"]),
    ("PayInfoPrintCreditCard.jsp", &["CARDK"]),
    ("PayInfoPrintBank.jsp", &["BANK"]),
    ("PayInfoPrintVaccount.jsp", &["VACCOUNT"]),
    ("PayInfoPrintKakaoPay.jsp", &["KAKAOPAY"]),
    ("PayInfoPrintNaverPay.jsp", &["NAVERPAY"]),
    (ANY_METHOD, &[]),
];

const ANY_METHOD: &str = "PayInfoPrint.jsp";

/// The receipt of the transaction `?DAOUTRX=`.
pub async fn show(
    State(sandbox): State<Arc<Sandbox>>,
    Path(page): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let found = find(&sandbox, &page, &query);
    let status = if found.is_some() { StatusCode::OK } else { StatusCode::NOT_FOUND };
    let content = found.map_or_else(not_found, |paid| receipt(&paid));
    html::page(status, format!(include_str!("receipt.html"), content = content))
}

fn find(sandbox: &Sandbox, page: &str, query: &HashMap<String, String>) -> Option<Transaction> {
    let (_, methods) = PAGES.iter().find(|(name, _)| *name == page)?;
    let ledger = lock(&sandbox.ledger);
    let paid = ledger.transaction(query.get("DAOUTRX")?)?;
    if page == ANY_METHOD && query.get("CPID") != Some(&paid.cpid) {
        return None;
    }
    let is_known = methods.is_empty() || methods.contains(&paid.pay_method.as_str());
    is_known.then(|| paid.clone())
}

fn receipt(paid: &Transaction) -> String {
    let method = match paid.pay_method.as_str() {
        "CARD-BATCH" => "신용카드 (정기결제)",
        code => window::METHODS.iter().find(|(known, _)| *known == code).map_or(code, |m| m.1),
    };
    let mut lines = vec![
        ("가맹점", format!("샌드박스 가맹점 ({})", paid.cpid)),
        ("상품", paid.product_name.clone()),
        ("주문번호", paid.order_no.clone()),
        ("거래번호", paid.id.clone()),
        ("승인번호", paid.auth_no.clone()),
        ("결제수단", method.to_owned()),
        ("승인 시각", shown_time(paid.approved_at)),
        ("승인 금액", won(paid.amount)),
    ];
    if let Some(at) = paid.canceled_at {
        lines.push(("취소 시각", shown_time(at)));
        lines.push(("취소 금액", won(paid.canceled_amount)));
        lines.push(("남은 금액", won(paid.amount.saturating_sub(paid.canceled_amount))));
    }
    let (state, amount) = (state(paid), won(paid.amount));
    let mut content =
        format!("<h1>매출전표 <small>{state}</small></h1><p class=\"amount\">{amount}</p><dl>");
    for (name, value) in lines {
        let _ = write!(content, "<dt>{name}</dt><dd>{}</dd>", escape(&value));
    }
    content + "</dl>"
}

fn state(paid: &Transaction) -> &'static str {
    match paid.canceled_amount {
        0 => "승인",
        part if part < paid.amount => "부분 취소",
        _ => "취소",
    }
}

fn not_found() -> String {
    "<h1>전표가 없습니다</h1><p>주소의 거래번호와 전표 종류를 확인해 주세요.</p>".to_owned()
}

fn shown_time(instant: DateTime<Utc>) -> String {
    kst(instant).format("%Y-%m-%d %H:%M:%S").to_string()
}
