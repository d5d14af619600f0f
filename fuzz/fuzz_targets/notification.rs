//! Notifications as bytes: the first line is the query, the rest is the body.

#![no_main]

use kiwoom_billing::kiwoom::charset;
use kiwoom_billing::kiwoom::notification::{Event, Fields, decode, interpret, masked};
use kiwoom_billing_fuzz::{has_control, shows_card};
use libfuzzer_sys::fuzz_target;
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};

fuzz_target!(|data: &[u8]| {
    let cut = data.iter().position(|b| *b == b'\n').unwrap_or(data.len());
    let body = data.get(cut + 1..).unwrap_or_default();
    let fields = decode(&data[..cut], body);
    reads_back(&fields);
    keeps_no_card(&fields);
    means_what_it_can(&fields);
});

/// The same fields come out of a query in either charset.
fn reads_back(fields: &Fields) {
    let utf8 = query(fields, |text| Some(text.as_bytes().to_vec()));
    assert_eq!(decode(utf8.unwrap().as_bytes(), b""), *fields);
    let Some(cp949) = query(fields, charset::encode) else { return };
    // A syllable in front, because a message that could be UTF-8 is taken for that.
    let marked = format!("X=%B0%A1&{cp949}");
    let read = decode(marked.as_bytes(), b"");
    assert_eq!(read[0], ("X".to_owned(), "가".to_owned()));
    assert_eq!(read[1..], fields[..]);
}

fn query(fields: &Fields, encode: impl Fn(&str) -> Option<Vec<u8>>) -> Option<String> {
    let escape = |text: &str| Some(percent_encode(&encode(text)?, NON_ALPHANUMERIC).to_string());
    let pairs =
        fields.iter().map(|(name, value)| Some(format!("{}={}", escape(name)?, escape(value)?)));
    Some(pairs.collect::<Option<Vec<_>>>()?.join("&"))
}

fn keeps_no_card(fields: &Fields) {
    let kept = masked(fields);
    assert!(!shows_card(&kept), "{kept:?}");
    assert!(!kept.contains('\0'), "PostgreSQL cannot keep it");
}

fn means_what_it_can(fields: &Fields) {
    let Ok(told) = interpret(fields) else { return };
    let order_no = told.order_no.clone().unwrap_or_default();
    let texts = [&told.cpid, &order_no, &told.transaction_id, &told.method];
    assert!(texts.iter().all(|text| !has_control(text) && text.trim() == **text));
    assert!(!told.cpid.is_empty() && told.order_no.as_deref() != Some(""));
    let (amount, named) = match told.event {
        Event::Paid { amount } => (Some(amount), told.order_no.is_some()),
        Event::Canceled { amount } => (Some(amount), true),
        Event::Failed { .. } => (None, told.order_no.is_some()),
        Event::Other { .. } => (None, true),
    };
    assert!(named, "nothing says what it is about");
    assert!(amount.is_none_or(|won| (0..=9_999_999_999).contains(&won)), "{amount:?}");
    let id = &told.transaction_id;
    assert!(id.len() <= 20 && id.bytes().all(|b| b.is_ascii_alphanumeric()), "{id}");
    assert!(amount.is_none() || !id.is_empty(), "money without a transaction");
    // A further copy, in another encoding or with fields that say nothing, is the same one.
    let mut copy = fields.clone();
    copy.insert(0, ("RESERVEDSTRING".to_owned(), "copy".to_owned()));
    assert_eq!(interpret(&copy).unwrap().fingerprint(), told.fingerprint());
}
