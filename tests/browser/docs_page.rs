//! `/docs`: its examples, pressed as they stand.

use serde_json::{Value, json};

use crate::shop::Shop;

/// In the order in which somebody would press them, with the status that each is answered with.
const TRIED: [(&str, &str, &str); 12] = [
    ("billing", "registerBillingKey", "201"),
    ("billing", "createSubscription", "201"),
    ("billing", "createPayment", "200"),
    ("billing", "refundPayment", "200"),
    ("billing", "getSubscription", "200"),
    ("billing", "updateSubscription", "200"),
    ("billing", "listPayments", "200"),
    ("billing", "forecastCharges", "200"),
    ("books", "getSummary", "200"),
    ("easypay", "prepareOrder", "200"),
    ("easypay", "getOrder", "200"),
    ("billing", "cancelSubscription", "200"),
];

#[tokio::test]
async fn try_it_out_works_with_the_examples_as_they_stand() {
    let shop = Shop::open().await;
    shop.browser.open(&format!("{}/docs/", shop.base)).await;
    shop.browser.sees("/easypay/prepare").await;
    for (tag, operation, status) in TRIED {
        let block = format!("#operations-{tag}-{operation}");
        let press = |css: &str| format!("document.querySelector('{block} {css}').click()");
        shop.browser.run(&press(".opblock-summary-control")).await;
        shop.browser.until(&format!("document.querySelector('{block} .try-out__btn')")).await;
        shop.browser.run(&press(".try-out__btn")).await;
        shop.browser.until(&format!("document.querySelector('{block} .execute')")).await;
        shop.browser.run(&press(".execute")).await;
        let answered = format!("{block} .live-responses-table .response .response-col_status");
        shop.browser.until(&format!("document.querySelector('{answered}')")).await;
        let script = format!("return document.querySelector('{answered}').innerText.slice(0, 3)");
        assert_eq!(shop.browser.run(&script).await, Value::from(status), "{operation}");
        if operation == "createPayment" {
            shop.browser.picture("docs-tried-1280").await;
        }
        shop.browser.run(&press(".opblock-summary-control")).await;
    }
    let left = "return [...document.querySelectorAll('.request-url')].map((url) => url.innerText)\
        .filter((url) => url.includes('_example'))";
    assert_eq!(shop.browser.run(left).await, json!([]));
    shop.close().await;
}
