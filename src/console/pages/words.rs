//! Words of the API that only some pages show, in the language of the page.

use crate::console::frame::Console;

type Word = (&'static str, &'static str, &'static str);

const VERDICTS: &[Word] = &[
    ("applied", "장부에 반영", "In the books"),
    ("waiting", "결제 대기", "Waits for its payment"),
    ("unexpected", "예상하지 않은 결제", "Unexpected money"),
    ("review", "확인 필요", "To be looked at"),
    ("source", "허용되지 않은 발신 주소", "Sender not let in"),
    ("unreadable", "읽을 수 없음", "Not readable"),
    ("merchant", "다른 가맹점", "Another merchant's"),
    ("unknown_kind", "알 수 없는 종류", "Unknown kind"),
    ("unknown_order", "없는 주문", "No order of ours"),
    ("amount", "금액이 다름", "Another amount"),
    ("contradiction", "장부와 다름", "The books say otherwise"),
];

const KINDS: &[Word] = &[
    ("payment", "결제", "Payment"),
    ("failure", "실패", "Failure"),
    ("cancellation", "취소", "Cancellation"),
    ("other", "기타", "Other"),
    ("unreadable", "읽을 수 없음", "Not readable"),
    ("source", "거부한 요청", "Refused requests"),
    ("paid", "결제", "Paid"),
    ("free", "무료", "Free"),
    ("open", "결제 진행 중", "Open"),
    ("none", "제공하지 않음", "No service"),
    ("week", "주", "week"),
    ("month", "개월", "month"),
    ("year", "년", "year"),
    ("scheduler", "자동 결제", "Schedule"),
    ("merchant", "가맹점 요청", "Merchant"),
    ("buyer", "구매자", "Buyer"),
    ("already_paid", "이미 결제된 주문", "The order was paid already"),
    ("other_amount", "금액이 다름", "Another amount was asked for"),
    ("order_closed", "닫힌 주문", "The order was closed"),
    ("method_not_offered", "제공하지 않은 결제수단", "The method was not offered"),
];

const MOVEMENTS: &[Word] = &[
    ("charge", "카드 결제", "Card charge"),
    ("window_payment", "결제창 결제", "Window payment"),
    ("unexpected", "예상하지 않은 결제", "Unexpected money"),
    ("refund", "환불", "Refund"),
    ("unexpected_return", "예상하지 않은 결제의 환불", "Unexpected money given back"),
    ("cancellation", "가맹점 관리자에서 취소", "Cancelled in the merchant pages"),
];

fn find(words: &[Word], word: &str, c: &Console) -> String {
    let found = words.iter().find(|row| row.0 == word);
    found.map_or_else(|| word.to_owned(), |row| c.t(row.1, row.2).to_owned())
}

/// What became of a notification.
pub fn verdict(c: &Console, word: &str) -> String {
    find(VERDICTS, word, c)
}

/// A kind, an interval, who began it, or why money is unexpected.
pub fn kind(c: &Console, word: &str) -> String {
    find(KINDS, word, c)
}

/// A kind of movement.
pub fn movement(c: &Console, word: &str) -> String {
    find(MOVEMENTS, word, c)
}

/// Rules that the API tells in Korean, in English.
const RULES: &[(&str, &str)] = &[
    ("whole", "A whole period, which begins on the anchor day."),
    ("stub", "A part of a period, up to the anchor day or the end: it costs its share."),
    ("changed", "The rest of a period, with the terms of a change at once."),
    ("trial", "A trial that was promised."),
    ("free_phase", "A period that was promised for 0 won."),
    ("before_anchor", "Free until the first anchor day."),
    ("extension", "Free days that the merchant gave."),
    ("no_consent", "Without a consent to be charged, free until the next anchor day."),
    ("missed", "Not served: it could not be charged before it was over."),
    ("declined", "The charge for it was finally declined."),
    ("paused", "Paused."),
    ("unpaid", "Service stopped, as it was not paid."),
    ("outside", "Before service began, or after its end."),
    ("first_attempt", "The first attempt for this order or charge."),
    ("earlier_declined", "Every earlier attempt was declined: nothing was taken."),
    ("paid", "It is paid. It is not charged again."),
    (
        "outcome_unknown",
        "The outcome of an earlier attempt is unknown: until it is settled nothing is charged.",
    ),
    ("in_progress", "An earlier attempt is under way."),
    ("order_used", "An order number can be used only once."),
    ("period_over", "That period is over. Only a new one is charged."),
    ("subscription_canceled", "The subscription was cancelled."),
];

/// A rule by its code; `korean` is what the API says.
pub fn rule<'t>(c: &Console, code: &str, korean: &'t str) -> &'t str {
    let english = RULES.iter().find(|row| row.0 == code).map_or(korean, |row| row.1);
    c.t(korean, english)
}
