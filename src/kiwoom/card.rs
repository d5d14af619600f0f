//! Card data on its way from the request to KiwoomPay. Never printed, wiped when dropped.

use chrono::{Months, NaiveDate};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use utoipa::openapi::SchemaFormat;
use zeroize::Zeroizing;

use crate::http::description::{self, described};
use crate::http::extract::FromField;
use crate::kiwoom::card_mistake;
use crate::redact::cards::{mask_all_digits, passes_luhn};
use crate::rules::text::Text;

/// 13 to 19 digits. Whether they pass Luhn's check is asked for by itself: a merchant may have cards
/// that do not.
#[derive(Debug)]
pub struct CardNumber(SecretString);

/// `YYMM`. The month exists; whether the card has expired is the issuer's to say.
#[derive(Debug)]
pub struct ExpireDate(SecretString);

/// First two digits of the card's PIN.
#[derive(Debug)]
pub struct CardPassword(SecretString);

/// `YYMMDD` of the holder of a personal card, or the 10-digit business number of a corporate one.
#[derive(Debug)]
pub struct BirthDate(SecretString);

impl CardNumber {
    /// Digits only, as CARDNO takes it.
    pub(super) fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// What is likely wrong with it, when it does not pass Luhn's check.
    pub fn mistake(&self) -> Option<Text> {
        (!passes_luhn(self.expose())).then(|| card_mistake::likely(self.expose()))
    }

    /// The text without this number, when KiwoomPay repeats it there, however it is grouped. Numbers
    /// that pass Luhn's check are masked in every answer.
    pub(super) fn masked_in(&self, text: String) -> String {
        let digits: Zeroizing<String> =
            Zeroizing::new(text.chars().filter(char::is_ascii_digit).collect());
        if digits.contains(self.expose()) { mask_all_digits(&text) } else { text }
    }

    /// First six and last four digits, the rest starred.
    pub fn masked(&self) -> String {
        let digits = self.expose();
        let hidden = digits.len() - 10;
        format!("{}{}{}", &digits[..6], "*".repeat(hidden), &digits[digits.len() - 4..])
    }
}

impl ExpireDate {
    /// EXPIREDT is `YYYYMM` on the wire (protocol section 2.1).
    pub(super) fn expose_yyyymm(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("20{}", self.0.expose_secret()))
    }

    /// The last day of the month on the card.
    pub fn last_day(&self) -> Option<NaiveDate> {
        let text = self.0.expose_secret();
        let year: i32 = text.get(..2)?.parse().ok()?;
        let first = NaiveDate::from_ymd_opt(2000 + year, text.get(2..)?.parse().ok()?, 1)?;
        (first + Months::new(1)).pred_opt()
    }
}

impl CardPassword {
    pub(super) fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl BirthDate {
    pub(super) fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

described!(
    CardNumber,
    description::matching("^[ -]*([0-9][ -]*){13,19}$")
        .format(Some(SchemaFormat::Custom("card-number".to_owned())))
        .examples(["4111111111111111"])
);
described!(ExpireDate, description::matching("^[0-9]{2}(0[1-9]|1[0-2])$").examples(["2512"]));
described!(CardPassword, description::matching("^[0-9]{2}$").examples(["12"]));
described!(
    BirthDate,
    // A day that is there in one of the two centuries, or ten digits.
    description::matching(
        "^([0-9]{2}((0[13578]|1[02])(0[1-9]|[12][0-9]|3[01])|(0[469]|11)(0[1-9]|[12][0-9]|30)|\
        02(0[1-9]|1[0-9]|2[0-8]))|([02468][048]|[13579][26])0229|[0-9]{10})$"
    )
    .examples(["901231"])
);

impl FromField for CardNumber {
    fn from_field(value: &Value) -> Result<Self, Text> {
        let text = string(value)?;
        let separators = |c: &char| !matches!(c, ' ' | '-');
        let digits: Zeroizing<String> = Zeroizing::new(text.chars().filter(separators).collect());
        if !is_digits(&digits) || !(13..=19).contains(&digits.len()) {
            return Err(Text::new(
                "카드번호는 숫자 13~19자리여야 합니다.",
                "Has to be 13 to 19 digits.",
            ));
        }
        Ok(Self(digits.as_str().into()))
    }
}

impl FromField for ExpireDate {
    fn from_field(value: &Value) -> Result<Self, Text> {
        let text = string(value)?;
        let month_exists = |t: &str| matches!(t[2..].parse(), Ok(1..=12));
        if text.len() == 4 && is_digits(text) && month_exists(text) {
            return Ok(Self(text.into()));
        }
        Err(Text::new(
            "유효기간은 YYMM 형식이어야 하며 월은 01~12입니다.",
            "Has to be YYMM with a month from 01 to 12.",
        ))
    }
}

impl FromField for CardPassword {
    fn from_field(value: &Value) -> Result<Self, Text> {
        let text = string(value)?;
        if text.len() == 2 && is_digits(text) {
            return Ok(Self(text.into()));
        }
        let ko = "카드 비밀번호 앞 두 자리 숫자여야 합니다.";
        Err(Text::new(ko, "Has to be the first two digits of the card's PIN."))
    }
}

impl FromField for BirthDate {
    fn from_field(value: &Value) -> Result<Self, Text> {
        let text = string(value)?;
        if is_digits(text) && (text.len() == 10 || text.len() == 6 && is_day(text)) {
            return Ok(Self(text.into()));
        }
        Err(Text::new(
            "생년월일 YYMMDD 또는 사업자등록번호 숫자 10자리여야 합니다.",
            "Has to be a birth date YYMMDD or a 10-digit business number.",
        ))
    }
}

fn string(value: &Value) -> Result<&str, Text> {
    value.as_str().ok_or_else(|| Text::new("문자열이어야 합니다.", "Has to be a string."))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// Whether `YYMMDD` is a day in either century.
fn is_day(yymmdd: &str) -> bool {
    let day_in = |century: &str| {
        chrono::NaiveDate::parse_from_str(&format!("{century}{yymmdd}"), "%Y%m%d").is_ok()
    };
    day_in("19") || day_in("20")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn card_numbers() {
        for good in ["4111111111111111", "4111-1111 1111-1111", "378282246310005"] {
            assert!(CardNumber::from_field(&json!(good)).unwrap().mistake().is_none(), "{good}");
        }
        let wrong = CardNumber::from_field(&json!("4111-1111 1111-1112")).unwrap();
        assert!(wrong.mistake().is_some());
        let told = wrong.masked_in("no card 4111 1111 1111 1112 (code 7)".to_owned());
        assert!(!told.contains("1111 1111"), "{told}");
        assert_eq!(wrong.masked_in("no card 4111".to_owned()), "no card 4111");
        for bad in ["411111", "", "41111111111111119999", "４１１１", "abc"] {
            assert!(CardNumber::from_field(&json!(bad)).is_err(), "{bad}");
        }
        let card = CardNumber::from_field(&json!("4111-1111-1111-1111")).unwrap();
        assert_eq!(card.masked(), "411111******1111");
        assert!(!format!("{card:?}").contains("4111"));
    }

    #[test]
    fn dates() {
        assert_eq!(*ExpireDate::from_field(&json!("2512")).unwrap().expose_yyyymm(), "202512");
        for bad in ["2513", "2500", "25", "25-12", "202512"] {
            assert!(ExpireDate::from_field(&json!(bad)).is_err(), "{bad}");
        }
        for good in ["901231", "000229", "1234567890"] {
            assert!(BirthDate::from_field(&json!(good)).is_ok(), "{good}");
        }
        for bad in ["901331", "9012", "12345678901", "90-12-31"] {
            assert!(BirthDate::from_field(&json!(bad)).is_err(), "{bad}");
        }
    }
}
