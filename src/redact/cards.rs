//! Card numbers where none belong: in names, reasons, metadata and ids, which are stored, shown and
//! told to others.

use std::ops::RangeInclusive;

use serde_json::Value;

use crate::rules::text::Text;

/// The ways in which digits of a card are grouped when people write them: as one, 16 in fours, 19 in
/// fours, 15 as American Express prints them, 14 as Diners does.
const GROUPINGS: [&[usize]; 4] = [&[4, 4, 4, 4], &[4, 4, 4, 4, 3], &[4, 6, 5], &[4, 6, 4]];

/// Lengths of card numbers, and their first four digits from and to (ISO/IEC 7812 ranges in use).
const ISSUED: [(RangeInclusive<usize>, u32, u32); 13] = [
    // Diners Club.
    (14..=14, 3000, 3059),
    (14..=14, 3600, 3699),
    (14..=14, 3800, 3999),
    // American Express.
    (15..=15, 3400, 3499),
    (15..=15, 3700, 3799),
    // Mastercard, JCB, Visa, Mastercard.
    (16..=16, 2221, 2720),
    (16..=16, 3528, 3589),
    (16..=16, 4000, 4999),
    (16..=16, 5100, 5599),
    // Discover and Korean issuers; UnionPay.
    (16..=16, 6000, 6099),
    (16..=16, 6440, 6599),
    (16..=19, 6200, 6299),
    // For use in Korea alone.
    (16..=16, 9000, 9999),
];

/// The text, or why it is refused when it holds a card number.
pub fn without_card(text: String) -> Result<String, Text> {
    if holds_card(&text) { Err(refusal()) } else { Ok(text) }
}

/// Why a text with a card number is refused.
pub fn refusal() -> Text {
    Text::new("카드번호를 넣을 수 없습니다.", "May not contain a card number.")
}

/// Whether a card number stands in it by itself. Digits within a word, such as those of an order
/// number with letters or of a fraction, are none; neither are those that no issuer's cards begin
/// with: of random numbers of 16 digits 3 in 100 look like a card.
pub fn holds_card(text: &str) -> bool {
    let text: String = text.chars().map(narrow).collect();
    let in_word = |c: char| c.is_ascii_alphanumeric() || c == '.';
    let words = text.split(|c| !in_word(c)).map(|word| word.trim_matches('.'));
    let words: Vec<&str> = words.collect();
    let grouped = |grouping: &&[usize]| {
        words.windows(grouping.len()).any(|group| {
            let fits = group.iter().zip(*grouping).all(|(word, length)| word.len() == *length);
            fits && is_card(&group.concat())
        })
    };
    words.iter().any(|word| is_card(word)) || GROUPINGS.iter().any(grouped)
}

/// Whether a card number stands anywhere in JSON: in a text, a name or a whole number, also one that is
/// written `4.1e15`.
pub fn json_holds_card(value: &Value) -> bool {
    match value {
        Value::String(text) => holds_card(text),
        // Written out, as PostgreSQL keeps it: without an exponent.
        Value::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(float) => holds_card(&float.to_string()),
            None => holds_card(&number.to_string()),
        },
        Value::Array(items) => items.iter().any(json_holds_card),
        Value::Object(fields) => fields.iter().any(|(k, v)| holds_card(k) || json_holds_card(v)),
        Value::Null | Value::Bool(_) => false,
    }
}

/// The digits of a Korean or Japanese keyboard in full width as plain ones.
fn narrow(c: char) -> char {
    let digit = u32::from(c).checked_sub(u32::from('０')).and_then(|n| char::from_digit(n, 10));
    digit.unwrap_or(c)
}

/// Whether an issuer could have given out this number, and Luhn's check.
fn is_card(digits: &str) -> bool {
    if digits.len() < 14 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return false;
    }
    let start: u32 = digits[..4].parse().unwrap_or(0);
    let mut issued = ISSUED.iter();
    let issued = issued
        .any(|(length, from, to)| length.contains(&digits.len()) && (*from..=*to).contains(&start));
    issued && passes_luhn(digits)
}

/// Luhn's check of a string of digits.
pub fn passes_luhn(digits: &str) -> bool {
    let weighted = digits.bytes().rev().enumerate().map(|(i, b)| {
        let digit = u32::from(b - b'0') << (i % 2);
        if digit > 9 { digit - 9 } else { digit }
    });
    weighted.sum::<u32>().is_multiple_of(10)
}

/// Masks all digits but the first six and the last four, whatever they are.
pub fn mask_all_digits(text: &str) -> String {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let mut seen = 0;
    let hide = |c: char| {
        if !c.is_ascii_digit() {
            return c;
        }
        seen += 1;
        if seen <= 6 || seen + 4 > digits { c } else { '*' }
    };
    text.chars().map(hide).collect()
}

/// Masks 13 to 19 digits that pass Luhn's check: one group of digits, or neighbouring groups with
/// spaces and hyphens between them.
pub fn mask_cards(text: &str) -> String {
    let masked = mask_apart(text);
    // The last digits of one may be the first of another.
    if masked == text { masked } else { mask_cards(&masked) }
}

/// Masks those that share no digit with one before them.
fn mask_apart(text: &str) -> String {
    let groups = digit_groups(text);
    let mut out = String::with_capacity(text.len());
    let (mut copied, mut first) = (0, 0);
    while let Some(&(start, _)) = groups.get(first) {
        let Some(last) = card_from(text, &groups[first..]) else {
            first += 1;
            continue;
        };
        let end = groups[first + last].1;
        out.push_str(&text[copied..start]);
        out.push_str(&mask_all_digits(&text[start..end]));
        (copied, first) = (end, first + last + 1);
    }
    out.push_str(&text[copied..]);
    out
}

/// Where each group of digits starts and ends.
fn digit_groups(text: &str) -> Vec<(usize, usize)> {
    let mut groups: Vec<(usize, usize)> = Vec::new();
    for (at, _) in text.bytes().enumerate().filter(|(_, b)| b.is_ascii_digit()) {
        match groups.last_mut() {
            Some((_, end)) if *end == at => *end += 1,
            _ => groups.push((at, at + 1)),
        }
    }
    groups
}

/// The index of the last group of the longest card number that begins with the first group.
fn card_from(text: &str, groups: &[(usize, usize)]) -> Option<usize> {
    let (mut digits, mut found) = (String::new(), None);
    let mut end = groups.first()?.0;
    for (index, group) in groups.iter().enumerate() {
        let joined = text[end..group.0].bytes().all(|b| matches!(b, b' ' | b'-'));
        digits.push_str(&text[group.0..group.1]);
        if !joined || digits.len() > 19 {
            break;
        }
        if digits.len() >= 13 && passes_luhn(&digits) {
            found = Some(index);
        }
        end = group.1;
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn card_numbers_are_found_as_people_write_them() {
        for text in [
            "4111111111111111",
            "카드4111111111111111번",
            "card: 4111-1111-1111-1111.",
            "4111 1111 1111 1111 (홍길동)",
            "3782 822463 10005",
            "378282246310005",
            "３７８２８２２４６３１０００５",
            "9410-1234-1234-1237",
            "6200000000000000000",
        ] {
            assert!(holds_card(text), "{text}");
        }
        assert!(json_holds_card(&json!({"a": [{"4111111111111111": 1}]})));
        assert!(json_holds_card(&json!({"a": [null, 4_111_111_111_111_111_i64]})));
    }

    #[test]
    fn ids_dates_amounts_and_fractions_are_no_cards() {
        for text in [
            "4111111111111112",
            "ORDER-20260205-001",
            "ORD4111111111111111",
            "2026020512345678",
            "1767225600000",
            "010-1234-5678",
            "0.4111111111111111",
            "41111111111111111111",
            "41111111-1111-4111-8111-111111111111",
            "411111******1111",
        ] {
            assert!(!holds_card(text), "{text}");
        }
        assert!(json_holds_card(&json!([4.111_111_111_111_111e15])));
        assert!(!json_holds_card(&json!({"rate": 0.411_111_111_111_111_1, "n": 9900})));
    }

    #[test]
    fn few_random_ids_look_like_a_card() {
        let mut rng = fastrand::Rng::with_seed(7);
        let mut count = |length: usize| {
            let mut id = || (0..length).map(|_| rng.digit(10)).collect::<String>();
            (0..10_000).filter(|_| holds_card(&id())).count()
        };
        assert!((250..450).contains(&count(16)));
        assert!((13..=19).filter(|n| *n != 16).all(|n| count(n) < 100));
        let uuids = || uuid::Uuid::new_v4();
        assert!((0..10_000).all(|_| !holds_card(&uuids().to_string())));
    }
}
