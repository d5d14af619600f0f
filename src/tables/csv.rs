//! CSV, with the separator that it uses.

use csv::ReaderBuilder;

use super::TableError;

/// How many lines are looked at for a separator.
const LOOKED_AT: usize = 20;

/// Hands on each record that has any cell, with the number of the line that it begins on; gives the
/// separator. A line break within quotes is part of its cell.
pub fn each_row<E: From<TableError>>(
    text: &str,
    mut take: impl FnMut(u64, &[&str]) -> Result<(), E>,
) -> Result<char, E> {
    let separator = separator(text);
    let mut reader = ReaderBuilder::new();
    let reader = reader.delimiter(separator).has_headers(false).flexible(true);
    // A record's position may stand before the line ends above it, and its own line number with it.
    let (mut line, mut counted) = (1, text);
    for record in reader.from_reader(text.as_bytes()).into_records() {
        let record = record.map_err(TableError::from)?;
        let from = record.position().map_or(0, csv::Position::byte);
        let from = usize::try_from(from).unwrap_or(text.len());
        let rest = text[from..].trim_start_matches(['\r', '\n']);
        line += counted[..counted.len() - rest.len()].matches('\n').count() as u64;
        counted = rest;
        take(line, &record.iter().collect::<Vec<_>>())?;
    }
    Ok(char::from(separator))
}

/// The one that stands most often, outside of quotes, in the first line that has any.
fn separator(text: &str) -> u8 {
    for line in text.lines().take(LOOKED_AT) {
        let bare: String = line.split('"').step_by(2).collect();
        let counts = [b'\t', b';', b','].map(|one| (bare.matches(char::from(one)).count(), one));
        if let Some((1.., most)) = counts.into_iter().max_by_key(|(count, _)| *count) {
            return most;
        }
    }
    b','
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> (char, Vec<(u64, Vec<String>)>) {
        let mut rows = Vec::new();
        let separator = each_row::<TableError>(text, |line, row| {
            rows.push((line, row.iter().map(|cell| (*cell).to_owned()).collect()));
            Ok(())
        });
        (separator.unwrap(), rows)
    }

    #[test]
    fn lines_are_numbered_as_an_editor_numbers_them() {
        for end in ["\n", "\r\n"] {
            let lines = ["h,i", "a", "", "b,\"two", "lines\"", "c", "", ""];
            let (_, rows) = rows(&lines.join(end));
            let numbers: Vec<u64> = rows.iter().map(|row| row.0).collect();
            assert_eq!(numbers, [1, 2, 4, 6], "{end:?}");
        }
    }

    #[test]
    fn the_separator_is_the_one_that_is_used() {
        for (text, separator) in [
            ("a,b\n1;2;3,4", ','),
            ("a;b\n\"1,2,3\";4", ';'),
            ("\n제목\n\"a,b,c\"\tb\n", '\t'),
            ("a;b\tc,d", ','),
            ("alone\n", ','),
        ] {
            assert_eq!(rows(text).0, separator, "{text:?}");
        }
        let (_, rows) = rows("a;b\n\"1;2\";\"x \"\"y\"\"\"");
        assert_eq!(rows[1], (2, vec!["1;2".to_owned(), "x \"y\"".to_owned()]));
    }
}
