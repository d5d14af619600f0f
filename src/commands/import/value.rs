//! A cell as the value of a field: an id as it was typed, or a reason why nobody knows how it was.

use chrono::NaiveTime;

use crate::commands::import::columns::Holds;
use crate::rules::sheet_text::unguarded;
use crate::rules::text::Text;
use crate::tables::Cell;

/// The value of a cell, or nothing when it is empty.
pub(super) fn value(holds: Holds, cell: &Cell<'_>) -> Result<Option<String>, Text> {
    let value = match (holds, cell) {
        (_, Cell::Empty) => return Ok(None),
        (_, Cell::Text(text)) if text.trim().is_empty() => return Ok(None),
        (Holds::Text, Cell::Text(text)) => unguarded(text.trim()).to_owned(),
        (Holds::Number, Cell::Text(text)) => without_commas(text.trim()),
        (_, Cell::Text(text)) => text.trim().to_owned(),
        (Holds::Number | Holds::Json, Cell::Number(value, _)) => value.to_string(),
        (_, Cell::Number(value, format)) => Cell::digits(*value, format).ok_or_else(changed)?,
        (Holds::Day, Cell::Moment(day, NaiveTime::MIN)) => day.to_string(),
        (_, Cell::Moment(..)) => return Err(changed()),
        (_, Cell::Truth(truth)) => truth.to_string().to_uppercase(),
        (_, Cell::Error) => {
            let ko = "오류(#N/A 등)가 있는 셀입니다. 값을 입력해 주세요.";
            return Err(Text::new(ko, "Holds an error such as #N/A: enter a value."));
        }
    };
    Ok(Some(value))
}

/// `9,900` as `9900`.
fn without_commas(text: &str) -> String {
    let mut groups = text.split(',');
    let is_digits = |group: &str| group.bytes().all(|b| b.is_ascii_digit());
    let first = groups.next().is_some_and(|g| (1..=3).contains(&g.len()) && is_digits(g));
    if first && groups.all(|group| group.len() == 3 && is_digits(group)) {
        text.replace(',', "")
    } else {
        text.to_owned()
    }
}

fn changed() -> Text {
    Text::new(
        "스프레드시트가 숫자나 날짜로 바꾼 셀입니다. 열의 표시 형식을 텍스트로 바꾸고 다시 입력해 주세요.",
        "Is a number or a date into which the spreadsheet has changed what was typed: format the column \
         as text, and type it again.",
    )
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::*;

    #[test]
    fn an_id_is_what_its_cell_shows_or_refused() {
        let text = |text: &'static str| Cell::Text(text.into());
        let day = NaiveDate::from_ymd_opt(2026, 3, 1).unwrap();
        for (cell, id) in [
            (text("20260301000000000001"), Some("20260301000000000001")),
            (text("1E10"), Some("1E10")),
            (text("'00123"), Some("00123")),
            (text("'n Sync"), Some("'n Sync")),
            (Cell::Number(1001.0, "General"), Some("1001")),
            (Cell::Number(123.0, "00000"), Some("00123")),
            (Cell::Truth(true), Some("TRUE")),
            (Cell::Number(1e10, "0.00E+00"), None),
            (Cell::Number(2.026_030_1e19, "General"), None),
            (Cell::Moment(day, NaiveTime::MIN), None),
            (Cell::Error, None),
        ] {
            let read = value(Holds::Text, &cell);
            assert_eq!(read.ok().flatten().as_deref(), id, "{cell:?}");
        }
    }

    #[test]
    fn amounts_and_days_are_read_however_a_spreadsheet_shows_them() {
        let number = |text: &'static str| value(Holds::Number, &Cell::Text(text.into())).unwrap();
        assert_eq!(number("9,900"), Some("9900".to_owned()));
        assert_eq!(number("9,9"), Some("9,9".to_owned()));
        let shown = Cell::Number(1_234_500.0, "#,##0");
        assert_eq!(value(Holds::Number, &shown), Ok(Some("1234500".to_owned())));
        let day = NaiveDate::from_ymd_opt(2027, 1, 15).unwrap();
        let day = Cell::Moment(day, NaiveTime::MIN);
        assert_eq!(value(Holds::Day, &day), Ok(Some("2027-01-15".to_owned())));
    }
}
