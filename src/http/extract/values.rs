//! The values that more than one request has: texts, numbers, days and instants.

use std::ops::RangeInclusive;

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::Value;

use crate::http::extract::FromField;
use crate::rules::characters::{composed_len, no_control, refuse};
use crate::rules::money::{MAX_WON, Won};
use crate::rules::text::Text;

/// Text of 1 to `max` characters, counted composed, with no control characters.
pub fn text(value: &Value, max: usize) -> Result<String, Text> {
    let text =
        value.as_str().ok_or_else(|| Text::new("문자열이어야 합니다.", "Has to be a string."))?;
    if text.trim().is_empty() {
        return Err(Text::new("비어 있을 수 없습니다.", "May not be empty."));
    }
    if composed_len(text) > max {
        return Err(Text::new(
            format!("{max}자를 넘을 수 없습니다."),
            format!("May not exceed {max} characters."),
        ));
    }
    refuse(text, char::is_control, no_control())?;
    Ok(text.to_owned())
}

/// The value that one of these words stands for.
pub fn one_of<T: Copy>(value: &Value, words: &[(&str, T)]) -> Result<T, Text> {
    let found = words.iter().find(|(word, _)| value.as_str() == Some(word));
    found.map(|(_, meant)| *meant).ok_or_else(|| {
        let words = words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
        Text::new(format!("{words} 중 하나여야 합니다."), format!("Has to be one of {words}."))
    })
}

impl FromField for String {
    fn from_field(value: &Value) -> Result<Self, Text> {
        text(value, 255)
    }
}

impl FromField for bool {
    fn from_field(value: &Value) -> Result<Self, Text> {
        let wrong = || Text::new("true 또는 false여야 합니다.", "Has to be true or false.");
        value.as_bool().ok_or_else(wrong)
    }
}

impl FromField for Won {
    fn from_field(value: &Value) -> Result<Self, Text> {
        let wrong = || {
            Text::new(
                format!("1 이상 {MAX_WON} 이하의 정수(원)여야 합니다."),
                format!("Has to be a whole number of won from 1 to {MAX_WON}."),
            )
        };
        whole(value, 1..=MAX_WON, wrong).and_then(|won| Self::new(won).ok_or_else(wrong))
    }
}

/// A whole number within `range`, or why it is none: `wrong`, or of a text that it is none.
pub fn whole(
    value: &Value,
    range: RangeInclusive<i64>,
    wrong: impl FnOnce() -> Text,
) -> Result<i64, Text> {
    if value.is_string() {
        return Err(Text::new("문자열이 아니라 숫자로 보내세요.", "Send a number, not a string."));
    }
    value.as_i64().filter(|number| range.contains(number)).ok_or_else(wrong)
}

/// A whole number or a truth in a query, where every value is text: digits alone, `true`, `false`.
pub struct InQuery<T>(pub T);

impl<T: FromField> FromField for InQuery<T> {
    fn from_field(value: &Value) -> Result<Self, Text> {
        let meant = match value.as_str() {
            Some("true") => Value::from(true),
            Some("false") => Value::from(false),
            text => {
                let digits = text.filter(|t| t.bytes().all(|b| b.is_ascii_digit()));
                Value::from(digits.and_then(|t| t.parse::<i64>().ok()))
            }
        };
        T::from_field(&meant).map(Self)
    }
}

/// A whole number from 1 to `MAX`.
#[derive(Clone, Copy)]
pub struct UpTo<const MAX: i16>(pub i16);

impl<const MAX: i16> FromField for UpTo<MAX> {
    fn from_field(value: &Value) -> Result<Self, Text> {
        let wrong = || {
            Text::new(
                format!("1 이상 {MAX} 이하의 정수여야 합니다."),
                format!("Has to be a whole number from 1 to {MAX}."),
            )
        };
        let number = whole(value, 1..=MAX.into(), wrong)?;
        i16::try_from(number).map(Self).map_err(|_| wrong())
    }
}

impl FromField for NaiveDate {
    fn from_field(value: &Value) -> Result<Self, Text> {
        let wrong =
            || Text::new("YYYY-MM-DD 형식의 날짜여야 합니다.", "Has to be a date, YYYY-MM-DD.");
        let text = value.as_str().filter(|t| has_shape_of_date(t)).ok_or_else(wrong)?;
        text.parse().map_err(|_| wrong())
    }
}

/// Four, two and two digits: the parser also takes signs, spaces and longer years.
fn has_shape_of_date(text: &str) -> bool {
    let shape =
        |(i, b): (usize, u8)| if matches!(i, 4 | 7) { b == b'-' } else { b.is_ascii_digit() };
    text.len() == 10 && text.bytes().enumerate().all(shape)
}

impl FromField for DateTime<Utc> {
    fn from_field(value: &Value) -> Result<Self, Text> {
        let wrong = || Text::new("RFC 3339 시각이어야 합니다.", "Has to be an RFC 3339 instant.");
        let parsed = value.as_str().map(DateTime::parse_from_rfc3339);
        parsed.and_then(Result::ok).map(|t| t.to_utc()).ok_or_else(wrong)
    }
}
