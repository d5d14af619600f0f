//! The file: its kind, told by its first line, and its cells. What stands in it is never part of an
//! error: it may be an AUTOKEY or a card number.

use std::io;
use std::path::{Path, PathBuf};

use csv::{ReaderBuilder, StringRecord};
use serde_json::{Map, Value};
use thiserror::Error;

/// Why a file cannot be read at all.
#[derive(Debug, Error)]
pub enum SheetError {
    /// It is missing, or may not be read.
    #[error("{0} cannot be read: {1}")]
    File(PathBuf, io::Error),
    /// Spreadsheets in Korean write CP949 unless told otherwise.
    #[error("the file is not UTF-8: save it as CSV UTF-8")]
    NotUtf8,
    /// No lines after the first, or not even that.
    #[error("the file is empty")]
    Empty,
    /// It is neither kind of file.
    #[error(
        "the first line has to be one of\n  {keys}[,{reference}]\n  {subscriptions}[,{metadata}]",
        keys = Kind::Keys.columns().join(","),
        reference = Kind::Keys.last_column(),
        subscriptions = Kind::Subscriptions.columns().join(","),
        metadata = Kind::Subscriptions.last_column(),
    )]
    Header,
    /// The CSV itself.
    #[error("the file is not CSV: {0}")]
    Csv(#[from] csv::Error),
}

/// What the lines of a file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Keys,
    Subscriptions,
}

/// A file that was read.
pub struct Sheet {
    pub(super) kind: Kind,
    pub(super) rows: Vec<Row>,
}

/// One line after the first: the cells that are not empty, or why it has none.
pub(super) struct Row {
    pub line: u64,
    pub cells: Result<Map<String, Value>, String>,
}

impl Kind {
    fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Keys => &[
                "customerId",
                "customerName",
                "customerEmail",
                "autokey",
                "cardCompanyCode",
                "cardNumber",
            ],
            Self::Subscriptions => &[
                "billingKey",
                "customerId",
                "planId",
                "amount",
                "productName",
                "cycleDay",
                "nextBillingDate",
            ],
        }
    }

    /// It may be left out.
    fn last_column(self) -> &'static str {
        match self {
            Self::Keys => "reference",
            Self::Subscriptions => "metadata",
        }
    }

    fn of(header: &StringRecord) -> Option<Self> {
        let is_header = |kind: &Self| {
            let (columns, last) = (kind.columns(), kind.last_column());
            *header == *columns || *header == [columns, &[last]].concat()[..]
        };
        [Self::Keys, Self::Subscriptions].into_iter().find(is_header)
    }
}

impl Sheet {
    /// Reads a CSV file in UTF-8, with or without a byte order mark.
    pub fn read(path: &Path) -> Result<Self, SheetError> {
        let bytes = std::fs::read(path).map_err(|e| SheetError::File(path.to_owned(), e))?;
        let text = std::str::from_utf8(&bytes).map_err(|_| SheetError::NotUtf8)?;
        Self::parse(text.strip_prefix('\u{feff}').unwrap_or(text))
    }

    fn parse(text: &str) -> Result<Self, SheetError> {
        let mut reader = ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
        let header = reader.headers()?.clone();
        if header.is_empty() {
            return Err(SheetError::Empty);
        }
        let kind = Kind::of(&header).ok_or(SheetError::Header)?;
        let row = |record: Result<StringRecord, csv::Error>| {
            let record = record?;
            Ok(Row { line: line_of(&record, text), cells: cells(&header, &record) })
        };
        let rows: Vec<Row> = reader.records().map(row).collect::<Result<_, csv::Error>>()?;
        if rows.is_empty() { Err(SheetError::Empty) } else { Ok(Self { kind, rows }) }
    }
}

/// The number of the line that a record begins on. The reader's position is where the record before
/// ended: the ends of lines that follow there are still before this one.
fn line_of(record: &StringRecord, text: &str) -> u64 {
    let Some(position) = record.position() else { return 0 };
    let rest = usize::try_from(position.byte()).ok().and_then(|byte| text.get(byte..));
    let ends = rest.unwrap_or_default().bytes().take_while(|b| matches!(b, b'\r' | b'\n'));
    position.line() + ends.map(|b| u64::from(b == b'\n')).sum::<u64>()
}

fn cells(header: &StringRecord, record: &StringRecord) -> Result<Map<String, Value>, String> {
    if record.len() != header.len() {
        return Err(format!("has {} columns, not {}", record.len(), header.len()));
    }
    let filled = header.iter().zip(record).filter(|(_, cell)| !cell.is_empty());
    Ok(filled.map(|(name, cell)| (name.to_owned(), cell.into())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str =
        "billingKey,customerId,planId,amount,productName,cycleDay,nextBillingDate,metadata";

    #[test]
    fn lines_are_numbered_as_an_editor_numbers_them() {
        for end in ["\n", "\r\n"] {
            let lines = [HEADER, "a", "", "b,\"two", "lines\"", "c", "", ""];
            let sheet = Sheet::parse(&lines.join(end)).unwrap();
            let numbers: Vec<u64> = sheet.rows.iter().map(|row| row.line).collect();
            assert_eq!((sheet.kind, numbers), (Kind::Subscriptions, vec![2, 4, 6]), "{end:?}");
            assert_eq!(sheet.rows[1].cells, Err("has 2 columns, not 8".to_owned()));
        }
    }

    #[test]
    fn a_quoted_cell_may_hold_commas_and_quotes_and_an_empty_one_is_none() {
        let text = format!("{HEADER}\nbk_1,u,p,100,\"a, b\",1,,\"{{\"\"x\"\":1}}\"\n");
        let mut sheet = Sheet::parse(&text).unwrap();
        let cells = sheet.rows.remove(0).cells.unwrap();
        assert_eq!(
            (&cells["productName"], &cells["metadata"]),
            (&"a, b".into(), &"{\"x\":1}".into())
        );
        assert!(!cells.contains_key("nextBillingDate"));
    }
}
