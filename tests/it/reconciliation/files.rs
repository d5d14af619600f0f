//! Files of the merchant pages: CSV in either charset and XLSX, and what is no list.

use std::fmt::Write as _;
use std::path::Path;

use encoding_rs::EUC_KR;
use serde_json::json;

use super::of_kind;
use crate::support::app::TestApp;
use crate::support::window::{prepare, status};

/// As the fixture: three orders, one of them cancelled in part, below a title and above a total.
const TABLE: &str = "거래내역,,,,\n상태,거래일시,거래번호,주문번호,거래금액\n\
    승인,2026-11-29 10:15:00,cMP26112910150000001,SHEET-1,\"9,900\"\n\
    승인,2026-11-29 10:16:00,cMP26112910160000002,SHEET-2,\"9,900\"\n\
    부분취소,2026-11-29 11:00:00,cMP26112910160000002,SHEET-2,\"-1,000\"\n\
    승인,2026-11-29 10:17:00,cMP26112910170000003,SHEET-3,\"9,901\"\n합계,,,,\"28,701\"\n";
const COLUMNS: &str =
    "transactionId=거래번호,orderNo=주문번호,amount=거래금액,at=거래일시,type=상태";

async fn prepared() -> TestApp {
    let app = TestApp::with(&[("KAKAOPAY_ENABLED", "true")]).await;
    for n in 1..=3 {
        prepare(&app, &format!("SHEET-{n}")).await;
    }
    app
}

async fn statuses(app: &TestApp) -> Vec<String> {
    let mut statuses = Vec::new();
    for n in 1..=3 {
        let status = status(app, &format!("SHEET-{n}")).await["status"].clone();
        statuses.push(status.as_str().unwrap().to_owned());
    }
    statuses
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_are_mapped_by_name_in_csv_and_xlsx_alike() {
    let (cp949, _, _) = EUC_KR.encode(TABLE);
    let dir = crate::support::process::Folder::new();
    let workbook = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/reconcile/list.xlsx");
    for (name, bytes) in [
        ("utf8.csv", TABLE.as_bytes().to_vec()),
        ("cp949.csv", cp949.into_owned()),
        ("list.xlsx", std::fs::read(workbook).unwrap()),
    ] {
        let app = prepared().await;
        let file = dir.join(name);
        std::fs::write(&file, bytes).unwrap();
        let file = file.to_str().unwrap();
        let table = app.command(&[file, "--columns", COLUMNS, "--dry-run"]).await;
        assert_eq!(table.code, Some(3), "{}", table.err);
        for words in ["SHEET-1", "입증됨 (provable)", "nothing was changed: --settle settles the 3"]
        {
            assert!(table.out.contains(words), "{words}: {}", table.out);
        }
        assert_eq!(statuses(&app).await, ["ready", "ready", "ready"], "{name}");
        let done = app.command(&[file, "--columns", COLUMNS, "--settle", "--json"]).await.report(3);
        assert_eq!(done["remaining"], json!({"other_amount": 1}), "{done}");
        assert_eq!(done["ignored"]["skipped"], 1, "{name}");
        assert_eq!(statuses(&app).await, ["paid", "partially_canceled", "ready"], "{name}");
        let paid = status(&app, "SHEET-1").await;
        assert_eq!(paid["paidAt"], "2026-11-29T10:15:00.000+09:00", "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_list_is_refused_and_changes_nothing() {
    let app = prepared().await;
    let books = app.books().await;
    for (list, field, words) in [
        ("", "body", "transactionId, orderNo, amount, at"),
        ("{\"a\":1}", "body", "transactionId, orderNo, amount, at"),
        ("transactionId,orderNo,amount,at\n", "body", "DAOUTRX"),
        ("transactionId,orderNo,amount,at\nT1,SHEET-1,9900,어제\n", "body", "Line 2, at"),
        ("<DATA>\nS|20261129101500|T1|SHEET-1|9900\n", "body", "</DATA>"),
    ] {
        let request = app.request(reqwest::Method::POST, "/reconciliations?settle=true");
        let request = request.header("content-type", "text/csv").header("accept-language", "en");
        let error = app.send(request.body(list)).await.error(400);
        assert_eq!(error["details"][0]["field"], field, "{error}");
        assert!(error["details"][0]["reason"].as_str().unwrap().contains(words), "{error}");
    }
    let columns = app.reconcile("?columns=orderNo", "x").await.error(400);
    assert_eq!(columns["details"][0]["field"], "columns");
    app.reconcile("?settel=true", "x").await.fails(400, "invalid_request");
    app.post("/reconciliations", &json!({})).await.fails(415, "unsupported_media_type");
    let large = "x".repeat(16 * 1024 * 1024 + 1);
    app.reconcile("", large).await.fails(413, "payload_too_large");
    assert_eq!(app.books().await, books);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_larger_than_other_bodies_is_taken_and_a_card_number_in_it_is_not_shown() {
    let app = prepared().await;
    let mut list = "transactionId,orderNo,amount,at\n".to_owned();
    for n in 0..2500 {
        writeln!(list, "cMP261129101500{n:05},4111111111111111,9900,20261129101500").unwrap();
    }
    assert!(list.len() > 100 * 1024);
    let reply = app.reconcile("", list).await;
    let report = reply.data(200);
    assert_eq!(of_kind(&report, "only_at_kiwoompay").len(), 2500);
    assert!(!reply.text.contains("4111111111111111"));
}
