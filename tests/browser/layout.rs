//! How the buyer's pages look: nothing wider than a phone, and a picture of each.

use crate::shop::{Display, Shop};

#[tokio::test]
async fn the_pages_fit_a_wide_screen() {
    pictures(1280, 900).await;
}

#[tokio::test]
async fn the_pages_fit_a_phone() {
    pictures(375, 812).await;
}

async fn pictures(width: u32, height: u32) {
    let shop = Shop::open().await;
    shop.browser.screen(width, height, false).await;
    shop.open_example().await;
    shop.browser.run("document.forms.order.orderId.value = 'ORDER-20260205-001'").await;
    picture(&shop, "1-example", width).await;

    shop.order(Display::Frame).await;
    shop.browser.fits("window").await;
    shop.browser.leave_frame().await;
    picture(&shop, "2-window", width).await;
    shop.go_into_window(Display::Frame).await;
    shop.act("pay", Display::Frame).await;
    shop.status_is("결제 완료").await;
    picture(&shop, "3-paid", width).await;
    let receipt = shop.browser.run("return document.querySelector('#receipt a').href").await;
    shop.browser.click("#cancel").await;
    shop.status_is("취소").await;
    picture(&shop, "4-canceled", width).await;

    shop.open_example().await;
    shop.browser.fill("[name=amount]", "0").await;
    shop.browser.fill("[name=productName]", "").await;
    shop.browser.click("#pay").await;
    shop.browser.until("document.querySelectorAll('.problem').length === 2").await;
    picture(&shop, "5-refused", width).await;

    shop.browser.open(receipt.as_str().unwrap()).await;
    picture(&shop, "6-receipt", width).await;
    shop.browser.open(&format!("{}/sandbox", shop.base)).await;
    picture(&shop, "7-sandbox", width).await;
    shop.browser.open(&format!("{}/docs/", shop.base)).await;
    shop.browser.sees("/easypay/prepare").await;
    shop.browser.picture(&format!("8-docs-{width}")).await;
    shop.close_after_refusals(&["400"]).await;
}

async fn picture(shop: &Shop, name: &str, width: u32) {
    shop.browser.fits(name).await;
    shop.browser.picture(&format!("{name}-{width}")).await;
}
