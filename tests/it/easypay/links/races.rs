//! Several at once: nobody pays twice for the same days.

use futures::future::join_all;
use serde_json::{Value, json};

use super::{link_now, link_to, statuses};
use crate::support::app::TestApp;
use crate::support::payment_page::{Shown, open_window, page, press, window_of};
use crate::support::process::World;
use crate::support::subscriptions::{ALWAYS_SHORT, APPROVED, SHORT_AT_FIRST, renewed_with};
use crate::support::window::{ALL_ON, in_window, paid};

fn url(link: &Value) -> String {
    link["url"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_tabs_one_gets_the_window_and_the_other_is_told() {
    let app = TestApp::with(ALL_ON).await;
    let (id, _) = renewed_with(&app, ALWAYS_SHORT).await;
    let link = link_to(&app, &id).await;
    let (shown, address) = (page(&link).await, url(&link));
    let methods = ["KAKAOPAY"; 4];
    let pressed = join_all(methods.map(|method| press(&address, &shown, method))).await;
    let (windows, told): (Vec<Shown>, Vec<Shown>) =
        pressed.into_iter().partition(|answer| answer.status == 200);
    assert_eq!((windows.len(), told.len()), (1, 3));
    assert!(told.iter().all(|page| page.status == 409 && page.text.contains("결제창을 연 적이")));
    // Who goes on all the same has two windows of one order: one payment is the link's.
    let again = press(&address, &told[0], "NAVERPAY").await;
    in_window(&app, &window_of(&windows[0]), "pay").await;
    let again = window_of(&again);
    crate::support::window::pay_by(&app, &again, "NAVERPAY").await;
    assert_eq!(statuses(&app, &id).await, ["approved", "declined"]);
    assert_eq!(link_now(&app, &link).await["status"], "paid");
    let unexpected = app.get("/billing/payments?source=unexpected").await.data(200);
    let unexpected = &unexpected["items"][0];
    assert_eq!(unexpected["unexpected"], "already_paid");
    let back = json!({"transactionId": unexpected["transactionId"]});
    app.post("/billing/refund", &back).await.data(200);
}

/// A link of an event keeps no retry back: whichever of the two begins first is the one that charges.
#[tokio::test(flavor = "multi_thread")]
async fn a_retry_and_a_window_that_begin_at_once_are_one_charge() {
    let app = TestApp::with(&[ALL_ON, &[("EASYPAY_LINKS_IN_EVENTS", "true")]].concat()).await;
    for _ in 0..4 {
        let (id, day) = renewed_with(&app, SHORT_AT_FIRST).await;
        app.until_published().await;
        let of = format!("/easypay/links?subscriptionId={}", id.as_str().unwrap());
        let link = app.get(&of).await.data(200)["items"][0].clone();
        assert_eq!(link["automatic"], true);
        app.advance_to(&format!("{}T09:59:59+09:00", day.succ_opt().unwrap())).await;
        let (shown, before) = (page(&link).await, app.ledger().await.len());
        let (address, pay) = (url(&link), json!({"subscriptionId": id}));
        let (window, by_card, ()) = tokio::join!(
            press(&address, &shown, "KAKAOPAY"),
            app.post("/billing/pay", &pay),
            app.advance_secs(1),
        );
        if window.status == 200 {
            assert!(by_card.status == 409, "{}", by_card.text);
            assert_eq!(app.ledger().await.len(), before);
            in_window(&app, &window_of(&window), "pay").await;
        }
        assert_eq!(app.subscription(&id).await["status"], "active", "{}", by_card.text);
        assert_eq!(app.ledger().await.len(), before + 1);
        let approved = statuses(&app, &id).await;
        assert_eq!(approved.iter().filter(|status| *status == "approved").count(), 1);
        let state = link_now(&app, &link).await["status"].clone();
        let expected = if window.status == 200 { "paid" } else { "canceled" };
        assert!(state == expected || state == "expired", "{state}");
        // The next round is alone with its charges.
        app.post("/billing/cancel", &pay).await.data(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_and_a_payment_that_begin_at_once_are_one_charge() {
    let app = TestApp::with(ALL_ON).await;
    for _ in 0..4 {
        let (id, _) = renewed_with(&app, SHORT_AT_FIRST).await;
        let (before, body) = (app.ledger().await.len(), json!({"subscriptionId": id}));
        let (link, paid) =
            tokio::join!(app.post("/easypay/links", &body), app.post("/billing/pay", &body),);
        let (made, charged) = (link.status == 201, paid.status == 200);
        assert!(made != charged, "{} {}", link.text, paid.text);
        if made {
            let window = open_window(&link.data(201), "KAKAOPAY").await;
            in_window(&app, &window, "pay").await;
        }
        assert_eq!(app.ledger().await.len(), before + 1);
        assert_eq!(app.subscription(&id).await["status"], "active");
    }
}

/// Killed between the window and KiwoomPay's word: what was committed before the window was shown is all
/// that is needed.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_killed_after_the_window_was_shown_loses_nothing() {
    let world = World::start().await;
    let service = world.service("first", ALL_ON).await;
    let key = service.post("/billing/register", &crate::support::app::card(APPROVED)).await;
    let key = key.data(201)["billingKey"].clone();
    let order = json!({
        "amount": 9900, "productName": "상품", "customerName": "홍길동", "orderId": "O-1",
    });
    let link = service.post("/easypay/links", &order).await.data(201);
    let _window = open_window(&link, "KAKAOPAY").await;
    service.kill();
    let service = world.service("second", ALL_ON).await;
    let path = format!("/easypay/links/{}", link["id"].as_str().unwrap());
    assert_eq!(service.get(&path).await.data(200)["status"], "opened");
    let told =
        service.get(&format!("/webhook/kiwoom?{}", paid("O-1", "T20261201000001", 9900))).await;
    assert_eq!(told.status, 200, "{}", told.text);
    let now = service.get(&path).await.data(200);
    assert_eq!(now["status"], "paid", "{key}");
}
