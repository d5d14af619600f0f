//! Browser forms: percent-encoded bytes that are CP949, or UTF-8 where the page was careless.

use percent_encoding::percent_decode;
use serde_json::{Map, Value};

use crate::charset;
use crate::wire::Fields;

/// The values of a form body. A repeated name keeps its last value.
pub fn parse(body: &[u8]) -> Fields {
    let pairs = body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
    let values: Map<String, Value> = pairs
        .map(|pair| {
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let mut half = || text(halves.next().unwrap_or_default());
            (half(), Value::String(half()))
        })
        .collect();
    Fields::from(values)
}

fn text(encoded: &[u8]) -> String {
    let spaced: Vec<u8> =
        encoded.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    let bytes: Vec<u8> = percent_decode(&spaced).collect();
    if charset::is_utf8_korean(&bytes) {
        return String::from_utf8_lossy(&bytes).into_owned();
    }
    charset::decode(&bytes).unwrap_or_else(|| String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_encodings_are_read() {
        let form = parse(b"A=%B0%A1+1&B=%EA%B0%80&C=&D&E=a%3Db&A=2");
        let values: Vec<_> = form.iter().collect();
        assert_eq!(values, [("A", "2"), ("B", "가"), ("C", ""), ("D", ""), ("E", "a=b")]);
        assert_eq!(parse(b"A=%B0%A1+1").get("A"), "가 1");
    }
}
