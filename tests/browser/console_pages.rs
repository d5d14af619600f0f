//! The pages of money of the console in a browser: each is looked at on a wide screen and on a phone,
//! and each action is done from it with real data.

use serde_json::{Value, json};

use crate::driver::Browser;
use crate::service::Service;

/// A service with a month of subscriptions, declines, refunds and orders, and a browser.
struct Console {
    app: Service,
    browser: Browser,
    base: String,
}

impl Console {
    async fn open() -> Self {
        let app = Service::start(&[("KAKAOPAY_ENABLED", "true")]).await;
        let base = format!("http://localhost:{}", app.port);
        let console = Self { app, browser: Browser::start().await, base };
        console.go("/console").await;
        console.fill().await;
        console
    }

    async fn go(&self, path: &str) {
        self.browser.open(&format!("{}{path}", self.base)).await;
    }

    /// A request of the page to the API; its `data`.
    async fn post(&self, path: &str, body: &Value) -> Value {
        let script = format!(
            "return (async () => {{ const answer = await fetch({}, {{ method: 'POST', headers: \
             {{ 'Content-Type': 'application/json' }}, body: {} }}); return answer.json(); }})()",
            json!(path),
            json!(body.to_string()),
        );
        let answer = self.browser.run(&script).await;
        answer.get("data").unwrap_or(&answer).clone()
    }

    async fn fill(&self) {
        let mut subscriptions = 0;
        for (n, card) in
            ["4111111111111111", "4000000000009995", "4000000000000341", "4111111111111111"]
                .into_iter()
                .enumerate()
        {
            let customer = format!("user{n}");
            let card = json!({"cardNumber": card, "expireDate": "3012", "cardPassword": "12",
                "birthDate": "901231", "customerName": "홍길동", "customerId": customer});
            let key = self.post("/billing/register", &card).await["billingKey"].clone();
            for (plan, amount) in [("basic", 9900), ("pro", 29_000)] {
                let body = json!({"billingKey": key, "customerId": customer, "planId": plan,
                    "amount": amount, "productName": "월간 구독", "chargeNow": n == 0});
                self.post("/billing/subscribe", &body).await;
                subscriptions += 1;
            }
            let once = json!({"billingKey": key, "customerId": customer, "amount": 5000,
                "productName": "단건 결제"});
            let paid = self.post("/billing/pay", &once).await;
            let refund = json!({"paymentId": paid["id"], "amount": 1000, "reason": "고객 변심"});
            self.post("/billing/refund", &refund).await;
        }
        assert_eq!(subscriptions, 8);
        let order = json!({"orderId": "ORDER-1", "amount": 9900, "productName": "상품",
            "customerName": "홍길동", "customerId": "user0"});
        self.post("/easypay/prepare", &order).await;
        self.post("/sandbox/clock", &json!({"advanceDays": 40})).await;
    }

    /// Nothing is wider than the screen; a picture.
    async fn looks(&self, name: &str, width: u32) {
        self.browser.fits(&format!("{name} {width}")).await;
        self.browser.picture(&format!("console-{name}-{width}")).await;
    }

    /// Opens the fold whose summary says this, and what is in it can be clicked.
    async fn unfold(&self, summary: &str) {
        let script = format!(
            "const all = [...document.querySelectorAll('details.action')];
             const one = all.find(d => d.querySelector('summary').textContent.trim() === {});
             one.open = true; one.id = 'unfolded'; return true",
            json!(summary)
        );
        self.browser.run(&script).await;
        // What asks once more is answered with yes.
        self.browser.run("window.confirm = () => true").await;
    }

    /// What the browser complained about but for pages that were refused on purpose.
    async fn close(self) {
        for line in self.browser.log("browser").await {
            let text = line["message"].as_str().unwrap_or_default();
            assert!(!text.contains("Content Security Policy"), "{line}");
            assert!(!text.contains("Uncaught"), "{line}");
        }
        self.browser.quit().await;
    }
}

#[tokio::test]
async fn the_pages_of_the_console_fit_a_wide_screen_and_a_phone() {
    let console = Console::open().await;
    let list = console.app.get("/billing/subscriptions?customerId=user1").await;
    let subscription = list["data"]["items"][0]["id"].as_str().unwrap().to_owned();
    let payments =
        console.app.get("/billing/payments?customerId=user0&status=partially_refunded").await;
    let payment = payments["data"]["items"][0]["id"].as_str().unwrap().to_owned();
    for width in [1440, 390] {
        console.browser.screen(width, 900, false).await;
        for (name, path) in [
            ("today", "/console?days=90".to_owned()),
            ("payments", "/console/payments".to_owned()),
            ("payment", format!("/console/payments/{payment}")),
            ("order", "/console/orders/ORDER-1".to_owned()),
            ("subscriptions", "/console/subscriptions".to_owned()),
            ("subscription", format!("/console/subscriptions/{subscription}")),
            ("customer", "/console/customers/user0".to_owned()),
            ("books", "/console/books?by=month&from=2026-01-01&to=2028-01-01".to_owned()),
            ("movements", "/console/books/movements".to_owned()),
            ("notifications", "/console/notifications".to_owned()),
            ("refunds", "/console/refunds".to_owned()),
        ] {
            console.go(&path).await;
            if matches!(name, "today" | "books") {
                console.browser.until("document.querySelector('.plot canvas')").await;
            }
            console.looks(name, width).await;
        }
    }
    console.close().await;
}

#[tokio::test]
async fn charts_are_drawn_and_the_timeline_tells_its_rule_by_keyboard() {
    let console = Console::open().await;
    console.go("/console?days=90").await;
    let drawn = "[...document.querySelectorAll('figure.chart')].every(f => \
        f.querySelector('table') === null || f.querySelector('.plot canvas'))";
    console.browser.until(drawn).await;
    let charts =
        console.browser.run("return document.querySelectorAll('.plot canvas').length").await;
    assert!(charts.as_u64().unwrap() >= 8, "{charts}");
    let list = console.app.get("/billing/subscriptions?customerId=user1").await;
    let id = list["data"]["items"][0]["id"].as_str().unwrap().to_owned();
    console.go(&format!("/console/subscriptions/{id}")).await;
    console.browser.until("document.querySelector('.timeline .part.paid.planned')").await;
    console.browser.run("document.querySelector('.timeline .part').focus()").await;
    let tip = "document.querySelector('.tip').textContent === document.activeElement.dataset.tip";
    console.browser.until(tip).await;
    console.browser.press("\u{E004}").await;
    console.browser.until(tip).await;
    console.close().await;
}

#[tokio::test]
async fn a_person_refunds_changes_with_a_preview_and_pauses() {
    let console = Console::open().await;
    let payments =
        console.app.get("/billing/payments?customerId=user0&status=partially_refunded").await;
    let payment = payments["data"]["items"][0].clone();
    console.go(&format!("/console/payments/{}", payment["id"].as_str().unwrap())).await;
    console.unfold("환불").await;
    console.browser.click("#unfolded [name=how][value=amount]").await;
    console.browser.fill("#unfolded [name=amount]", "1,500").await;
    console.browser.fill("#unfolded [name=reason]", "고객 변심").await;
    console.browser.click("#unfolded button.primary").await;
    console.browser.sees("환불되었습니다.").await;
    let ledger = console.app.ledger().await;
    let transaction = ledger.iter().find(|t| t["transactionId"] == payment["transactionId"]);
    assert_eq!(transaction.unwrap()["canceledAmount"], 2500);

    let list = console.app.get("/billing/subscriptions?customerId=user0&planId=pro").await;
    let id = list["data"]["items"][0]["id"].as_str().unwrap().to_owned();
    console.go(&format!("/console/subscriptions/{id}")).await;
    console.unfold("변경").await;
    console.browser.click("#unfolded [name=when][value=now]").await;
    console.browser.fill("#unfolded [name=amount]", "19,000").await;
    console.browser.click("#unfolded [hx-post]").await;
    console.browser.until("document.querySelector('#preview dl')").await;
    console.browser.sees("아직 아무것도 바뀌지 않았습니다").await;
    console.browser.screen(1440, 900, false).await;
    console.looks("preview", 1440).await;
    // The picture has changed the width, and what a pointer would meet moves with it.
    console.browser.run("document.querySelector('#unfolded button.primary').click()").await;
    console.browser.sees("변경했습니다.").await;
    console.unfold("일시정지").await;
    console.browser.click("#unfolded button.primary").await;
    console.browser.sees("일시정지했습니다.").await;
    let changed = console.app.get(&format!("/billing/subscription/{id}")).await["data"].clone();
    assert_eq!((&changed["amount"], &changed["status"]), (&json!(19_000), &json!("paused")));
    console.close().await;
}
