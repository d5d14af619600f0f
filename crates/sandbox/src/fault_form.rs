//! The part of the page that sets faults: its choices, and the faults that wait.

use std::fmt::Write;

use serde_json::Value;

use crate::fault::kinds_in_words;
use crate::html::{escape, table};

/// The calls that a fault waits for, in words.
const CALLS: [(&str, &str); 6] = [
    ("CARD-BATCH", "카드 청구"),
    ("CARD-KEYGEN", "카드 등록"),
    ("CANCEL", "취소"),
    ("READY", "1단계"),
    ("HASH", "결제창 해시"),
    ("ANY", "모든 호출"),
];

/// The options of the form's field `on`.
pub fn calls() -> String {
    options(CALLS.into_iter())
}

/// The options of the form's field `kind`.
pub fn kind_options() -> String {
    options(kinds_in_words())
}

/// The faults that wait, as `GET /faults` shows them.
pub fn waiting(faults: &[Value]) -> String {
    let rows: Vec<_> = faults.iter().map(row).collect();
    table([("호출", ""), ("종류", ""), ("남은 횟수", "number"), ("조건", "")], &rows)
}

fn options(choices: impl Iterator<Item = (&'static str, &'static str)>) -> String {
    let mut options = String::new();
    for (code, about) in choices {
        let _ = writeln!(options, "<option value=\"{code}\">{about} ({code})</option>");
    }
    options
}

fn row(fault: &Value) -> [String; 4] {
    let text = |name: &str| escape(fault[name].as_str().unwrap_or_default());
    let mut rest = String::new();
    for (name, value) in fault.as_object().into_iter().flatten() {
        if !["on", "kind", "times"].contains(&name.as_str()) {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let _ = write!(rest, "<code>{name}</code> {}<br>", escape(&value));
        }
    }
    [code(&text("on")), code(&text("kind")), fault["times"].to_string(), rest]
}

fn code(text: &str) -> String {
    format!("<code>{text}</code>")
}
