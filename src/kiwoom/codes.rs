//! What KiwoomPay's result codes mean for the next attempt, and the names of the card companies.
//!
//! The card codes (91xx) are not public: those below are the sandbox's and our own assumption
//! (protocol section 2.4). A merchant with the manual adds rows here and nowhere else.

/// RESULTCODE of success (protocol section 2.4).
pub const SUCCESS: &str = "0000";

use crate::rules::payment_state::Verdict::{self, Never, OurMistake, RetryLater};

/// Code, verdict, meaning.
const TABLE: &[(&str, Verdict, &str)] = &[
    ("0304", OurMistake, "test-environment limit"),
    ("9011", OurMistake, "a | in a value"),
    ("9029", RetryLater, "the merchant's settlement balance is too low to cancel"),
    ("9101", Never, "card data refused"),
    ("9102", Never, "expired card"),
    ("9115", RetryLater, "over the limit or lack of funds"),
    ("9121", Never, "lost or stolen card"),
    ("9131", Never, "billing key not known to KiwoomPay"),
    ("9201", OurMistake, "cancellation above what is left"),
    ("9202", OurMistake, "transaction not known"),
    ("9301", OurMistake, "token not valid"),
    ("FAIL", OurMistake, "key not set, or method not opened for this CPID"),
    ("FAIL,FAIL", OurMistake, "key not set, or method not opened for this CPID"),
];

/// The verdict on a code. A code that is not in the table may be tried again later: a refusal that
/// nobody knows must not end a subscription.
pub fn verdict(code: &str) -> Verdict {
    TABLE.iter().find(|row| row.0 == code).map_or(RetryLater, |row| row.1)
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

    #[test]
    fn the_table_is_sorted_and_an_unknown_code_is_tried_again() {
        assert!(TABLE.is_sorted_by(|a, b| a.0 < b.0));
        assert_eq!(verdict("9121"), Never);
        assert_eq!(verdict("9199"), RetryLater);
        assert_eq!(company("CCLG"), "신한");
        assert_eq!(company("CNHS"), "NH투자증권");
        assert_eq!(company("XXXX"), "XXXX");
    }
}
