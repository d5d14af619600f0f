//! XLSX: its first sheet.

use std::io::Cursor;

use calamine::{Reader, Xlsx};

use super::{Cell, TableError};

/// Whether bytes are a workbook by what they begin with.
pub fn is_workbook(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK") || is_old(bytes)
}

fn is_old(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\xd0\xcf\x11\xe0")
}

/// Hands on each row of the first sheet that has any cell, with its number; gives the names of all
/// sheets. They are read cell after cell: a sheet is never held as a whole.
pub fn each_row<E: From<TableError>>(
    bytes: Vec<u8>,
    mut take: impl FnMut(u64, &[Cell<'_>]) -> Result<(), E>,
) -> Result<Vec<String>, E> {
    if is_old(&bytes) {
        return Err(TableError::OldWorkbook.into());
    }
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(TableError::from)?;
    let sheets = workbook.sheet_names();
    let first = sheets.first().ok_or(TableError::NoSheet)?;
    let mut cells = workbook.worksheet_cells_reader(first).map_err(TableError::from)?;
    let formats = cells.styles().iter().map(|style| {
        style.number_format.as_ref().map_or("General", |format| &format.format_code).to_owned()
    });
    let formats: Vec<String> = formats.collect();
    let (mut row, mut number) = (Vec::<Cell<'_>>::new(), 0);
    while let Some((cell, style)) = cells.next_cell_with_style_id().map_err(TableError::from)? {
        let (line, column) = cell.get_position();
        if line != number {
            if !row.is_empty() {
                take(u64::from(number) + 1, &row)?;
            }
            row.clear();
            number = line;
        }
        let column = usize::try_from(column).unwrap_or_default();
        if row.len() <= column {
            row.resize(column + 1, Cell::Empty);
        }
        let format = formats.get(style).map_or("General", String::as_str);
        row[column] = Cell::new(cell.get_value().clone(), format);
    }
    if !row.is_empty() {
        take(u64::from(number) + 1, &row)?;
    }
    Ok(sheets)
}
