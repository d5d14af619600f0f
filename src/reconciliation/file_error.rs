//! Why a file is refused, in words that name what is needed.

use std::fmt;

use crate::reconciliation::file::HEADER_ROWS;
use crate::rules::text::Text;
use crate::tables::TableError;

/// Why a file is not a list. Nothing was compared or changed.
#[derive(Debug)]
pub enum FileError {
    /// Not read as a table.
    Table(TableError),
    /// No row names these columns.
    NoColumns(String),
    /// The column of transaction ids holds something else.
    NoTransactions,
    /// A cell of this column, on this line, and what is taken there.
    Cell(u64, &'static str, &'static str),
    /// It begins with `<DATA>`, and does not end.
    CutShort,
    /// A line of KiwoomPay's list.
    Fields(u64),
    /// What was fetched is no list.
    NotAList,
}

impl FileError {
    /// In words.
    pub fn text(&self) -> Text {
        const MAPPED: &str = "transactionId=거래번호,orderNo=주문번호,amount=금액,at=거래일시";
        match self {
            Self::Table(error) => error.text(),
            Self::NoColumns(needed) => Text::new(
                format!(
                    "처음 {HEADER_ROWS}줄에 {needed} 열이 없습니다. columns로 열 이름을 지정해 주세요. \
                     예: {MAPPED}"
                ),
                format!(
                    "None of the first {HEADER_ROWS} lines names the columns {needed}: name them with \
                     columns, such as {MAPPED}"
                ),
            ),
            Self::NoTransactions => Text::new(
                "transactionId 열에 키움페이 거래번호(DAOUTRX, 영문으로 시작하는 영문과 숫자 20자 이하)가 없습니다.",
                "The column of transactionId has no transaction id of KiwoomPay (DAOUTRX, begins with a letter, at most 20 \
                 letters and digits).",
            ),
            Self::Cell(line, column, needed) => Text::new(
                format!("{line}번째 줄 {column}: 사용할 수 있는 값은 {needed}입니다."),
                format!("Line {line}, {column}: it takes {needed}."),
            ),
            Self::CutShort => Text::new(
                "목록이 중간에 끊겼습니다. </DATA>가 없습니다.",
                "The list is cut short: </DATA> is missing.",
            ),
            Self::Fields(line) => Text::new(
                format!(
                    "{line}번째 줄: S 또는 C, 거래일시, 거래번호, 주문번호, 금액을 |로 구분해야 합니다."
                ),
                format!(
                    "Line {line}: has to be S or C, date and time, transaction id, order number and \
                     amount, with | between."
                ),
            ),
            Self::NotAList => Text::new(
                "키움페이가 목록(<DATA>…</DATA>) 대신 다른 응답을 보냈습니다. KIWOOM_DAILY_LIST_* 설정을 \
                 확인해 주세요.",
                "KiwoomPay answered with something else than a list (<DATA>…</DATA>): check \
                 KIWOOM_DAILY_LIST_*.",
            ),
        }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.text();
        write!(f, "{} ({})", text.ko, text.en)
    }
}

impl std::error::Error for FileError {}

impl From<TableError> for FileError {
    fn from(error: TableError) -> Self {
        Self::Table(error)
    }
}
