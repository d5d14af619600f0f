//! PAYMETHOD of a notification: what kind of thing it tells of (protocol section 4).

/// The kinds that say that money was taken. No other one ever does.
const MONEY: &[&str] = &[
    "APPLEPAY",
    "BANK",
    "CARD",
    "CARD-BATCH",
    "CARD-SUGI",
    "CARDK",
    "FOREIGNCARD",
    "KAKAOPAY",
    "MOBILE",
    "NAVERPAY",
    "PAYCO",
    "SAMSUNGPAY",
    VIRTUAL_ACCOUNT,
];

/// A deposit into a virtual account, or that its number was given out.
const VIRTUAL_ACCOUNT: &str = "VACCOUNT";

/// Kinds of a cancellation that are not the method with `CANCEL` behind it, and the method that was
/// paid with.
const CANCELLATIONS: &[(&str, &str)] = &[("KAKAOCANCEL", "KAKAOPAY")];

/// What a PAYMETHOD stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    /// Money was taken by this method.
    Payment(&'a str),
    /// Money that was taken by this method was given back. Any kind that ends in `CANCEL`: it
    /// counts only for a payment that is in the books with its transaction id.
    Cancellation(&'a str),
    /// No money, or nobody knows.
    Other,
}

/// The kind of `word`. `is_deposit`: whether it has the date of a payment, or no account number: a
/// virtual account without a deposit was only given out.
pub(super) fn of(word: &str, is_deposit: bool) -> Kind<'_> {
    let canceled = CANCELLATIONS.iter().find(|row| row.0 == word).map(|row| row.1);
    let separator = |c: char| c == '_' || c.is_whitespace();
    let canceled = canceled
        .or_else(|| word.strip_suffix("CANCEL").map(|method| method.trim_end_matches(separator)));
    match canceled {
        Some(method) => Kind::Cancellation(method),
        None if word == VIRTUAL_ACCOUNT && !is_deposit => Kind::Other,
        None if MONEY.contains(&word) => Kind::Payment(word),
        None => Kind::Other,
    }
}

/// Whether `word` is the PAYMETHOD of a payment.
pub fn is_money(word: &str) -> bool {
    MONEY.contains(&word)
}

/// Whether an order that offered the methods `offered` offered `method`: a card is a card, wherever
/// it was issued and by whichever contract it is taken.
pub fn is_offered(offered: &[String], method: &str) -> bool {
    fn plain(method: &str) -> &str {
        match method {
            "CARDK" | "FOREIGNCARD" => "CARD",
            other => other,
        }
    }
    offered.iter().any(|code| plain(code) == plain(method))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_money_only_when_it_is_listed() {
        assert!(MONEY.is_sorted());
        for word in MONEY {
            assert_eq!(of(word, true), Kind::Payment(word));
        }
        for word in ["VACCOUNTISSUE", "TOSSPAY", "card", "", "CARD ", "KAKAOPAY2"] {
            assert_eq!(of(word, true), Kind::Other, "{word}");
        }
        assert_eq!(of("VACCOUNT", false), Kind::Other);
        assert_eq!(of("BANK", false), Kind::Payment("BANK"));
        for (word, method) in [
            ("KAKAOCANCEL", "KAKAOPAY"),
            ("FCARD_CANCEL", "FCARD"),
            ("VACCOUNTCANCEL", "VACCOUNT"),
            ("A CANCEL", "A"),
            ("CANCEL", ""),
        ] {
            assert_eq!(of(word, false), Kind::Cancellation(method), "{word}");
        }
    }
}
