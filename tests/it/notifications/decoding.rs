//! Notifications as bytes (`tests/fixtures/kiwoom`), read by the decoder.

use std::path::PathBuf;

use kiwoom_billing::kiwoom::notification::{Event, Notification, decode, interpret};

fn read(name: &str) -> Notification {
    let path = PathBuf::from("tests/fixtures/kiwoom").join(name);
    let bytes = std::fs::read(&path).unwrap();
    let is_query = path.extension().is_some_and(|e| e == "query");
    let (query, body) = if is_query { (bytes, Vec::new()) } else { (Vec::new(), bytes) };
    let fields = decode(&query, &body);
    let value = |name: &str| fields.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
    if let Some(product) = value("PRODUCTNAME") {
        assert_eq!(product, "프리미엄 구독", "{}", path.display());
        assert_eq!(value("USERNAME"), Some("홍길동"), "{}", path.display());
        assert_eq!(value("RESERVEDSTRING"), Some("되돌아오는 값"), "{}", path.display());
    }
    interpret(&fields).unwrap()
}

fn expected(method: &str, event: Event, auth_number: Option<&str>, at: &str) -> Notification {
    Notification {
        cpid: "CTFIXTURE".into(),
        order_no: Some("ORDER-1".into()),
        transaction_id: "cMP22092917234729774".into(),
        method: method.into(),
        event,
        occurred_at: Some(at.parse().unwrap()),
        auth_number: auth_number.map(Into::into),
    }
}

#[test]
fn every_payment_is_read_as_it_was_meant() {
    let at = "2026-02-05T10:11:12+09:00";
    let cases = [
        ("kakaopay.query", "KAKAOPAY", None),
        ("card.form", "CARD", Some("40091184")),
        ("card-utf8.form", "CARD", Some("40091184")),
        ("naverpay-res-cd.query", "NAVERPAY", None),
        ("payco-utf8.json", "PAYCO", None),
        ("payco-euckr.json", "PAYCO", None),
    ];
    for (name, method, auth) in cases {
        assert_eq!(read(name), expected(method, Event::Paid { amount: 9900 }, auth, at), "{name}");
    }
    let (code, message) = ("2003".into(), "한도초과".into());
    let failed = Event::Failed { code, message, amount: Some(9900) };
    let read = read("samsungpay-failed.query");
    assert_eq!(read, expected("SAMSUNGPAY", failed, None, at));
}

#[test]
fn every_kind_of_cancellation_is_read_as_its_method() {
    let cases = [
        ("card_cancel", "CARD"),
        ("bank_cancel", "BANK"),
        ("samsungpay_cancel", "SAMSUNGPAY"),
        ("applepay_cancel", "APPLEPAY"),
        ("fcard_cancel", "FCARD"),
        ("kakaocancel", "KAKAOPAY"),
        ("naverpaycancel", "NAVERPAY"),
        ("paycocancel", "PAYCO"),
    ];
    for (kind, method) in cases {
        let read = read(&format!("cancel-{kind}.query"));
        let at = "2026-02-06T10:11:12+09:00";
        assert_eq!(read, expected(method, Event::Canceled { amount: 9900 }, None, at), "{kind}");
    }
}
