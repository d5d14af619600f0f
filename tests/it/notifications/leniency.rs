//! One bad field does not sink a notification: those that decide are ASCII, the rest is read as well
//! as it can be.

use kiwoom_sandbox::CPID;
use reqwest::Method;
use serde_json::json;

use crate::support::app::{Reply, TestApp};
use crate::support::window::{ALL_ON, answered, canceled, in_window, paid, prepare, status, tell};

async fn post(app: &TestApp, body: Vec<u8>) -> Reply {
    app.send(app.request(Method::POST, "/webhook/noti").body(body)).await
}

async fn raw(app: &TestApp) -> String {
    let query = sqlx::query_scalar("select raw from notifications order by id desc limit 1");
    query.fetch_one(&app.service.ctx.pool).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_cannot_be_read_does_not_keep_an_order_from_being_paid() {
    let app = TestApp::start().await;
    let cases = [
        ("cut", "USERNAME=%BF%F9%B0", "USERNAME=월\u{fffd}"),
        ("cut UTF-8", "USERNAME=%EC%9B%94%EA%B0", "USERNAME=월\u{fffd}"),
        ("two charsets", "USERNAME=%C8%AB%B1%E6%B5%BF&EMAIL=%EC%9B%94%EA%B0%84", "USERNAME=홍길동"),
        ("nonsense", "RESERVEDSTRING=%FF%FE", "RESERVEDSTRING="),
        ("NUL", "RESERVEDSTRING=a%00b", "RESERVEDSTRING=ab"),
        ("bad date", "SETTDATE=soon", "SETTDATE=soon"),
        ("card", "CARDNO=5555555555554444&USERNAME=%B0", "CARDNO=555555******4444"),
        ("card in zeros", "CARDNO=9410120000001234", "CARDNO=941012******1234"),
    ];
    for (n, (what, field, kept)) in cases.into_iter().enumerate() {
        let (order, transaction) = (format!("O-{n}"), format!("t{n}"));
        prepare(&app, &order).await;
        let base = format!(
            "PAYMETHOD=KAKAOPAY&CPID={CPID}&DAOUTRX={transaction}&ORDERNO={order}&AMOUNT=9900"
        );
        answered(&tell(&app, &format!("{base}&{field}")).await, 200);
        assert_eq!(status(&app, &order).await["status"], "paid", "{what}");
        let raw = raw(&app).await;
        assert!(raw.contains(kept), "{what}: {raw}");
        assert!(!raw.contains('\0') && !raw.contains("5555555555554444"), "{what}: {raw}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn json_is_read_as_far_as_it_goes() {
    let app = TestApp::start().await;
    let tails: [(&str, &[u8]); 6] = [
        ("half an emoji", b"\"PRODUCTNAME\":\"\\ud83d\"}"),
        ("half a string", b"\"USERNAME\":\"\xc8\xab\xb1\xe6"),
        ("a cut character", b"\"USERNAME\":\"\xc8\xab\xb1\"}"),
        ("a bare control character", b"\"USERNAME\":\"a\0b\nc\"}"),
        ("a bad escape", b"\"USERNAME\":\"\\q\"}"),
        ("no end", b"\"RESERVEDSTRING\":{\"a\":[1,"),
    ];
    for (n, (what, tail)) in tails.into_iter().enumerate() {
        let (order, transaction) = (format!("O-{n}"), format!("t{n}"));
        prepare(&app, &order).await;
        let head = format!(
            "{{\"PAYMETHOD\":\"KAKAOPAY\",\"CPID\":\"{CPID}\",\"DAOUTRX\":\"{transaction}\",\
             \"ORDERNO\":\"{order}\",\"AMOUNT\":9900,"
        );
        answered(&post(&app, [head.as_bytes(), tail].concat()).await, 200);
        assert_eq!(status(&app, &order).await["status"], "paid", "{what}");
    }
    // An amount that was cut is none.
    prepare(&app, "CUT").await;
    let cut = format!(
        "{{\"PAYMETHOD\":\"KAKAOPAY\",\"CPID\":\"{CPID}\",\"DAOUTRX\":\"t99\",\"ORDERNO\":\"CUT\",\
         \"AMOUNT\":99"
    );
    answered(&post(&app, cut.into_bytes()).await, 400);
    assert_eq!(status(&app, "CUT").await["status"], "ready");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_decides_has_to_be_right() {
    let app = TestApp::start().await;
    prepare(&app, "O-1").await;
    let right = paid("O-1", "t1", 9900);
    for wrong in [
        right.replace("AMOUNT=9900", "AMOUNT=-9900"),
        right.replace("&AMOUNT=9900", ""),
        right.replace("AMOUNT=9900", "AMOUNT=9%00900"),
        right.replace("DAOUTRX=t1", "DAOUTRX=t%001"),
        right.replace("&ORDERNO=O-1", ""),
        right.replace("PAYMETHOD=KAKAOPAY", "PAYMETHOD=KAKAO%00PAY"),
    ] {
        answered(&tell(&app, &wrong).await, 400);
        assert_eq!(status(&app, "O-1").await["status"], "ready", "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_without_an_order_number_and_with_a_negative_amount_finds_its_payment() {
    let app = TestApp::start().await;
    prepare(&app, "O-1").await;
    let bare = |amount: &str, second| {
        canceled("O-1", "t1", 1000, second)
            .replace("&ORDERNO=O-1", "")
            .replace("AMOUNT=1000", &format!("AMOUNT={amount}"))
    };
    // The first comes before the payment.
    answered(&tell(&app, &bare("-1000", 1)).await, 200);
    answered(&tell(&app, &paid("O-1", "t1", 9900)).await, 200);
    assert_eq!(status(&app, "O-1").await["canceledAmount"], 1000);
    answered(&tell(&app, &bare("2000", 2)).await, 200);
    answered(&tell(&app, &bare("-2000", 2)).await, 200);
    assert_eq!(status(&app, "O-1").await["canceledAmount"], 3000, "the same one in other words");
    let other_method = bare("-6900", 3).replace("KAKAOCANCEL", "CARD_CANCEL");
    answered(&tell(&app, &other_method).await, 200);
    assert_eq!(status(&app, "O-1").await["status"], "canceled");
    answered(&tell(&app, &bare("0", 4)).await, 409);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sandbox_can_leave_the_order_number_out() {
    let app = TestApp::with(ALL_ON).await;
    let prepared = prepare(&app, "O-1").await;
    in_window(&app, &prepared, "pay").await;
    let transaction = app.ledger().await[0]["transactionId"].clone();
    for (kind, canceled) in [("unnumbered", 1000), ("negative", 3000)] {
        assert_eq!(app.post("/sandbox/notifications", &json!({"kind": kind})).await.status, 200);
        let amount = if kind == "negative" { 2000 } else { 1000 };
        let cancel = json!({"transactionId": transaction, "amount": amount});
        assert_eq!(app.post("/sandbox/admin/cancel", &cancel).await.status, 200);
        assert_eq!(status(&app, "O-1").await["canceledAmount"], canceled, "{kind}");
    }
}
