//! Which fields a request must have, how long they may be and what they look like.

use std::net::IpAddr;

use crate::wire::{Fields, Refusal};
use crate::{charset, codes};

/// The largest AMOUNT KiwoomPay takes: ten digits.
const AMOUNT_DIGITS: usize = 10;

/// A length of PRODUCTCODE that merchants' programs stay below, in bytes.
pub const LONG_CODE: usize = 100;

/// One field of a request.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    name: &'static str,
    strictly: (Need, usize),
    leniently: (Need, usize),
    form: Form,
}

/// Whether a field has to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// And not be empty.
    Filled,
    /// Or be empty.
    Present,
    /// It may be left out.
    Optional,
}

/// What a value must look like.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// Anything that fits.
    Text,
    /// Digits only.
    Digits,
    /// A whole number of won above zero, without leading zeros.
    Amount,
    /// An IP address.
    Address,
    /// One of these words.
    OneOf(&'static [&'static str]),
}

/// A field that must be there and not be empty.
pub const fn filled(name: &'static str, max_bytes: usize, form: Form) -> Rule {
    rule(name, Need::Filled, max_bytes, form)
}

/// A field that must be there and may be empty.
pub const fn present(name: &'static str, max_bytes: usize) -> Rule {
    rule(name, Need::Present, max_bytes, Form::Text)
}

/// A field that may be left out.
pub const fn optional(name: &'static str, max_bytes: usize, form: Form) -> Rule {
    rule(name, Need::Optional, max_bytes, form)
}

const fn rule(name: &'static str, need: Need, max_bytes: usize, form: Form) -> Rule {
    Rule { name, strictly: (need, max_bytes), leniently: (need, max_bytes), form }
}

/// Checks all values for what is never allowed, then each field against its rule.
pub fn check(strict: bool, fields: &Fields, rules: &[Rule]) -> Result<(), Refusal> {
    for (name, value) in fields.iter() {
        forbid_characters(name, value)?;
    }
    rules.iter().try_for_each(|rule| rule.check(strict, fields))
}

/// Whether the tax-free part in the field `name` is a number of won within the amount.
pub fn check_tax_free(fields: &Fields, name: &str) -> Result<(), Refusal> {
    let part = fields.get(name);
    let most = amount(fields.get("AMOUNT")).unwrap_or_default();
    if !part.is_empty() && is_digits(part) && part.parse().is_ok_and(|part: u64| part <= most) {
        return Ok(());
    }
    wrong(&format!("{name} 항목은 AMOUNT를 넘지 않는 비과세 금액(숫자)이어야 합니다."))
}

/// Won of AMOUNT that are free of tax: by TAXFREECD none, all, or what the field `name` says.
pub fn tax_free(fields: &Fields, name: &str) -> u64 {
    match fields.get("TAXFREECD") {
        "01" => amount(fields.get("AMOUNT")).unwrap_or_default(),
        "02" => fields.get(name).parse().unwrap_or_default(),
        _ => 0,
    }
}

/// Whether a charge or a window goes without TAXFREEAMT, which cancellations alone have.
pub fn check_no_tax_free_amount(fields: &Fields) -> Result<(), Refusal> {
    if fields.find("TAXFREEAMT").is_none() {
        return Ok(());
    }
    wrong("TAXFREEAMT 항목은 취소 요청에만 사용할 수 있습니다.")
}

/// Refuses a value that does not fit.
pub fn wrong<T>(message: &str) -> Result<T, Refusal> {
    Err(Refusal::new(codes::WRONG_FORM, message))
}

/// An amount in won, if `value` is one.
pub fn amount(value: &str) -> Option<u64> {
    let plain = !value.is_empty() && value.len() <= AMOUNT_DIGITS && !value.starts_with('0');
    if plain && is_digits(value) { value.parse().ok() } else { None }
}

/// Whether `value` is made of ASCII digits only.
pub fn is_digits(value: &str) -> bool {
    value.bytes().all(|byte| byte.is_ascii_digit())
}

impl Rule {
    /// The same field as it is seen to be taken from merchants' programs.
    pub const fn leniently(self, need: Need, max_bytes: usize) -> Self {
        Self { leniently: (need, max_bytes), ..self }
    }

    fn check(&self, strict: bool, fields: &Fields) -> Result<(), Refusal> {
        let name = self.name;
        let (need, max_bytes) = if strict { self.strictly } else { self.leniently };
        let missing =
            || Refusal::new(codes::MISSING_FIELD, format!("필수 항목이 없습니다: {name}"));
        let Some(value) = fields.find(name) else {
            return if need == Need::Optional { Ok(()) } else { Err(missing()) };
        };
        if value.is_empty() {
            return if need == Need::Filled { Err(missing()) } else { Ok(()) };
        }
        if charset::byte_len(value) > max_bytes {
            let message = format!("{name} 항목은 {max_bytes}바이트까지입니다.");
            return Err(Refusal::new(codes::TOO_LONG, message));
        }
        if self.form.fits(value) {
            return Ok(());
        }
        Err(Refusal::new(codes::WRONG_FORM, format!("{name} 항목의 형식이 올바르지 않습니다.")))
    }
}

impl Form {
    fn fits(self, value: &str) -> bool {
        match self {
            Self::Text => true,
            Self::Digits => is_digits(value),
            Self::Amount => amount(value).is_some(),
            Self::Address => value.parse::<IpAddr>().is_ok(),
            Self::OneOf(words) => words.contains(&value),
        }
    }
}

fn forbid_characters(name: &str, value: &str) -> Result<(), Refusal> {
    if value.contains('|') {
        let message = format!("{name} 항목에 사용할 수 없는 문자(|)가 있습니다.");
        return Err(Refusal::new(codes::FORBIDDEN_CHARACTER, message));
    }
    // The trace of a client that let its encoder replace an emoji; a real gateway would print it.
    if has_html_entity(value) {
        let message = format!("{name} 항목에 HTML 문자 참조(&#…;)가 있습니다.");
        return Err(Refusal::new(codes::WRONG_FORM, message));
    }
    Ok(())
}

fn has_html_entity(value: &str) -> bool {
    value.split("&#").skip(1).any(|rest| {
        rest.split_once(';').is_some_and(|(number, _)| !number.is_empty() && is_digits(number))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: [Rule; 3] =
        [filled("AMOUNT", 10, Form::Amount), present("CODE", 4), optional("NAME", 6, Form::Text)];

    fn code(fields: &Fields) -> String {
        check(true, fields, &RULES)
            .map_or_else(|refusal| refusal.code, |()| codes::SUCCESS.to_owned())
    }

    #[test]
    fn each_rule_refuses_with_its_own_code() {
        let cases = [
            ([("AMOUNT", "9900"), ("CODE", ""), ("NAME", "가나다")], codes::SUCCESS),
            ([("AMOUNT", "9900"), ("CODE", ""), ("NAME", "가나다라")], codes::TOO_LONG),
            ([("AMOUNT", ""), ("CODE", ""), ("NAME", "")], codes::MISSING_FIELD),
            ([("AMOUNT", "1"), ("COD", ""), ("NAME", "")], codes::MISSING_FIELD),
            ([("AMOUNT", "0"), ("CODE", ""), ("NAME", "")], codes::WRONG_FORM),
            ([("AMOUNT", "1.5"), ("CODE", ""), ("NAME", "")], codes::WRONG_FORM),
            ([("AMOUNT", "1"), ("CODE", "|"), ("NAME", "")], codes::FORBIDDEN_CHARACTER),
            ([("AMOUNT", "1"), ("CODE", ""), ("NAME", "&#9749;")], codes::WRONG_FORM),
            ([("AMOUNT", "1"), ("CODE", ""), ("NAME", "A&#;")], codes::SUCCESS),
        ];
        for (fields, expected) in cases {
            assert_eq!(code(&Fields::from(fields)), expected, "{fields:?}");
        }
    }
}
