//! The console as a person uses it: by keyboard, on a wide screen and on a phone, and nothing serious for
//! who cannot see or point (axe-core).

use serde_json::{Value, json};

use crate::driver::Browser;
use crate::service::Service;

const KEY: &str = "a-key-of-the-console-0123456789";

/// Every page, `{…}` being the first link of the list before it.
const PAGES: [(&str, &str); 13] = [
    ("today", "/console"),
    ("payments", "/console/payments"),
    ("payment", "/console/payments/{payment}"),
    ("refunds", "/console/refunds"),
    ("notifications", "/console/notifications"),
    ("subscriptions", "/console/subscriptions"),
    ("subscription", "/console/subscriptions/{subscription}"),
    ("customer", "/console/customers/user123"),
    ("books", "/console/books"),
    ("events", "/console/events"),
    ("reconciliation", "/console/reconciliation"),
    ("audit", "/console/audit"),
    ("status", "/console/status"),
];

struct Desk {
    _app: Service,
    browser: Browser,
    base: String,
    payment: String,
    subscription: String,
}

impl Desk {
    async fn open() -> Self {
        let app = Service::start(&[("API_KEYS", KEY), ("CHARGE_HOUR", "0")]).await;
        let base = format!("http://localhost:{}", app.port);
        let browser = Browser::start().await;
        let card = json!({"cardNumber": "4111111111111111", "expireDate": "3012",
            "cardPassword": "12", "birthDate": "901231", "customerName": "홍길동",
            "customerId": "user123"});
        let key = post(&app, "/billing/register", card).await["billingKey"].clone();
        let paid = json!({"billingKey": key, "customerId": "user123", "amount": 9900,
            "productName": "단건 결제"});
        let payment = post(&app, "/billing/pay", paid).await["id"].clone();
        post(
            &app,
            "/billing/refund",
            json!({"paymentId": payment, "amount": 900, "reason": "일부"}),
        )
        .await;
        let plan = json!({"billingKey": key, "customerId": "user123", "planId": "pro",
            "amount": 9900, "productName": "월간 구독", "chargeNow": true});
        let subscription = post(&app, "/billing/subscribe", plan).await["id"].clone();
        let text = |id: Value| id.as_str().unwrap().to_owned();
        Self { _app: app, browser, base, payment: text(payment), subscription: text(subscription) }
    }

    fn path(&self, path: &str) -> String {
        path.replace("{payment}", &self.payment).replace("{subscription}", &self.subscription)
    }

    async fn go(&self, path: &str) {
        self.browser.open(&format!("{}{}", self.base, self.path(path))).await;
    }

    /// By keyboard alone: the key, and Enter.
    async fn sign_in(&self) {
        self.go("/console").await;
        self.browser.until("document.activeElement?.id === 'apiKey'").await;
        self.browser.press(KEY).await;
        self.browser.press("\u{e007}").await;
        self.browser.until("location.pathname === '/console'").await;
        self.browser.sees("오늘").await;
    }

    /// Ends the test: the pages had nothing to complain of, and asked this service alone.
    async fn close(self) {
        let log = self.browser.log("browser").await;
        // Chromium advises password managers below that level.
        let complaints: Vec<_> = log.iter().filter(|line| line["level"] != "DEBUG").collect();
        assert_eq!(complaints, Vec::<&Value>::new());
        for entry in self.browser.log("performance").await {
            let text = entry["message"].as_str().unwrap();
            let event = serde_json::from_str::<Value>(text).unwrap()["message"].take();
            if event["method"] == json!("Network.requestWillBeSent") {
                let url = event["params"]["request"]["url"].as_str().unwrap();
                assert!(url.starts_with(&self.base) || url.starts_with("data:"), "{url}");
            }
        }
        self.browser.quit().await;
    }
}

async fn post(app: &Service, path: &str, body: Value) -> Value {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.post(format!("{}{path}", app.base)).bearer_auth(KEY).json(&body);
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["success"], true, "{answer}");
    answer["data"].clone()
}

#[tokio::test]
async fn every_page_fits_both_screens_and_nothing_serious_is_found() {
    let desk = Desk::open().await;
    desk.go("/console/sign-in").await;
    for (width, height) in [(1440, 900), (390, 844)] {
        desk.browser.screen(width, height, false).await;
        desk.browser.finds_nothing_serious("sign-in").await;
        desk.browser.picture(&format!("console-sign-in-{width}")).await;
    }
    desk.sign_in().await;
    for (width, height, dark) in [(1440, 900, false), (390, 844, false), (390, 844, true)] {
        desk.browser.screen(width, height, dark).await;
        for (name, path) in PAGES {
            desk.go(path).await;
            let shown = if dark { format!("{name}-dark") } else { name.to_owned() };
            desk.browser.picture(&format!("console-{shown}-{width}")).await;
            desk.browser.fits(&format!("{shown} {width}")).await;
            desk.browser.finds_nothing_serious(&format!("{shown} {width}")).await;
        }
    }
    desk.go("/").await;
    desk.browser.finds_nothing_serious("front door").await;
    desk.browser.picture("console-front-390").await;
    desk.close().await;
}

#[tokio::test]
async fn a_person_with_a_keyboard_signs_in_moves_about_and_signs_out() {
    let desk = Desk::open().await;
    desk.sign_in().await;
    // The first stop is the way past the navigation.
    desk.browser.press("\u{e004}").await;
    desk.browser.until("document.activeElement?.className === 'skip'").await;
    let seen = "return getComputedStyle(document.activeElement).outlineStyle";
    assert_eq!(desk.browser.run(seen).await, "solid");
    desk.browser.press("\u{e007}").await;
    desk.browser.until("document.activeElement?.id === 'main'").await;
    desk.go("/console/events").await;
    desk.browser.run("document.querySelector('.who form button').focus()").await;
    desk.browser.press("\u{e007}").await;
    desk.browser.until("location.pathname === '/console/sign-in'").await;
    desk.close().await;
}

#[tokio::test]
async fn a_list_is_compared_beside_its_form_which_keeps_the_file() {
    let desk = Desk::open().await;
    desk.sign_in().await;
    desk.go("/console/reconciliation").await;
    let script = "const files = new DataTransfer();
        files.items.add(new File(['transactionId,orderNo,amount,at\\nT1,ORDER-9,100,2026-01-01 10:00:00\\n'], 'a.csv'));
        document.getElementById('list').files = files.files";
    desk.browser.run(script).await;
    desk.browser.click("button[value=false]").await;
    desk.browser.sees("변경한 내용은 없습니다.").await;
    desk.browser.sees("ORDER-9").await;
    assert_eq!(desk.browser.run("return document.getElementById('list').files.length").await, 1);
    desk.browser.finds_nothing_serious("report").await;
    desk.close().await;
}
