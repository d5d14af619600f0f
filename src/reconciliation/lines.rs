//! The lines of a list: what each says, whatever file it came in.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};

use crate::reconciliation::file_error::FileError;
use crate::rules::money::MAX_WON;
use kiwoom_clock::kst_instant;

/// One line: money that was taken, or given back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its number in the file.
    pub number: u64,
    /// Money was given back.
    pub is_cancellation: bool,
    /// When; midnight in Korea when the list tells only the day.
    pub at: DateTime<Utc>,
    /// The list tells only the day.
    pub is_day: bool,
    /// DAOUTRX.
    pub transaction_id: Box<str>,
    /// CPID, when the list tells it.
    pub cpid: Option<Box<str>>,
    /// ORDERNO; empty when the list has none.
    pub order_no: Box<str>,
    /// Won, above 0.
    pub amount: i64,
    /// PAYMETHOD, when the list tells it.
    pub method: Option<Box<str>>,
}

/// What KiwoomPay lists, and what of the file is no part of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct List {
    /// In the order of the file.
    pub lines: Vec<Line>,
    /// Lines of merchant ids (CPID) that are not ours.
    pub other_merchants: u64,
    /// Lines that are no transaction: totals, tries that failed, no amount.
    pub skipped: u64,
    /// The days that it is the list of; of a file, those of its lines.
    pub days: Option<(NaiveDate, NaiveDate)>,
    /// The methods (PAYMETHOD) that it is the list of; of a file nobody says.
    pub methods: Vec<String>,
}

/// Whether a merchant id (CPID) is one of ours.
pub type IsOurs<'a> = &'a dyn Fn(&str) -> bool;

/// The cells of a line; empty where it has none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cells<'a> {
    pub transaction_id: &'a str,
    pub order_no: &'a str,
    pub amount: &'a str,
    pub at: &'a str,
    /// `None`: the file has no such column, and a negative amount is one that was given back.
    pub kind: Option<&'a str>,
    pub cpid: &'a str,
    pub method: &'a str,
}

/// Words for money that was taken, for money that was given back, and for tries that moved none.
const APPROVED: &[&str] =
    &["s", "승인", "결제", "결제완료", "승인완료", "정상", "approved", "paid", "approval"];
const CANCELED: &[&str] = &[
    "c",
    "취소",
    "부분취소",
    "전체취소",
    "승인취소",
    "결제취소",
    "취소완료",
    "환불",
    "canceled",
    "cancelled",
    "cancel",
    "refunded",
    "refund",
];
const FAILED: &[&str] = &["실패", "거절", "승인실패", "결제실패", "f", "failed", "declined"];
/// Longer than any order number (protocol section 1).
const MAX_ORDER_NO: usize = 100;

/// Whether the text can be a DAOUTRX, which begins with letters (protocol section 1): an approval number
/// does not.
pub fn is_transaction_id(text: &str) -> bool {
    let begins = text.as_bytes().first().is_some_and(u8::is_ascii_alphabetic);
    begins && text.len() <= 20 && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

impl Cells<'_> {
    /// Whether it is a transaction whose id is none of KiwoomPay's.
    pub fn names_another_id(&self) -> bool {
        let has_id = !self.transaction_id.is_empty() && !is_transaction_id(self.transaction_id);
        has_id && !self.order_no.is_empty() && moment(self.at).is_some()
    }
}

impl List {
    /// Takes a line that names a transaction. `is_ours`: whether a merchant id (CPID) is.
    pub fn take(
        &mut self,
        number: u64,
        cells: &Cells<'_>,
        is_ours: IsOurs<'_>,
    ) -> Result<(), FileError> {
        if !cells.cpid.is_empty() && !is_ours(cells.cpid) {
            self.other_merchants += 1;
            return Ok(());
        }
        let wrong = |column, needed| Err(FileError::Cell(number, column, needed));
        let said = match cells.kind.map(|kind| kind.trim().to_lowercase().replace(' ', "")) {
            None => None,
            Some(word) if APPROVED.contains(&word.as_str()) => Some(false),
            Some(word) if CANCELED.contains(&word.as_str()) => Some(true),
            Some(word) if FAILED.contains(&word.as_str()) => {
                self.skipped += 1;
                return Ok(());
            }
            Some(_) => return wrong("type", "S, C, 승인, 취소, 부분취소, 환불, 실패"),
        };
        let Some(amount) = won(cells.amount) else {
            return wrong("amount", "9900, 9,900, -9900");
        };
        if amount == 0 {
            self.skipped += 1;
            return Ok(());
        }
        if said == Some(false) && amount < 0 {
            return wrong("amount", "1–9999999999 (S, 승인)");
        }
        let Some((at, is_day)) = moment(cells.at) else {
            return wrong("at", "20261129101500, 2026-11-29 10:15:00, 2026-11-29 (KST)");
        };
        if cells.order_no.len() > MAX_ORDER_NO {
            return wrong("orderNo", "1–50 characters");
        }
        self.lines.push(Line {
            number,
            is_cancellation: said.unwrap_or(amount < 0),
            at,
            is_day,
            transaction_id: cells.transaction_id.into(),
            cpid: Some(cells.cpid).filter(|cpid| !cpid.is_empty()).map(Into::into),
            order_no: cells.order_no.into(),
            amount: amount.abs(),
            method: Some(cells.method).filter(|m| !m.is_empty()).map(Into::into),
        });
        Ok(())
    }
}

/// Won, as people and spreadsheets write it.
fn won(text: &str) -> Option<i64> {
    let plain: String = text
        .chars()
        .filter(|c| !matches!(c, ',' | '원' | '₩' | '\\') && !c.is_whitespace())
        .collect();
    let amount: i64 =
        plain.strip_suffix(".00").or(plain.strip_suffix(".0")).unwrap_or(&plain).parse().ok()?;
    (amount.abs() <= MAX_WON).then_some(amount)
}

/// A date, or a date and time, in Korea; the second tells whether it is only a day.
fn moment(text: &str) -> Option<(DateTime<Utc>, bool)> {
    let is_known = |c: char| c.is_ascii_digit() || " -/.:T년월일시분초".contains(c);
    if !text.chars().all(is_known) {
        return None;
    }
    let groups: Vec<&str> =
        text.split(|c: char| !c.is_ascii_digit()).filter(|group| !group.is_empty()).collect();
    let (date, time) = match groups.as_slice() {
        [date, rest @ ..] if date.len() >= 8 => {
            let (date, time) = date.split_at(8);
            (NaiveDate::parse_from_str(date, "%Y%m%d").ok()?, time.to_owned() + &rest.concat())
        }
        [year, month, day, rest @ ..] => {
            let date = NaiveDate::from_ymd_opt(
                year.parse().ok().filter(|_| year.len() == 4)?,
                month.parse().ok()?,
                day.parse().ok()?,
            );
            (date?, rest.iter().flat_map(|part| [&"00"[part.len().min(2)..], part]).collect())
        }
        _ => return None,
    };
    if time.is_empty() {
        return Some((kst_instant(date, NaiveTime::MIN), true));
    }
    // What is left after the seconds is a fraction of one.
    let seconds = time.get(..6).map_or_else(|| format!("{time}00"), str::to_owned);
    let time = NaiveTime::parse_from_str(&seconds, "%H%M%S").ok().filter(|_| seconds.len() == 6)?;
    Some((kst_instant(date, time), false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_and_moments_as_people_write_them() {
        for (text, expected) in [
            ("9900", Some(9900)),
            (" 1,009,900원", Some(1_009_900)),
            ("-9,900", Some(-9900)),
            ("₩ 9900.00", Some(9900)),
            ("9900.5", None),
            ("", None),
            ("합계", None),
            ("99999999999", None),
        ] {
            assert_eq!(won(text), expected, "{text}");
        }
        for (text, expected) in [
            ("20261129101502", Some(("2026-11-29T01:15:02+00:00", false))),
            ("202611291015", Some(("2026-11-29T01:15:00+00:00", false))),
            ("20261129 10:15:02", Some(("2026-11-29T01:15:02+00:00", false))),
            ("2026-11-29 10:15:02.0", Some(("2026-11-29T01:15:02+00:00", false))),
            ("2026.11.29 9:05", Some(("2026-11-29T00:05:00+00:00", false))),
            ("2026/1/5", Some(("2026-01-04T15:00:00+00:00", true))),
            ("20261129", Some(("2026-11-28T15:00:00+00:00", true))),
            ("2026년 11월 29일", Some(("2026-11-28T15:00:00+00:00", true))),
            ("26-11-29", None),
            ("2026-11-29T10:15:02Z", None),
            ("20261129 10", None),
            ("20261329", None),
            ("오후 3:00", None),
            ("", None),
        ] {
            let read = moment(text).map(|(at, is_day)| (at.to_rfc3339(), is_day));
            assert_eq!(read, expected.map(|(at, d)| (at.to_owned(), d)), "{text}");
        }
    }

    #[test]
    fn a_line_says_what_happened_or_is_none() {
        let cells = Cells {
            transaction_id: "cMP1",
            order_no: "O-1",
            amount: "9900",
            at: "20261129101502",
            kind: Some("승인"),
            ..Cells::default()
        };
        let take = |cells: Cells<'_>| {
            let mut list = List::default();
            let taken =
                list.take(7, &cells, &|cpid| cpid == "CT1").map_err(|error| error.to_string());
            taken.map(|()| list)
        };
        let one = |cells| take(cells).unwrap().lines.remove(0);
        assert!(!one(cells).is_cancellation);
        assert!(one(Cells { kind: Some("부분 취소"), ..cells }).is_cancellation);
        let back = one(Cells { kind: Some("C"), amount: "-100", ..cells });
        assert_eq!((back.is_cancellation, back.amount), (true, 100));
        assert!(one(Cells { kind: None, amount: "-100", ..cells }).is_cancellation);
        assert_eq!(
            take(Cells { cpid: "CT2", kind: Some("?"), ..cells }).unwrap().other_merchants,
            1
        );
        assert_eq!(take(Cells { kind: Some("실패"), ..cells }).unwrap().skipped, 1);
        assert_eq!(take(Cells { amount: "0", ..cells }).unwrap().skipped, 1);
        for (wrong, column) in [
            (Cells { kind: Some("매입"), ..cells }, "type"),
            (Cells { kind: Some("S"), amount: "-1", ..cells }, "amount"),
            (Cells { amount: "4111111111111111", ..cells }, "amount"),
            (Cells { at: "yesterday", ..cells }, "at"),
        ] {
            let error = take(wrong).unwrap_err();
            assert!(error.contains(&format!("(Line 7, {column}: it takes ")), "{error}");
            assert!(!error.contains("4111"), "{error}");
        }
    }
}
