//! The form of the example page.

use serde_json::json;

use crate::shop::{Display, Shop};

const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";
const ESCAPE: &str = "\u{e00c}";
const DOWN: &str = "\u{e015}";

/// Presses Tab until the focus is where the expression says.
async fn tab_to(shop: &Shop, expression: &str) {
    for _ in 0..15 {
        if shop.browser.run(&format!("return {expression}")).await == json!(true) {
            return;
        }
        shop.browser.press(TAB).await;
    }
    panic!("Tab does not lead to {expression}");
}

#[tokio::test]
async fn everything_can_be_done_from_the_keyboard() {
    let shop = Shop::open().await;
    shop.browser.until("!document.forms.order.apiKey.checkVisibility()").await;
    tab_to(&shop, "document.activeElement.name === 'method'").await;
    shop.browser.press(DOWN).await;
    tab_to(&shop, "document.activeElement.id === 'pay'").await;
    shop.browser.press(ENTER).await;

    // Escape leaves the window, from inside it as well.
    shop.go_into_window(Display::Frame).await;
    shop.browser.until("document.hasFocus()").await;
    shop.browser.press(ESCAPE).await;
    shop.is_back(Display::Frame).await;
    shop.says("결제창을 닫았습니다. 다시 결제할 수 있습니다.").await;
    shop.browser.until("document.activeElement.id === 'pay'").await;

    shop.browser.press(ENTER).await;
    shop.go_into_window(Display::Frame).await;
    shop.browser.until("document.hasFocus()").await;
    tab_to(&shop, "document.activeElement.value === 'KAKAOPAY'").await;
    tab_to(&shop, "document.activeElement.value === 'pay'").await;
    shop.browser.press(ENTER).await;
    shop.is_back(Display::Frame).await;
    shop.status_is("결제 완료").await;

    tab_to(&shop, "document.activeElement.id === 'cancel'").await;
    shop.browser.press(ENTER).await;
    shop.status_is("취소").await;
    shop.close().await;
}

#[tokio::test]
async fn the_focus_stays_in_the_window_while_it_is_open() {
    let shop = Shop::open().await;
    shop.order(Display::Frame).await;
    shop.browser.leave_frame().await;
    for _ in 0..12 {
        shop.browser.press(TAB).await;
        let inside = "const at = document.activeElement;
            return at === document.body || at.closest('dialog') !== null";
        assert_eq!(shop.browser.run(inside).await, json!(true));
    }
    shop.close().await;
}

#[tokio::test]
async fn the_reason_for_a_refusal_is_next_to_its_field() {
    let shop = Shop::open().await;
    let cases = [
        ("amount", "0"),
        ("amount", "1.5"),
        ("amount", "만원"),
        ("amount", "99999999999"),
        ("productName", "☕🍰"),
        ("productName", ""),
        ("customerName", ""),
        ("orderId", "<b>주문</b>"),
    ];
    for (field, value) in cases {
        shop.open_example().await;
        if value.contains('🍰') {
            // The driver cannot type what is beyond the basic plane.
            let script = format!("document.forms.order.{field}.value = {}", json!(value));
            shop.browser.run(&script).await;
        } else {
            shop.browser.fill(&format!("[name={field}]"), value).await;
        }
        shop.browser.click("#pay").await;
        let reason = format!(
            "document.querySelectorAll('.problem').length === 1 && \
             document.querySelector('[name={field}][aria-invalid] + .problem').innerText && \
             document.activeElement.name === '{field}'"
        );
        shop.browser.until(&reason).await;
    }
    // Once it is mended, it is gone.
    shop.browser.click("#renew").await;
    shop.order(Display::Frame).await;
    shop.act("pay", Display::Frame).await;
    shop.status_is("결제 완료").await;
    shop.browser.until("!document.querySelector('.problem, [aria-invalid]')").await;
    shop.close_after_refusals(&["400"]).await;
}

#[tokio::test]
async fn a_paid_order_is_not_paid_again() {
    let shop = Shop::open().await;
    shop.order(Display::Frame).await;
    shop.act("pay", Display::Frame).await;
    shop.status_is("결제 완료").await;
    shop.browser.click("#pay").await;
    shop.browser.until("document.getElementById('message').matches('.error')").await;
    shop.browser.until("!document.querySelector('iframe')").await;
    shop.status_is("결제 완료").await;
    assert_eq!(shop.books().await.len(), 1);
    shop.close_after_refusals(&["409"]).await;
}

#[tokio::test]
async fn a_service_with_api_keys_asks_for_one() {
    let key = "a-key-of-the-developer-0123456789abcdef";
    let shop = Shop::with(&[("API_KEYS", key)]).await;
    shop.browser.until("document.forms.order.apiKey.checkVisibility()").await;
    shop.browser.fill("[name=apiKey]", key).await;
    shop.browser.press(TAB).await;
    shop.has_methods().await;
    shop.says("").await;
    shop.order(Display::Frame).await;
    shop.act("pay", Display::Frame).await;
    shop.status_is("결제 완료").await;
    shop.close_after_refusals(&["401"]).await;
}
