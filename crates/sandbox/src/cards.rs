//! Test cards: what a card number makes the sandbox do, and nothing else about it.

use serde::{Deserialize, Serialize};

use crate::codes;
use crate::wire::Refusal;

/// How the issuer of a card behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Behaviour {
    /// Every charge is approved.
    Approved,
    /// The card cannot be registered (2011).
    RefusedAtRegistration,
    /// The 1st, 3rd, 5th … charge is declined (2003), the 2nd, 4th … approved: a retry helps.
    ShortAtFirst,
    /// Every charge is declined for lack of funds (2003).
    AlwaysShort,
    /// Every charge is declined for good (1071).
    Stolen,
    /// Every charge is approved, and the connection is closed before the answer.
    AnswerLost,
}

/// A card number to test with.
#[derive(Clone, Copy, Debug)]
pub struct TestCard {
    /// The number; it passes the Luhn check.
    pub number: &'static str,
    /// What its issuer does.
    pub behaviour: Behaviour,
    /// The same in Korean, for the sandbox page.
    pub about: &'static str,
}

/// All test cards. Any other number that passes the Luhn check is approved.
pub const TEST_CARDS: [TestCard; 6] = [
    card("4111111111111111", Behaviour::Approved, "항상 승인"),
    card("4000000000000002", Behaviour::RefusedAtRegistration, "등록 거절 (2011)"),
    card(
        "4000000000009995",
        Behaviour::ShortAtFirst,
        "1·3·5번째 청구는 잔액부족 (2003), 2·4번째는 승인",
    ),
    card("4000000000000341", Behaviour::AlwaysShort, "항상 잔액부족 (2003)"),
    card("4000000000009979", Behaviour::Stolen, "도난·분실 카드 (1071), 재시도해도 거절"),
    card("4000000000000119", Behaviour::AnswerLost, "승인되지만 응답 전에 연결이 끊김"),
];

const fn card(number: &'static str, behaviour: Behaviour, about: &'static str) -> TestCard {
    TestCard { number, behaviour, about }
}

impl Behaviour {
    /// The behaviour of the card with this number.
    pub fn of(number: &str) -> Self {
        TEST_CARDS
            .iter()
            .find(|card| card.number == number)
            .map_or(Self::Approved, |card| card.behaviour)
    }

    /// The issuer's word on a charge, after `earlier` charges on the same key.
    pub fn judge(self, earlier: u32) -> Result<(), Refusal> {
        match self {
            Self::Approved | Self::AnswerLost => Ok(()),
            Self::RefusedAtRegistration => {
                Err(codes::card_refused(codes::WRONG_NUMBER, "카드사 승인 거절"))
            }
            Self::ShortAtFirst if earlier % 2 == 1 => Ok(()),
            Self::ShortAtFirst | Self::AlwaysShort => Err(codes::short_of_funds()),
            Self::Stolen => Err(codes::stolen_card()),
        }
    }
}

/// Whether `digits` pass the Luhn check.
pub fn passes_luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .map(|byte| u32::from(byte.wrapping_sub(b'0')))
        .enumerate()
        .map(|(place, digit)| match (place % 2, digit * 2) {
            (0, _) => digit,
            (_, doubled) if doubled > 9 => doubled - 9,
            (_, doubled) => doubled,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// The number as it may be kept and shown: first six and last four digits.
pub fn mask(number: &str) -> String {
    let kept = number.len().saturating_sub(4);
    let digit = |(place, digit)| if place < 6 || place >= kept { digit } else { '*' };
    number.chars().enumerate().map(digit).collect()
}

/// The card company code (CARDCODE) for a number. Real issuers have hundreds of prefixes; the
/// sandbox needs a few codes of each kind, foreign and Korean.
pub fn company_code(number: &str) -> &'static str {
    match number.get(..2).unwrap_or_default() {
        "34" | "37" => "CAMF",
        "35" => "CJCF",
        "36" | "38" | "39" => "CDIF",
        prefix => match prefix.chars().next() {
            Some('4') => "CVSF",
            Some('2' | '5') => "CMCF",
            Some('9') => "CCKM",
            _ => "CCBC",
        },
    }
}

/// The company's Korean name, as notifications carry it.
pub fn company_name(code: &str) -> &'static str {
    match code {
        "CAMF" => "해외아멕스",
        "CJCF" => "해외JCB",
        "CDIF" => "해외다이너스",
        "CVSF" => "해외비자",
        "CMCF" => "해외마스터",
        "CCKM" => "KB국민",
        _ => "BC",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_test_card_passes_luhn() {
        for card in TEST_CARDS {
            assert!(passes_luhn(card.number), "{}", card.number);
        }
        assert!(!passes_luhn("4111111111111112"));
    }

    #[test]
    fn a_card_short_at_first_is_approved_every_second_time() {
        let approved: Vec<bool> =
            (0..4).map(|earlier| Behaviour::ShortAtFirst.judge(earlier).is_ok()).collect();
        assert_eq!(approved, [false, true, false, true]);
    }

    #[test]
    fn ten_digits_of_a_number_are_kept_at_most() {
        assert_eq!(mask("4111111111111111"), "411111******1111");
        assert_eq!(company_code("9410123412341234"), "CCKM");
        assert_eq!(company_code("4111111111111111"), "CVSF");
    }
}
