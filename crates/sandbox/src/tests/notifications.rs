//! Notifications: until SUCCESS, twice, late, reversed, wrong, lost, and from the admin page.

use std::time::Duration as WallTime;

use chrono::Duration;
use serde_json::json;

use crate::tests::TestSandbox;
use crate::tests::api::cancel;
use crate::tests::merchant::Merchant;

#[tokio::test]
async fn a_notification_is_sent_again_every_three_minutes_ten_times() {
    let shop = Merchant::open().await;
    *shop.failures.lock().expect("not poisoned") = 99;
    shop.pay("n-1", "1000", "KAKAOPAY").await;
    assert_eq!(shop.heard().len(), 1);
    let due = shop.at.sandbox.next_due().expect("a re-send");
    let wait = (due - shop.at.sandbox.now()).num_seconds();
    assert!((170..=180).contains(&wait), "{wait}");
    shop.later(Duration::minutes(2)).await;
    assert_eq!(shop.heard().len(), 1);
    for resent in 1..=11 {
        shop.later(Duration::minutes(3)).await;
        assert_eq!(shop.heard().len(), 1 + resent.min(10));
    }
    assert_eq!(shop.at.sandbox.next_due(), None);
    let shown = shop.at.get("/notifications").await;
    let sent = shown["sent"].as_array().expect("a list");
    assert_eq!((sent.len(), &sent[10]["attempt"]), (11, &json!(11)));
    assert_eq!((&sent[0]["status"], &sent[0]["delivered"]), (&json!(200), &json!(false)));
}

#[tokio::test]
async fn moving_the_clock_by_a_day_sends_again_at_each_time_on_the_way() {
    let shop = Merchant::open().await;
    *shop.failures.lock().expect("not poisoned") = 99;
    shop.pay("n-1", "1000", "KAKAOPAY").await;
    let (status, _) = shop.at.post("/clock", json!({ "advanceDays": 1 })).await;
    assert_eq!((status, shop.heard().len(), shop.at.sandbox.next_due()), (200, 11, None));
    let shown = shop.at.get("/notifications").await;
    let time = |index: usize| {
        let text = shown["sent"][index]["at"].as_str().expect("a text");
        chrono::DateTime::parse_from_rfc3339(text).expect("an instant")
    };
    let minutes = (time(10) - time(0)).num_minutes();
    assert_eq!(minutes, 30);
}

#[tokio::test]
async fn success_ends_the_sending() {
    let shop = Merchant::open().await;
    *shop.failures.lock().expect("not poisoned") = 2;
    shop.pay("n-1", "1000", "KAKAOPAY").await;
    for _ in 0..4 {
        shop.later(Duration::minutes(3)).await;
    }
    assert_eq!((shop.heard().len(), shop.at.sandbox.next_due()), (3, None));
}

#[tokio::test]
async fn mishaps_befall_the_next_notifications() {
    let shop = Merchant::open().await;
    for kind in ["twice", "lost", "wrong_amount", "late"] {
        let (status, answer) = shop.at.post("/notifications", json!({ "kind": kind })).await;
        assert_eq!(status, 200, "{answer}");
    }
    for (order_no, amount) in [("n-1", "1000"), ("n-2", "2000"), ("n-3", "3000"), ("n-4", "4000")] {
        shop.pay(order_no, amount, "KAKAOPAY").await;
    }
    assert_eq!(shop.heard(), ["KAKAOPAY 1000", "KAKAOPAY 1000", "KAKAOPAY 3001"]);
    shop.later(Duration::minutes(10)).await;
    assert_eq!(shop.heard()[3..], ["KAKAOPAY 4000"]);
    assert_eq!(shop.at.transactions().await.len(), 4);
    for wrong in [json!({}), json!({ "kind": "eaten" }), json!({ "kind": "late", "times": 0 })] {
        assert_eq!(shop.at.post("/notifications", wrong).await.0, 400);
    }
}

#[tokio::test]
async fn a_mishap_can_be_of_one_order() {
    let shop = Merchant::open().await;
    let of_one = json!({ "kind": "wrong_amount", "orderNo": "n-2" });
    let (status, answer) = shop.at.post("/notifications", of_one).await;
    assert_eq!((status, &answer["scripted"][0]["orderNo"]), (200, &json!("n-2")));
    for order_no in ["n-1", "n-2"] {
        shop.pay(order_no, "1000", "KAKAOPAY").await;
    }
    assert_eq!(shop.heard(), ["KAKAOPAY 1000", "KAKAOPAY 1001"]);
}

#[tokio::test]
async fn what_a_notification_says_can_differ() {
    let shop = Merchant::open().await;
    for mishap in [
        json!({ "kind": "negative" }),
        json!({ "kind": "other_kind", "payMethod": "VACCOUNTISSUE" }),
        json!({ "kind": "failed" }),
        json!({ "kind": "unnumbered" }),
        json!({ "kind": "undated" }),
        json!({ "kind": "shifted", "seconds": -40 }),
        json!({ "kind": "succeeded" }),
    ] {
        assert_eq!(shop.at.post("/notifications", mishap).await.0, 200);
    }
    for n in 1..=5 {
        shop.pay(&format!("n-{n}"), "1000", "KAKAOPAY").await;
    }
    let transactions = shop.at.transactions().await;
    for transaction in &transactions[..2] {
        let id = &transaction["transactionId"];
        let answer = shop.at.post("/admin/cancel", json!({ "transactionId": id })).await;
        assert_eq!(answer.0, 200);
    }
    let kinds = [&["VACCOUNTISSUE 1000"][..], &["KAKAOPAY 1000"; 4]].concat();
    assert_eq!(shop.heard(), [&kinds[..], &["KAKAOCANCEL -1000", "KAKAOCANCEL 1000"]].concat());
    let notices = shop.notices.lock().expect("not poisoned").clone();
    assert_eq!(notices[1]["RESULTCODE"], "2003");
    assert!(!notices[2].contains_key("SETTDATE"));
    let at =
        |text: &str| chrono::NaiveDateTime::parse_from_str(text, "%Y%m%d%H%M%S").expect("a date");
    let approved = transactions[3]["approvedAt"].as_str().expect("a time");
    let approved = chrono::DateTime::parse_from_rfc3339(approved).expect("a time").naive_local();
    let off = at(&notices[3]["SETTDATE"]) - approved;
    assert!((-41..=-39).contains(&off.num_seconds()), "{off}");
    assert_eq!(notices[4]["RESULTCODE"], "0000");
    assert!(!notices[3].contains_key("RESULTCODE") && !notices[5].contains_key("RESULTCODE"));
    assert!(notices[5].contains_key("ORDERNO") && !notices[6].contains_key("ORDERNO"));
    for wrong in [json!({ "kind": "shifted" }), json!({ "kind": "shifted", "seconds": 1e9 })] {
        assert_eq!(shop.at.post("/notifications", wrong).await.0, 400);
    }
}

#[tokio::test]
async fn a_reversed_payment_is_told_after_its_cancellation() {
    let shop = Merchant::open().await;
    shop.at.post("/notifications", json!({ "kind": "reversed" })).await;
    let id = shop.pay("n-1", "1000", "PAYCO").await;
    assert!(shop.heard().is_empty());
    let answer = shop.at.post("/admin/cancel", json!({ "transactionId": id })).await;
    let expected = json!({ "transactionId": id, "amount": 1000, "canceledAmount": 1000 });
    assert_eq!(answer, (200, expected));
    shop.later(Duration::milliseconds(1)).await;
    assert_eq!(shop.heard(), ["PAYCOCANCEL 1000", "PAYCO 1000"]);
}

#[tokio::test]
async fn the_admin_page_cancels_what_is_left_and_no_more() {
    let shop = Merchant::open().await;
    let id = shop.pay("n-1", "1000", "NAVERPAY").await;
    let admin = |body| shop.at.post("/admin/cancel", body);
    assert_eq!(admin(json!({ "transactionId": id, "amount": 300 })).await.0, 200);
    assert_eq!(admin(json!({ "transactionId": id, "amount": 701 })).await.0, 400);
    assert_eq!(admin(json!({ "transactionId": id, "amount": 0 })).await.0, 400);
    assert_eq!(admin(json!({ "transactionId": id })).await.0, 200);
    assert_eq!(admin(json!({ "transactionId": id })).await.0, 400);
    assert_eq!(admin(json!({ "transactionId": "cMP0" })).await.0, 404);
    assert_eq!(shop.heard()[1..], ["NAVERPAYCANCEL 300", "NAVERPAYCANCEL 700"]);
}

#[tokio::test]
async fn charges_on_a_key_are_told_only_when_a_fault_asks_for_it() {
    let shop = Merchant::open().await;
    let auto_key = shop.at.gateway().register("4111111111111111").await;
    let charged = shop.at.gateway().charge(&auto_key, "b-1").await.expect("an answer");
    shop.at.sandbox.run_due().await;
    assert!(shop.heard().is_empty());
    let fault = json!({ "on": "CARD-BATCH", "kind": "drop_after_notify" });
    shop.at.fault(fault).await;
    shop.at.gateway().charge(&auto_key, "b-2").await.expect_err("the answer is lost");
    // What is due here is run by the background alone.
    for _ in 0..100 {
        if !shop.heard().is_empty() {
            break;
        }
        tokio::time::sleep(WallTime::from_millis(50)).await;
    }
    assert_eq!(shop.heard(), ["CARD 9900"]);
    assert_eq!(shop.notices.lock().expect("not poisoned")[0]["CARDNO"], "4111110000001111");
    let body = cancel("CARD-BATCH", &charged["DAOUTRX"], "900");
    shop.at.gateway().exchange(&body).await.expect("an answer");
    shop.at.sandbox.run_due().await;
    assert_eq!(shop.heard()[1..], ["CARD_CANCEL 900"]);
}

#[tokio::test]
async fn what_waits_to_be_sent_survives_a_crash() {
    let folder = std::env::temp_dir().join(format!("sandbox-{}", uuid::Uuid::new_v4()));
    // There is no listener on the discard port.
    let no_listener = || Some("http://127.0.0.1:9/hook".to_owned());
    let due = {
        let at = TestSandbox::serve(Some(&folder), no_listener()).await;
        let auto_key = at.gateway().register("4111111111111111").await;
        at.fault(json!({ "on": "CARD-BATCH", "kind": "drop_after_notify" })).await;
        at.gateway().charge(&auto_key, "b-1").await.expect_err("the answer is lost");
        at.sandbox.run_due().await;
        at.sandbox.next_due().expect("a re-send")
    };
    let at = TestSandbox::serve(Some(&folder), no_listener()).await;
    assert_eq!(at.sandbox.next_due(), Some(due));
    let (status, _) = at.post("/clock", json!({ "advanceDays": 1 })).await;
    assert_eq!(status, 200);
    let sent = &at.get("/notifications").await["sent"];
    assert_eq!((&sent[0]["attempt"], &sent[0]["status"]), (&json!(2), &json!(0)));
    std::fs::remove_dir_all(&folder).expect("removed");
}
