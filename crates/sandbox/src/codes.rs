//! Every result code the sandbox answers with, and the sentence that goes with it.
//!
//! `0000`, `9011`, `9103`, `FAIL` and the four digits 10xx and 20xx of refused cards are known from
//! merchants (protocol section 2.4). The others are our assumption, in families: 10xx and 20xx the
//! card, 90xx the request, 91xx the merchant's set-up, 92xx a cancellation, 93xx the token, 94xx the
//! window, 99xx the gateway itself.

use crate::wire::Refusal;

/// Success.
pub const SUCCESS: &str = "0000";
/// What a good answer says.
pub const SUCCESS_MESSAGE: &str = "정상 처리 되었습니다.";

/// The key is wrong, or the method is not opened for this CPID.
pub const FAIL: &str = "FAIL";
/// The body is no JSON object, or the Content-Type is not JSON in EUC-KR.
pub const NOT_JSON: &str = "9001";
/// The body is not CP949.
pub const NOT_CP949: &str = "9002";
/// A value is no string.
pub const NOT_A_STRING: &str = "9003";
/// A value holds the forbidden `|`.
pub const FORBIDDEN_CHARACTER: &str = "9011";
/// A required field is missing.
pub const MISSING_FIELD: &str = "9012";
/// A value is longer than its field.
pub const TOO_LONG: &str = "9013";
/// A value is not of its field's form.
pub const WRONG_FORM: &str = "9014";
/// The card's number is wrong, or its issuer refuses it.
pub const WRONG_NUMBER: &str = "2011";
/// The card's expiry is wrong.
pub const WRONG_EXPIRY: &str = "2015";
/// The first digits of the PIN are wrong.
pub const WRONG_PIN: &str = "2041";
/// The card is somebody else's.
pub const OTHER_HOLDER: &str = "2044";
/// Not enough money or credit: trying again later may help. An assumption.
pub const SHORT_OF_FUNDS: &str = "2003";
/// Stolen or lost: trying again never helps.
pub const STOLEN_CARD: &str = "1071";
/// The CPID is not known. An assumption.
pub const UNKNOWN_CPID: &str = "9101";
/// BILLTYPE does not fit the contract.
pub const WRONG_BILL_TYPE: &str = "9103";
/// PRODUCTTYPE or TAXFREECD is not in the contract. An assumption.
pub const NOT_IN_CONTRACT: &str = "9104";
/// The billing key is not known to this CPID. An assumption.
pub const UNKNOWN_AUTOKEY: &str = "9131";
/// More was to be cancelled than is left.
pub const ABOVE_THE_REST: &str = "9201";
/// There is no such transaction.
pub const NO_TRANSACTION: &str = "9202";
/// The transaction was not paid by this PAYMETHOD.
pub const OTHER_METHOD: &str = "9203";
/// This method can only be cancelled whole.
pub const NO_PARTIAL_CANCEL: &str = "9204";
/// The token was never given out, or is missing.
pub const WRONG_TOKEN: &str = "9301";
/// The token has served its one request.
pub const USED_TOKEN: &str = "9302";
/// The token was given out for another request.
pub const OTHER_TOKEN: &str = "9303";
/// What the browser posted is not what the hash was made for.
pub const WRONG_HASH: &str = "9401";
/// The window has done its one payment, or was never opened.
pub const WINDOW_CLOSED: &str = "9402";
/// The gateway failed, and nobody knows how far it came.
pub const SYSTEM_ERROR: &str = "9999";

/// Refuses a wrong authentication key.
pub fn wrong_key() -> Refusal {
    Refusal::new(FAIL, "연동키(Authorization)가 올바르지 않습니다.")
}

/// Refuses a key that is another CPID's.
pub fn key_of_another() -> Refusal {
    Refusal::new(FAIL, "다른 가맹점 ID(CPID)의 연동키(Authorization)입니다.")
}

/// Refuses a CPID that is not the sandbox's.
pub fn unknown_cpid() -> Refusal {
    Refusal::new(UNKNOWN_CPID, "등록되지 않은 가맹점 ID(CPID)입니다.")
}

/// Refuses a BILLTYPE that is not the contract's.
pub fn other_bill_type(right: &str) -> Refusal {
    let message = format!("계약과 다른 BILLTYPE입니다. 이 계약은 {right}입니다.");
    Refusal::new(WRONG_BILL_TYPE, message)
}

/// Refuses a value that the contract does not have.
pub fn not_in_contract(name: &str, right: &str) -> Refusal {
    Refusal::new(NOT_IN_CONTRACT, format!("계약에 없는 {name}입니다. 이 계약은 {right}입니다."))
}

/// Refuses a method that this CPID has not opened.
pub fn method_not_opened(method: &str) -> Refusal {
    Refusal::new(FAIL, format!("개통되지 않은 결제수단(PAYMETHOD)입니다: {method}"))
}

/// Refuses a charge for lack of funds.
pub fn short_of_funds() -> Refusal {
    Refusal::new(SHORT_OF_FUNDS, "한도초과 또는 잔액부족입니다.")
}

/// Refuses a stolen or lost card.
pub fn stolen_card() -> Refusal {
    Refusal::new(STOLEN_CARD, "도난·분실 신고된 카드입니다.")
}

/// Refuses card data at registration.
pub fn card_refused(code: &str, reason: &str) -> Refusal {
    Refusal::new(code, format!("카드 등록이 거절되었습니다: {reason}"))
}

/// Refuses because the sandbox could not keep what it had to.
pub fn system_error() -> Refusal {
    Refusal::new(SYSTEM_ERROR, "시스템 오류입니다. 관리자에게 문의해 주세요.")
}
