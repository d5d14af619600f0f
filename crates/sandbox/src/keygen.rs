//! `CARD-KEYGEN`: a billing key for a card.

use chrono::NaiveDate;
use uuid::Uuid;

use crate::cards::{self, Behaviour, passes_luhn};
use crate::exchange::{Done, keep};
use crate::fields::{self, Form, LONG_CODE, Need, Rule, filled, is_digits, optional, present};
use crate::ledger::{Card, Event};
use crate::wire::{self, Fields, Refusal};
use crate::{Contract, Sandbox, codes, lock};
use kiwoom_clock::kst;

/// Contracts whose keys need the holder's birth date and the PIN's first digits.
const AUTHENTICATED: [&str; 2] = ["13", "14"];

/// Contracts that ask for number and expiry alone.
const NUMBER_ALONE: &str = "18";

const RULES: [Rule; 16] = [
    filled("ORDERNO", 50, Form::Text),
    filled("PRODUCTTYPE", 1, Form::OneOf(&["1", "2"])).leniently(Need::Optional, 1),
    filled("BILLTYPE", 2, Form::OneOf(&["14", "13", "18", "1", "2"])),
    filled("AMOUNT", 10, Form::OneOf(&["0"])).leniently(Need::Optional, 10),
    filled("PRODUCTNAME", 50, Form::Text).leniently(Need::Optional, 50),
    filled("IPADDRESS", 39, Form::Address),
    filled("USERID", 50, Form::Text),
    present("PRODUCTCODE", 10).leniently(Need::Optional, LONG_CODE),
    filled("CARDNO", 19, Form::Text),
    filled("EXPIREDT", 6, Form::Text),
    optional("CARDAUTH", 10, Form::Text),
    optional("CARDPASSWORD", 2, Form::Text),
    filled("QUOTA", 2, Form::Digits),
    filled("TAXFREECD", 2, Form::OneOf(&["00", "01", "02"])),
    // `Y` also charges at once; the sandbox's contract does not have it.
    filled("DIRECT_YN", 1, Form::OneOf(&["N"])),
    optional("EMAIL", 100, Form::Text),
];

/// Registers a card.
pub fn register(
    sandbox: &Sandbox,
    contract: &Contract,
    request: &Fields,
    scripted: Option<Refusal>,
) -> Result<Done, Refusal> {
    fields::check(sandbox.options.strict, request, &RULES)?;
    contract.check(request)?;
    check_card(request)?;
    let number = request.get("CARDNO");
    let behaviour = Behaviour::of(number);
    if let Some(refusal) = scripted {
        return Err(refusal);
    }
    if behaviour == Behaviour::RefusedAtRegistration {
        behaviour.judge(0)?;
    }
    let now = sandbox.now();
    let generated = kst(now).format("%Y%m%d%H%M%S").to_string();
    let auto_key = auto_key(&generated);
    let company = cards::company_code(number);
    let masked = cards::mask(number);
    let cpid = contract.cpid.to_owned();
    let card = Card { behaviour, masked, company: company.to_owned(), cpid };
    keep(
        &mut lock(&sandbox.ledger),
        vec![Event::Registered { at: now, auto_key: auto_key.clone(), card }],
    )?;
    let answer = wire::success(
        codes::SUCCESS_MESSAGE,
        [
            ("PAYMETHOD", "CARD-KEYGEN".to_owned()),
            ("AUTOKEY", auto_key),
            ("CARDCODE", company.to_owned()),
            ("GENDATE", generated),
        ],
    );
    Ok(Done::answered(answer))
}

/// A key like the real ones, `C` and the year first, that cannot be guessed.
fn auto_key(generated: &str) -> String {
    let random = Uuid::new_v4().simple().to_string().to_uppercase();
    format!("C{}{}", &generated[..4], &random[..12])
}

fn check_card(request: &Fields) -> Result<(), Refusal> {
    let refuse = |code, reason| Err(codes::card_refused(code, reason));
    let number = request.get("CARDNO");
    if !(13..=19).contains(&number.len()) || !is_digits(number) || !passes_luhn(number) {
        return refuse(codes::WRONG_NUMBER, "카드번호가 올바르지 않습니다.");
    }
    if !is_month(request.get("EXPIREDT")) {
        return refuse(codes::WRONG_EXPIRY, "유효기간(YYYYMM)이 올바르지 않습니다.");
    }
    let required = AUTHENTICATED.contains(&request.get("BILLTYPE"));
    let (holder, pin) = (request.get("CARDAUTH"), request.get("CARDPASSWORD"));
    if request.get("BILLTYPE") == NUMBER_ALONE && !(holder.is_empty() && pin.is_empty()) {
        let message = "이 계약은 CARDAUTH와 CARDPASSWORD를 받지 않습니다.";
        return Err(Refusal::new(codes::WRONG_FORM, message));
    }
    if !(is_holder(holder) || holder.is_empty() && !required) {
        let reason = "생년월일 또는 사업자번호(CARDAUTH)가 올바르지 않습니다.";
        return refuse(codes::OTHER_HOLDER, reason);
    }
    let is_pin = pin.len() == 2 && is_digits(pin);
    if !(is_pin || pin.is_empty() && !required) {
        let reason = "비밀번호 앞 두 자리(CARDPASSWORD)가 올바르지 않습니다.";
        return refuse(codes::WRONG_PIN, reason);
    }
    Ok(())
}

/// YYYYMM. The first two digits tell it from YYMM with something after it.
fn is_month(value: &str) -> bool {
    value.len() == 6
        && is_digits(value)
        && value.starts_with("20")
        && value[4..].parse().is_ok_and(|month: u8| (1..=12).contains(&month))
}

/// A birth date YYMMDD, or a business number of ten digits.
fn is_holder(value: &str) -> bool {
    let is_date = |value: &str| NaiveDate::parse_from_str(value, "%y%m%d").is_ok();
    is_digits(value) && (value.len() == 10 || value.len() == 6 && is_date(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expiry_is_a_year_of_four_digits_and_a_month() {
        assert!(is_month("202512"));
        for wrong in ["2512", "251200", "202513", "202500", "20251", "2025-1", ""] {
            assert!(!is_month(wrong), "{wrong}");
        }
    }

    #[test]
    fn holder_is_a_birth_date_or_a_business_number() {
        assert!(is_holder("900101") && is_holder("1234567890") && is_holder("040229"));
        for wrong in ["19900101", "901301", "900132", "9001", "90010a", ""] {
            assert!(!is_holder(wrong), "{wrong}");
        }
    }
}
