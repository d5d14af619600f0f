//! Rows as XLSX. They go to a file as they come, and the file to the caller: a million rows take no
//! more memory than a few.

use std::fs::File;
use std::io::{self, Seek};
use std::path::Path;
use std::pin::pin;

use axum::body::Body;
use futures::{Stream, TryStreamExt};
use rust_xlsxwriter::{Format, Workbook, Worksheet, XlsxError};
use tokio::sync::mpsc;
use tokio_util::io::ReaderStream;

use crate::api::spreadsheet::Cell;
use crate::books::export::COLUMNS;
use crate::context::Context;
use crate::http::error::{ApiError, Code};

pub const CONTENT_TYPE: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// Rows of a sheet, the names too.
const MOST_ROWS: u32 = 1_048_576;
/// Pages that wait to be written.
const WAITING: usize = 2;

type Row = [Cell; COLUMNS.len()];

/// Writes the rows to a file without a name in `DATA_DIR`, and gives its content.
pub async fn write(
    ctx: &Context,
    rows: impl Stream<Item = sqlx::Result<Vec<Row>>>,
) -> Result<Body, ApiError> {
    let (sender, receiver) = mpsc::channel(WAITING);
    let folder = ctx.config.data_dir.clone();
    let writing = tokio::task::spawn_blocking(move || file(&folder, receiver));
    let mut rows = pin!(rows);
    while let Some(page) = rows.try_next().await? {
        // A writer that has failed takes no more, and says why itself.
        if sender.send(page).await.is_err() {
            break;
        }
    }
    drop(sender);
    let written = writing.await.map_err(io::Error::other);
    let file = written.and_then(|file| file.map_err(io::Error::other)).map_err(|error| {
        tracing::error!(%error, "an export could not be written");
        ApiError::from(Code::Internal)
    })?;
    Ok(Body::from_stream(ReaderStream::new(tokio::fs::File::from_std(file))))
}

fn file(folder: &Path, mut pages: mpsc::Receiver<Vec<Row>>) -> Result<File, XlsxError> {
    let mut book = Book::new(folder)?;
    while let Some(page) = pages.blocking_recv() {
        for row in page {
            book.add(row)?;
        }
    }
    let mut file = tempfile::tempfile_in(folder)?;
    book.workbook.save_to_writer(&mut file)?;
    file.rewind()?;
    Ok(file)
}

/// The workbook, and the sheet that is being written.
struct Book {
    workbook: Workbook,
    sheets: usize,
    next_row: u32,
    day: Format,
}

impl Book {
    fn new(folder: &Path) -> Result<Self, XlsxError> {
        let mut workbook = Workbook::new();
        workbook.set_tempdir(folder)?;
        let day = Format::new().set_num_format("yyyy-mm-dd");
        let mut book = Self { workbook, sheets: 0, next_row: MOST_ROWS, day };
        book.begin_sheet()?;
        Ok(book)
    }

    fn begin_sheet(&mut self) -> Result<(), XlsxError> {
        let sheet = self.workbook.add_worksheet_with_constant_memory()?;
        self.sheets += 1;
        sheet.set_name(format!("movements {}", self.sheets))?;
        sheet.set_freeze_panes(1, 0)?;
        for (column, name) in (0..).zip(COLUMNS) {
            sheet.set_column_width(
                column,
                if name.ends_with("Id") || name == "id" { 42 } else { 14 },
            )?;
            sheet.write_string(0, column, name)?;
        }
        self.next_row = 1;
        Ok(())
    }

    fn add(&mut self, row: Row) -> Result<(), XlsxError> {
        if self.next_row == MOST_ROWS {
            self.begin_sheet()?;
        }
        let sheet = self.workbook.worksheet_from_index(self.sheets - 1)?;
        for (column, cell) in (0..).zip(row) {
            put(sheet, (self.next_row, column), cell, &self.day)?;
        }
        self.next_row += 1;
        Ok(())
    }
}

fn put(
    sheet: &mut Worksheet,
    (row, column): (u32, u16),
    cell: Cell,
    day: &Format,
) -> Result<(), XlsxError> {
    match cell {
        Cell::Empty => return Ok(()),
        Cell::Text(text) | Cell::Plain(text) => sheet.write_string(row, column, text)?,
        #[expect(clippy::cast_precision_loss, reason = "amounts of at most ten digits")]
        Cell::Number(number) => sheet.write_number(row, column, number as f64)?,
        Cell::Date(date) => sheet.write_datetime_with_format(row, column, date, day)?,
    };
    Ok(())
}
