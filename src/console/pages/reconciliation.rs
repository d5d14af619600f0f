//! 대사: the books compared with a list of KiwoomPay's, and what the list proves settled.

use std::collections::BTreeMap;

use askama::Template;
use axum::Router;
use axum::http::HeaderMap;
use axum::routing::get;
use serde::Deserialize;

use crate::console::Shared;
use crate::console::api::path_with;
use crate::console::failed::Failed;
use crate::console::form::Form;
use crate::console::frame::{Console, Page};

/// The routes.
pub fn routes() -> Router<Shared> {
    Router::new().route("/reconciliation", get(ask).post(compare))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    settle: bool,
    from: Option<String>,
    to: Option<String>,
    lines: i64,
    matching: i64,
    under_way: i64,
    ignored: Ignored,
    not_covered: BTreeMap<String, i64>,
    remaining: BTreeMap<String, i64>,
    differences: Vec<Difference>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ignored {
    doubles: i64,
    other_merchants: i64,
    skipped: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Difference {
    kind: String,
    order_id: String,
    transaction_id: String,
    amount: i64,
    at: String,
    payment_id: Option<String>,
    payment_amount: Option<i64>,
    payment_state: Option<String>,
    provable: bool,
    settled: bool,
    why: Option<String>,
}

/// What a difference is, and what to do about it.
#[rustfmt::skip]
const KINDS: [(&str, &str, &str); 8] = [
    ("unknown_here", "결과 미확정, 키움페이에 있음", "Outcome unknown here, found there"),
    ("unpaid_here", "미결제, 키움페이에는 결제됨", "Not paid here, paid there"),
    ("canceled_there", "키움페이에서만 취소됨", "Cancelled there, not here"),
    ("other_amount", "금액이 다름: 가맹점 관리자에서 확인해 주세요.", "Another amount: look in the merchant pages"),
    ("other_transaction", "다른 거래로 이미 결제됨: 이중 결제면 가맹점 관리자에서 취소해 주세요.", "Paid by another transaction: if twice, cancel one in the merchant pages"),
    ("only_at_kiwoompay", "이 서비스의 주문이 아님: 가맹점 관리자에서 확인해 주세요.", "No order of the books: look in the merchant pages"),
    ("only_in_books", "목록에 없음: 다음 날 목록에서 확인해 주세요. 실패로 처리하지 않습니다.", "Not in the list: look in the next day's; never taken for failed"),
    ("contradiction", "목록의 줄이 서로 또는 기록과 모순됨", "Its lines contradict each other, or the books"),
];

impl Difference {
    fn about<'k>(&'k self, c: &Console) -> &'k str {
        let found = KINDS.iter().find(|row| row.0 == self.kind);
        found.map_or(&self.kind, |row| c.language.pick(row.1, row.2))
    }
}

#[derive(Template)]
#[template(path = "reconciliation/page.html")]
struct FormPage<'a> {
    c: &'a Console,
    report: Option<&'a Report>,
    failed: Option<&'a Failed>,
}

/// The part of the page that the comparison replaces: the form stays, with its file.
#[derive(Template)]
#[template(path = "reconciliation/report.html")]
struct ReportPart<'a> {
    c: &'a Console,
    report: Option<&'a Report>,
    failed: Option<&'a Failed>,
}

impl Report {
    fn provable(&self) -> usize {
        self.differences.iter().filter(|one| one.provable && !one.settled).count()
    }
}

async fn ask(c: Console) -> Page {
    // Who may not do it is told so before a file is chosen.
    if !c.can("admin") {
        return Err(refusal(&c).await);
    }
    c.page(&FormPage { c: &c, report: None, failed: None })
}

/// The API's own words to a key without the scope: nothing is compared without a list.
async fn refusal(c: &Console) -> Failed {
    let asked: Result<serde_json::Value, Failed> =
        c.api.upload("/reconciliations", "text/csv", axum::body::Bytes::new()).await;
    asked.err().unwrap_or_else(|| Failed::not_found(c.language))
}

async fn compare(c: Console, headers: HeaderMap, form: Form) -> Page {
    let settle = if form.text("settle") == "true" { "true" } else { "" };
    let pairs =
        [("settle", settle), ("columns", form.text("columns")), ("reason", form.text("reason"))];
    let path = path_with("/reconciliations", pairs);
    let file = form.file().map(|(_, bytes)| bytes.clone()).unwrap_or_default();
    let done = c.api.upload(&path, "application/octet-stream", file).await;
    let (report, failed): (Option<Report>, Option<Failed>) = match done {
        Ok(report) => (Some(report), None),
        Err(failed) if failed.status == 400 => (None, Some(failed)),
        Err(failed) => return Err(failed),
    };
    let (report, failed) = (report.as_ref(), failed.as_ref());
    if headers.contains_key("hx-request") {
        return c.page(&ReportPart { c: &c, report, failed });
    }
    c.page(&FormPage { c: &c, report, failed })
}
