//! Paying, failing, leaving, and the shop's cancellation.

use serde_json::json;

use crate::shop::{Display, Shop};

async fn pays_and_is_refunded(display: Display) {
    let shop = Shop::open().await;
    shop.choose("method", "KAKAOPAY").await;
    shop.order(display).await;
    shop.browser.sees("9,900원").await;
    shop.act("pay", display).await;
    shop.status_is("결제 완료").await;
    shop.says("결제가 통지로 확정되었습니다.").await;
    let shown = "document.getElementById('paid').textContent === '9,900원' && \
        document.getElementById('method').textContent === '카카오페이'";
    shop.browser.until(shown).await;
    assert_eq!(shop.books().await, [(json!(9900), json!(0))]);

    shop.browser.click("#cancel").await;
    shop.status_is("취소").await;
    shop.says("결제를 취소했습니다.").await;
    shop.browser.until("document.getElementById('cancel').disabled").await;
    assert_eq!(shop.books().await, [(json!(9900), json!(9900))]);
    shop.close().await;
}

#[tokio::test]
async fn a_buyer_pays_in_a_frame_and_the_shop_cancels() {
    pays_and_is_refunded(Display::Frame).await;
}

#[tokio::test]
async fn a_buyer_pays_in_a_pop_up_and_the_shop_cancels() {
    pays_and_is_refunded(Display::PopUp).await;
}

#[tokio::test]
async fn the_receipt_shows_what_was_paid() {
    let shop = Shop::open().await;
    shop.order(Display::Frame).await;
    shop.browser.click("input[value=NAVERPAY]").await;
    shop.act("pay", Display::Frame).await;
    shop.status_is("결제 완료").await;
    shop.browser.click("#receipt a").await;
    let windows = shop.browser.until_windows(2).await;
    shop.browser.enter_window(&windows[1]).await;
    for text in ["매출전표", "프리미엄 구독", "9,900원", "네이버페이"] {
        shop.browser.sees(text).await;
    }
    shop.browser.enter_window(&windows[0]).await;
    shop.close().await;
}

#[tokio::test]
async fn after_a_failure_the_buyer_can_pay_the_same_order() {
    let shop = Shop::open().await;
    for display in [Display::Frame, Display::PopUp] {
        shop.order(display).await;
        shop.act("fail", display).await;
        shop.says("결제에 실패했습니다. 다시 결제할 수 있습니다.").await;
        shop.status_is("결제 대기").await;
    }
    assert!(shop.books().await.is_empty());

    shop.order(Display::Frame).await;
    shop.act("pay", Display::Frame).await;
    shop.status_is("결제 완료").await;
    assert_eq!(shop.books().await.len(), 1);
    shop.close().await;
}

#[tokio::test]
async fn a_buyer_who_leaves_the_window_can_come_back_to_it() {
    const CLOSED: &str = "결제창을 닫았습니다. 다시 결제할 수 있습니다.";
    let shop = Shop::open().await;
    for display in [Display::Frame, Display::PopUp] {
        shop.order(display).await;
        shop.act("close", display).await;
        shop.says(CLOSED).await;
        shop.status_is("결제 대기").await;
    }
    // The frame's own button.
    shop.order(Display::Frame).await;
    shop.browser.leave_frame().await;
    shop.browser.click("[aria-label='결제창 닫기']").await;
    shop.is_back(Display::Frame).await;
    shop.says(CLOSED).await;
    // The title bar of the pop-up.
    shop.order(Display::PopUp).await;
    shop.browser.close_window().await;
    shop.is_back(Display::PopUp).await;
    shop.says(CLOSED).await;
    shop.status_is("결제 대기").await;
    assert!(shop.books().await.is_empty());

    // An order that nobody paid is closed without the gateway.
    shop.browser.click("#cancel").await;
    shop.says("주문을 종료했습니다.").await;
    shop.status_is("취소").await;
    shop.close().await;
}

#[tokio::test]
async fn the_page_works_under_the_machines_other_name_too() {
    let mut shop = Shop::open().await;
    shop.base = shop.app.base.clone();
    assert!(shop.base.contains("127.0.0.1"));
    for display in [Display::Frame, Display::PopUp] {
        shop.open_example().await;
        shop.order(display).await;
        shop.act("pay", display).await;
        shop.status_is("결제 완료").await;
    }
    shop.close().await;
}
