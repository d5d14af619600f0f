//! Answers of KiwoomPay to what was sent: the first byte chooses the call and the charset that the
//! answer's header names, the rest is the body.

#![no_main]

use encoding_rs::{EUC_KR, Encoding, UTF_8};
use kiwoom_billing::kiwoom::GatewayError;
use kiwoom_billing::kiwoom::fuzzing::{Sent, cancel, charge, register};
use kiwoom_billing_fuzz::has_control;
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};

const SENT: Sent = Sent { token: "TOKEN-1", amount: "9900", reference: "ORDER-1" };

fuzz_target!(|data: &[u8]| {
    let Some((choice, body)) = data.split_first() else { return };
    let charset = [None, Some("utf-8"), Some("euc-kr")][usize::from(choice / 3 % 3)];
    let said = read(body, charset);
    match choice % 3 {
        0 => {
            let approval = charge(body, charset, &SENT);
            if let Ok(approval) = &approval {
                let id = &approval.transaction_id;
                assert!((1..=20).contains(&id.len()), "{id}");
                assert!(id.bytes().all(|b| b.is_ascii_alphanumeric()), "{id}");
                assert!(!approval.auth_number.as_deref().is_some_and(has_control));
                repeats(said.as_ref(), "AMOUNT", SENT.amount);
            }
            judged(approval.map(drop), said.as_ref());
        }
        1 => {
            let canceled = cancel(body, charset, &SENT);
            if let Ok(canceled) = &canceled {
                assert!(!canceled.transaction_id.as_deref().is_some_and(has_control));
                repeats(said.as_ref(), "AMOUNT", SENT.amount);
            }
            judged(canceled.map(drop), said.as_ref());
        }
        _ => {
            let registered = register(body, charset, &SENT);
            if let Ok(registered) = &registered {
                assert!(!has_control(&registered.company_code));
            }
            judged(registered.map(drop), said.as_ref());
        }
    }
});

/// It was sent, so "not sent" is never the answer; a yes is one to this very request; a no is a
/// code that KiwoomPay gave.
fn judged(judged: Result<(), GatewayError>, said: Option<&Map<String, Value>>) {
    match judged {
        Ok(()) => {
            repeats(said, "RESULTCODE", "0000");
            repeats(said, "TOKEN", SENT.token);
        }
        Err(GatewayError::Refused { code, message, .. }) => {
            assert_ne!(code, "0000");
            assert!(said.is_some_and(|said| said.contains_key("RESULTCODE")));
            assert!(!code.is_empty() && !has_control(&code) && !has_control(&message));
        }
        Err(error @ GatewayError::Unknown(_)) => assert!(!has_control(&error.to_string())),
        Err(error) => panic!("sent, and yet: {error}"),
    }
}

fn repeats(said: Option<&Map<String, Value>>, name: &str, sent: &str) {
    let said = said.and_then(|said| said.get(name)).expect(name);
    let text = said.as_str().map_or_else(|| said.to_string(), |text| text.trim().to_owned());
    assert_eq!(text, sent, "{name}");
}

/// The answer, read apart from the service's own reader.
fn read(body: &[u8], charset: Option<&str>) -> Option<Map<String, Value>> {
    if let Some(text) = body.strip_prefix(b"\xef\xbb\xbf") {
        return serde_json::from_slice(text).ok();
    }
    let strictly = |encoding: &'static Encoding| {
        encoding.decode_without_bom_handling_and_without_replacement(body)
    };
    let text = match charset {
        Some("utf-8") => strictly(UTF_8),
        Some(_) => strictly(EUC_KR),
        None => strictly(UTF_8).or_else(|| strictly(EUC_KR)),
    };
    serde_json::from_str(&text?).ok()
}
