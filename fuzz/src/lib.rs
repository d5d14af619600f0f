//! What the targets hold results against, written apart from the code that they test.

/// Whether 13 to 19 digits that pass Luhn's check stand in the text, in one group or in
/// neighbouring groups with spaces and hyphens between them.
pub fn shows_card(text: &str) -> bool {
    let chars: Vec<char> = text.chars().collect();
    let starts_group =
        |at: usize| chars[at].is_ascii_digit() && (at == 0 || !chars[at - 1].is_ascii_digit());
    (0..chars.len()).any(|at| starts_group(at) && card_begins(&chars[at..]))
}

fn card_begins(chars: &[char]) -> bool {
    let mut digits = Vec::new();
    for (at, c) in chars.iter().enumerate() {
        match c.to_digit(10) {
            Some(digit) => digits.push(digit),
            None if matches!(c, ' ' | '-') => continue,
            None => return false,
        }
        let ends_group = chars.get(at + 1).is_none_or(|next| !next.is_ascii_digit());
        if ends_group && (13..=19).contains(&digits.len()) && passes_luhn(&digits) {
            return true;
        }
    }
    false
}

fn passes_luhn(digits: &[u32]) -> bool {
    let mut sum = 0;
    for (n, digit) in digits.iter().rev().enumerate() {
        let weighted = if n % 2 == 1 { digit * 2 } else { *digit };
        sum += weighted / 10 + weighted % 10;
    }
    sum % 10 == 0
}

/// Whether the text would break a line of a log, or is refused by PostgreSQL.
pub fn has_control(text: &str) -> bool {
    text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cards_are_seen_and_other_numbers_are_not() {
        for text in ["4111111111111111", "x4111-1111 1111-1111y", "1 4111111111111111"] {
            assert!(shows_card(text), "{text}");
        }
        for text in ["4111111111111112", "411111******1111", "411111111111", ""] {
            assert!(!shows_card(text), "{text}");
        }
    }
}
