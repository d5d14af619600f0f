//! Files that people make in spreadsheets, row by row: CSV and XLSX. No error says what stands in a
//! cell: it may be a card number.

mod cell;
pub mod csv;
mod error;
mod text;
pub mod xlsx;

pub use cell::Cell;
pub use error::TableError;
pub use text::decode;

/// The name of a column, as spreadsheets call it: A, B … Z, AA.
pub fn letters(column: usize) -> String {
    let last = char::from(b'A' + u8::try_from(column % 26).unwrap_or_default());
    match column / 26 {
        0 => last.to_string(),
        rest => letters(rest - 1) + &last.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_named_as_spreadsheets_name_them() {
        for (column, name) in [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA")] {
            assert_eq!(letters(column), name);
        }
    }
}
