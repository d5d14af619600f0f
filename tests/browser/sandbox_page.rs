//! The sandbox's page: faults set by its form, what the service on the same origin has, and the
//! transactions with their receipts.

use serde_json::{Value, json};

use crate::shop::{Display, Shop};

const TAB: char = '\u{e004}';
const ENTER: char = '\u{e007}';
const KEY: &str = "a-key-of-the-developer-0123456789abcdef";

impl Shop {
    async fn open_sandbox(&self) {
        self.browser.open(&format!("{}/sandbox", self.base)).await;
    }

    /// A request of the page to the API: its answer.
    async fn asks(&self, path: &str, body: &Value) -> Value {
        let script = format!(
            "return (async () => (await fetch({}, {{ method: 'POST', headers: \
             {{ 'Content-Type': 'application/json' }}, body: {} }})).json())()",
            json!(path),
            json!(body.to_string()),
        );
        self.browser.run(&script).await
    }

    async fn registers(&self) -> Value {
        let card = json!({"cardNumber": "4111111111111111", "expireDate": "3012",
            "cardPassword": "12", "birthDate": "901231", "customerName": "홍길동",
            "customerId": "user123"});
        self.asks("/billing/register", &card).await["data"]["billingKey"].clone()
    }

    async fn charges(&self, billing_key: &Value) -> Value {
        let once = json!({"billingKey": billing_key, "customerId": "user123", "amount": 9900,
            "productName": "단건 결제"});
        self.asks("/billing/pay", &once).await
    }

    async fn subscribes(&self, billing_key: &Value) -> Value {
        let plan = json!({"billingKey": billing_key, "customerId": "user123", "planId": "monthly",
            "amount": 9900, "productName": "월간 구독", "chargeNow": true});
        self.asks("/billing/subscribe", &plan).await["data"].clone()
    }

    async fn waiting_faults(&self) -> Value {
        self.app.get("/sandbox/faults").await["faults"].take()
    }
}

#[tokio::test]
async fn a_fault_set_by_the_form_from_the_keyboard_strikes_the_next_charge() {
    let shop = Shop::open().await;
    let key = shop.registers().await;
    shop.open_sandbox().await;
    // Call, kind, times, order number; code; message, AUTHNO, button.
    shop.browser.run("document.getElementById('on').focus()").await;
    shop.browser.press(&TAB.to_string().repeat(4)).await;
    shop.browser.press("2001").await;
    shop.browser.press(&TAB.to_string().repeat(3)).await;
    shop.browser.press(&ENTER.to_string()).await;
    shop.browser.sees("장애를 예약했습니다.").await;
    shop.browser.until("document.activeElement.matches('#fault button')").await;
    let shown = "document.querySelector('#waiting tbody').innerText";
    shop.browser
        .until(&format!("['CARD-BATCH', 'decline', '2001'].every(w => {shown}.includes(w))"))
        .await;
    let declined = shop.charges(&key).await;
    assert_eq!(declined["success"], false, "{declined}");
    assert!(declined.to_string().contains("\"2001\""), "{declined}");
    assert!(shop.books().await.is_empty());
    assert_eq!(shop.waiting_faults().await, json!([]));
    let approved = shop.charges(&key).await;
    assert_eq!(approved["success"], true, "{approved}");
    shop.close_after_refusals(&["402"]).await;
}

#[tokio::test]
async fn the_form_offers_what_matters_to_the_kind_and_says_what_is_wrong() {
    let shop = Shop::open().await;
    let key = shop.registers().await;
    shop.open_sandbox().await;
    let kinds = shop.browser.run("return document.getElementById('kind').length").await;
    assert_eq!(kinds, 23);
    for (kind, offered) in [
        ("decline", json!(["code", "message", "authNo"])),
        ("delay_after", json!(["delayMs"])),
        ("status_before", json!(["status"])),
        ("bad_return_url", json!(["url"])),
        ("slow", json!([])),
    ] {
        shop.choose("kind", kind).await;
        let shown = "return [...document.querySelectorAll('[data-kinds] input')]\
            .filter(i => i.checkVisibility() && !i.disabled).map(i => i.name)";
        assert_eq!(shop.browser.run(shown).await, offered, "{kind}");
    }
    // What the API refuses is said beside the button, and nothing waits.
    shop.choose("kind", "delay_after").await;
    for (field, wrong, said) in [
        ("delayMs", "곧", "delayMs은(는) 0 이상 600000 이하의 정수여야 합니다."),
        ("times", "0", "times은(는) 1 이상 1000 이하의 정수여야 합니다."),
    ] {
        shop.browser.fill(&format!("#{field}"), wrong).await;
        shop.browser.click("#fault button").await;
        let there = format!("document.querySelector('#fault .problem')?.textContent === '{said}'");
        shop.browser.until(&there).await;
        shop.browser.fill(&format!("#{field}"), "1").await;
    }
    shop.choose("kind", "bad_return_url").await;
    shop.browser.click("#fault button").await;
    shop.browser.sees("bad_return_url은 on이 READY일 때만 사용할 수 있습니다.").await;
    assert_eq!(shop.waiting_faults().await, json!([]));

    shop.choose("on", "CANCEL").await;
    shop.choose("kind", "status").await;
    shop.browser.fill("#status", "503").await;
    shop.browser.fill("#times", "2").await;
    shop.browser.fill("#orderNo", "ORDER-").await;
    shop.browser.click("#fault button").await;
    shop.browser.until("document.querySelector('#waiting tbody')").await;
    let set =
        json!([{"on": "CANCEL", "kind": "status", "times": 2, "orderNo": "ORDER-", "status": 503}]);
    assert_eq!(shop.waiting_faults().await, set);
    shop.browser.click("#clear button").await;
    shop.browser.sees("모두 해제했습니다.").await;
    shop.browser.until("document.querySelector('#waiting .empty')").await;
    assert_eq!(shop.waiting_faults().await, json!([]));
    assert_eq!(shop.charges(&key).await["success"], true);
    shop.close_after_refusals(&["400"]).await;
}

#[tokio::test]
async fn the_clock_is_moved_without_leaving_the_page() {
    let shop = Shop::open().await;
    shop.open_sandbox().await;
    let before = shop.browser.run("return document.getElementById('now').textContent").await;
    shop.browser.click("#clock button").await;
    shop.browser.sees("시계를 옮겼습니다.").await;
    let moved = format!(
        "new Date(document.getElementById('now').textContent) - new Date({before}) >= 31 * 864e5"
    );
    shop.browser.until(&moved).await;
    shop.close().await;
}

#[tokio::test]
async fn transaction_ids_are_whole_and_lead_to_their_receipts() {
    let shop = Shop::open().await;
    let key = shop.registers().await;
    shop.charges(&key).await;
    shop.order(Display::Frame).await;
    shop.act("pay", Display::Frame).await;
    shop.status_is("결제 완료").await;
    let ledger = shop.app.ledger().await;
    let newest_first: Vec<&Value> = ledger.iter().rev().map(|one| &one["transactionId"]).collect();
    for (width, height) in [(1440, 900), (800, 900), (660, 900), (390, 844), (320, 640)] {
        shop.browser.screen(width, height, false).await;
        shop.open_sandbox().await;
        shop.browser.fits(&format!("{width}")).await;
        // Each is there to the last character, and nothing around it cuts it off.
        let script = "return [...document.querySelectorAll('#transactions a')].map(link => {
            const cut = [...link.getClientRects()].some(r => r.left < 0 || r.right > innerWidth);
            for (let at = link; at; at = at.parentElement) {
              const style = getComputedStyle(at);
              if (style.overflowX !== 'visible' && at.scrollWidth > at.clientWidth) return 'cut';
              if (style.textOverflow !== 'clip') return 'shortened';
            }
            return cut ? 'outside' : link.innerText })";
        assert_eq!(shop.browser.run(script).await, json!(newest_first), "{width}");
    }
    for (n, id) in newest_first.iter().enumerate() {
        shop.open_sandbox().await;
        shop.browser.click(&format!("#transactions tbody tr:nth-child({}) a", n + 1)).await;
        shop.browser.sees("매출전표").await;
        shop.browser.sees(id.as_str().unwrap()).await;
    }
    shop.close().await;
}

#[tokio::test]
async fn subscriptions_and_events_of_the_service_lead_to_the_console() {
    let shop = Shop::open().await;
    let key = shop.registers().await;
    let subscription = shop.subscribes(&key).await;
    let id = subscription["id"].as_str().unwrap();
    shop.open_sandbox().await;
    let shown = format!(
        "['{id}', '이용 중', 'user123', '월간 구독', '9,900원', '{}'].every(w => \
         document.querySelector('#subscriptions tbody')?.innerText.includes(w))",
        subscription["nextCharge"]["date"].as_str().unwrap()
    );
    shop.browser.until(&shown).await;
    let events = shop.app.get("/events?order=newest&limit=20").await["data"]["items"].take();
    let ids: Vec<&Value> = events.as_array().unwrap().iter().map(|event| &event["id"]).collect();
    assert!(ids.len() >= 3, "{events}");
    shop.browser.until("document.querySelector('#events tbody')").await;
    let script = "return [...document.querySelectorAll('#events tbody a')].map(a => a.innerText)";
    assert_eq!(shop.browser.run(script).await, json!(ids));
    // What the walk of the clock brings is there without a reload.
    shop.browser.click("#clock button").await;
    shop.browser
        .until(&format!("document.querySelectorAll('#events tbody tr').length > {}", ids.len()))
        .await;
    shop.browser.click("#events a").await;
    shop.browser.until("location.pathname.startsWith('/console/events/evt_')").await;
    shop.open_sandbox().await;
    shop.browser.click("#subscriptions a").await;
    shop.browser.until(&format!("location.pathname === '/console/subscriptions/{id}'")).await;
    shop.browser.sees("월간 구독").await;
    shop.close().await;
}

#[tokio::test]
async fn a_service_with_api_keys_tells_the_sandbox_nothing() {
    let shop = Shop::with(&[("API_KEYS", KEY)]).await;
    shop.open_sandbox().await;
    let said = "['subscriptions', 'events'].every(id => \
        document.getElementById(id).innerText.includes('API 키로 보호되어'))";
    shop.browser.until(said).await;
    shop.browser.until("document.querySelector('a[href=\"/console/subscriptions\"]')").await;
    shop.close_after_refusals(&["401"]).await;
}

#[tokio::test]
async fn the_sandbox_and_the_example_fit_every_screen_and_nothing_serious_is_found() {
    let shop = Shop::open().await;
    let key = shop.registers().await;
    shop.subscribes(&key).await;
    shop.charges(&key).await;
    let fault = json!({"on": "CARD-BATCH", "kind": "decline", "times": 2});
    shop.asks("/sandbox/faults", &fault).await;
    shop.order(Display::Frame).await;
    shop.act("pay", Display::Frame).await;
    shop.status_is("결제 완료").await;
    for (width, height, dark) in
        [(1440, 900, false), (1440, 900, true), (390, 844, false), (390, 844, true)]
    {
        let shade = if dark { "dark" } else { "light" };
        shop.browser.screen(width, height, dark).await;
        shop.open_sandbox().await;
        shop.browser.until("document.querySelector('#events tbody')").await;
        shop.browser.fits("sandbox").await;
        shop.browser.picture(&format!("sandbox-{shade}-{width}")).await;
        shop.browser.finds_nothing_serious(&format!("sandbox {shade} {width}")).await;
        shop.open_example().await;
        shop.status_is("결제 완료").await;
        shop.browser.run("document.querySelector('#exchange details').open = true").await;
        shop.browser.fits("example").await;
        shop.browser.picture(&format!("example-{shade}-{width}")).await;
        shop.browser.finds_nothing_serious(&format!("example {shade} {width}")).await;
    }
    shop.close().await;
}
