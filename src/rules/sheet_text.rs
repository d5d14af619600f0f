//! Text in a CSV that is opened in a spreadsheet, which reads what looks like a number, a date or a
//! formula as one: `00123` loses its zeros, a number of twenty digits its last ones.

/// Words that begin a date when a number follows.
const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
/// The rest of those that are written out.
const REST_OF_MONTHS: [&str; 12] =
    ["uary", "ruary", "ch", "il", "", "e", "y", "ust", "tember", "ober", "ember", "ember"];

/// The text with `'` before it when a spreadsheet would read it as anything but text, or when it begins
/// with `'` itself: so that taking one `'` away gives the text back. Pure.
pub fn guarded(text: String) -> String {
    if is_read_as_text(&text) { text } else { format!("'{text}") }
}

/// The text that [`guarded`] was given; other text as it is. Pure.
pub fn unguarded(text: &str) -> &str {
    text.strip_prefix('\'').filter(|rest| !is_read_as_text(rest)).unwrap_or(text)
}

fn is_read_as_text(text: &str) -> bool {
    let Some(first) = text.chars().next() else { return true };
    let is_mark = matches!(
        first,
        // Formulas, with their full-width and small forms; the minus sign.
        '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠' | '﹦' | '﹢' | '﹣' | '﹫' | '−'
        // Numbers and errors: .5, %5, #N/A.
        | '.' | ',' | '%' | '#' | '\'' | '，' | '．' | '％' | '＃'
        // Money.
        | '$' | '₩' | '￦' | '€' | '¥' | '￥' | '£' | '￡' | '＄'
    );
    let is_blank = first.is_whitespace() || first.is_control();
    if matches!(first, '(' | '（') {
        // (5) is minus five; (주)회사 is a name.
        return is_read_as_text(&text[first.len_utf8()..]);
    }
    !(is_mark || is_blank || first.is_numeric() || is_date(text) || is_truth(text))
}

/// `MAR1`, `Sept-2`, `오전 9:00`.
fn is_date(text: &str) -> bool {
    let begins_number = |rest: &str| {
        rest.trim_start_matches([' ', '-', '/', '.', ',']).starts_with(char::is_numeric)
    };
    if let Some(rest) = text.strip_prefix("오전").or_else(|| text.strip_prefix("오후")) {
        return begins_number(rest);
    }
    let lower = text.to_ascii_lowercase();
    let mut months = MONTHS.iter().zip(REST_OF_MONTHS);
    months.any(|(short, rest)| {
        let Some(after) = lower.strip_prefix(short) else { return false };
        [rest, "t", ""].iter().filter_map(|end| after.strip_prefix(*end)).any(begins_number)
    })
}

fn is_truth(text: &str) -> bool {
    ["true", "false"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_spreadsheet_reads_as_anything_else_is_guarded() {
        for text in [
            "=1+1",
            "+82",
            "-1",
            "@SUM(A1)",
            "＝1+1",
            "＋1",
            "－1",
            "＠A1",
            "\t=1",
            "\r=1",
            "\n1",
            " 1",
            "00123",
            "20260301000000000001",
            "1E10",
            "1-2",
            "2026-03-01",
            "3/4",
            "12:30",
            "1.5",
            ".5",
            "１２３",
            "50%",
            "(100)",
            "#N/A",
            "₩9,900",
            "￦9",
            "$5",
            "'=1",
            "MAR1",
            "Sept 2",
            "march-3",
            "MAY 5",
            "오전 9:00",
            "true",
            "FALSE",
            "−5",
        ] {
            assert_eq!(guarded(text.to_owned()), format!("'{text}"), "{text:?}");
            assert_eq!(unguarded(&guarded(text.to_owned())), text);
        }
    }

    #[test]
    fn other_text_is_left_as_it_is() {
        for text in [
            "",
            "ORDER-20260205-001",
            "user123",
            "cMP2603010001",
            "월간 구독",
            "[구독] 월간",
            "(주)회사",
            "mark12",
            "marble 1",
            "dec",
            "Decathlon 7",
            "a=b",
            "truest",
            "오전반",
            "e10",
            "_x0041_",
        ] {
            assert_eq!(guarded(text.to_owned()), text, "{text:?}");
        }
        assert_eq!(unguarded("'n Sync"), "'n Sync");
    }
}
