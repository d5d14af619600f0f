//! The file: what kind it is, and its rows as fields. What stands in a cell is never part of an error:
//! it may be an AUTOKEY or a card number.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use thiserror::Error;

use crate::commands::import::columns::{Columns, Kind};
use crate::commands::import::value::value;
use crate::http::error::Detail;
use crate::rules::text::Text;
use crate::tables::{self, Cell, TableError};

/// Why a file cannot be read at all.
#[derive(Debug, Error)]
pub enum SheetError {
    /// It is missing, or may not be read.
    #[error("{0}: 읽을 수 없습니다 (cannot be read): {1}")]
    File(PathBuf, io::Error),
    /// No rows after the first, or not even that.
    #[error("파일이 비어 있습니다 (the file is empty)")]
    Empty,
    /// It is neither kind of file.
    #[error(
        "첫 줄에 열 이름이 있어야 합니다. 순서는 상관없습니다 (the first row has to name the columns, in any \
         order):\n  {}\n  {}",
        Kind::Keys.described(), Kind::Subscriptions.described(),
    )]
    Header,
    /// Columns that have to be there.
    #[error(
        "열이 없습니다 (columns are missing): {}\n  {}", .1.join(", "), .0.described()
    )]
    Missing(Kind, Vec<String>),
    /// Two columns of one name.
    #[error("같은 열이 두 개입니다 (columns {0} and {1} are both {2})")]
    Twice(String, String, &'static str),
    /// No table.
    #[error(transparent)]
    Table(#[from] TableError),
}

/// A file that was read.
pub struct Sheet {
    source: Source,
    pub(super) columns: Columns,
    pub(super) rows: Vec<Row>,
}

enum Source {
    Csv { charset: &'static str, separator: char },
    Xlsx { sheets: Vec<String> },
}

/// One row after the first: the fields that are not empty, or what is wrong with them.
pub(super) struct Row {
    pub number: u64,
    pub cells: Result<Map<String, Value>, Vec<Detail>>,
}

/// What has been read so far.
#[derive(Default)]
struct Reading {
    columns: Option<Columns>,
    rows: Vec<Row>,
    is_csv: bool,
}

impl Sheet {
    /// Reads XLSX, or CSV in UTF-8 or CP949 with commas, semicolons or tabs.
    pub fn read(path: &Path) -> Result<Self, SheetError> {
        let bytes = std::fs::read(path).map_err(|e| SheetError::File(path.to_owned(), e))?;
        let is_csv = !tables::xlsx::is_workbook(&bytes);
        let mut reading = Reading { is_csv, ..Reading::default() };
        let source = if is_csv {
            let (text, charset) = tables::decode(bytes)?;
            let separator = tables::csv::each_row(&text, |number, row| {
                let cells: Vec<_> = row.iter().map(|cell| Cell::Text((*cell).into())).collect();
                reading.take(number, &cells)
            })?;
            Source::Csv { charset, separator }
        } else {
            let sheets = tables::xlsx::each_row(bytes, |number, row| reading.take(number, row))?;
            Source::Xlsx { sheets }
        };
        let Reading { columns: Some(columns), rows, .. } = reading else {
            return Err(SheetError::Empty);
        };
        if rows.is_empty() { Err(SheetError::Empty) } else { Ok(Self { source, columns, rows }) }
    }

    /// What was read, in three lines.
    pub(super) fn told(&self) -> String {
        let (kind, rows) = (self.columns.kind.name(), self.rows.len());
        let source = match &self.source {
            Source::Csv { charset, separator } => {
                let separator = match separator {
                    '\t' => "tabs",
                    ';' => "semicolons",
                    _ => "commas",
                };
                format!("CSV in {charset}, separated by {separator}")
            }
            Source::Xlsx { sheets } => {
                let named: Vec<_> = sheets.iter().map(|name| format!("{name:?}")).collect();
                match &named[..] {
                    [first] => format!("XLSX, sheet {first}"),
                    [first, rest @ ..] => {
                        format!("XLSX, sheet {first} (not read: {})", rest.join(", "))
                    }
                    [] => "XLSX".to_owned(),
                }
            }
        };
        format!("read: {source}; {kind}, rows: {rows}\n{}", self.columns.told())
    }

    /// Where a row stands.
    pub(super) fn place(&self, number: u64) -> String {
        match &self.source {
            Source::Csv { .. } => format!("line {number}"),
            Source::Xlsx { sheets } => match sheets.first() {
                Some(sheet) => format!("sheet {sheet:?} row {number}"),
                None => format!("row {number}"),
            },
        }
    }

    /// What is wrong with a row, on one line: each field by its column.
    pub(super) fn reasons(&self, problems: &[Detail]) -> String {
        let reasons = problems.iter().map(|problem| match problem.field.as_str() {
            "" => problem.reason.en.clone(),
            field => format!("{}: {}", self.columns.label(field), problem.reason.en),
        });
        reasons.collect::<Vec<_>>().join("; ")
    }
}

impl Reading {
    /// The first row that is not blank names the columns.
    fn take(&mut self, number: u64, row: &[Cell<'_>]) -> Result<(), SheetError> {
        if row.iter().all(is_blank) {
            return Ok(());
        }
        match &self.columns {
            None => self.columns = Some(Columns::of(&row.iter().map(heading).collect::<Vec<_>>())?),
            Some(columns) => {
                let cells = cells(columns, row, self.is_csv);
                self.rows.push(Row { number, cells });
            }
        }
        Ok(())
    }
}

fn is_blank(cell: &Cell<'_>) -> bool {
    match cell {
        Cell::Empty => true,
        Cell::Text(text) => text.trim().is_empty(),
        _ => false,
    }
}

fn heading(cell: &Cell<'_>) -> String {
    if let Cell::Text(text) = cell { text.clone().into_owned() } else { String::new() }
}

fn cells(
    columns: &Columns,
    row: &[Cell<'_>],
    is_csv: bool,
) -> Result<Map<String, Value>, Vec<Detail>> {
    if is_csv && !has_its_columns(columns, row) {
        let reason = format!("Has {} columns, not {}.", row.len(), columns.count());
        return Err(vec![Detail { field: String::new(), reason: Text::new("", reason) }]);
    }
    let (mut fields, mut problems) = (Map::new(), Vec::new());
    for known in columns.known() {
        let field = known.column.field.to_owned();
        match value(known.column.holds, row.get(known.at).unwrap_or(&Cell::Empty)) {
            Ok(None) => {}
            Ok(Some(text)) => drop(fields.insert(field, text.into())),
            Err(reason) => problems.push(Detail { field, reason }),
        }
    }
    if problems.is_empty() { Ok(fields) } else { Err(problems) }
}

/// A separator too many moves what follows into other columns. Empty cells at the end may be left out.
fn has_its_columns(columns: &Columns, row: &[Cell<'_>]) -> bool {
    let needed = columns.known().iter().filter(|known| known.column.is_needed);
    let last = needed.map(|known| known.at).max().unwrap_or_default();
    row.len() > last && row.iter().skip(columns.count()).all(is_blank)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str =
        "billingKey,customerId,planId,amount,productName,cycleDay,nextBillingDate,metadata";

    fn rows(lines: &[&str]) -> Vec<Row> {
        let mut reading = Reading { is_csv: true, ..Reading::default() };
        for (number, line) in (1..).zip(lines) {
            let row: Vec<_> = line.split(',').map(|cell| Cell::Text(cell.into())).collect();
            reading.take(number, &row).unwrap();
        }
        reading.rows
    }

    #[test]
    fn blank_rows_are_passed_over_and_a_row_that_is_too_long_or_too_short_is_refused() {
        let lines = ["", ",,,", HEADER, "", " ,\t,,", "a,b", "b,u,p,1,n,1,2", "b,u,p,1,n,1,2,,,"];
        let read = rows(&[&lines[..], &["b,u,p,9,900,n,1,2,{},x"]].concat());
        let numbers: Vec<_> = read.iter().map(|row| (row.number, row.cells.is_ok())).collect();
        assert_eq!(numbers, [(6, false), (7, true), (8, true), (9, false)]);
        let wrong = read[0].cells.as_ref().unwrap_err();
        assert_eq!(wrong[0].reason.en, "Has 2 columns, not 8.");
    }

    #[test]
    fn an_empty_cell_is_no_field() {
        let mut read = rows(&[HEADER, "bk_1,u,p,100,a, ,,"]);
        let cells = read.remove(0).cells.unwrap();
        assert_eq!(
            cells.keys().collect::<Vec<_>>(),
            ["billingKey", "customerId", "planId", "amount", "productName"]
        );
    }
}
