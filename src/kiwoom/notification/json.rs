//! JSON that a strict reader refuses: read as far as it goes.

use serde_json::{Map, Value};

use super::Fields;

/// The texts and numbers of a JSON object, in its order. Of one that is broken off those that were
/// whole; what an escape or a control character spoils in a text is U+FFFD there.
pub(super) fn fields(text: &str) -> Fields {
    match serde_json::from_str::<Map<String, Value>>(text) {
        Ok(object) => object.into_iter().filter_map(|(name, v)| Some((name, plain(v)?))).collect(),
        Err(_) => salvaged(text),
    }
}

fn plain(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn salvaged(text: &str) -> Fields {
    let mut fields = Fields::new();
    let mut rest = text.trim_start().strip_prefix('{').unwrap_or_default();
    while let Some((name, value, after)) = pair(rest) {
        if let Some(value) = value {
            fields.push((name, value));
        }
        rest = after;
    }
    fields
}

/// A name, its value when that is a text or a number, and what comes after. `None` at the end, and
/// where it is broken off or holds a list or an object.
fn pair(rest: &str) -> Option<(String, Option<String>, &str)> {
    let rest = rest.trim_start_matches(|c: char| c == ',' || c.is_whitespace());
    let (name, rest) = string(rest)?;
    let rest = rest.trim_start().strip_prefix(':')?.trim_start();
    if rest.starts_with('"') {
        let (value, rest) = string(rest)?;
        return Some((name, Some(value), rest));
    }
    let end = rest.find(|c: char| matches!(c, ',' | '}') || c.is_whitespace())?;
    let (word, rest) = rest.split_at(end);
    let value = serde_json::from_str(word).ok()?;
    Some((name, plain(value), rest))
}

/// A whole string in quotes, and what comes after it.
fn string(text: &str) -> Option<(String, &str)> {
    let inside = text.strip_prefix('"')?;
    let mut escaped = false;
    let end = inside.find(|c: char| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    })?;
    Some((unescaped(&inside[..end]), &inside[end + 1..]))
}

fn unescaped(inside: &str) -> String {
    let mut text = String::new();
    let mut rest = inside;
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        // The longest first: two escapes can be one character.
        let escape = [12, 6, 2].into_iter().filter_map(|length| rest.get(at..at + length));
        let mut read = escape.filter_map(|e| {
            let meant: String = serde_json::from_str(&format!("\"{e}\"")).ok()?;
            (e.matches('\\').count() * 6 == e.len() || e.len() == 2).then_some((meant, e.len()))
        });
        let spoilt = || if rest[at..].starts_with("\\u") { 6 } else { 2 };
        let (meant, length) = read.next().unwrap_or_else(|| ("\u{fffd}".to_owned(), spoilt()));
        text.push_str(&meant);
        rest = rest.get(at + length..).unwrap_or_default();
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_whole_is_kept() {
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        for (text, expected) in [
            (r#"{"A":"1","B":2}"#, vec![field("A", "1"), field("B", "2")]),
            (r#"{"A":"1","B":"2"#, vec![field("A", "1")]),
            (r#"{"A":"1","B":2"#, vec![field("A", "1")]),
            (r#"{"A":"\ud83d","B":2}"#, vec![field("A", "\u{fffd}"), field("B", "2")]),
            (r#"{"A":"\ud83d\ude00\n\"x","B":[1"#, vec![field("A", "😀\n\"x")]),
            (r#"{"A":"\q가\\","B":null,"C":3 "#, vec![field("A", "\u{fffd}가\\"), field("C", "3")]),
            ("{\"A\":\"a\0b\",\"B\":1}", vec![field("A", "a\0b"), field("B", "1")]),
            (r#"{"A":"\u12"#, vec![]),
            (r#"{"A":"\u12","B":1}"#, vec![field("A", "\u{fffd}"), field("B", "1")]),
            ("{nonsense", vec![]),
            ("{", vec![]),
        ] {
            assert_eq!(fields(text), expected, "{text}");
        }
    }
}
