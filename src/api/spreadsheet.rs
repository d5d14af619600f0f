//! Tables for spreadsheets, page by page: cells that stay what they are, and CSV.

use std::io;

use axum::body::Body;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use chrono::NaiveDate;
use csv::{IntoInnerError, Terminator, WriterBuilder};
use futures::{Stream, StreamExt, TryStreamExt, stream};
use utoipa::openapi::KnownFormat;
use utoipa::openapi::schema::{ObjectBuilder, SchemaFormat, Type};

use crate::http::description::described;
use crate::rules::sheet_text;

/// Tells Excel that the text is UTF-8.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// A value in a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Nothing.
    Empty,
    /// Text from outside: an id, a name, a code.
    Text(String),
    /// Text of ours that no spreadsheet takes for anything else, or may: an id with its prefix, an
    /// instant.
    Plain(String),
    /// A whole number.
    Number(i64),
    /// A day.
    Date(NaiveDate),
}

impl Cell {
    /// [`Self::Text`], or nothing.
    pub fn text(value: Option<String>) -> Self {
        value.map_or(Self::Empty, Self::Text)
    }

    /// [`Self::Plain`], or nothing.
    pub fn plain(value: Option<impl ToString>) -> Self {
        value.map_or(Self::Empty, |value| Self::Plain(value.to_string()))
    }

    fn in_csv(self) -> String {
        match self {
            Self::Empty => String::new(),
            Self::Text(text) => sheet_text::guarded(text),
            Self::Plain(text) => text,
            Self::Number(number) => number.to_string(),
            Self::Date(date) => date.to_string(),
        }
    }
}

/// A file, as a body.
pub struct File;

described!(
    File as "FileBytes",
    ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)))
);

/// All rows, page by page: `first`, then what `next` reads after the last row of the page before, until
/// a page is empty. No connection is held while the caller reads.
pub fn pages<R, F>(
    first: Vec<R>,
    next: impl Fn(&R) -> F + Send + 'static,
) -> impl Stream<Item = sqlx::Result<Vec<R>>> + Send + 'static
where
    R: Send + 'static,
    F: Future<Output = sqlx::Result<Vec<R>>> + Send + 'static,
{
    stream::try_unfold(first, move |rows: Vec<R>| {
        let following = rows.last().map(&next);
        async move {
            match following {
                Some(following) => Ok(Some((rows, following.await?))),
                None => Ok(None),
            }
        }
    })
}

/// The rows as CSV in UTF-8 with one row of names, to be saved as `file`.
pub fn csv<const N: usize>(
    file: &str,
    columns: [&'static str; N],
    pages: impl Stream<Item = sqlx::Result<Vec<[Cell; N]>>> + Send + 'static,
) -> Response {
    let names = stream::iter([Ok(vec![columns.map(|name| Cell::Plain(name.to_owned()))])]);
    let mark = stream::iter([Ok(BYTE_ORDER_MARK.into())]);
    let rows = names.chain(pages).map(|page| lines(page?).map_err(sqlx::Error::from));
    let body = mark.chain(rows);
    let body = body.inspect_err(|error| tracing::error!(%error, "an export was cut short"));
    attached(file, "text/csv; charset=utf-8", Body::from_stream(body))
}

/// A file that a browser saves.
pub fn attached(file: &str, kind: &'static str, body: Body) -> Response {
    let disposition = format!("attachment; filename=\"{file}\"");
    ([(CONTENT_TYPE, kind.to_owned()), (CONTENT_DISPOSITION, disposition)], body).into_response()
}

fn lines<const N: usize>(rows: Vec<[Cell; N]>) -> io::Result<Vec<u8>> {
    let mut csv = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
    for row in rows {
        csv.write_record(row.map(Cell::in_csv))?;
    }
    csv.into_inner().map_err(IntoInnerError::into_error)
}
