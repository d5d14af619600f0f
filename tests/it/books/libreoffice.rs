//! CSV and XLSX as `LibreOffice` reads them, cell by cell.

use calamine::{Data, Reader, Xlsx, open_workbook};

use super::exports::{COLUMNS, FOREIGN, bytes, hostile, shown};
use super::movements;
use crate::support::office::converted;

#[tokio::test(flavor = "multi_thread")]
async fn libreoffice_reads_each_cell_of_both_files_as_it_was_meant() {
    let app = hostile().await;
    let listed = movements(&app, "").await;
    let dir = app.data_dir.join("libreoffice");
    std::fs::create_dir_all(&dir).unwrap();
    for kind in ["csv", "xlsx"] {
        let written = bytes(&app, &format!("/billing/movements.{kind}")).await;
        std::fs::write(dir.join(format!("from_{kind}.{kind}")), written).unwrap();
    }
    // As a double click reads a CSV: comma, UTF-8, special numbers and dates found by themselves.
    let csv = ["--infilter=CSV:44,34,76,1,,1042,false,true", "--convert-to", "xlsx"];
    let Some(from_csv) = converted(&dir, "from_csv.csv", &csv) else { return };
    let from_xlsx = converted(&dir, "from_xlsx.xlsx", &["--convert-to", "xlsx"]).unwrap();
    for (path, is_csv) in [(from_csv, true), (from_xlsx, false)] {
        let mut book: Xlsx<_> = open_workbook(&path).unwrap();
        let name = book.sheet_names()[0].clone();
        assert!(book.worksheet_formula(&name).unwrap().is_empty(), "{}", path.display());
        let sheet = book.worksheet_range(&name).unwrap();
        let mut rows = sheet.rows();
        let names: Vec<String> = rows.next().unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(names, COLUMNS);
        let mut compared = 0;
        for (row, movement) in rows.zip(&listed) {
            for (cell, column) in row.iter().zip(COLUMNS) {
                let meant = shown(movement, column);
                compared += 1;
                match cell {
                    Data::Empty => assert_eq!(meant, "", "{column}"),
                    Data::Float(number) => {
                        assert!(movement[column].is_i64(), "{column}: {cell:?}");
                        assert_eq!(number.to_string(), meant, "{column}");
                    }
                    Data::DateTime(date) => {
                        let (year, month, day, ..) = date.to_ymd_hms_milli();
                        assert!(column.ends_with("On"), "{column}: {cell:?}");
                        assert_eq!(format!("{year}-{month:02}-{day:02}"), meant, "{column}");
                    }
                    Data::String(text) => {
                        let is_guarded = is_csv && FOREIGN.contains(&column);
                        let text = text.strip_prefix('\'').filter(|_| is_guarded).unwrap_or(text);
                        // A line break within a cell is one, whichever it was.
                        assert_eq!(text.replace('\r', "\n"), meant.replace('\r', "\n"), "{column}");
                    }
                    other => panic!("{column}: {other:?}"),
                }
            }
        }
        assert_eq!(compared, listed.len() * COLUMNS.len());
    }
}
