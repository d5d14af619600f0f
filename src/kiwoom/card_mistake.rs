//! What is likely wrong with a card number that does not pass Luhn's check. It names a kind of mistake
//! and lengths, and never a digit of the number.

use crate::rules::text::Text;

/// The likely mistake in 13 to 19 digits.
pub(super) fn likely(digits: &str) -> Text {
    let length = digits.len();
    if digits[6..12].bytes().all(|b| b == b'0') {
        return say(
            "가운데 숫자가 0으로 가려진 번호입니다. 카드의 전체 번호를 입력해 주세요.",
            "its middle digits are masked by zeros; the whole number is needed.",
        );
    }
    match usual_length(digits) {
        None => say(
            "카드번호의 앞자리가 아닙니다. 다른 번호(계좌번호 등)를 입력했는지 확인해 주세요.",
            "no card begins like this; it may be another number, such as that of an account.",
        ),
        Some(usual) if usual.contains(&length) => say(
            "숫자 하나를 잘못 입력했거나 이웃한 두 숫자의 순서가 바뀌었을 수 있습니다.",
            "one digit may be mistyped, or two neighbours exchanged.",
        ),
        Some(usual) => {
            let (min, fewer) = (usual[0], length < usual[0]);
            let ko =
                if fewer { "숫자가 빠졌을 수" } else { "숫자가 더 들어갔을 수" };
            let en = if fewer { "digits may be missing" } else { "it may have digits too many" };
            say(
                &format!("{ko} 있습니다. 이 카드는 {min}자리인데 {length}자리를 입력했습니다."),
                &format!("{en}: such a card has {min}, and {length} were sent."),
            )
        }
    }
}

/// How many digits cards have that begin like this (ISO/IEC 7812 ranges in use), the usual one first.
/// `None` when no card does.
fn usual_length(digits: &str) -> Option<&'static [usize]> {
    match digits.get(..2)? {
        "34" | "37" => Some(&[15]),
        "30" | "36" | "38" | "39" => Some(&[14, 16, 19]),
        "62" => Some(&[16, 17, 18, 19]),
        start => match start.as_bytes().first()? {
            b'0' | b'1' | b'7' | b'8' => None,
            _ => Some(&[16]),
        },
    }
}

fn say(ko: &str, en: &str) -> Text {
    Text::new(
        format!("카드번호가 올바르지 않습니다. {ko}"),
        format!("Is not a valid card number (Luhn check): {en}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::cards::passes_luhn;

    #[test]
    fn the_kind_of_mistake_is_told_and_no_digit_of_the_number() {
        for (number, words) in [
            ("4111111111111112", "one digit may be mistyped"),
            ("4111111111111113", "one digit may be mistyped"),
            ("9410123412341238", "one digit may be mistyped"),
            ("411111111111112", "such a card has 16, and 15 were sent"),
            ("41111111111111111", "such a card has 16, and 17 were sent"),
            ("37828224631000", "such a card has 15, and 14 were sent"),
            ("6200000000000000001", "masked by zeros"),
            ("6212345678901234561", "one digit may be mistyped"),
            ("9410120000001238", "masked by zeros"),
            ("1101234567891", "no card begins like this"),
        ] {
            assert!(!passes_luhn(number), "{number}");
            let told = likely(number);
            assert!(told.en.contains(words), "{number}: {}", told.en);
            assert!(!told.ko.contains(&number[..4]) && !told.en.contains(&number[..4]));
        }
    }
}
