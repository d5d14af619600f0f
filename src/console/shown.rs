//! Money, times and states as people read them.

use crate::console::language::Language;
use crate::rules::money::grouped;

/// A whole number, as templates have it: by reference, and by reference to that.
pub trait Whole {
    /// The number.
    fn whole(&self) -> i64;
}

impl Whole for i64 {
    fn whole(&self) -> i64 {
        *self
    }
}

impl<T: Whole> Whole for &T {
    fn whole(&self) -> i64 {
        T::whole(self)
    }
}

/// `9,900원`; in English `₩9,900`.
pub fn won(won: i64, language: Language) -> String {
    let grouped = grouped(won);
    match language {
        Language::Korean => format!("{grouped}원"),
        Language::English => format!("₩{grouped}"),
    }
}

/// A moment of the API, RFC 3339 in Korea, as day and minute.
pub fn time(moment: &str) -> String {
    let minutes = moment.get(..16).unwrap_or(moment);
    minutes.replacen('T', " ", 1)
}

/// States of the API: the word, Korean, English, tone.
#[rustfmt::skip]
const STATES: &[(&str, &str, &str, &str)] = &[
    ("ready", "결제 대기", "Ready", "waiting"),
    ("sending", "전송 중", "Sending", "waiting"),
    ("approved", "승인", "Approved", "good"),
    ("paid", "결제 완료", "Paid", "good"),
    ("declined", "거절", "Declined", "bad"),
    ("failed", "실패", "Failed", "bad"),
    ("opened", "결제창 열림", "Window opened", "waiting"),
    ("unknown", "결과 미확정", "Unknown", "bad"),
    ("expired", "기한 만료", "Expired", "plain"),
    ("closed", "종료", "Closed", "plain"),
    ("mismatch", "금액 불일치", "Mismatch", "bad"),
    ("refunded", "환불", "Refunded", "plain"),
    ("succeeded", "환불 완료", "Refunded", "good"),
    ("partially_refunded", "부분 환불", "Partially refunded", "plain"),
    ("canceled", "취소", "Cancelled", "plain"),
    ("partially_canceled", "부분 취소", "Partially cancelled", "plain"),
    ("trialing", "무료 이용", "Trial", "good"),
    ("active", "이용 중", "Active", "good"),
    ("past_due", "결제 실패", "Past due", "bad"),
    ("unpaid", "미납", "Unpaid", "bad"),
    ("paused", "일시 정지", "Paused", "waiting"),
    ("scheduled", "예약", "Scheduled", "waiting"),
    ("pending", "대기", "Pending", "waiting"),
    ("waiting", "전송 대기", "Waiting", "waiting"),
    ("delivered", "전달됨", "Delivered", "good"),
    ("given_up", "전송 포기", "Given up", "bad"),
    ("inactive", "사용 불가", "Inactive", "plain"),
    ("deleted", "삭제", "Deleted", "plain"),
    ("on", "정상", "On", "good"),
    ("off", "꺼짐", "Off", "plain"),
    ("ok", "정상", "OK", "good"),
    ("unguarded", "보호 없음", "Unguarded", "bad"),
    ("usable", "사용 가능", "Usable", "good"),
    ("revoked", "폐기", "Revoked", "plain"),
];

/// A state in words; a word that is not known stays as it is.
pub fn state(word: &str, language: Language) -> String {
    let found = STATES.iter().find(|row| row.0 == word);
    found.map_or_else(|| word.to_owned(), |row| language.pick(row.1, row.2).to_owned())
}

/// How a state is coloured.
pub fn tone(word: &str) -> &'static str {
    STATES.iter().find(|row| row.0 == word).map_or("plain", |row| row.3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_grouped_and_times_are_short() {
        for (amount, ko, en) in [
            (0, "0원", "₩0"),
            (9900, "9,900원", "₩9,900"),
            (-1_234_567, "-1,234,567원", "₩-1,234,567"),
        ] {
            assert_eq!(won(amount, Language::Korean), ko);
            assert_eq!(won(amount, Language::English), en);
        }
        assert_eq!(time("2026-12-15T10:00:03+09:00"), "2026-12-15 10:00");
        assert_eq!(time("가나다"), "가나다");
    }
}
