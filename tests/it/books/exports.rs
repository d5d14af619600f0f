//! Movements as CSV and XLSX: what the list answers, every text a text, no cell a formula.

use std::io::Cursor;

use calamine::{Data, Reader, Xlsx};
use reqwest::Method;
use serde_json::Value;

use super::{approved, at, movements};
use crate::support::app::TestApp;

pub const COLUMNS: [&str; 19] = [
    "id",
    "bookedOn",
    "movedOn",
    "kind",
    "amount",
    "taxFreeAmount",
    "taxableAmount",
    "vat",
    "method",
    "cardCompanyCode",
    "cardCompany",
    "orderId",
    "transactionId",
    "paymentId",
    "refundId",
    "subscriptionId",
    "customerId",
    "movedAt",
    "bookedAt",
];
/// Columns of texts from outside, which are guarded in CSV.
pub const FOREIGN: [&str; 6] =
    ["method", "cardCompanyCode", "cardCompany", "orderId", "transactionId", "customerId"];

/// Order numbers and customers that a spreadsheet would like to read as something else.
pub const HOSTILE: [&str; 30] = [
    "=1+1",
    "+82",
    "-1",
    "@SUM(A1)",
    "＝1+1",
    "＋1",
    "－1",
    "＠A1",
    "=HYPERLINK(\"http://x.example\",\"y\")",
    "\t=1",
    " =1",
    "'=1",
    "00123",
    "20260301000000000001",
    "1E10",
    "2026-03-01",
    "3/4",
    "1-2",
    "12:30",
    "MAR1",
    "Sept 2",
    "오전 9:00",
    "TRUE",
    "50%",
    "(100)",
    "₩9,900",
    "#N/A",
    "쉼표, \"따옴표\"",
    "<b>&amp;</b>",
    "１２３",
];

/// A service whose books have each hostile text as order and customer.
pub async fn hostile() -> TestApp {
    let app = TestApp::start().await;
    let now = "2999-03-01T12:00:00+09:00";
    let rows: Vec<String> =
        HOSTILE.iter().zip(100..).map(|(text, won)| approved(text, text, won, now)).collect();
    at(&app, now, &rows).await;
    let refund = "insert into refunds (id, payment_id, amount, state, created_at, sent_at, refunded_at)
         select gen_random_uuid(), id, 50, 'refunded', now(), now(), '2999-03-01T03:00:00Z' from payments"
        .to_owned();
    at(&app, now, &[refund]).await;
    app
}

pub async fn bytes(app: &TestApp, path: &str) -> Vec<u8> {
    let response = app.request(Method::GET, path).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let file = path.trim_start_matches("/billing/").split('?').next().unwrap();
    let disposition = format!("attachment; filename=\"{file}\"");
    assert_eq!(response.headers()["content-disposition"], disposition);
    response.bytes().await.unwrap().to_vec()
}

/// A value of the list as a text.
pub fn shown(movement: &Value, column: &str) -> String {
    match &movement[column] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_csv_is_the_list_and_a_guarded_text_is_the_text_behind_its_mark() {
    let app = hostile().await;
    for query in ["", "?kind=refund", "?customerId=00123", "?to=2999-03-01", "?date=moved"] {
        let listed = movements(&app, query.trim_start_matches('?')).await;
        let bytes = bytes(&app, &format!("/billing/movements.csv{query}")).await;
        let text = std::str::from_utf8(&bytes).unwrap().strip_prefix('\u{feff}').unwrap();
        let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
        assert_eq!(reader.headers().unwrap().iter().collect::<Vec<_>>(), COLUMNS);
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), listed.len(), "{query}");
        for (row, movement) in rows.iter().zip(&listed) {
            for (cell, column) in row.iter().zip(COLUMNS) {
                let shown = shown(movement, column);
                if !FOREIGN.contains(&column) {
                    assert_eq!(cell, shown, "{column}");
                    continue;
                }
                assert_eq!(cell.strip_prefix('\'').unwrap_or(cell), shown, "{column}");
                let is_formula =
                    cell.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠', '\t', '\r']);
                assert!(!is_formula, "{cell}");
            }
        }
    }
    let all = movements(&app, "").await;
    assert_eq!(all.len(), 2 * HOSTILE.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_workbook_has_texts_as_they_are_amounts_as_numbers_and_days_as_dates() {
    let app = hostile().await;
    let listed = movements(&app, "").await;
    let bytes = bytes(&app, "/billing/movements.xlsx").await;
    assert_eq!(&bytes[..2], b"PK");
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).unwrap();
    let sheet = book.worksheet_range("movements 1").unwrap();
    assert!(book.worksheet_formula("movements 1").unwrap().is_empty());
    let mut rows = sheet.rows();
    let names: Vec<String> = rows.next().unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(names, COLUMNS);
    let rows: Vec<&[Data]> = rows.collect();
    assert_eq!(rows.len(), listed.len());
    for (row, movement) in rows.iter().zip(&listed) {
        for (cell, column) in row.iter().zip(COLUMNS) {
            let shown = shown(movement, column);
            match cell {
                Data::Empty => assert_eq!(shown, "", "{column}"),
                Data::String(text) => assert_eq!(*text, shown, "{column}"),
                Data::Float(number) => {
                    assert!(movement[column].is_i64(), "{column}: {cell:?}");
                    assert_eq!(number.to_string(), shown, "{column}");
                }
                Data::DateTime(date) => {
                    let (year, month, day, ..) = date.to_ymd_hms_milli();
                    assert!(column.ends_with("On"), "{column}");
                    assert_eq!(format!("{year}-{month:02}-{day:02}"), shown, "{column}");
                }
                other => panic!("{column}: {other:?}"),
            }
        }
    }
    // The folder of the service keeps nothing of it.
    let files = std::fs::read_dir(&app.data_dir).unwrap();
    let names: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().contains("tmp")), "{names:?}");
}

/// More than a page of the database, and none at all.
#[tokio::test(flavor = "multi_thread")]
async fn each_movement_is_exported_once_however_many_there_are() {
    let app = TestApp::start().await;
    let rows = async |kind: &str| {
        let bytes = bytes(&app, &format!("/billing/movements.{kind}")).await;
        if kind == "csv" {
            let mut reader = csv::ReaderBuilder::new().from_reader(&bytes[3..]);
            reader.records().map(|row| row.unwrap()[0].to_owned()).collect::<Vec<_>>()
        } else {
            let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).unwrap();
            let sheet = book.worksheet_range("movements 1").unwrap();
            sheet.rows().skip(1).map(|row| row[0].to_string()).collect()
        }
    };
    assert_eq!((rows("csv").await.len(), rows("xlsx").await.len()), (0, 0));
    let now = "2999-03-01T12:00:00+09:00";
    let many = approved("O-", "user123", 100, now).replace("'O-'", "'O-' || n")
        + " from generate_series(1, 2500) n";
    let many = many.replace("values (gen_random_uuid()", "select gen_random_uuid()");
    let many = many.replace("') from", "' from");
    at(&app, now, &[many]).await;
    let csv = rows("csv").await;
    assert_eq!(csv.len(), 2500);
    assert_eq!(csv, rows("xlsx").await);
    let mut once = csv.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), 2500);
}
