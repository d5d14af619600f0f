//! What KiwoomPay's result codes mean, and the names of the card companies.
//!
//! The manual is not public. The table below is what is known of it (protocol section 2.4); a
//! merchant who has it adds to the table by `KIWOOM_CODES_FILE`.

use std::collections::HashMap;

use crate::rules::payment_state::Meaning::{self, Refused, Unknown};
use crate::rules::payment_state::Verdict::{Never, OurMistake, RetryLater};

/// RESULTCODE of success (protocol section 2.4).
pub const SUCCESS: &str = "0000";
/// RESULTCODE of a cancellation that becomes final only with a deposit (protocol section 2.3).
pub const NEEDS_DEPOSIT: &str = "9029";

const LATER: Meaning = Refused(RetryLater);
const NEVER: Meaning = Refused(Never);
const OURS: Meaning = Refused(OurMistake);

const CPID: &str = "KIWOOM_CPID";
const CONTRACT: &str = "KIWOOM_BILL_TYPE, KIWOOM_PRODUCT_TYPE, KIWOOM_TAX_TYPE, KIWOOM_CPID";
const KEY: &str = "KIWOOM_CPID, KIWOOM_TEST_AUTH_KEY, KIWOOM_PROD_AUTH_KEY";
const REQUEST: &str = "productName, customerId, customerName";

/// RESULTCODE or, with an `x` for any digit, a family of them; what it means; for a mistake of ours
/// what has to be mended. A code counts before its family.
const TABLE: &[(&str, Meaning, &str)] = &[
    // The test contract's limit.
    ("0304", OURS, CPID),
    // Typed wrong: number, expiry, PIN, PIN missing, another holder.
    ("1011", LATER, ""),
    ("2011", LATER, ""),
    ("2015", LATER, ""),
    ("1041", LATER, ""),
    ("2041", LATER, ""),
    ("2042", LATER, ""),
    ("1042", LATER, ""),
    ("2044", LATER, ""),
    ("2082", LATER, ""),
    // Ended for good: not usable here, expired, lost or stolen, suspended.
    ("1012", NEVER, ""),
    ("2016", NEVER, ""),
    ("1014", NEVER, ""),
    ("2014", NEVER, ""),
    ("1071", NEVER, ""),
    ("1072", NEVER, ""),
    // KiwoomPay's own client library gave up.
    ("-1", Unknown, ""),
    ("9000", Unknown, ""),
    ("9005", Unknown, ""),
    ("9999", Unknown, ""),
    // A `|` in a value, and what else a request can lack.
    ("9011", OURS, REQUEST),
    ("901x", OURS, REQUEST),
    // The settlement balance is too low to cancel.
    ("9029", LATER, ""),
    // The merchant's set-up: CPID, PAYMETHOD, BILLTYPE, and the rest of the family.
    ("9101", OURS, CPID),
    ("9102", OURS, CPID),
    ("9103", OURS, "KIWOOM_BILL_TYPE"),
    ("91xx", OURS, CONTRACT),
    // The token: not known, used (so an earlier copy of the request came through), another's.
    ("9301", OURS, "KIWOOM_BASE_URL"),
    ("9302", Unknown, ""),
    ("9303", OURS, "KIWOOM_BASE_URL"),
    // The key is not set, or the method is not opened for this CPID.
    ("FAIL", OURS, KEY),
    ("FAIL,FAIL", OURS, KEY),
];

/// RESULTCODE of a registration, and the field of the request that the card's issuer knows otherwise.
const TYPED_WRONG: &[(&str, &str)] = &[
    ("1011", "cardNumber"),
    ("2011", "cardNumber"),
    ("1014", "expireDate"),
    ("2014", "expireDate"),
    ("2015", "expireDate"),
    ("1041", "cardPassword"),
    ("1042", "cardPassword"),
    ("2041", "cardPassword"),
    ("2042", "cardPassword"),
    ("2044", "birthDate"),
    ("2082", "birthDate"),
];

/// The field of a registration that a refusal with this code is about.
pub fn typed_wrong(code: &str) -> Option<&'static str> {
    TYPED_WRONG.iter().find(|row| row.0 == code).map(|row| row.1)
}

/// What a refusal says beside its code.
#[derive(Clone, Copy, Debug)]
pub struct Refusal<'a> {
    /// RESULTCODE.
    pub code: &'a str,
    /// It says nothing of its reason, or has a number that only what was done has.
    pub is_doubtful: bool,
}

/// The table with the merchant's own rows.
#[derive(Clone, Debug, Default)]
pub struct Codes(HashMap<String, Meaning>);

impl Codes {
    /// The built-in table under the merchant's rows, each a code or a family.
    pub fn new(rows: impl IntoIterator<Item = (String, Meaning)>) -> Self {
        Self(rows.into_iter().collect())
    }

    /// What a refusal means. Codes that nobody knows are declined, to be tried later; a doubtful one
    /// of them is unknown, and so is a doubtful one of which only the family is known.
    pub fn meaning(&self, refusal: Refusal<'_>) -> Meaning {
        match self.row(refusal.code) {
            Some((name, meaning, _)) if name == refusal.code || !refusal.is_doubtful => meaning,
            _ if refusal.is_doubtful => Unknown,
            _ => LATER,
        }
    }

    /// What has to be mended before a call that was refused with this code can succeed. `None` when
    /// that is not the merchant's to mend.
    pub fn setting(&self, code: &str) -> Option<&'static str> {
        self.row(code).filter(|row| row.1 == OURS).map(|row| row.2)
    }

    /// The row of a code: its own before its family's, the merchant's before the built-in one.
    fn row(&self, code: &str) -> Option<(String, Meaning, &'static str)> {
        (0..=code.len()).find_map(|digits| {
            let name = family(code, digits)?;
            let built_in = TABLE.iter().find(|row| row.0 == name);
            let setting = built_in.map(|row| row.2).filter(|setting| !setting.is_empty());
            let meaning = self.0.get(&name).copied().or(built_in.map(|row| row.1))?;
            Some((name, meaning, setting.unwrap_or(CONTRACT)))
        })
    }
}

/// The code with its last digits replaced by `x`. `None` when they are no digits.
fn family(code: &str, digits: usize) -> Option<String> {
    let (kept, replaced) = code.split_at_checked(code.len() - digits)?;
    let are_digits = replaced.bytes().all(|byte| byte.is_ascii_digit());
    are_digits.then(|| format!("{kept}{}", "x".repeat(digits)))
}

/// CARDCODE, company (protocol section 2.4).
const COMPANIES: &[(&str, &str)] = &[
    ("CCKM", "KB국민"),
    ("CCNH", "NH농협"),
    ("CCLG", "신한"),
    ("CCDI", "현대"),
    ("CCSS", "삼성"),
    ("CCLO", "롯데"),
    ("CCBC", "BC"),
    ("CCHN", "하나(SK)"),
    ("CCKE", "하나(구 외환)"),
    ("CCPH", "우리"),
    ("CCCT", "씨티"),
    ("CCKJ", "광주"),
    ("CCSU", "수협"),
    ("CCJB", "전북"),
    ("CCCJ", "제주"),
    ("CCCU", "신협"),
    ("CCKD", "산업"),
    ("CCMG", "새마을"),
    ("CCPO", "우체국"),
    ("CCSB", "저축은행"),
    ("CCKA", "카카오뱅크"),
    ("CKBK", "K뱅크"),
    ("CCTS", "토스뱅크"),
    ("CVSF", "해외비자"),
    ("CMCF", "해외마스터"),
    ("CJCF", "해외JCB"),
    ("CAMF", "해외아멕스"),
    ("CDIF", "해외다이너스"),
    ("CCSG", "신세계한미"),
    ("CCHM", "한미"),
    ("CCAM", "국내아멕스"),
    ("CCKW", "조흥"),
    ("CCCH", "축협"),
    ("CCHD", "현대증권"),
    ("CNHS", "NH투자증권"),
];

/// The card company's name; an unknown code stands for itself.
pub fn company(code: &str) -> &str {
    COMPANIES.iter().find(|row| row.0 == code).map_or(code, |row| row.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(codes: &Codes, code: &str, is_doubtful: bool) -> Meaning {
        codes.meaning(Refusal { code, is_doubtful })
    }

    #[test]
    fn each_code_of_the_protocol_has_its_meaning() {
        let codes = Codes::default();
        for code in ["1012", "1014", "1071", "1072", "2014", "2016"] {
            assert_eq!(meaning(&codes, code, false), NEVER, "{code}");
        }
        for code in ["1011", "2011", "1041", "1042", "2015", "2041", "2042", "2044", "2082"] {
            assert_eq!(meaning(&codes, code, false), LATER, "{code}");
        }
        for code in ["9999", "-1", "9000", "9005"] {
            assert_eq!(meaning(&codes, code, false), Unknown, "{code}");
        }
        for (code, setting) in [
            ("FAIL", KEY),
            ("FAIL,FAIL", KEY),
            ("0304", CPID),
            ("9101", CPID),
            ("9103", "KIWOOM_BILL_TYPE"),
            ("9199", CONTRACT),
            ("9011", REQUEST),
        ] {
            assert_eq!(meaning(&codes, code, false), OURS, "{code}");
            assert_eq!(codes.setting(code), Some(setting), "{code}");
        }
        assert_eq!(codes.setting("1071"), None);
    }

    #[test]
    fn what_nobody_knows_is_tried_later_unless_it_is_doubtful() {
        let codes = Codes::default();
        for code in ["2003", "1999", "9201", "91", "911x", "X", ""] {
            assert_eq!(meaning(&codes, code, false), LATER, "{code}");
            assert_eq!(meaning(&codes, code, true), Unknown, "{code}");
        }
        assert_eq!(meaning(&codes, "9199", true), Unknown, "only the family is known");
        assert_eq!(meaning(&codes, "9103", true), OURS, "known by itself");
    }

    #[test]
    fn the_merchant_s_rows_come_before_the_built_in_ones() {
        let rows = [("9115", LATER), ("91xx", Unknown), ("31xx", OURS), ("9103", OURS)];
        let codes = Codes::new(rows.map(|(code, meaning)| (code.to_owned(), meaning)));
        for (code, expected) in [("9115", LATER), ("9199", Unknown), ("9101", OURS), ("3100", OURS)]
        {
            assert_eq!(meaning(&codes, code, false), expected, "{code}");
        }
        assert_eq!(codes.setting("3100"), Some(CONTRACT));
        assert_eq!(codes.setting("9103"), Some("KIWOOM_BILL_TYPE"));
    }

    #[test]
    fn companies_have_their_names() {
        assert_eq!(company("CCLG"), "신한");
        assert_eq!(company("CNHS"), "NH투자증권");
        assert_eq!(company("XXXX"), "XXXX");
    }
}
