//! The kinds of faults, and their names.

/// What goes wrong. "Done" means that the request was carried out and is in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Refused with `code` and `message`, and with AUTHNO when there is an `authNo`; not done, and a
    /// charge so refused is counted.
    Decline,
    /// Waits `delayMs`, then goes on as usual, even if the caller has left by then.
    DelayBefore,
    /// Done, and answered after `delayMs`.
    DelayAfter,
    /// Not done; the connection is closed without a byte.
    DropBefore,
    /// Done; the connection is closed without a byte.
    DropAfter,
    /// CARD-BATCH only: done; the connection is closed without a byte, and then the notification of
    /// the payment comes, with PAYMETHOD=CARD, as for a payment of the window.
    DropAfterNotify,
    /// Done; a complete HTTP answer whose JSON stops in the middle.
    Truncate,
    /// Done; the body is random CP949 text.
    Garbage,
    /// Done; an HTML page with status 200.
    Html,
    /// Done; an HTML page with `status`.
    Status,
    /// Not done; an HTML page with `status`.
    StatusBefore,
    /// Done; the TOKEN in the answer is another.
    WrongToken,
    /// Done; the AMOUNT in the answer is another.
    WrongAmount,
    /// Done; the ORDERNO in the answer (TRXID of a cancellation) is another.
    WrongOrder,
    /// Done; the answer has no RESULTCODE. For READY that is still a good answer.
    NoResultCode,
    /// Not done; 307 to the very same address.
    Redirect,
    /// READY only: the RETURNURL is `url`, by default on a look-alike host.
    BadReturnUrl,
    /// Done; the answer comes one byte a second.
    Slow,
    /// Done; the answer is preceded by spaces up to 10 MB.
    Huge,
    /// Done; the head and half of the body are sent, then the connection is closed.
    HalfClose,
    /// Done; the answer is UTF-8, and its Content-Type says so.
    Utf8,
    /// Done; the answer is UTF-8, and its Content-Type names no charset.
    Utf8Unnamed,
    /// Done; the answer is EUC-KR as always, and its Content-Type names no charset.
    EucKrUnnamed,
}

/// Every kind: its name, and what happens in words for the form of the page.
const KINDS: [(&str, Kind, &str); 23] = [
    ("decline", Kind::Decline, "거절"),
    ("delay_before", Kind::DelayBefore, "기다린 뒤 처리"),
    ("delay_after", Kind::DelayAfter, "처리한 뒤 기다렸다가 응답"),
    ("drop_before", Kind::DropBefore, "처리하지 않고 연결 끊기"),
    ("drop_after", Kind::DropAfter, "처리한 뒤 연결 끊기"),
    ("drop_after_notify", Kind::DropAfterNotify, "처리한 뒤 연결을 끊고 통지 전송"),
    ("truncate", Kind::Truncate, "처리, 응답이 중간에 잘림"),
    ("garbage", Kind::Garbage, "처리, 응답이 임의의 글자"),
    ("html", Kind::Html, "처리, 상태 코드 200의 HTML로 응답"),
    ("status", Kind::Status, "처리, 오류 상태 코드로 응답"),
    ("status_before", Kind::StatusBefore, "처리하지 않고 오류 상태 코드로 응답"),
    ("wrong_token", Kind::WrongToken, "처리, 응답의 TOKEN이 다름"),
    ("wrong_amount", Kind::WrongAmount, "처리, 응답의 금액이 다름"),
    ("wrong_order", Kind::WrongOrder, "처리, 응답의 주문번호가 다름"),
    ("no_result_code", Kind::NoResultCode, "처리, 응답에 RESULTCODE가 없음"),
    ("redirect", Kind::Redirect, "처리하지 않고 307로 응답"),
    ("bad_return_url", Kind::BadReturnUrl, "1단계에서 다른 호스트의 주소로 응답"),
    ("slow", Kind::Slow, "처리, 1초에 1바이트씩 응답"),
    ("huge", Kind::Huge, "처리, 10MB로 응답"),
    ("half_close", Kind::HalfClose, "처리, 응답 도중 연결 끊기"),
    ("utf8", Kind::Utf8, "처리, UTF-8로 표시하고 UTF-8로 응답"),
    ("utf8_unnamed", Kind::Utf8Unnamed, "처리, charset 없이 UTF-8로 응답"),
    ("euc_kr_unnamed", Kind::EucKrUnnamed, "처리, charset 없이 EUC-KR로 응답"),
];

/// The names of all kinds of faults.
pub fn kinds() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|(name, ..)| *name)
}

/// All kinds: the name in `POST /faults`, and what happens, in Korean.
pub fn kinds_in_words() -> impl Iterator<Item = (&'static str, &'static str)> {
    KINDS.iter().map(|(name, _, about)| (*name, *about))
}

impl Kind {
    /// The kind of this name.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        KINDS.iter().find(|(known, ..)| *known == name).map(|(_, kind, _)| *kind)
    }

    /// Its name in `POST /faults`.
    pub(super) fn name(self) -> &'static str {
        KINDS.iter().find(|(_, kind, _)| *kind == self).map_or("", |(name, ..)| name)
    }
}
