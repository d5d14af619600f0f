//! The JSON of a reconciliation, and the same as a table.

use std::collections::BTreeMap;
use std::fmt;

use chrono::NaiveDate;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use crate::http::description::words;
use crate::reconciliation::Report;
use crate::reconciliation::compare::{Difference, Kind, Why};
use crate::redact::cards::mask_cards;
use crate::rules::payment_state::State;
use kiwoom_clock::rfc3339_kst;

/// What came of a comparison.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReportBody {
    /// Whether what was provable has been settled; `false`: nothing was changed.
    settle: bool,
    /// The days of the list, in Korea; `null`: it has no line.
    #[schema(required)]
    from: Option<NaiveDate>,
    /// The last of them, included.
    #[schema(required)]
    to: Option<NaiveDate>,
    /// Lines that are transactions.
    lines: usize,
    /// Transactions on which both sides agree.
    matching: usize,
    /// Transactions of which a call is under way: run it again.
    under_way: usize,
    ignored: IgnoredBody,
    /// How many payments and refunds of the books were not compared, by their method: the list has
    /// nothing of it.
    not_covered: BTreeMap<String, usize>,
    /// Differences that remain, by kind.
    remaining: BTreeMap<String, usize>,
    #[serde(serialize_with = "one_by_one")]
    #[schema(value_type = Vec<DifferenceBody>)]
    differences: Vec<Difference>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct IgnoredBody {
    /// Copies of another line.
    doubles: usize,
    /// Lines of another CPID.
    other_merchants: u64,
    /// Totals, tries that failed, lines without an amount.
    skipped: u64,
}

words!(
    /// The state of a payment or an order in the books.
    StoredState,
    ["ready", "sending", "approved", "declined", "unknown", "expired", "closed", "mismatch"]
);

/// A difference.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DifferenceBody {
    kind: Kind,
    order_id: String,
    transaction_id: String,
    /// Won, at KiwoomPay; of `only_in_books` in the books.
    amount: i64,
    /// When, as `amount`.
    #[schema(format = DateTime)]
    at: String,
    /// The payment of the books.
    #[schema(required)]
    payment_id: Option<String>,
    /// Won that it asked for.
    #[schema(required)]
    payment_amount: Option<i64>,
    /// Its state: `ready`, `sending`, `approved`, `declined`, `unknown`, `expired`, `closed` or
    /// `mismatch`.
    #[schema(required, value_type = Option<StoredState>)]
    payment_state: Option<State>,
    /// Whether `settle` records it.
    provable: bool,
    /// Whether it is recorded now.
    settled: bool,
    /// Why it is not provable, where that has more than one reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<Why>,
}

/// A long list is not held a second time.
fn one_by_one<S: Serializer>(differences: &[Difference], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(differences.iter().map(DifferenceBody::from))
}

impl From<&Difference> for DifferenceBody {
    fn from(difference: &Difference) -> Self {
        let payment = difference.payment;
        // An order number of the books may look like a card number; a cell of a file may be one.
        let masked =
            |text: &str| if payment.is_some() { text.to_owned() } else { mask_cards(text) };
        Self {
            kind: difference.kind,
            order_id: masked(&difference.order_no),
            transaction_id: masked(&difference.transaction_id),
            amount: difference.amount,
            at: rfc3339_kst(difference.at),
            payment_id: payment.map(|ours| ours.id.to_string()),
            payment_amount: payment.map(|ours| ours.amount),
            payment_state: payment.map(|ours| ours.state),
            provable: difference.is_provable,
            settled: difference.is_settled,
            why: difference.why,
        }
    }
}

impl From<Report> for ReportBody {
    fn from(report: Report) -> Self {
        let mut remaining = BTreeMap::new();
        for difference in report.differences.iter().filter(|d| !d.is_settled) {
            *remaining.entry(word(difference.kind)).or_default() += 1;
        }
        Self {
            settle: report.settle,
            from: report.days.map(|(first, _)| first),
            to: report.days.map(|(_, last)| last),
            lines: report.lines,
            matching: report.matching,
            under_way: report.under_way,
            ignored: IgnoredBody {
                doubles: report.doubles,
                other_merchants: report.other_merchants,
                skipped: report.skipped,
            },
            not_covered: report.not_covered,
            remaining,
            differences: report.differences,
        }
    }
}

impl Kind {
    /// What it is, and what to do about one that is not provable.
    fn advice(self) -> &'static str {
        match self {
            Self::UnknownHere => "결과 미확정, 키움페이에 있음 (outcome unknown here, found there)",
            Self::UnpaidHere => "미결제, 키움페이에는 결제됨 (not paid here, paid there)",
            Self::CanceledThere => "키움페이에서만 취소됨 (cancelled there, not here)",
            Self::OtherAmount => {
                "금액이 다름: 가맹점 관리자에서 확인 (another amount: look in the merchant pages)"
            }
            Self::OtherTransaction => {
                "다른 거래로 이미 결제됨: 이중 결제면 가맹점 관리자에서 취소 (paid by another \
                 transaction: if twice, cancel one in the merchant pages)"
            }
            Self::OnlyAtKiwoompay => {
                "이 서비스의 주문이 아님: 가맹점 관리자에서 확인하고, 필요하면 취소 (no order of the \
                 books: look in the merchant pages, cancel there if need be)"
            }
            Self::OnlyInBooks => {
                "목록에 없음: 다음 날 목록과 가맹점 관리자에서 확인. 실패로 처리하지 않음 (not in the \
                 list: look in the next day's and in the merchant pages; never taken for failed)"
            }
            Self::Contradiction => {
                "목록의 줄이 서로 또는 기록과 모순됨 (its lines contradict each other, or the books)"
            }
        }
    }
}

/// The report as a table, for people.
impl fmt::Display for ReportBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let IgnoredBody { doubles, other_merchants, skipped } = &self.ignored;
        let day =
            |day: Option<NaiveDate>| day.map_or_else(|| "-".to_owned(), |day| day.to_string());
        writeln!(f, "기간 (days)                  {} ~ {}", day(self.from), day(self.to))?;
        writeln!(f, "줄 (lines)                   {}", self.lines)?;
        writeln!(f, "일치 (matching)              {}", self.matching)?;
        writeln!(f, "진행 중 (under way)          {}", self.under_way)?;
        writeln!(f, "중복 줄 (double lines)       {doubles}")?;
        writeln!(f, "다른 CPID (other merchants)  {other_merchants}")?;
        writeln!(f, "거래 아님 (no transactions)  {skipped}")?;
        for (method, count) in &self.not_covered {
            writeln!(f, "대조 제외 (not compared)     {count} {method}")?;
        }
        let mut kind = None;
        for difference in &self.differences {
            if kind.replace(difference.kind) != Some(difference.kind) {
                writeln!(f, "\n{}: {}", word(difference.kind), difference.kind.advice())?;
            }
            writeln!(f, "  {}", DifferenceBody::from(difference))?;
        }
        let settled = self.differences.iter().filter(|d| d.is_settled).count();
        let provable = self.differences.iter().filter(|d| d.is_provable && !d.is_settled).count();
        let left = self.differences.len() - settled;
        match (self.settle, provable) {
            (true, _) => write!(
                f,
                "\n차이 {left}건, 확정 {settled}건 ({left} differences remain, {settled} settled)"
            ),
            (false, 0) => write!(
                f,
                "\n차이 {left}건. 변경한 내용은 없습니다 ({left} differences; nothing was changed)"
            ),
            (false, _) => write!(
                f,
                "\n차이 {left}건. 변경한 내용은 없습니다. --settle을 붙이면 입증된 {provable}건을 확정합니다 \
                 ({left} differences; nothing was changed: --settle settles the {provable} provable \
                 ones)"
            ),
        }
    }
}

impl fmt::Display for DifferenceBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {}  {}  {}", self.at, self.order_id, self.transaction_id, self.amount)?;
        if let (Some(state), Some(amount)) = (self.payment_state, self.payment_amount) {
            write!(f, "  [{} {amount}]", word(state))?;
        }
        f.write_str(match (self.settled, self.provable) {
            (true, _) => "  확정 (settled)",
            (false, true) => "  입증됨 (provable)",
            (false, false) => "  확인 필요 (to be looked at)",
        })?;
        self.why.map_or(Ok(()), |why| write!(f, ": {}", word(why)))
    }
}

/// The word that stands for it in JSON.
fn word(value: impl Serialize) -> String {
    let json = serde_json::to_value(value).unwrap_or_default();
    json.as_str().unwrap_or_default().to_owned()
}
