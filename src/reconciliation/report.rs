//! What came of a comparison, or why there was none.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use thiserror::Error;

use crate::reconciliation::compare::Difference;
use crate::rules::text::Text;

/// Why nothing was compared, or not all of it.
#[derive(Debug, Error)]
pub enum ReconcileError {
    /// So many order numbers are ours, and none of the transaction ids is: nothing may be settled by
    /// them.
    #[error("{} ({})", self.text().ko, self.text().en)]
    OtherIds(usize),
    /// The database. What was settled before stays settled; it can be run again.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl ReconcileError {
    /// In words.
    pub fn text(&self) -> Text {
        match self {
            Self::OtherIds(orders) => Text::new(
                format!(
                    "주문 {orders}건의 거래번호가 기록과 다르고 같은 거래번호가 없습니다. transactionId 열을 \
                     확인해 주세요."
                ),
                format!(
                    "{orders} orders have another transaction id in the books, and none has the same: \
                     is another column named as transactionId?"
                ),
            ),
            Self::Database(error) => Text::new(error.to_string(), error.to_string()),
        }
    }
}

/// What came of a comparison.
#[derive(Debug, Default)]
pub struct Report {
    /// Whether what was provable has been settled.
    pub(crate) settle: bool,
    pub(crate) lines: usize,
    /// Lines that stood there twice.
    pub(crate) doubles: usize,
    pub(crate) other_merchants: u64,
    pub(crate) skipped: u64,
    /// Transactions on which both sides agree.
    pub(crate) matching: usize,
    /// Transactions of which a call is under way.
    pub(crate) under_way: usize,
    /// The days of the list.
    pub(crate) days: Option<(NaiveDate, NaiveDate)>,
    /// Money of the books of methods that the list has nothing of: not compared.
    pub(crate) not_covered: BTreeMap<String, usize>,
    pub(crate) differences: Vec<Difference>,
}

impl Report {
    /// Whether the books agree with the list, now.
    pub fn is_settled(&self) -> bool {
        self.differences.iter().all(|difference| difference.is_settled)
    }
}
