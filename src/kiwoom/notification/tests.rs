//! Tests of the module above.

use proptest::prelude::*;

use super::*;
use crate::kiwoom::charset;

const GET: &[u8] = b"PAYMETHOD=KAKAOPAY&CPID=CT1&DAOUTRX=cMP22092917234729774&ORDERNO=O-1\
    &AMOUNT=9900&PRODUCTNAME=%BF%F9%B0%A3+%B1%B8%B5%B6&SETTDATE=20260205101112";

#[test]
fn an_euc_kr_query_is_read() {
    let fields = decode(GET, b"");
    assert!(fields.contains(&("PRODUCTNAME".into(), "월간 구독".into())));
    let n = interpret(&fields).unwrap();
    assert_eq!((n.order_no.as_deref(), n.event), (Some("O-1"), Event::Paid { amount: 9900 }));
    assert_eq!(n.occurred_at.unwrap().to_rfc3339(), "2026-02-05T01:11:12+00:00");
}

#[test]
fn forms_and_json_are_read_in_both_charsets() {
    let utf8 = "PRODUCTNAME=%EC%9B%94%EA%B0%84+%EA%B5%AC%EB%8F%85";
    assert_eq!(decode(b"", utf8.as_bytes())[0].1, "월간 구독");
    let json = "{\"PRODUCTNAME\":\"월간 구독\",\"AMOUNT\":9900}";
    for bytes in [json.as_bytes().to_vec(), charset::encode(json).unwrap()] {
        let fields = decode(b"", &bytes);
        assert_eq!(fields[0].1, "월간 구독");
        assert_eq!(fields[1].1, "9900");
    }
}

#[test]
fn results_have_two_spellings_and_cancellations_their_own_names() {
    let read = |extra: &str| {
        let text = format!("PAYMETHOD=CARD&CPID=C&ORDERNO=O&AMOUNT=1&DAOUTRX=t&{extra}");
        interpret(&decode(text.as_bytes(), b"")).unwrap()
    };
    assert_eq!(read("RESULTCODE=0000").event, Event::Paid { amount: 1 });
    assert_eq!(read("RES_CD=0000").event, Event::Paid { amount: 1 });
    let failed = Event::Failed { code: "2003".into(), message: "no".into(), amount: Some(1) };
    assert_eq!(read("RES_CD=2003&RES_MSG=no").event, failed);
    let canceled = read("PAYMETHOD=KAKAOCANCEL&CANCELDATE=20260205101112");
    assert_eq!(
        (canceled.event, canceled.method.as_str()),
        (Event::Canceled { amount: 1 }, "KAKAOPAY")
    );
}

#[test]
fn a_cancellation_of_a_kind_nobody_listed_is_no_payment() {
    for (kind, method) in
        [("MOBILE_CANCEL", "MOBILE"), ("TOSSCANCEL", "TOSS"), ("A+CANCEL", "A"), ("CANCEL", "")]
    {
        let text = format!("PAYMETHOD={kind}&CPID=C&ORDERNO=O&AMOUNT=1&DAOUTRX=t");
        let read = interpret(&decode(text.as_bytes(), b"")).unwrap();
        assert_eq!(
            (read.event, read.method.as_str()),
            (Event::Canceled { amount: 1 }, method),
            "{kind}"
        );
    }
    let text = b"PAYMETHOD=CARD_CANCEL&CPID=C&ORDERNO=O&AMOUNT=1&DAOUTRX=t&RES_CD=9201";
    let refused = interpret(&decode(text, b""));
    assert_eq!(refused, Err(Unreadable::Field("RESULTCODE")));
}

#[test]
fn what_is_no_notification_is_refused() {
    for (text, field) in [
        ("", "PAYMETHOD"),
        ("PAYMETHOD=CARD", "AMOUNT"),
        ("PAYMETHOD=CARD%0B_CANCEL", "PAYMETHOD"),
        ("PAYMETHOD=CARD&AMOUNT=-1", "AMOUNT"),
        ("PAYMETHOD=CARD&AMOUNT=1", "DAOUTRX"),
        ("PAYMETHOD=CARD&AMOUNT=1&DAOUTRX=../x", "DAOUTRX"),
        ("PAYMETHOD=CARD&AMOUNT=1&DAOUTRX=t", "ORDERNO"),
        ("PAYMETHOD=CARD_CANCEL&DAOUTRX=t&ORDERNO=o&CPID=c", "AMOUNT"),
        ("PAYMETHOD=CARD&AMOUNT=1&DAOUTRX=t&ORDERNO=o", "CPID"),
    ] {
        let fields = decode(text.as_bytes(), b"");
        assert_eq!(interpret(&fields), Err(Unreadable::Field(field)), "{text}");
    }
    assert_eq!(decode(b"", b"{nonsense"), []);
}

#[test]
fn what_cannot_be_read_stands_alone() {
    let texts = |query: &str| -> Vec<String> {
        decode(query.as_bytes(), b"").into_iter().map(|(_, value)| value).collect()
    };
    assert_eq!(texts("A=%BF%F9%B0&B=%C8%AB"), ["월\u{fffd}", "홍"]);
    // One field of another charset spoils no other one.
    assert_eq!(texts("A=%C8%AB&B=%EC%9B%94&C=%B1%E6")[2], "길");
    assert_eq!(texts("A=%EC%9B%94%EA%B5&B=%ED%99%8D"), ["월\u{fffd}", "홍"]);
    assert_eq!(texts("A=%FF%FE&B=1"), ["\u{fffd}\u{fffd}", "1"]);
}

#[test]
fn card_numbers_are_masked_wherever_they_are() {
    for (text, expected) in [
        ("CARDNO=4111111111111111", "CARDNO=411111******1111"),
        ("MEMO=4111-1111-1111-1111+x", "MEMO=4111-11**-****-1111 x"),
        ("T=12345678901234", "T=12345678901234"),
        ("M=1+4111111111111111", "M=1 411111******1111"),
        ("M=20260205+4111+1111+1111+1111-22", "M=20260205 4111 11** **** 1111-22"),
        ("M=4111111111111111+5555555555554444", "M=411111******1111 555555******4444"),
        ("M=%C7%D1+4111111111111111%B1%DB", "M=한 411111******1111글"),
        ("4111111111111111", "411111******1111="),
        ("birthDate=770707&A=1&[{\"birthDate\":\"770707\"}]", "***&A=1&***"),
        ("4111%001111%0011111111", "411111******1111="),
        ("A%00=4111111%00111111111", "A=411111******1111"),
        ("M=010-1234-5678+2", "M=010-1234-5678 2"),
    ] {
        assert_eq!(masked(&decode(text.as_bytes(), b"")), expected, "{text}");
    }
}

#[test]
fn a_long_word_is_cut_and_ends_in_no_space() {
    let query = format!("PAYMETHOD={}+B&CPID=CT&ORDERNO=A1&DAOUTRX=T1", "A".repeat(63));
    let told = interpret(&decode(query.as_bytes(), b"")).unwrap();
    assert_eq!(told.method, "A".repeat(63));
}

proptest! {
    #[test]
    fn no_bytes_cause_a_panic(query: Vec<u8>, body: Vec<u8>) {
        let fields = decode(&query, &body);
        let _ = interpret(&fields).map(|n| n.fingerprint());
        let _ = masked(&fields);
    }

    #[test]
    fn korean_text_survives_cp949(text in "[가-힣a-zA-Z0-9 ]{0,40}") {
        let bytes = charset::encode(&text).unwrap();
        let escaped = percent_encoding::percent_encode(&bytes, percent_encoding::NON_ALPHANUMERIC);
        // A syllable beyond ASCII makes the message CP949 also where the text alone is not.
        let query = format!("X=%B0%A1&T={escaped}");
        prop_assert_eq!(&decode(query.as_bytes(), b"")[1].1, &text);
    }
}
