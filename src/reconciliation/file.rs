//! A list from a file: KiwoomPay's list of a day, CSV or XLSX, told apart by what they begin with. What
//! stands in a cell is never part of an error: it may be a card number.

use std::borrow::Cow;
use std::io::Cursor;

use calamine::{DataRef, Reader, Xlsx};
use csv::ReaderBuilder;
use encoding_rs::EUC_KR;

use crate::reconciliation::columns::{Columns, Places};
use crate::reconciliation::file_error::FileError;
use crate::reconciliation::lines::{Cells, IsOurs, List, is_transaction_id};

/// So many lines may stand above the one that names the columns.
pub(super) const HEADER_ROWS: usize = 20;

const BEGIN: &str = "<DATA>";
const END: &str = "</DATA>";

/// Reads a file. `is_ours`: whether a merchant id (CPID) is.
pub fn read(bytes: Vec<u8>, columns: &Columns, is_ours: IsOurs<'_>) -> Result<List, FileError> {
    if bytes.starts_with(b"PK") {
        return workbook(bytes, columns, is_ours);
    }
    let text = decode(bytes)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let begins = text.trim_start();
    if [BEGIN, "S|", "C|"].iter().any(|mark| begins.starts_with(mark)) {
        return some(daily_list(text, "", is_ours)?);
    }
    let mut table = Table::new(columns, is_ours);
    let reader =
        ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    // A record's position may stand before the line ends above it, and its own line number with it.
    let (mut line, mut counted) = (1, text);
    for record in reader.into_records() {
        let record = record?;
        let from = record.position().map_or(0, csv::Position::byte);
        let from = usize::try_from(from).unwrap_or(text.len());
        let rest = text[from..].trim_start_matches(['\r', '\n']);
        line += counted[..counted.len() - rest.len()].matches('\n').count() as u64;
        counted = rest;
        table.row(line, &record.iter().collect::<Vec<_>>())?;
    }
    table.end()
}

/// Reads what was fetched as the list of a day of the merchant id `cpid` (protocol section 2.5).
pub fn fetched(bytes: Vec<u8>, cpid: &str) -> Result<List, FileError> {
    let text = decode(bytes)?;
    if text.trim_start().starts_with(BEGIN) {
        daily_list(&text, cpid, &|own| own == cpid)
    } else {
        Err(FileError::NotAList)
    }
}

/// Nothing else may be in it.
fn daily_list(text: &str, cpid: &str, is_ours: IsOurs<'_>) -> Result<List, FileError> {
    if text.contains(BEGIN) && !text.contains(END) {
        return Err(FileError::CutShort);
    }
    let mut list = List::default();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        let line = line.strip_prefix(BEGIN).unwrap_or(line);
        let line = line.strip_suffix(END).unwrap_or(line).trim();
        if line.is_empty() {
            continue;
        }
        let fields: Vec<&str> = line.split('|').map(str::trim).collect();
        let [kind @ ("S" | "C"), at, transaction_id, order_no, amount, ..] = fields[..] else {
            return Err(FileError::Fields(number));
        };
        if !is_transaction_id(transaction_id) {
            return Err(FileError::Fields(number));
        }
        let kind = Some(kind);
        let method = "";
        let cells = Cells { transaction_id, order_no, amount, at, kind, cpid, method };
        list.take(number, &cells, is_ours)?;
    }
    Ok(list)
}

/// A file that lists nothing says nothing: not even of which days it is.
fn some(list: List) -> Result<List, FileError> {
    let is_empty = list.lines.is_empty() && list.other_merchants == 0;
    if is_empty { Err(FileError::NoTransactions) } else { Ok(list) }
}

fn decode(bytes: Vec<u8>) -> Result<String, FileError> {
    String::from_utf8(bytes).or_else(|error| {
        let text = EUC_KR.decode_without_bom_handling_and_without_replacement(error.as_bytes());
        text.map(Cow::into_owned).ok_or(FileError::Charset)
    })
}

/// Rows of a table, one after the other.
struct Table<'a> {
    columns: &'a Columns,
    is_ours: IsOurs<'a>,
    places: Option<Places>,
    above: usize,
    list: List,
}

impl<'a> Table<'a> {
    fn new(columns: &'a Columns, is_ours: IsOurs<'a>) -> Self {
        Self { columns, is_ours, places: None, above: 0, list: List::default() }
    }

    /// The first row with the names of the columns says where they stand. After it a row without a
    /// transaction id is a total, or empty, unless it has all else that a transaction has.
    fn row(&mut self, number: u64, row: &[&str]) -> Result<(), FileError> {
        let Some(places) = self.places else {
            self.places = self.columns.places(row);
            self.above += usize::from(row.iter().any(|cell| !cell.trim().is_empty()));
            if self.places.is_none() && self.above >= HEADER_ROWS {
                return Err(FileError::NoColumns(self.columns.needed()));
            }
            return Ok(());
        };
        let cells = places.cells(row);
        if is_transaction_id(cells.transaction_id) {
            return self.list.take(number, &cells, self.is_ours);
        }
        if cells.names_another_id() {
            return Err(FileError::Cell(number, "transactionId", "DAOUTRX (cMP26112910150012345)"));
        }
        self.list.skipped += u64::from(row.iter().any(|cell| !cell.trim().is_empty()));
        Ok(())
    }

    fn end(self) -> Result<List, FileError> {
        if self.places.is_none() {
            return Err(FileError::NoColumns(self.columns.needed()));
        }
        some(self.list)
    }
}

/// The first sheet, cell after cell: a sheet is never held as a whole.
fn workbook(bytes: Vec<u8>, columns: &Columns, is_ours: IsOurs<'_>) -> Result<List, FileError> {
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(bytes))?;
    let sheet = workbook.sheet_names().first().cloned().ok_or(FileError::NoSheet)?;
    let mut cells = workbook.worksheet_cells_reader(&sheet)?;
    let mut table = Table::new(columns, is_ours);
    let (mut row, mut number) = (Vec::<String>::new(), 0);
    loop {
        let cell = cells.next_cell()?;
        let at = cell.as_ref().map(calamine::Cell::get_position);
        if at.is_none_or(|(line, _)| line != number) {
            table
                .row(u64::from(number) + 1, &row.iter().map(String::as_str).collect::<Vec<_>>())?;
            row.clear();
        }
        let (Some(cell), Some((line, column))) = (cell, at) else { return table.end() };
        number = line;
        let column = usize::try_from(column).unwrap_or_default();
        if row.len() <= column {
            row.resize(column + 1, String::new());
        }
        row[column] = shown(cell.get_value());
    }
}

/// A cell as text: numbers without a fraction that they do not have, moments as a list has them.
fn shown(value: &DataRef<'_>) -> String {
    match value {
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => number.to_string(),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => {
            text.clone()
        }
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Bool(truth) => truth.to_string(),
        DataRef::DateTime(at) => {
            let (year, month, day, hour, minute, second, _) = at.to_ymd_hms_milli();
            let day = format!("{year:04}{month:02}{day:02}");
            let is_day = (hour, minute, second) == (0, 0, 0);
            if is_day { day } else { format!("{day}{hour:02}{minute:02}{second:02}") }
        }
        DataRef::Error(_) | DataRef::Empty => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAPPED: &str =
        "transactionId=거래번호,orderNo=주문번호,amount=금액,at=거래일시,type=상태";

    fn columns() -> Columns {
        MAPPED.parse().unwrap()
    }

    const TABLE: &str = "거래내역 조회,,,,\r\n\r\n상태,거래일시,거래번호,주문번호,금액\r\n\
        승인,2026-11-29 10:15:00,cMP1,O-1,\"9,900\"\r\n취소,2026-11-29 11:00:00,cMP1,O-1,\"-1,000\"\r\n\
        ,,,,\r\n합계,,2건,,\"8,900\"\r\n";

    #[test]
    fn a_table_is_read_in_either_charset_and_its_totals_are_not_lines() {
        let (cp949, _, unmappable) = EUC_KR.encode(TABLE);
        assert!(!unmappable);
        for bytes in [TABLE.into(), format!("\u{feff}{TABLE}").into_bytes(), cp949.into_owned()] {
            let list = read(bytes, &columns(), &|_| true).unwrap();
            let lines: Vec<_> =
                list.lines.iter().map(|l| (l.number, l.is_cancellation, l.amount)).collect();
            assert_eq!((lines, list.skipped), (vec![(4, false, 9900), (5, true, 1000)], 1));
        }
    }

    #[test]
    fn the_list_of_a_day_is_told_by_its_beginning() {
        let lines = "S|20261129101500|cMP1|O-1|9900\nC|20261129110000|cMP1|O-1|1000";
        for text in [
            format!("<DATA>\n{lines}\n</DATA>\n"),
            format!("<DATA>{lines}</DATA>"),
            format!("\n\n{lines}\r\n\r\n"),
        ] {
            let list = read(text.into_bytes(), &Columns::default(), &|_| true).unwrap();
            assert_eq!(list.lines.len(), 2);
            assert_eq!((&*list.lines[1].order_no, list.lines[1].is_cancellation), ("O-1", true));
        }
        let none = || b"<DATA>\n</DATA>".to_vec();
        assert_eq!(fetched(none(), "CT1").unwrap(), List::default());
        assert!(read(none(), &Columns::default(), &|_| true).is_err(), "of no day");
        assert!(fetched(b"CPID or PASSWORD is wrong".to_vec(), "CT1").is_err());
    }

    #[test]
    fn what_is_no_list_is_refused_with_what_is_needed() {
        let header = "transactionId,orderNo,amount,at";
        for (text, error) in [
            ("", "names the columns transactionId, orderNo, amount, at:"),
            ("a,b\n1,2\n", "names the columns"),
            ("CPID or PASSWORD is wrong", "names the columns"),
            (header, "has no transaction id"),
            (&format!("{header}\n합계,,9900,"), "has no transaction id"),
            (&format!("{header}\n123-4,O-1,9900,20261129"), "Line 2, transactionId"),
            (&format!("{header}\ncMP1,O-1,x,20261129"), "Line 2, amount: it takes"),
            ("<DATA>\nS|20261129101500|cMP1|O-1|9900\n", "cut short"),
            ("<DATA>\nS|20261129101500|cMP1\n</DATA>", "Line 2: has to be S or C"),
            ("<DATA>\nX|20261129101500|cMP1|O-1|9900\n</DATA>", "Line 2: has to be S or C"),
            ("<DATA>\nS|20261129101500|c/1|O-1|9900\n</DATA>", "Line 2: has to be S or C"),
            (&format!("{header}\n40091184,O-1,9900,20261129"), "Line 2, transactionId"),
            ("PK\u{3}\u{4}", "read as XLSX"),
        ] {
            let refused =
                read(text.as_bytes().to_vec(), &Columns::default(), &|_| true).unwrap_err();
            assert!(refused.to_string().contains(error), "{text}: {refused}");
        }
        let bytes = vec![b'a', 0xff, 0xff, b'\n'];
        assert!(matches!(read(bytes, &Columns::default(), &|_| true), Err(FileError::Charset)));
    }
}
