//! How the pages look: nothing wider than a phone, and a picture of each in
//! `artifacts/screenshots`.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

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
    let screen = json!({
        "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600,
    });
    shop.browser.devtools("Emulation.setDeviceMetricsOverride", screen).await;
    shop.open_example().await;
    shop.browser.run("document.forms.order.orderId.value = 'ORDER-20260205-001'").await;
    picture(&shop, "1-example", width).await;

    shop.order(Display::Frame).await;
    fits(&shop).await;
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
    save(&shop, "8-docs", width).await;
    shop.close_after_refusals(&["400"]).await;
}

/// No sideways scrolling.
async fn fits(shop: &Shop) {
    let script = "const { scrollWidth, clientWidth } = document.documentElement;
        return [document.title, scrollWidth - clientWidth]";
    let found = shop.browser.run(script).await;
    assert_eq!(found[1], 0, "{found}");
}

async fn picture(shop: &Shop, name: &str, width: u32) {
    fits(shop).await;
    save(shop, name, width).await;
}

async fn save(shop: &Shop, name: &str, width: u32) {
    // A window in front of the page belongs to what the screen shows, not to the whole page.
    let is_open = shop.browser.run("return Boolean(document.querySelector('dialog'))").await;
    let options =
        json!({ "format": "png", "captureBeyondViewport": is_open == Value::Bool(false) });
    let options = if is_open == true { options } else { whole_page(shop, options, width).await };
    let image = shop.browser.devtools("Page.captureScreenshot", options).await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../artifacts/screenshots");
    std::fs::create_dir_all(&folder).unwrap();
    let image = STANDARD.decode(image["data"].as_str().unwrap()).unwrap();
    std::fs::write(folder.join(format!("{name}-{width}.png")), image).unwrap();
}

async fn whole_page(shop: &Shop, mut options: Value, width: u32) -> Value {
    let height = shop.browser.run("return document.documentElement.scrollHeight").await;
    // Long pages are cut: nobody looks at a picture of ten screens.
    let height = height.as_u64().unwrap().min(3_000);
    options["clip"] = json!({ "x": 0, "y": 0, "width": width, "height": height, "scale": 1 });
    options
}
