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

const KINDS: [(&str, Kind); 23] = [
    ("decline", Kind::Decline),
    ("delay_before", Kind::DelayBefore),
    ("delay_after", Kind::DelayAfter),
    ("drop_before", Kind::DropBefore),
    ("drop_after", Kind::DropAfter),
    ("drop_after_notify", Kind::DropAfterNotify),
    ("truncate", Kind::Truncate),
    ("garbage", Kind::Garbage),
    ("html", Kind::Html),
    ("status", Kind::Status),
    ("status_before", Kind::StatusBefore),
    ("wrong_token", Kind::WrongToken),
    ("wrong_amount", Kind::WrongAmount),
    ("wrong_order", Kind::WrongOrder),
    ("no_result_code", Kind::NoResultCode),
    ("redirect", Kind::Redirect),
    ("bad_return_url", Kind::BadReturnUrl),
    ("slow", Kind::Slow),
    ("huge", Kind::Huge),
    ("half_close", Kind::HalfClose),
    ("utf8", Kind::Utf8),
    ("utf8_unnamed", Kind::Utf8Unnamed),
    ("euc_kr_unnamed", Kind::EucKrUnnamed),
];

/// The names of all kinds of faults.
pub fn kinds() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|(name, _)| *name)
}

impl Kind {
    /// The kind of this name.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        KINDS.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
    }

    /// Its name in `POST /faults`.
    pub(super) fn name(self) -> &'static str {
        KINDS.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }
}
