//! Request bodies: the first byte chooses the route, the rest is its body.

#![no_main]

use kiwoom_billing::http::error::{ApiError, Code};
use kiwoom_billing::service::fuzzing::{BODIES, Reader, request};
use kiwoom_billing_fuzz::{has_control, shows_card};
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};

const MAX_WON: i64 = 9_999_999_999;

fuzz_target!(|data: &[u8]| {
    let Some((choice, body)) = data.split_first() else { return };
    let (path, read) = BODIES[usize::from(*choice) % BODIES.len()];
    match read(request(body)) {
        Ok(()) if body.is_empty() => {}
        Ok(()) => {
            let json = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
            let fields: Map<String, Value> = serde_json::from_slice(json).unwrap();
            within_bounds(path, &fields);
            refuses_what_it_does_not_know(read, &fields);
            null_is_as_good_as_left_out(read, &fields);
        }
        Err(error) => explains_itself(&error),
    }
});

/// What every route promises of its fields.
fn within_bounds(path: &str, fields: &Map<String, Value>) {
    let number = |name: &str| fields.get(name).and_then(Value::as_i64);
    if let Some(amount) = fields.get("amount").filter(|v| !v.is_null()) {
        let won = amount.as_i64().expect("a whole number");
        assert!((1..=MAX_WON).contains(&won), "{path}: {won}");
        assert!(number("taxFreeAmount").is_none_or(|part| part <= won), "{path}");
    }
    assert!(number("taxFreeAmount").is_none_or(|part| (0..=MAX_WON).contains(&part)), "{path}");
    assert!(number("cycleDay").is_none_or(|day| (1..=31).contains(&day)), "{path}");
    for (name, value) in fields.iter().filter(|(name, _)| *name != "metadata") {
        let Value::String(text) = value else { continue };
        assert!(!text.trim().is_empty() && !has_control(text), "{path}: {name}");
        assert!(text.chars().count() <= 1000, "{path}: {name}");
    }
}

fn refuses_what_it_does_not_know(read: Reader, fields: &Map<String, Value>) {
    let mut more = fields.clone();
    more.insert("amuont".to_owned(), Value::from(1));
    assert_eq!(again(read, more).unwrap_err().code(), Code::InvalidRequest);
}

fn null_is_as_good_as_left_out(read: Reader, fields: &Map<String, Value>) {
    let less = fields.iter().filter(|(_, value)| !value.is_null());
    let less: Map<String, Value> = less.map(|(n, v)| (n.clone(), v.clone())).collect();
    assert!(again(read, less).is_ok());
}

fn again(read: Reader, fields: Map<String, Value>) -> Result<(), ApiError> {
    read(request(Value::Object(fields).to_string().as_bytes()))
}

/// An error of the caller's, on one line, that repeats no card number.
fn explains_itself(error: &ApiError) {
    assert!(matches!(error.code(), Code::InvalidJson | Code::InvalidRequest), "{error:?}");
    let text = error.english();
    assert!(!has_control(&text) && !shows_card(&text), "{text:?}");
    let details = error.clone().into_details();
    // Where a body stops being JSON may be told too.
    assert!(!details.is_empty() || error.code() == Code::InvalidJson);
}
