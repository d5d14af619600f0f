//! A list from a file: KiwoomPay's list of a day, CSV or XLSX, told apart by what they begin with. What
//! stands in a cell is never part of an error: it may be a card number.

use chrono::NaiveTime;

use crate::reconciliation::columns::{Columns, Places};
use crate::reconciliation::file_error::FileError;
use crate::reconciliation::lines::{Cells, IsOurs, List, is_transaction_id};
use crate::tables::{self, Cell, decode};

/// So many lines may stand above the one that names the columns.
pub(super) const HEADER_ROWS: usize = 20;

const BEGIN: &str = "<DATA>";
const END: &str = "</DATA>";

/// Reads a file. `is_ours`: whether a merchant id (CPID) is.
pub fn read(bytes: Vec<u8>, columns: &Columns, is_ours: IsOurs<'_>) -> Result<List, FileError> {
    let mut table = Table::new(columns, is_ours);
    if tables::xlsx::is_workbook(&bytes) {
        tables::xlsx::each_row(bytes, |number, row| {
            let cells: Vec<String> = row.iter().map(shown).collect();
            table.row(number, &cells.iter().map(String::as_str).collect::<Vec<_>>())
        })?;
        return table.end();
    }
    let (text, _) = decode(bytes)?;
    let begins = text.trim_start();
    if [BEGIN, "S|", "C|"].iter().any(|mark| begins.starts_with(mark)) {
        return some(daily_list(&text, "", is_ours)?);
    }
    tables::csv::each_row(&text, |number, row| table.row(number, row))?;
    table.end()
}

/// Reads what was fetched as the list of a day of the merchant id `cpid` (protocol section 2.5).
pub fn fetched(bytes: Vec<u8>, cpid: &str) -> Result<List, FileError> {
    let (text, _) = decode(bytes)?;
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

/// A cell as text: numbers without a fraction that they do not have, moments as a list has them.
fn shown(cell: &Cell<'_>) -> String {
    match cell {
        Cell::Text(text) => text.clone().into_owned(),
        Cell::Number(number, _) => number.to_string(),
        Cell::Truth(truth) => truth.to_string(),
        Cell::Moment(day, time) if *time == NaiveTime::MIN => day.format("%Y%m%d").to_string(),
        Cell::Moment(day, time) => day.and_time(*time).format("%Y%m%d%H%M%S").to_string(),
        Cell::Error | Cell::Empty => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use encoding_rs::EUC_KR;

    use super::*;
    use crate::tables::TableError;

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
        let tabs =
            TABLE.replace("\"9,900\"", "9900").replace("\"-1,000\"", "-1000").replace(',', "\t");
        let with_mark = format!("\u{feff}{TABLE}").into_bytes();
        for bytes in [TABLE.into(), with_mark, cp949.into_owned(), tabs.into_bytes()] {
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
        assert!(matches!(
            read(bytes, &Columns::default(), &|_| true),
            Err(FileError::Table(TableError::Charset))
        ));
    }
}
