#!/usr/bin/env bash
# Question: a CSV file has one wrong record. Which line does the csv crate name, when the lines end with
#     CRLF, as RFC 4180 has it and Excel writes it?
# Usual guess: the line that an editor shows.
# What happens: with CRLF the line before, for every record but the first; blank lines above a record
#     make it less again. The position is taken right after the record before, whose line feed and the
#     blank lines are still to come. With LF and no blank lines it is right, which is what tests have.
# Hurts: importers that say "line 4: not an amount": people look at the wrong line, and mend it.
# This project: counts the lines itself, from the position in bytes.
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cargo init -q --name lines .
cargo add -q csv@=1.4.0

cat >src/main.rs <<'RS'
fn lines(name: &str, text: &str) {
    let reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    let told = |r: csv::StringRecord| format!("{}={}", &r[0], r.position().unwrap().line());
    let told: Vec<_> = reader.into_records().map(|r| told(r.unwrap())).collect();
    println!("{name}: {}", told.join(" "));
}

fn main() {
    lines("LF", "line1,a\nline2,b\nline3,c\n");
    lines("CRLF", "line1,a\r\nline2,b\r\nline3,c\r\n");
    lines("LF and a blank line", "line1,a\n\nline3,b\nline4,c\n");
    lines("CRLF and a blank line", "line1,a\r\n\r\nline3,b\r\nline4,c\r\n");
}
RS
cargo run -q | tee seen
diff seen - <<'EXPECTED' || { echo 'the behaviour has changed' >&2 && exit 1; }
LF: line1=1 line2=2 line3=3
CRLF: line1=1 line2=1 line3=2
LF and a blank line: line1=1 line3=2 line4=4
CRLF and a blank line: line1=1 line3=1 line4=3
EXPECTED
