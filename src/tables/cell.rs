//! A cell of a workbook: what it holds, and of a number how it is shown.

use std::borrow::Cow;

use calamine::DataRef;
use chrono::{NaiveDate, NaiveTime};

/// The numbers that a spreadsheet keeps to the last digit: of up to fifteen.
const EXACT: f64 = 1e15;

/// What a cell holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell<'a> {
    /// Nothing.
    Empty,
    /// Text.
    Text(Cow<'a, str>),
    /// A number, and the format that it is shown in.
    Number(f64, &'a str),
    /// A moment; midnight for a day.
    Moment(NaiveDate, NaiveTime),
    /// True or false.
    Truth(bool),
    /// An error, such as `#N/A`.
    Error,
}

impl<'a> Cell<'a> {
    pub(super) fn new(value: DataRef<'a>, format: &'a str) -> Self {
        match value {
            DataRef::Int(number) => Self::Text(number.to_string().into()),
            DataRef::Float(number) => Self::Number(number, format),
            DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => {
                Self::Text(text.into())
            }
            DataRef::SharedString(text) => Self::Text(text.into()),
            DataRef::Bool(truth) => Self::Truth(truth),
            DataRef::DateTime(at) => {
                let (year, month, day, hour, minute, second, _) = at.to_ymd_hms_milli();
                let date = NaiveDate::from_ymd_opt(year.into(), month.into(), day.into());
                let time = NaiveTime::from_hms_opt(hour.into(), minute.into(), second.into());
                let moment = date.zip(time);
                moment.map_or(Self::Error, |(date, time)| Self::Moment(date, time))
            }
            DataRef::Error(_) => Self::Error,
            DataRef::Empty => Self::Empty,
        }
    }

    /// The digits of a number that the cell shows one by one; `None` where it shows something else than
    /// was typed: `1E+10`, `1,000`, or a number of which only fifteen digits are left.
    pub fn digits(value: f64, format: &str) -> Option<String> {
        if value.fract() != 0.0 || value.abs() >= EXACT {
            return None;
        }
        match format {
            "General" | "@" | "#" => Some(value.to_string()),
            zeros if !zeros.is_empty() && zeros.bytes().all(|b| b == b'0') && value >= 0.0 => {
                Some(format!("{value:0width$}", width = zeros.len()))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_the_digits_that_its_cell_shows() {
        for (value, format, digits) in [
            (123.0, "General", Some("123")),
            (123.0, "00000", Some("00123")),
            (123.0, "0", Some("123")),
            (999_999_999_999_999.0, "@", Some("999999999999999")),
            (1e15, "General", None),
            (1e10, "0.00E+00", None),
            (9900.0, "#,##0", None),
            (1.5, "General", None),
        ] {
            assert_eq!(Cell::digits(value, format).as_deref(), digits, "{value} {format}");
        }
    }
}
