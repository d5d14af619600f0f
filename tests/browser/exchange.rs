//! What the example page keeps of an order: all that was sent and received, in order of time.

use serde_json::{Value, json};

use crate::shop::{Display, Shop};

const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";

impl Shop {
    /// The entries as the page shows them: what, the call, and the texts that unfold.
    async fn shown(&self) -> Vec<Vec<String>> {
        let script = "return [...document.querySelectorAll('#exchange li')].map(li =>
            [...li.querySelectorAll('strong, code, pre')].map(e => e.textContent))";
        serde_json::from_value(self.browser.run(script).await).unwrap()
    }

    async fn shows(&self, what: &str) {
        let there = format!(
            "[...document.querySelectorAll('#exchange strong')].some(e => e.textContent === '{what}')"
        );
        self.browser.until(&there).await;
    }

    /// What unfolds of one of the entries has the text.
    async fn shows_in_full(&self, text: &str) {
        let there = format!(
            "[...document.querySelectorAll('#exchange pre')].some(e => e.textContent.includes({}))",
            json!(text)
        );
        self.browser.until(&there).await;
    }
}

fn place(shown: &[Vec<String>], what: &str, text: &str) -> usize {
    let is_it = |entry: &Vec<String>| entry[0] == what && entry.iter().any(|t| t.contains(text));
    shown.iter().position(is_it).unwrap_or_else(|| panic!("{what} {text}: {shown:#?}"))
}

/// Everything of a payment in order; the order's number.
async fn is_complete(shop: &Shop, display: &str) -> String {
    shop.shows("결제창에서 돌아옴").await;
    shop.shows_in_full("\"verdict\": \"applied\"").await;
    let shown = shop.shown().await;
    let paid = shop.app.ledger().await.pop().unwrap();
    let (order, id) = (paid["orderNo"].as_str().unwrap(), paid["transactionId"].as_str().unwrap());
    let places = [
        place(&shown, "결제 준비", "POST /easypay/prepare"),
        place(&shown, &format!("결제창 열기 ({display})"), "/sandbox/pay/linkEnc"),
        place(&shown, "통지", id),
        place(&shown, "상태 조회", "\"status\": \"paid\""),
    ];
    assert!(places.is_sorted(), "{places:?} {shown:#?}");
    assert!(place(&shown, "결제창에서 돌아옴", "\"paid\"") > places[1]);
    // What was sent to prepare and what came back; the fields that were posted are of the answer.
    let json = |n: usize, m: usize| serde_json::from_str::<Value>(&shown[n][m]).unwrap();
    assert_eq!(json(0, 2)["orderId"], order);
    assert_eq!(json(0, 3)["data"]["sdkData"], json(1, 2));
    assert_eq!((&json(1, 2)["ORDERNO"], &json(1, 2)["AMOUNT"]), (&json!(order), &json!("9900")));
    order.to_owned()
}

#[tokio::test]
async fn the_whole_exchange_is_kept_and_each_part_unfolds() {
    let shop = Shop::open().await;
    shop.order(Display::Frame).await;
    shop.browser.leave_frame().await;
    shop.browser
        .until("document.querySelector('#exchange li:last-child .badge + small + small')")
        .await;
    shop.go_into_window(Display::Frame).await;
    shop.act("pay", Display::Frame).await;
    shop.status_is("결제 완료").await;
    let order = is_complete(&shop, "FRAME").await;
    let shown = shop.shown().await;
    // Before it was paid, too.
    assert!(place(&shown, "상태 조회", "\"status\": \"ready\"") < place(&shown, "통지", &order));
    let timed = "[...document.querySelectorAll('#exchange time')].every(t => {
        const shown = Date.parse(t.textContent.replace(' ', 'T') + '+09:00');
        return shown === Math.trunc(Date.parse(t.dateTime) / 1000) * 1000 })";
    shop.browser.until(timed).await;

    shop.browser.until("!document.querySelector('#exchange details[open]')").await;
    shop.browser.run("document.querySelector('#exchange summary').focus()").await;
    shop.browser.press(ENTER).await;
    shop.browser.until("document.querySelector('#exchange pre').checkVisibility()").await;
    shop.browser.press(TAB).await;
    shop.browser.until("document.activeElement.matches('#exchange pre')").await;

    shop.browser.click("#cancel").await;
    shop.status_is("취소").await;
    shop.shows("결제 취소").await;
    shop.shows_in_full("\"kind\": \"cancellation\"").await;
    shop.close().await;
}

#[tokio::test]
async fn the_exchange_outlives_the_way_through_the_window_and_a_reload() {
    let shop = Shop::open().await;
    shop.browser.fill("[name=amount]", "9900").await;
    shop.choose("display", "SELF").await;
    for action in ["close", "pay"] {
        shop.choose("display", "SELF").await;
        let before = shop.browser.run("return document.forms.order.orderId.value").await;
        shop.browser.click("#pay").await;
        shop.browser.sees("샌드박스 · 실제로 결제되지 않습니다").await;
        shop.browser.click(&format!("button[value={action}]")).await;
        shop.browser.until("location.pathname === '/easypay/return'").await;
        shop.browser.click("#back a").await;
        // The same order, which may be paid when it was not.
        shop.browser.until(&format!("document.forms.order.orderId.value === {before}")).await;
        shop.shows("결제창에서 돌아옴").await;
        shop.has_methods().await;
    }
    shop.status_is("결제 완료").await;
    is_complete(&shop, "SELF").await;
    let shown = shop.shown().await;
    assert_eq!(shown.iter().filter(|entry| entry[0] == "결제 준비").count(), 2);
    place(&shown, "결제창에서 돌아옴", "\"closed\"");

    // A reload goes on, and offers a new number.
    let order = shop.browser.run("return document.forms.order.orderId.value").await;
    shop.open_example().await;
    shop.status_is("결제 완료").await;
    assert_eq!(shop.shown().await[..shown.len()], shown[..]);
    shop.browser.until(&format!("document.forms.order.orderId.value !== {order}")).await;
    // Another tab knows nothing of it.
    shop.browser.run("window.open('/easypay/sdk-example', '', 'noopener')").await;
    let windows = shop.browser.until_windows(2).await;
    shop.browser.enter_window(&windows[1]).await;
    shop.has_methods().await;
    assert_eq!(shop.shown().await.len(), 0);
    shop.close().await;
}

#[tokio::test]
async fn another_order_begins_anew_and_a_refused_one_is_not_watched() {
    let shop = Shop::open().await;
    shop.order(Display::Frame).await;
    shop.act("pay", Display::Frame).await;
    shop.status_is("결제 완료").await;
    shop.browser.click("#renew").await;
    shop.browser.fill("[name=amount]", "0").await;
    shop.browser.click("#pay").await;
    shop.status_is("주문 전").await;
    let all = [[json!("결제 준비"), json!("POST /easypay/prepare")]];
    let script = "return [...document.querySelectorAll('#exchange li')].map(li =>
        [...li.querySelectorAll('strong, code')].map(e => e.textContent))";
    shop.browser.until("document.querySelector('.problem')").await;
    assert_eq!(shop.browser.run(script).await, json!(all));
    shop.open_example().await;
    shop.shows("결제 준비").await;
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    assert_eq!(shop.browser.run(script).await, json!(all));
    shop.status_is("주문 전").await;
    shop.close_after_refusals(&["400"]).await;
}

#[tokio::test]
async fn neither_the_api_key_nor_a_card_is_kept() {
    let key = "a-key-of-the-developer-0123456789abcdef";
    let shop = Shop::with(&[("API_KEYS", key), ("CARD_ENABLED", "true")]).await;
    shop.browser.until("document.forms.order.apiKey.checkVisibility()").await;
    shop.browser.fill("[name=apiKey]", key).await;
    shop.browser.press(TAB).await;
    shop.choose("method", "CARD").await;
    shop.order(Display::Frame).await;
    shop.act("pay", Display::Frame).await;
    shop.status_is("결제 완료").await;
    is_complete(&shop, "FRAME").await;
    let kept =
        shop.browser.run("return JSON.stringify({...sessionStorage, ...localStorage})").await;
    let kept = kept.as_str().unwrap();
    assert!(kept.contains("통지") && !kept.contains(key), "{kept}");
    for field in ["CARDNO", "CARDPASSWORD", "CARDAUTH", "AUTOKEY", "\"card\"", "Bearer"] {
        assert!(!kept.contains(field), "{field}: {kept}");
    }
    shop.close_after_refusals(&["401"]).await;
}

#[tokio::test]
async fn order_numbers_carry_koreas_date_wherever_the_browser_is() {
    let shop = Shop::open().await;
    let mut tried = 0;
    for zone in ["America/Los_Angeles", "UTC", "Asia/Seoul", "Pacific/Kiritimati"] {
        shop.browser.devtools("Emulation.setTimezoneOverride", json!({"timezoneId": zone})).await;
        for (instant, day) in
            [("2026-12-31T14:59:59Z", "20261231"), ("2026-12-31T15:00:00Z", "20270101")]
        {
            let script = format!(
                "window.Clock ??= Date; const now = Clock.parse('{instant}');
                 Date = class extends Clock {{
                   constructor(...at) {{ super(...(at.length ? at : [now])); }}
                   static now() {{ return now; }} }};
                 newOrderId()"
            );
            shop.browser.run(&script).await;
            let number = shop.browser.run("return document.forms.order.orderId.value").await;
            let number = number.as_str().unwrap();
            assert!(number.starts_with(&format!("ORDER-{day}-")), "{zone} {instant}: {number}");
            tried += 1;
        }
    }
    assert_eq!(tried, 8);
    shop.close().await;
}
