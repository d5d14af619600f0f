//! The example page in a browser, as a buyer and a developer use it.

use serde_json::{Value, json};

use crate::driver::Browser;
use crate::service::Service;

/// How the payment window is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Display {
    Frame,
    PopUp,
}

/// A service with all methods on, and a browser that has its example page open.
pub struct Shop {
    pub app: Service,
    pub browser: Browser,
    pub base: String,
}

impl Shop {
    pub async fn open() -> Self {
        let shop = Self::with(&[]).await;
        shop.has_methods().await;
        shop
    }

    /// With these settings besides; the page may not have its list of methods yet.
    pub async fn with(settings: &[(&str, &str)]) -> Self {
        let mut all = vec![
            ("KAKAOPAY_ENABLED", "true"),
            ("NAVERPAY_ENABLED", "true"),
            ("SAMSUNGPAY_ENABLED", "true"),
            ("PAYCO_ENABLED", "true"),
        ];
        all.extend(settings);
        let app = Service::start(&all).await;
        let base = format!("http://localhost:{}", app.port);
        let shop = Self { app, browser: Browser::start().await, base };
        shop.browser.open(&format!("{}/easypay/sdk-example", shop.base)).await;
        shop
    }

    pub async fn open_example(&self) {
        self.browser.open(&format!("{}/easypay/sdk-example", self.base)).await;
        self.has_methods().await;
    }

    pub async fn has_methods(&self) {
        self.browser.until("document.forms.order.method.length === 5").await;
    }

    pub async fn choose(&self, field: &str, option: &str) {
        self.browser.click(&format!("[name={field}] option[value={option}]")).await;
    }

    /// Orders with the page's own example values, and goes into the window.
    pub async fn order(&self, display: Display) {
        self.choose("display", if display == Display::Frame { "FRAME" } else { "POPUP" }).await;
        self.browser.click("#pay").await;
        self.go_into_window(display).await;
    }

    pub async fn go_into_window(&self, display: Display) {
        match display {
            Display::Frame => self.browser.enter_frame("iframe[name=kiwoompay_frame]").await,
            Display::PopUp => {
                let windows = self.browser.until_windows(2).await;
                self.browser.enter_window(&windows[1]).await;
            }
        }
        self.browser.sees("샌드박스 · 실제로 결제되지 않습니다").await;
    }

    /// Clicks `pay`, `fail` or `close` in the window, and goes back to the page.
    pub async fn act(&self, action: &str, display: Display) {
        self.browser.click(&format!("button[name=action][value={action}]")).await;
        self.is_back(display).await;
    }

    /// The window is gone, by itself.
    pub async fn is_back(&self, display: Display) {
        match display {
            Display::Frame => self.browser.leave_frame().await,
            Display::PopUp => {
                let windows = self.browser.until_windows(1).await;
                self.browser.enter_window(&windows[0]).await;
            }
        }
        self.browser.until("!document.querySelector('iframe')").await;
    }

    pub async fn status_is(&self, text: &str) {
        let expression = format!("document.getElementById('status').textContent === '{text}'");
        self.browser.until(&expression).await;
    }

    pub async fn says(&self, text: &str) {
        let expression = format!("document.getElementById('message').textContent === '{text}'");
        self.browser.until(&expression).await;
    }

    /// Amounts paid and given back, as the gateway's books have them.
    pub async fn books(&self) -> Vec<(Value, Value)> {
        let ledger = self.app.ledger().await;
        ledger.iter().map(|one| (one["amount"].clone(), one["canceledAmount"].clone())).collect()
    }

    /// Ends the test: the pages had nothing to complain of and asked nobody else for anything.
    pub async fn close(self) {
        self.close_after_refusals(&[]).await;
    }

    /// The same after requests that the service had to refuse with these statuses, which browsers
    /// write to the console.
    pub async fn close_after_refusals(self, statuses: &[&str]) {
        let complaints: Vec<Value> = self
            .browser
            .log("browser")
            .await
            .into_iter()
            .filter(|e| !refusal(e, statuses))
            .collect();
        assert_eq!(complaints, Vec::<Value>::new());
        let port = self.app.port;
        let own = [format!("http://localhost:{port}/"), format!("http://127.0.0.1:{port}/")];
        let asked = requested(&self.browser.log("performance").await);
        assert!(asked.iter().any(|url| url.ends_with("/easypay/sdk-example")), "{asked:?}");
        let is_foreign = |url: &&String| {
            !(url.starts_with("data:") || own.iter().any(|own| url.starts_with(own)))
        };
        assert_eq!(asked.iter().filter(is_foreign).collect::<Vec<_>>(), Vec::<&String>::new());
        self.browser.quit().await;
    }
}

fn refusal(entry: &Value, statuses: &[&str]) -> bool {
    let message = entry["message"].as_str().unwrap_or_default();
    entry["source"] == "network"
        && statuses.iter().any(|status| message.contains(&format!("a status of {status} ")))
}

/// The addresses that the pages asked for, from the `DevTools` events in the log.
fn requested(log: &[Value]) -> Vec<String> {
    let mut urls = Vec::new();
    for entry in log {
        let text = entry["message"].as_str().unwrap();
        let event = serde_json::from_str::<Value>(text).unwrap()["message"].take();
        if event["method"] == json!("Network.requestWillBeSent") {
            urls.push(event["params"]["request"]["url"].as_str().unwrap().to_owned());
        }
    }
    urls
}
