//! Why a file cannot be read at all.

use std::fmt;

use calamine::XlsxError;

use crate::rules::text::Text;

/// A file that is no table.
#[derive(Debug)]
pub enum TableError {
    /// In no charset that is read.
    Charset,
    /// Not CSV.
    Csv(::csv::Error),
    /// Not XLSX.
    Xlsx(XlsxError),
    /// XLS, or XLSX behind a password.
    OldWorkbook,
    /// No sheet.
    NoSheet,
}

impl TableError {
    /// In words.
    pub fn text(&self) -> Text {
        match self {
            Self::Charset => Text::new(
                "UTF-8이나 CP949(EUC-KR) 파일이 아닙니다. CSV UTF-8이나 XLSX로 저장해 주세요.",
                "Neither UTF-8 nor CP949 (EUC-KR): save it as CSV UTF-8 or as XLSX.",
            ),
            Self::Csv(error) => Text::new(
                format!("CSV로 읽을 수 없습니다: {error}"),
                format!("Cannot be read as CSV: {error}"),
            ),
            Self::Xlsx(error) => Text::new(
                format!("XLSX로 읽을 수 없습니다: {error}"),
                format!("Cannot be read as XLSX: {error}"),
            ),
            Self::OldWorkbook => Text::new(
                "예전 엑셀 파일(XLS)이거나 암호가 걸린 파일입니다. 암호 없이 XLSX로 저장해 주세요.",
                "An old Excel file (XLS), or one with a password: save it as XLSX, without a password.",
            ),
            Self::NoSheet => Text::new("시트가 없습니다.", "It has no sheet."),
        }
    }
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.text();
        write!(f, "{} ({})", text.ko, text.en)
    }
}

impl std::error::Error for TableError {}

impl From<::csv::Error> for TableError {
    fn from(error: ::csv::Error) -> Self {
        Self::Csv(error)
    }
}

impl From<XlsxError> for TableError {
    fn from(error: XlsxError) -> Self {
        Self::Xlsx(error)
    }
}
