//! What a browser may not do, and what values may not do to a page.

use serde_json::json;

use crate::shop::{Display, Shop};

#[tokio::test]
async fn an_amount_changed_in_the_browser_is_refused_by_the_window() {
    let shop = Shop::open().await;
    let script = "
        const body = { orderId: 'CHANGED-1', amount: 9900, productName: '구독', customerName: '홍' };
        const headers = { 'Content-Type': 'application/json' };
        const init = { method: 'POST', headers, body: JSON.stringify(body) };
        const answer = await (await fetch('/easypay/prepare', init)).json();
        const { sdkMode, sdkData } = answer.data;
        sdkData.AMOUNT = '100';
        KiwoomPaySDK.f_setInit(sdkMode, 'FRAME');
        KiwoomPaySDK.f_payTotalLink(sdkData);";
    shop.browser.run(&format!("return (async () => {{ {script} }})()")).await;
    shop.browser.enter_frame("iframe[name=kiwoompay_frame]").await;
    shop.browser.sees("결제할 수 없습니다").await;
    shop.browser.sees("결제 요청 값이 해시(KIWOOM_ENC)와 일치하지 않습니다.").await;
    shop.browser.until("!document.querySelector('form')").await;
    shop.browser.click("[data-close]").await;
    shop.is_back(Display::Frame).await;
    assert!(shop.books().await.is_empty());
    let status = shop.app.get("/easypay/status/CHANGED-1").await;
    assert_eq!(status["data"]["status"], "ready");
    shop.close().await;
}

/// Text that would do something if any page took it for HTML. An alert fails the next command.
const PRODUCT: &str = "<img src=x onerror=alert(1)>";
const CUSTOMER: &str = "\"'><script>alert(1)</script>";

#[tokio::test]
async fn values_stay_text_on_every_page() {
    let shop = Shop::open().await;
    shop.browser.fill("[name=productName]", PRODUCT).await;
    shop.browser.fill("[name=customerName]", CUSTOMER).await;
    shop.order(Display::Frame).await;
    shop.browser.sees(PRODUCT).await;
    has_no_extra_element(&shop).await;
    shop.browser.leave_frame().await;
    let prepared = format!("document.getElementById('exchange').textContent.includes('{PRODUCT}')");
    shop.browser.until(&prepared).await;
    shop.go_into_window(Display::Frame).await;
    shop.act("pay", Display::Frame).await;
    shop.status_is("결제 완료").await;
    shop.browser.until("document.scripts.length === 2").await;
    has_no_extra_element(&shop).await;
    let receipt = shop.browser.run("return document.querySelector('#receipt a').href").await;
    shop.browser.open(receipt.as_str().unwrap()).await;
    shop.browser.sees(PRODUCT).await;
    has_no_extra_element(&shop).await;
    shop.browser.open(&format!("{}/sandbox", shop.base)).await;
    shop.browser.sees(PRODUCT).await;
    has_no_extra_element(&shop).await;
    let query = "?result=%3Cimg%20src=x%20onerror=alert(1)%3E&orderId=%3Cb%3E1%3C/b%3E";
    shop.browser.open(&format!("{}/easypay/return{query}", shop.base)).await;
    shop.browser.sees("결제창에서 돌아왔습니다.").await;
    has_no_extra_element(&shop).await;
    shop.close().await;
}

#[tokio::test]
async fn an_order_number_that_is_html_stays_text_in_the_window_and_the_sandbox() {
    let shop = Shop::open().await;
    // The service refuses such a number, so it comes from a merchant of its own making.
    let script = "
        const order = { CPID: 'CTSANDBOX', PAYMETHOD: 'KAKAOPAY', TYPE: 'P',
          ORDERNO: '<img src=x onerror=alert(1)>', AMOUNT: '9900' };
        const headers = { 'Content-Type': 'application/json;charset=EUC-KR' };
        const init = { method: 'POST', headers, body: JSON.stringify(order) };
        const answer = await (await fetch('/sandbox/pay/hash', init)).json();
        KiwoomPaySDK.f_setInit('DEV', 'FRAME');
        KiwoomPaySDK.f_payTotalLink({ ...order, KIWOOM_ENC: answer.KIWOOM_ENC,
          PRODUCTTYPE: '1', PRODUCTNAME: '<b>상품</b>', HOMEURL: location.href });";
    shop.browser.run(&format!("return (async () => {{ {script} }})()")).await;
    shop.go_into_window(Display::Frame).await;
    shop.browser.sees(PRODUCT).await;
    has_no_extra_element(&shop).await;
    shop.browser.click("button[value=pay]").await;
    shop.browser.sees("결제가 완료되었습니다").await;
    shop.browser.leave_frame().await;
    shop.browser.open(&format!("{}/sandbox", shop.base)).await;
    shop.browser.sees(PRODUCT).await;
    shop.browser.sees("<b>상품</b>").await;
    has_no_extra_element(&shop).await;
    assert_eq!(shop.books().await, [(json!(9900), json!(0))]);
    shop.close().await;
}

/// Nothing of what the values contain became an element.
async fn has_no_extra_element(shop: &Shop) {
    shop.browser.until("!document.querySelector('img, b, [onerror]')").await;
    let inline = "return [...document.scripts].some(s => s.textContent.trim() === 'alert(1)')";
    assert_eq!(shop.browser.run(inline).await, json!(false));
}
