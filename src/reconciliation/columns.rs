//! Which column of a table is what: the columns of the files that the merchant pages give are not
//! public, so they are mapped by name.

use std::str::FromStr;

use thiserror::Error;

use crate::reconciliation::lines::Cells;

/// What a column holds, the name that it has unless told otherwise, and whether it has to be there.
const COLUMNS: [(&str, bool); 7] = [
    ("transactionId", true),
    ("orderNo", true),
    ("amount", true),
    ("at", true),
    ("type", false),
    ("cpid", false),
    ("method", false),
];

/// The name of each column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns([Named; COLUMNS.len()]);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Named {
    name: String,
    is_needed: bool,
}

/// Where each column stands.
#[derive(Clone, Copy, Debug)]
pub struct Places([Option<usize>; COLUMNS.len()]);

/// The mapping is not one.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "columns: pairs such as transactionId=거래번호,orderNo=주문번호,amount=금액,at=거래일시, with \
     commas between them; type, cpid and method may be named too"
)]
pub struct WrongColumns;

impl Default for Columns {
    fn default() -> Self {
        Self(COLUMNS.map(|(name, is_needed)| Named { name: name.to_owned(), is_needed }))
    }
}

impl FromStr for Columns {
    type Err = WrongColumns;

    /// Columns that are not named keep their own names. One that is named has to be there.
    fn from_str(text: &str) -> Result<Self, WrongColumns> {
        let mut columns = Self::default();
        for pair in text.split(',') {
            let (what, name) = pair.split_once('=').ok_or(WrongColumns)?;
            let (what, name) = (what.trim(), name.trim());
            let place = COLUMNS.iter().position(|(known, _)| *known == what).ok_or(WrongColumns)?;
            if name.is_empty() {
                return Err(WrongColumns);
            }
            columns.0[place] = Named { name: name.to_owned(), is_needed: true };
        }
        Ok(columns)
    }
}

impl Columns {
    /// Where the columns stand, when this row is the one that names them.
    pub fn places(&self, row: &[&str]) -> Option<Places> {
        let mut places = [None; COLUMNS.len()];
        for (place, named) in places.iter_mut().zip(&self.0) {
            *place = row.iter().position(|cell| cell.trim() == named.name);
            if place.is_none() && named.is_needed {
                return None;
            }
        }
        Some(Places(places))
    }

    /// The names of those that have to be there.
    pub fn needed(&self) -> String {
        let needed = self.0.iter().filter(|named| named.is_needed);
        needed.map(|named| named.name.as_str()).collect::<Vec<_>>().join(", ")
    }
}

impl Places {
    /// The cells of a row.
    pub fn cells<'a>(&self, row: &[&'a str]) -> Cells<'a> {
        let cell = |place: usize| {
            let at = self.0[place]?;
            Some(row.get(at).map_or("", |cell| cell.trim()))
        };
        let text = |place: usize| cell(place).unwrap_or_default();
        Cells {
            transaction_id: text(0),
            order_no: text(1),
            amount: text(2),
            at: text(3),
            kind: cell(4),
            cpid: text(5),
            method: text(6),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_the_names_they_are_given() {
        let columns: Columns = "orderNo=주문번호, amount = 금액,type=상태".parse().unwrap();
        assert_eq!(
            columns.needed(),
            "transactionId, 주문번호, 금액, at, type".replace("type", "상태")
        );
        assert!(columns.places(&["transactionId", "주문번호", "금액", "at"]).is_none());
        let row = ["상태", "at", "금액", " 주문번호 ", "transactionId"];
        let places = columns.places(&row).unwrap();
        let cells = places.cells(&["승인", "20261129", " 9900", "O-1"]);
        assert_eq!((cells.order_no, cells.amount, cells.kind), ("O-1", "9900", Some("승인")));
        assert_eq!((cells.transaction_id, cells.cpid), ("", ""));
        for wrong in ["", "orderNo", "orderNo=", "order=주문번호", "orderNo=a,,"] {
            assert_eq!(wrong.parse::<Columns>(), Err(WrongColumns), "{wrong}");
        }
    }
}
