//! Files of spreadsheets as `import` reads them: every kind of CSV, XLSX, and ids that a spreadsheet would
//! like to read as something else.

use std::path::{Path, PathBuf};

use encoding_rs::EUC_KR;
use rust_xlsxwriter::{Format, Formula, Workbook, Worksheet};
use serde_json::json;

use super::import::id;
use crate::support::office::converted;
use crate::support::process::World;

/// Columns in an order of their own, by Korean names, with one that nobody asked for.
const HEADINGS: [&str; 7] =
    ["메모", "카드번호", "고객 ID", "고객명", "자동결제키", "카드사 코드", "이메일"];

/// Customers that a spreadsheet would take for a number, a date or a formula.
const CUSTOMERS: [&str; 8] =
    ["20260301000000000001", "00123", "1E10", "2026-03-01", "3/4", "=1+1", "＝1+1", "1001"];

fn autokey(n: usize) -> String {
    format!("C2022SECRET{n:02}")
}

fn secrets() -> Vec<String> {
    (0..CUSTOMERS.len()).map(autokey).collect()
}

fn row(n: usize, customer: &str) -> [String; 7] {
    let row = ["비고", "411111******1111", customer, "똠방 홍길동", &autokey(n), "CVSF", ""];
    row.map(str::to_owned)
}

/// The rows as CSV, with blank lines and blank cells around them.
fn csv(separator: &str) -> String {
    let rows = CUSTOMERS.iter().enumerate().map(|(n, customer)| row(n, customer).join(separator));
    let blank = separator.repeat(6);
    let lines: Vec<String> =
        [String::new(), HEADINGS.join(separator), blank].into_iter().chain(rows).collect();
    lines.join("\r\n") + "\r\n\r\n"
}

fn write(path: PathBuf, bytes: impl AsRef<[u8]>) -> PathBuf {
    std::fs::write(&path, bytes).unwrap();
    path
}

/// A workbook with one sheet `고객`, and a second one that is not read.
fn workbook(path: &Path, fill: impl FnOnce(&mut Worksheet)) {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    sheet.set_name("고객").unwrap();
    for (column, heading) in (0..).zip(HEADINGS) {
        sheet.write_string(1, column, heading).unwrap();
    }
    fill(sheet);
    book.add_worksheet().set_name("메모").unwrap();
    book.save(path).unwrap();
}

fn texts(sheet: &mut Worksheet) {
    for (n, customer) in CUSTOMERS.iter().enumerate() {
        for (column, cell) in (0..).zip(row(n, customer)) {
            let line = 3 + u32::try_from(n).unwrap();
            sheet.write_string(line, column, cell).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_file_is_read_and_gives_the_same_ids() {
    let world = World::start().await;
    drop(world.service("service", &[]).await);
    let utf8 = csv(",");
    let (cp949, ..) = EUC_KR.encode(&utf8);
    let utf16: Vec<u8> =
        format!("\u{feff}{}", csv("\t")).encode_utf16().flat_map(u16::to_le_bytes).collect();
    let file = |name: &str| world.dir.join(name);
    workbook(&file("a.xlsx"), texts);
    let files = [
        (write(file("1.csv"), &utf8), "CSV in UTF-8, separated by commas"),
        (
            write(file("2.csv"), format!("\u{feff}{}", csv(";"))),
            "CSV in UTF-8, separated by semicolons",
        ),
        (write(file("3.csv"), &cp949), "CSV in CP949, separated by commas"),
        (write(file("4.txt"), csv("\t")), "CSV in UTF-8, separated by tabs"),
        (write(file("5.txt"), &utf16), "CSV in UTF-16LE, separated by tabs"),
        (file("a.xlsx"), "XLSX, sheet \"고객\" (not read: \"메모\")"),
    ];
    let mut ids = Vec::new();
    for (file, source) in files {
        let told = world.import_file(&["--dry-run"], &file);
        let rows = told.lines(0, &secrets());
        assert_eq!(
            told.head(),
            [
                &format!("{source}; billing keys, rows: 8"),
                "B 카드번호 = cardNumber, C 고객 ID = customerId, D 고객명 = customerName, \
             E 자동결제키 = autokey, F 카드사 코드 = cardCompanyCode, G 이메일 = customerEmail",
                "A 메모",
            ]
        );
        assert_eq!(rows[8], "8 lines, 8 good, 0 bad: dry run, nothing was imported");
        let place = if source.starts_with("CSV") { "line 4: " } else { "sheet \"고객\" row 4: " };
        assert!(rows[0].starts_with(place), "{rows:?}");
        ids.push(rows[..8].iter().map(|row| id(row).to_owned()).collect::<Vec<_>>());
    }
    assert!(ids.iter().all(|these| *these == ids[0]), "{ids:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_of_a_workbook_are_taken_as_they_are_and_those_that_were_changed_are_refused() {
    let world = World::start().await;
    let service = world.service("service", &[]).await;
    let good = world.dir.join("good.xlsx");
    workbook(&good, |sheet| {
        texts(sheet);
        // As a spreadsheet shows them: digits, and digits with zeros before them.
        sheet.write_number(10, 2, 1001).unwrap();
        let zeros = Format::new().set_num_format("00000");
        sheet.write_number_with_format(4, 2, 123, &zeros).unwrap();
    });
    let told = world.import_file(&[], &good);
    let rows = told.lines(0, &secrets());
    for (customer, row) in CUSTOMERS.iter().zip(rows) {
        let query: String = url::form_urlencoded::byte_serialize(customer.as_bytes()).collect();
        let keys = service.get(&format!("/billing/keys?customerId={query}")).await.data(200);
        assert_eq!(keys["items"][0]["billingKey"], id(row), "{customer}");
        assert_eq!(keys["items"].as_array().map(Vec::len), Some(1), "{customer}");
    }
    let guarded = csv(",").replace("=1+1", "'=1+1").replace("00123", "'00123");
    let again = world.import_file(&[], &write(world.dir.join("guarded.csv"), guarded));
    assert!(again.lines(1, &secrets())[1].contains("already there"), "the ' is a spreadsheet's");

    let bad = world.dir.join("bad.xlsx");
    workbook(&bad, |sheet| {
        texts(sheet);
        let format = |code: &str| Format::new().set_num_format(code);
        sheet.write_number(3, 2, 20_260_301_000_000_000_000.0).unwrap();
        sheet.write_number_with_format(4, 2, 1e10, &format("0.00E+00")).unwrap();
        sheet.write_number_with_format(5, 2, 46_082, &format("yyyy-mm-dd")).unwrap();
        sheet.write_formula(6, 2, Formula::new("=NA()").set_result("#N/A")).unwrap();
        sheet.write_number(7, 1, 4_111_111_111_111_111.0).unwrap();
        sheet.write_string(8, 1, "4111111111111111").unwrap();
    });
    let told = world.import_file(&[], &bad);
    let rows = told.lines(1, &secrets());
    for (row, reason) in rows.iter().zip(
        [
            ["고객 ID (column C, customerId): Is a number or a date"; 3].as_slice(),
            &[
                "고객 ID (column C, customerId): Holds an error",
                "카드번호 (column B, cardNumber): Is a number or a date",
                "카드번호 (column B, cardNumber): Has to be masked already",
            ],
        ]
        .concat(),
    ) {
        assert!(row.starts_with("sheet \"고객\" row ") && row.contains(reason), "{row}");
    }
    assert!(rows[0].starts_with("sheet \"고객\" row 4: error "), "{rows:?}");
    assert!(rows.last().unwrap().ends_with("nothing was imported"), "{rows:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn subscriptions_are_read_from_a_workbook_with_its_numbers_and_days() {
    let world = World::start().await;
    let service = world.service("service", &[]).await;
    let keys = world.dir.join("keys.xlsx");
    workbook(&keys, texts);
    let told = world.import_file(&[], &keys);
    let key = id(told.lines(0, &secrets())[1]).to_owned();
    let subscriptions = world.dir.join("subscriptions.xlsx");
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    let headings = ["다음 결제일", "결제일", "금액", "상품명", "요금제", "고객ID", "빌링키"];
    for (column, heading) in (0..).zip(headings) {
        sheet.write_string(0, column, heading).unwrap();
    }
    let day = chrono::NaiveDate::from_ymd_opt(2030, 1, 15).unwrap();
    let format = |code: &str| Format::new().set_num_format(code);
    sheet.write_datetime_with_format(1, 0, day, &format("yyyy-mm-dd")).unwrap();
    sheet.write_number(1, 1, 15).unwrap();
    sheet.write_number_with_format(1, 2, 9900, &format("#,##0")).unwrap();
    for (column, cell) in (3..).zip(["월간 구독", "gold", "00123", &key]) {
        sheet.write_string(1, column, cell).unwrap();
    }
    book.save(&subscriptions).unwrap();
    let told = world.import_file(&[], &subscriptions);
    let rows = told.lines(0, &secrets());
    let made = service.get(&format!("/billing/subscription/{}", id(rows[0]))).await.data(200);
    assert_eq!((&made["amount"], &made["cycleDay"]), (&json!(9900), &json!(15)));
    assert_eq!(made["nextBillingDate"], "2030-01-15");
}

/// What `LibreOffice` writes of a workbook and of its CSV, as a person saves them.
#[tokio::test(flavor = "multi_thread")]
async fn files_that_libreoffice_wrote_give_the_ids_of_the_file_it_read() {
    let world = World::start().await;
    drop(world.service("service", &[]).await);
    workbook(&world.dir.join("keys.xlsx"), texts);
    let told = world.import_file(&["--dry-run"], &world.dir.join("keys.xlsx"));
    let ids: Vec<&str> = told.lines(0, &secrets())[..8].iter().map(|row| id(row)).collect();
    // Semicolon, quotes where needed, CP949 (62), cells as they are shown.
    let cp949 = "csv:Text - txt - csv (StarCalc):59,34,62,1,,0,false,true";
    for (to, source) in [
        ("xlsx", "XLSX, sheet \"고객\""),
        (cp949, "CSV in CP949, separated by semicolons"),
        (
            "csv:Text - txt - csv (StarCalc):9,34,76,1,,0,false,true",
            "CSV in UTF-8, separated by tabs",
        ),
    ] {
        let Some(file) = converted(&world.dir, "keys.xlsx", &["--convert-to", to]) else { return };
        let told = world.import_file(&["--dry-run"], &file);
        let rows = told.lines(0, &secrets());
        assert!(told.head()[0].starts_with(source), "{:?}", told.head());
        assert_eq!(rows[..8].iter().map(|row| id(row)).collect::<Vec<_>>(), ids, "{to}");
    }
}
